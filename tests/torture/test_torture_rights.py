"""The journal is closed to the service's user, or to a command's, with a file in each state."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from acceptance_fixtures import COMMAND, ServiceProcess
from damage_fixtures import NAME, Scene, scene
from drive_fixtures import need
from stages import file_of, held
from torture_fixtures import sampled

from pigment_watcher.model import State

pytestmark = pytest.mark.torture("8. the journal")

#: Somebody else.
NOBODY = 65534
#: Starts a program that may do no more than an ordinary user; it owns what root owns.
UNPRIVILEGED = ("setpriv", "--bounding-set", "-all")
ROLLBACK, LOCK = f"{NAME}-journal", "service.lock"
#: Long enough for a machine that does much else.
SOON_S = 60.0

Close = Callable[[Path], None]


def give_away(state: Path, name: str) -> None:
    """Let something in the state directory, or itself, be somebody else's alone."""
    path = state / name
    path.chmod(0o700 if path.is_dir() else 0o600)
    os.chown(path, NOBODY, NOBODY)


def close(state: Path, name: str, mode: int) -> None:
    """Give something in the state directory, or itself, a mode."""
    (state / name).chmod(mode)


def take_back(state: Path) -> None:
    """Let all be ours again."""
    for path in (state, *state.iterdir()):
        os.chown(path, os.geteuid(), os.getegid())
        path.chmod(0o700 if path == state else 0o600)


#: What is closed, and how; each is found out at the start.
FILES: dict[str, Close] = {
    **{f"{name}, another's": partial(give_away, name=name) for name in (NAME, ROLLBACK, LOCK)},
    **{
        f"{name}, {mode:o}": partial(close, name=name, mode=mode)
        for name in (NAME, ROLLBACK, LOCK)
        for mode in (0, 0o200, 0o400)
    },
}
DIRECTORY: dict[str, Close] = {
    "the directory, another's": partial(give_away, name="."),
    **{
        f"the directory, {mode:o}": partial(close, name=".", mode=mode)
        for mode in (0, 0o300, 0o500, 0o600)
    },
}
#: What still matters when the journal is open.
WHILE_OPEN = {
    kind: shut
    for kind, shut in {**FILES, **DIRECTORY}.items()
    if kind.startswith(ROLLBACK) or kind in {"the directory, another's", "the directory, 0"}
}
#: What keeps commands from looking into the journal, and from asking by it for a change.
HIDDEN = {
    *(f"{NAME}, {how}" for how in ("another's", "0", "200")),
    *(f"the directory, {how}" for how in ("another's", "0", "600")),
}
SHUT = HIDDEN | {f"{NAME}, 400"} | {kind for kind in FILES if kind.startswith(ROLLBACK)}
LOOKS = (("status",), ("history",), ("backup",))
CHANGES = (("pause", "queued"), ("resume", "queued"), ("retry", "1"))


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Scene]:
    """Lend what a killed service left, with a file in each state."""
    need("setpriv", fuse=False)
    with scene(tmp_path) as lent:
        yield lent


@contextmanager
def shut(state: Path, how: Close) -> Iterator[None]:
    """Keep the state directory closed."""
    how(state)
    try:
        yield
    finally:
        take_back(state)


@pytest.mark.parametrize("part", sampled(range(4), 1))
def test_a_journal_that_is_closed_ends_a_start_with_words_and_a_later_one_goes_on(
    left: Scene, part: int, record_property: Callable[[str, object], None]
) -> None:
    """Behaviour T16."""
    kinds = [*FILES, *DIRECTORY][part::4]
    record_property("faults", len(kinds))
    before = left.pushes()
    for kind in kinds:
        with shut(left.world.state, {**FILES, **DIRECTORY}[kind]):
            ended = left.world.run(under=UNPRIVILEGED)
        # 78: a state directory that can't be used is a problem of the configuration.
        assert ended.returncode == (78 if kind in DIRECTORY else 1), f"{kind}: {ended.stderr}"
        said = ended.stderr.lower()
        assert "permission denied" in said, f"{kind}: {said}"
        assert "the service's user" in said, f"{kind}: {said}"
        assert str(left.world.state) in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert left.is_untouched()
    assert left.pushes() == before
    left.world.recover().check()


@pytest.mark.parametrize("part", sampled(range(4), 1))
def test_a_command_of_somebody_who_may_not_use_the_journal_says_so(
    left: Scene, part: int, record_property: Callable[[str, object], None]
) -> None:
    kinds = [*FILES, *DIRECTORY][part::4]
    record_property("faults", len(kinds) * (len(LOOKS) + len(CHANGES)))
    for kind in kinds:
        left.put_journal_back()
        refused = [*LOOKS, *CHANGES] if kind in HIDDEN else CHANGES if kind in SHUT else []
        with shut(left.world.state, {**FILES, **DIRECTORY}[kind]):
            ended = {words: ask(left, *words) for words in (*LOOKS, *CHANGES)}
        for words, one in ended.items():
            is_told = "permission denied" in one.stderr and one.stderr.count("\n") == 1
            assert is_told == (words in refused), f"{kind}: {words}: {one.stderr}"
            assert one.returncode == int(is_told or words == ("status",)), one.stderr
        if kind in SHUT:
            assert left.has_its_journal()
    assert left.is_untouched()


def ask(left: Scene, *words: str) -> subprocess.CompletedProcess[str]:
    """Give a command as an ordinary user."""
    backup = left.world.folder / "backup.db"
    backup.unlink(missing_ok=True)
    more = [backup] if words == ("backup",) else []
    return subprocess.run(
        [*UNPRIVILEGED, *COMMAND, *words, *more, "--config", left.world.config],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", sampled([*WHILE_OPEN], 1))
def test_a_journal_that_is_closed_while_it_runs_is_waited_for(tmp_path: Path, kind: str) -> None:
    """What comes of an import meanwhile is stored when that is possible again."""
    need("setpriv", fuse=False)
    with held(tmp_path, State.QUEUED, State.IMPORTING) as stage:
        world = stage.world
        stage.service.kill()
        program = (*UNPRIVILEGED, *COMMAND)
        stage.service = ServiceProcess(world.config, program=program).ready(SOON_S)
        with shut(world.state, WHILE_OPEN[kind]):
            new = world.drop("new.csv", route="importing")
            stage.service.wait_for("journal.busy", SOON_S)
            assert new.exists()
            stage.release()
        stage.service.wait_for("journal.writable", SOON_S)
        for name in (file_of(State.QUEUED), file_of(State.IMPORTING), "new.csv"):
            stage.service.wait_for("job.finished", SOON_S, file=name, outcome="imported")
        assert len(stage.service.events("journal.busy")) == 1
        assert stage.service.stop() == 0
        world.check()
