"""Somebody changes processing/, or the way to it, while a file is held in each state."""

import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from acceptance_fixtures import COMMAND, command, eventually
from drive_fixtures import need
from stages import STATES, Stage, file_of, held, route_of
from test_torture_tampering import MORE, appended, emptied, joined_by_another, removed, replaced
from torture_fixtures import World, sampled

from pigment_watcher.model import Outcome, State
from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.torture("7. hostile shares")

#: Even root may do no more than a file's mode allows.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", *COMMAND)
#: What is said when something can't be used now.
TROUBLES = frozenset(
    {"file.unreadable", "job.archive_stuck", "route.claims_stuck", "route.lost", "journal.busy"}
)

Undo = Callable[[], object]
#: Does something to a claimed file, or above it, and returns what mends it, if anything can.
Tamper = Callable[[Path], Undo | None]


# ---------------------------------------------------------------- the file


def renamed_and_back(path: Path) -> None:
    path.rename(path.with_name("away"))
    path.with_name("away").rename(path)


def carried_off_and_back(path: Path) -> None:
    away = _aside(path)
    path.parent.rename(away)
    away.rename(path.parent)


def made_read_only(path: Path) -> None:
    path.chmod(0o400)


def made_unreadable(path: Path) -> Undo:
    path.chmod(0)
    return lambda: _of_this_name(path).chmod(0o600)


def replaced_by_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(_aside(path))


def replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inner.csv").write_bytes(MORE)


# ---------------------------------------------------------------- what is above it


def its_folder_removed(path: Path) -> None:
    shutil.rmtree(path.parent)


def the_instance_removed(path: Path) -> None:
    shutil.rmtree(path.parent.parent)


def processing_removed(path: Path) -> None:
    shutil.rmtree(path.parent.parent.parent)


def starts_removed(path: Path) -> None:
    (path.parent.parent / "starts").unlink()


def processing_closed(path: Path) -> Undo:
    path.parent.parent.parent.chmod(0)
    return lambda: path.parent.parent.parent.chmod(0o700)


def processing_read_only(path: Path) -> None:
    path.parent.parent.parent.chmod(0o500)


def processing_opened(path: Path) -> None:
    path.parent.parent.parent.chmod(0o777)


def the_instance_read_only(path: Path) -> None:
    path.parent.parent.chmod(0o500)


def its_folder_read_only(path: Path) -> Undo:
    path.parent.chmod(0o500)
    return lambda: path.parent.chmod(0o700)


def processing_moved_and_linked(path: Path) -> Undo:
    """Files that were claimed go on; to a start the link is a mistake of the configuration."""
    processing = path.parent.parent.parent
    processing.rename(_aside(path))
    processing.symlink_to(_aside(path))

    def undo() -> None:
        processing.unlink()
        _aside(path).rename(processing)

    return undo


def processing_linked_to_an_empty_folder(path: Path) -> Undo:
    processing = path.parent.parent.parent
    real = processing.rename(processing.with_name("real"))
    _aside(path).mkdir()
    processing.symlink_to(_aside(path))

    def undo() -> None:
        assert list(_aside(path).iterdir()) == []
        processing.unlink()
        real.rename(processing)

    return undo


def _aside(path: Path) -> Path:
    """Return a path beside the inbox of a claimed file."""
    inbox = path.parents[3]
    return inbox.with_name(f"{inbox.name}-aside")


def _of_this_name(path: Path) -> Path:
    return next(path.parents[3].rglob(path.name))


QUEUED, PUSHING, IMPORTING, ARCHIVING = STATES
ALL = frozenset(STATES)
#: What is done, how it ends in each state (None: tried elsewhere), and where it is waited for.
TAMPERS: list[tuple[Tamper, dict[State, Outcome], Collection[State]]] = [
    (removed, {QUEUED: Outcome.GONE, ARCHIVING: Outcome.IMPORTED}, ()),
    (appended, {QUEUED: Outcome.IMPORTED, ARCHIVING: Outcome.UNSURE}, ()),
    (emptied, {QUEUED: Outcome.INVALID, ARCHIVING: Outcome.UNSURE}, ()),
    (replaced, {QUEUED: Outcome.IMPORTED, ARCHIVING: Outcome.UNSURE}, ()),
    (joined_by_another, {QUEUED: Outcome.IMPORTED, ARCHIVING: Outcome.IMPORTED}, ()),
    (renamed_and_back, dict.fromkeys(STATES, Outcome.IMPORTED), ()),
    (carried_off_and_back, dict.fromkeys(STATES, Outcome.IMPORTED), ()),
    (made_read_only, dict.fromkeys(STATES, Outcome.IMPORTED), ()),
    (made_unreadable, dict.fromkeys(STATES, Outcome.IMPORTED), {QUEUED}),
    *(
        (replace, {**dict.fromkeys(STATES, Outcome.UNSURE), QUEUED: Outcome.GONE}, ())
        for replace in (replaced_by_a_link, replaced_by_a_pipe, replaced_by_a_folder)
    ),
    (its_folder_removed, {QUEUED: Outcome.GONE, ARCHIVING: Outcome.IMPORTED}, ()),
    *(
        (remove, {**dict.fromkeys(STATES, Outcome.IMPORTED), QUEUED: Outcome.GONE}, ALL)
        for remove in (the_instance_removed, processing_removed)
    ),
    (starts_removed, dict.fromkeys(STATES, Outcome.IMPORTED), ()),
    (processing_closed, dict.fromkeys(STATES, Outcome.IMPORTED), ALL),
    (processing_read_only, dict.fromkeys(STATES, Outcome.IMPORTED), ()),
    (processing_opened, dict.fromkeys(STATES, Outcome.IMPORTED), ()),
    (the_instance_read_only, dict.fromkeys(STATES, Outcome.IMPORTED), ()),
    (its_folder_read_only, dict.fromkeys(STATES, Outcome.IMPORTED), ALL),
    (processing_moved_and_linked, dict.fromkeys(STATES, Outcome.IMPORTED), ()),
    (processing_linked_to_an_empty_folder, dict.fromkeys(STATES, Outcome.IMPORTED), ALL),
]
CASES = [
    pytest.param(tamper, state, ended, state in waits, id=f"{tamper.__name__}-{state.value}")
    for tamper, ends, waits in TAMPERS
    for state, ended in ends.items()
]


def is_waited_for(stage: Stage, since: int) -> None:
    """Return once the service has said that it can't go on with something."""
    lines = stage.service.lines
    eventually(lambda: any(line.get("event") in TROUBLES for line in lines[since:]), 60.0)


@pytest.mark.parametrize(("tamper", "state", "ended", "waits"), sampled(CASES, 6))
def test_whatever_is_done_to_a_claimed_file_ends_well(
    tmp_path: Path, tamper: Tamper, state: State, ended: Outcome, *, waits: bool
) -> None:
    """Behaviours T8, T9, T31."""
    need("setpriv", fuse=False)
    with held(tmp_path, state, program=WITHOUT_RIGHTS) as stage:
        world, name = stage.world, file_of(state)
        guarded = world.guard(tmp_path / f"{route_of(state)}-secret", MORE)
        # What is archived is stuck already, and that is said once.
        since = 0 if state is ARCHIVING else len(stage.service.lines)
        undo = tamper(stage.where(state))
        stage.release()
        if waits:
            is_waited_for(stage, since)
        if waits and undo is not None:
            undo()
        if waits and undo is None:
            stage.service.stop()  # what was removed is missed until the next start
            world.run()
        else:
            stage.service.wait_for("job.finished", 60.0, file=name)
            assert stage.service.stop() == 0
        if not waits and undo is not None:
            undo()
        assert world.outcomes()[name] is ended
        assert len(stage.pigment.pushes()) == (ended not in {Outcome.GONE, Outcome.INVALID})
        whole = [path for path, data in world.files().items() if data == world.dropped[0].data]
        if not whole:
            world.take_away(world.inbox(route_of(state)) / name)
        world.recover().check()
        assert guarded.read_bytes() == MORE


# ---------------------------------------------------------------- a link in place of processing/


@pytest.mark.parametrize("to", sampled(["elsewhere", "near/processing", "."], 1))
def test_no_file_is_claimed_through_a_link(tmp_path: Path, pigment: Simulator, to: str) -> None:
    """It would leave its inbox, and nobody would look for it where it then lies."""
    world = World(tmp_path, pigment, routes={"sales": {}, "near": {}})
    (tmp_path / "elsewhere").mkdir()
    processing = world.inbox() / "processing"
    with world.serve() as service:
        service.ready()
        processing.rename(tmp_path / "aside")
        processing.symlink_to(world.inbox() if to == "." else tmp_path / to)
        dropped = world.drop("a.csv")
        eventually(lambda: any(line.get("event") in TROUBLES for line in service.lines), 60.0)
        world.drop("b.csv", route="near")
        service.wait_for("job.finished", file="b.csv")
        assert dropped.exists()
        assert list((tmp_path / "elsewhere").iterdir()) == []
        refused = command("check", "--config", world.config)
        assert (refused.returncode, str(processing) in refused.stderr) == (78, True)
        processing.unlink()
        (tmp_path / "aside").rename(processing)
        service.wait_for("job.finished", 60.0, file="a.csv", outcome="imported")
        assert service.stop() == 0
    world.check()
