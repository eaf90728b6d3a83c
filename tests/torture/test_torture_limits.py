"""Limits of the process: files that may not grow, none left to open; and immutable folders.

It says so, loses nothing, and goes on, or ends in words; a start without the limit ends all well.
"""

import contextlib
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess, command, eventually
from disk_fixtures import small_disk
from drive_fixtures import disk_image, need
from stages import STATES, file_of, held, route_of
from torture_fixtures import World, sampled

from pigment_watcher.model import Outcome, State
from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("6. full and foreign disks")

#: Long enough for a machine that does much else.
SOON_S = 60.0
#: What is said when something can't be done now.
TROUBLES = frozenset(
    {
        "file.unreadable",
        "host.unavailable",
        "job.archive_stuck",
        "journal.busy",
        "route.claims_stuck",
        "route.lost",
    }
)


@contextmanager
def limited(service: ServiceProcess, which: int, to: int) -> Iterator[None]:
    """Give a running service less of something, until the end of the block."""
    soft, hard = resource.prlimit(service.pid, which)
    resource.prlimit(service.pid, which, (to, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(service.pid, which, (soft, hard))


def is_told(service: ServiceProcess, since: int = 0) -> None:
    """Return once the service says that it can't go on with something, or has ended."""

    def so_far() -> bool:
        told = any(line.get("event") in TROUBLES for line in service.lines[since:])
        return told or service.has_ended

    eventually(so_far, SOON_S)


def ends_well(service: ServiceProcess, *names: str) -> bool:
    """Return whether files were imported; else the service said why: of a commit nobody knows.

    Any other error that a thread dies of is a mistake.
    """
    try:
        for name in names:
            service.wait_for("job.finished", 2 * SOON_S, file=name, outcome="imported")
        assert service.stop() == 0
    except AssertionError:
        if not service.has_ended:
            raise
        assert service.wait() == 1
        died = service.events("thread.died")
        assert died
        assert all("not known whether it was stored" in str(line.get("detail")) for line in died)
        return False
    return True


# ---------------------------------------------------------------- how long a file may be

#: Below the length of the journal; between its length and that of what SQLite writes first.
LENGTHS = (0, 1, 4096, 100_000)


@pytest.mark.parametrize(
    ("state", "length"),
    sampled([(state, length) for length in LENGTHS for state in STATES], 2),
)
def test_files_that_may_not_grow_are_waited_for(tmp_path: Path, state: State, length: int) -> None:
    """Behaviour T30: like a full disk, under the journal, the reasons and the copies at once."""
    with held(tmp_path, state) as stage:
        world, name = stage.world, file_of(state)
        since = len(stage.service.lines)
        with limited(stage.service, resource.RLIMIT_FSIZE, length):
            stage.release()
            new = world.drop("new.csv", route=route_of(state))
            if length < 4096:
                is_told(stage.service, since)
                assert stage.service.has_ended or new.exists()
        is_well = ends_well(stage.service, name, "new.csv")
        world.recover().check()
        is_in_doubt = state is State.PUSHING and not is_well
        assert world.outcomes()[name] is (Outcome.UNSURE if is_in_doubt else Outcome.IMPORTED)
        assert world.outcomes()["new.csv"] is Outcome.IMPORTED


@pytest.mark.parametrize("length", sampled(LENGTHS, 1))
def test_a_start_with_files_that_may_not_grow_spoils_nothing(
    tmp_path: Path, pigment: Simulator, length: int
) -> None:
    need("prlimit", fuse=False)
    world = World(tmp_path, pigment)
    for is_first in (True, False):
        world.drop(f"{is_first}.csv")
        ended = world.run(under=("prlimit", f"--fsize={length}"), patience_s=8.0)
        assert "Traceback" not in ended.stderr or "CommitUnknown" in ended.stderr, ended.stderr
        world.recover()
    world.check()
    assert world.outcome_counts().keys() <= {"imported", "unsure"}


@pytest.mark.parametrize("length", sampled([1_000_000, 2_000_000], 1))
@pytest.mark.parametrize("place", sampled(["done", "failed"], 1))
def test_a_copy_that_may_not_be_as_long_as_its_file_is_waited_for(
    tmp_path: Path, pigment: Simulator, place: str, length: int
) -> None:
    if place == "failed":
        pigment.script(Fault.answer(400))
    with small_disk(tmp_path / "disk", 8000) as disk:
        world = World(tmp_path, pigment, routes={"sales": {place: str(disk / place)}})
        with world.serve() as service:
            service.ready()
            # Three million bytes: the journal is far from being as long.
            world.drop("a.csv", b"month,account,amount\n" + b"2026-09,4000,1\n" * 200_000)
            with limited(service, resource.RLIMIT_FSIZE, length):
                service.wait_for("job.archive_stuck", SOON_S)
                assert [one.name for one in (disk / place).iterdir()] in (
                    [],
                    ["a.csv.reason.txt"],
                )
            service.wait_for("job.finished", SOON_S, file="a.csv")
            assert service.stop() == 0
        world.check()
        assert world.places() == {"a.csv": place}


# ---------------------------------------------------------------- how many files may be open


def descriptors(service: ServiceProcess) -> int:
    return len(list(Path(f"/proc/{service.pid}/fd").iterdir()))


#: So many more than it holds may be opened, or fewer.
MORE = (-100, 0, 1, 2, 3, 4, 6)


@pytest.mark.parametrize(
    ("state", "more"), sampled([(state, more) for more in MORE for state in STATES], 3)
)
def test_a_service_that_may_open_no_more_files_waits_or_ends_in_words(
    tmp_path: Path, state: State, more: int
) -> None:
    with held(tmp_path, state, routes={"near": {"scan_every": "1s"}}) as stage:
        world, name = stage.world, file_of(state)
        since = len(stage.service.lines)
        least = max(3, descriptors(stage.service) + more)
        with limited(stage.service, resource.RLIMIT_NOFILE, least):
            stage.release()
            world.drop("new.csv", route=route_of(state))
            world.drop("near.csv", route="near")
            if more <= 0:
                is_told(stage.service, since)
            else:
                with contextlib.suppress(AssertionError):
                    stage.service.wait_for("job.finished", 8.0, file="near.csv")
        assert ends_well(stage.service, name, "new.csv", "near.csv")
        world.recover().check()
        assert set(world.places().values()) == {"done"}


@pytest.mark.parametrize("most", sampled([*range(4, 32, 3)], 1))
def test_a_start_with_few_files_open_spoils_nothing(
    tmp_path: Path, pigment: Simulator, most: int
) -> None:
    need("prlimit", fuse=False)
    world = World(tmp_path, pigment)
    for is_first in (True, False):
        world.drop(f"{is_first}.csv")
        ended = world.run(under=("prlimit", f"--nofile={most}"), patience_s=8.0)
        if most > 12:  # with less, Python itself can't start
            assert "Traceback" not in ended.stderr, ended.stderr
        world.recover()
    world.check()
    assert set(world.places().values()) == {"done"}


# ---------------------------------------------------------------- immutable, or only to be added to


@contextmanager
def marked(path: Path, letter: str) -> Iterator[None]:
    """Set a flag of a file or folder that even root must heed."""
    need("chattr", fuse=False)
    if subprocess.run(["chattr", f"+{letter}", path], capture_output=True, check=False).returncode:
        pytest.skip("files can't be made immutable here")
    try:
        yield
    finally:
        subprocess.run(["chattr", f"-{letter}", path], check=True, capture_output=True)


def the_file(inbox: Path) -> Path:
    return inbox / "a.csv"


def the_inbox(inbox: Path) -> Path:
    return inbox


def processing(inbox: Path) -> Path:
    return inbox / "processing"


def our_home(inbox: Path) -> Path:
    return next(processing(inbox).iterdir())


def done(inbox: Path) -> Path:
    return inbox / "done"


def failed(inbox: Path) -> Path:
    return inbox / "failed"


Which = Callable[[Path], Path]
#: What is marked, how, and whether a file can't go on then.
MARKS: list[tuple[Which, str, bool]] = [
    (the_file, "i", True),
    (the_file, "a", True),
    (the_inbox, "i", True),
    (the_inbox, "a", True),
    (processing, "i", False),  # it is made, and what lies in it is not concerned
    (processing, "a", False),
    (our_home, "i", True),
    (our_home, "a", False),
    (done, "i", True),
    (done, "a", False),
    (failed, "i", True),
    (failed, "a", True),  # a reason is written under another name first
]


@pytest.mark.parametrize(("which", "letter", "waits"), sampled(MARKS, 3))
def test_what_may_not_be_changed_is_said_and_waited_for(
    tmp_path: Path, pigment: Simulator, which: Which, letter: str, *, waits: bool
) -> None:
    with disk_image(tmp_path / "disk") as disk:
        inbox = disk / "in"
        keys = {"directory": str(inbox), "scan_every": "1s", "quiet": "2s"}
        world = World(tmp_path, pigment, routes={"sales": keys, "near": {}})
        for folder in (done(inbox), failed(inbox)):
            folder.mkdir()
        if which is failed:
            pigment.script(Fault.answer(400))
        with world.serve() as service:
            service.ready()
            world.drop("a.csv")  # and the mark is there before its quiet time is over
            with marked(which(inbox), letter):
                if waits:
                    is_told(service)
                    told = command("status", "--config", world.config)
                    assert told.returncode == 1 or "a.csv" in told.stdout, told.stdout
                world.drop("b.csv", route="near")
                service.wait_for("job.finished", SOON_S, file="b.csv", outcome="imported")
            service.wait_for("job.finished", SOON_S, file="a.csv")
            assert service.stop() == 0
        world.check()
        assert world.places()["a.csv"] == ("failed" if which is failed else "done")
        assert len(pigment.pushes()) == 2
