"""Full disks, and disks that become read-only: under the journal, the inbox, done/ and failed/.

The service waits and says so, nothing is lost or pushed twice, and it goes on by itself.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess, command, eventually
from disk_fixtures import crowded, filled, small_disk
from drive_fixtures import disk_image
from rig_fixtures import remount
from torture_fixtures import World, sampled

from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("6. full and foreign disks")

PAGE = 4096
#: So many pages are left free on the journal's disk, which a commit needs up to ten of.
LEVELS = range(64)
#: What is said when a folder can't be used now.
STUCK = frozenset({"route.claims_stuck", "route.lost", "job.archive_stuck"})

Bad = Callable[[Path], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def read_only(disk: Path) -> Iterator[None]:
    remount(disk, "ro")
    try:
        yield
    finally:
        remount(disk, "rw")


def without_inodes(disk: Path) -> contextlib.AbstractContextManager[None]:
    return crowded(disk, leaving=0)


BAD: dict[str, Bad] = {"bytes": filled, "inodes": without_inodes, "read-only": read_only}


def waits_or_ends(service: ServiceProcess, name: str, *, since: int = 0) -> None:
    """Return once a file has ended, or the journal can't be written, or the service gave up."""

    def so_far() -> bool:
        busy = any(line.get("event") == "journal.busy" for line in service.lines[since:])
        return busy or service.has_ended or bool(service.events("job.finished", file=name))

    eventually(so_far)


def is_stuck(service: ServiceProcess) -> bool:
    return any(line.get("event") in STUCK for line in service.lines)


def is_told(config: Path, words: str) -> None:
    """Check that `status` names a trouble, and ends with 1."""
    told = command("status", "--config", config)
    assert told.returncode == 1, told.stdout
    assert words in told.stdout


# ---------------------------------------------------------------- under the journal


@pytest.mark.parametrize("first", sampled(range(8), 2))
def test_a_full_disk_under_the_journal_is_waited_out(
    tmp_path: Path, pigment: Simulator, record_property: Callable[[str, object], None], first: int
) -> None:
    """Behaviour T30; one service, and files that come at each level."""
    levels = sampled(LEVELS[first::8], 3)
    with small_disk(tmp_path / "state", 800) as disk:
        world = World(tmp_path, pigment)
        with ServiceProcess(world.config) as service:
            service.ready()
            for level in levels:
                name, since = f"{level}.csv", len(service.lines)
                with filled(disk, level * PAGE):
                    world.drop(name)
                    waits_or_ends(service, name, since=since)
                    is_told(world.config, "stuck: the journal: its disk is full")
                service.wait_for("job.finished", file=name, outcome="imported")
            assert command("status", "--config", world.config).returncode == 0
        world.check()
        assert set(world.places().values()) == {"done"}
    record_property("faults", len(levels))


@pytest.mark.parametrize("level", sampled(range(0, 12, 2), 1))
def test_an_import_that_pigment_begins_while_the_disk_is_full_is_not_forgotten(
    tmp_path: Path, level: int
) -> None:
    """The import's ID is nowhere else: it is kept until it can be written."""
    with Simulator(import_s=0.0) as pigment, small_disk(tmp_path / "state", 800) as disk:
        pigment.script(Fault.slow(3.0))
        world = World(tmp_path, pigment)
        with ServiceProcess(world.config) as service:
            service.ready()
            world.drop("a.csv")
            service.wait_for("job.pushing")
            with filled(disk, level * PAGE):
                pigment.wait_for(lambda one: len(one.pushes()) == 1)
                waits_or_ends(service, "a.csv")
            service.wait_for("job.finished", file="a.csv", outcome="imported")
        world.check()


@pytest.mark.parametrize("level", sampled(range(0, 12, 2), 1))
def test_an_import_that_ends_while_the_disk_is_full_is_finished_when_there_is_room(
    tmp_path: Path, level: int
) -> None:
    with Simulator(import_s=math.inf) as pigment, small_disk(tmp_path / "state", 800) as disk:
        world = World(tmp_path, pigment)
        with ServiceProcess(world.config) as service:
            service.ready()
            world.drop("a.csv")
            service.wait_for("job.pushed")
            with filled(disk, level * PAGE):
                pigment.finish(pigment.imports()[0].id)
                waits_or_ends(service, "a.csv")
            service.wait_for("job.finished", file="a.csv", outcome="imported")
        world.check()


#: The first start makes all tables, later ones need as little as any commit.
STARTS = [*((True, level) for level in LEVELS[::3]), *((False, level) for level in range(12))]


@pytest.mark.parametrize(("is_first", "level"), sampled(STARTS, 2))
def test_a_start_on_a_full_disk_spoils_nothing(
    tmp_path: Path, pigment: Simulator, *, is_first: bool, level: int
) -> None:
    with small_disk(tmp_path / "state", 800) as disk:
        world = World(tmp_path, pigment)
        if not is_first:
            world.run()
        world.drop("a.csv")
        with filled(disk, level * PAGE), ServiceProcess(world.config) as service:
            waits_or_ends(service, "a.csv")
        world.recover().check()
        assert world.places() == {"a.csv": "done"}


@pytest.mark.parametrize("inodes", sampled(range(4), 1))
def test_a_first_start_without_an_inode_left_spoils_nothing(
    tmp_path: Path, pigment: Simulator, inodes: int
) -> None:
    with small_disk(tmp_path / "state", 800, inodes=40) as disk:
        world = World(tmp_path, pigment)
        world.drop("a.csv")
        with crowded(disk, inodes), ServiceProcess(world.config) as service:
            waits_or_ends(service, "a.csv")
        world.recover().check()
        assert world.places() == {"a.csv": "done"}


def test_a_start_on_a_disk_that_is_read_only_spoils_nothing(
    tmp_path: Path, pigment: Simulator
) -> None:
    with small_disk(tmp_path / "state", 800) as disk:
        world = World(tmp_path, pigment)
        world.run()
        world.drop("a.csv")
        with read_only(disk):
            assert world.run().returncode not in {0, None}
            is_told(world.config, "stuck: the journal: its disk is mounted read-only")
        world.recover().check()
        assert world.places() == {"a.csv": "done"}


# ---------------------------------------------------------------- under the folders


@contextlib.contextmanager
def a_disk(folder: Path, place: str, how: str) -> Iterator[Path]:
    """Lend a disk that can become bad in a way; on one in memory a folder costs no room."""
    if (place, how) == ("directory", "bytes"):
        with disk_image(folder) as disk:
            yield disk
    else:
        with small_disk(folder, 400, inodes=60) as disk:
            yield disk


def on(disk: Path, place: str, pigment: Simulator, folder: Path, **said: object) -> World:
    """Return a world of which one folder lies on another disk; what goes to failed/ is refused."""
    if place == "failed":
        pigment.script(Fault.answer(400))
    keys = {"quiet": "2s", "scan_every": "1s", place: str(disk / place), **said}
    return World(folder, pigment, routes={"sales": keys, "near": {}})


PLACES = [(place, how) for place in ("directory", "done", "failed") for how in BAD]


@pytest.mark.parametrize("restart", sampled([True, False], 1))
@pytest.mark.parametrize(("place", "how"), sampled(PLACES, 3))
def test_a_disk_that_takes_nothing_is_waited_for(
    tmp_path: Path, pigment: Simulator, place: str, how: str, *, restart: bool
) -> None:
    """Behaviours T2, T30; the other route goes on meanwhile."""
    with ExitStack() as stack:
        disk = stack.enter_context(a_disk(tmp_path / "disk", place, how))
        world = on(disk, place, pigment, tmp_path)
        start = partial(ServiceProcess, world.config)
        service = stack.enter_context(start()).ready()
        world.drop("a.csv")  # and the disk is bad before its quiet time is over
        with BAD[how](disk):
            eventually(partial(is_stuck, service))
            is_told(world.config, str(disk / place))
            world.drop("b.csv", route="near")
            service.wait_for("job.finished", file="b.csv")
            if restart:
                service.kill()
                service = stack.enter_context(start()).ready()
                world.drop("c.csv", route="near")
                service.wait_for("job.finished", file="c.csv", outcome="imported")
        ended = "refused" if place == "failed" else "imported"
        service.wait_for("job.finished", 60.0, file="a.csv", outcome=ended)
        assert sum(line.get("event") in STUCK for line in service.lines) <= 1
        service.stop()
        assert len(world.jobs()) == len(world.dropped)
        world.check()
