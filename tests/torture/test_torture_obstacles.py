"""Something else lies where the service puts its folders and files: it stays, and is told of."""

import contextlib
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import crash_points
import pytest
from acceptance_fixtures import ServiceProcess, command
from disk_fixtures import small_disk
from drive_fixtures import need
from torture_fixtures import HURRIED, World, sampled

from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("7. hostile shares")

Make = Callable[[Path, Path], None]


def a_folder(path: Path, _: Path) -> None:
    path.mkdir()


def a_file(path: Path, _: Path) -> None:
    path.write_bytes(b"not yours\n")


def a_link_to_a_file(path: Path, elsewhere: Path) -> None:
    path.symlink_to(elsewhere / "theirs.csv")


def a_link_to_a_folder(path: Path, elsewhere: Path) -> None:
    path.symlink_to(elsewhere)


def a_link_to_nowhere(path: Path, elsewhere: Path) -> None:
    path.symlink_to(elsewhere / "nowhere")


def a_link_to_itself(path: Path, _: Path) -> None:
    path.symlink_to(path.name)


def a_pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


THINGS: tuple[Make, ...] = (
    a_folder,
    a_file,
    a_link_to_a_file,
    a_link_to_a_folder,
    a_link_to_nowhere,
    a_link_to_itself,
    a_pipe,
)
#: The names that a file takes, its own and those of what stands beside it.
NAMES = [
    (place, ending) for place in ("done", "failed") for ending in ("", ".reason.txt", ".report.txt")
]


class Obstacles:
    """Things that stand in the way, and must stay what they are."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._elsewhere = world.guard(world.folder / "elsewhere" / "theirs.csv").parent
        self._before: dict[Path, os.stat_result] = {}

    def put(self, make: Make, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        make(path, self._elsewhere)
        if make is a_file and path.parent != self._world.inbox():
            self._world.guard(path)
        self._before[path] = path.lstat()

    def are_untouched(self) -> None:
        for path, before in self._before.items():
            after = path.lstat()
            for of in ("st_ino", "st_mode", "st_mtime_ns", "st_size"):
                assert getattr(after, of) == getattr(before, of), f"{path} was touched"
        assert [one.name for one in self._elsewhere.iterdir()] == ["theirs.csv"]


# ---------------------------------------------------------------- where a file's name should be


@pytest.mark.parametrize(("place", "ending"), sampled(NAMES, 2))
def test_a_name_that_anything_has_gives_way_to_another(
    tmp_path: Path,
    pigment: Simulator,
    record_property: Callable[[str, object], None],
    place: str,
    ending: str,
) -> None:
    """Behaviours G2, H1."""
    world = World(tmp_path, pigment)
    if place == "failed":
        pigment.script(Fault.answer(400, times=None))
    obstacles = Obstacles(world)
    for make in THINGS:
        world.drop(f"{make.__name__}.csv")
        obstacles.put(make, world.inbox() / place / f"{make.__name__}.csv{ending}")
    world.run()
    obstacles.are_untouched()
    assert set(world.places().values()) == {place}
    for make in THINGS:  # a name that is taken by what stands beside it is not used, either
        assert len(list((world.inbox() / place).glob(f"{make.__name__}-2*.csv"))) == 1
    world.check()
    record_property("faults", len(THINGS))


MEANWHILE = [
    (place, ending, make)
    for make in THINGS
    for place, ending in (("done", ""), ("failed", ""), ("failed", ".reason.txt"))
]


@pytest.mark.parametrize(("place", "ending", "make"), sampled(MEANWHILE, 2))
def test_a_name_that_is_taken_after_it_was_chosen_gives_way_to_another(
    tmp_path: Path, pigment: Simulator, place: str, ending: str, make: Make
) -> None:
    """Killed before the file is moved to the name that is stored; then somebody takes it."""
    world = World(tmp_path, pigment)
    if place == "failed":
        pigment.script(Fault.answer(400))
    world.drop("a.csv")
    ended = world.run(program=(sys.executable, crash_points.__file__, "after-archiving"))
    assert ended.returncode == -signal.SIGKILL
    (job,) = world.unfinished()
    assert job.target == world.inbox() / place / "a.csv"
    obstacles = Obstacles(world)
    obstacles.put(make, job.target.with_name(f"a.csv{ending}"))
    world.recover()
    obstacles.are_untouched()
    (moved,) = (world.inbox() / place).glob("a-2*.csv")
    assert moved.read_bytes() == world.dropped[0].data
    world.check()


# ---------------------------------------------------------------- where done/ or failed/ should be

#: What can be neither a folder nor a link to one.
NO_FOLDERS = [
    (place, make)
    for make in THINGS
    if make not in {a_folder, a_link_to_a_folder}
    for place in ("done", "failed")
]


def waits_until_it_is_away(
    world: World, service: ServiceProcess, folder: Path, ended: str, *, linked: bool = False
) -> None:
    """Check that a file can't go to a folder, that it is told of, and that the rest goes on."""
    stuck = service.wait_for("job.archive_stuck")
    assert stuck["subject"] == str(folder)
    told = command("status", "--config", world.config)
    if told.returncode != 78:  # a link that leads back is a mistake of the configuration, too
        assert (told.returncode, str(folder) in told.stdout) == (1, True), told.stdout
    world.drop("b.csv", route="near")
    service.wait_for("job.finished", file="b.csv")
    assert folder.is_symlink() is linked
    folder.unlink()
    service.wait_for("job.finished", file="a.csv", outcome=ended)
    assert len(service.events("job.archive_stuck")) == 1
    assert service.stop() == 0
    world.check()


@pytest.mark.parametrize(("place", "make"), sampled(NO_FOLDERS, 1))
def test_what_stands_where_files_go_is_waited_for_and_left_alone(
    tmp_path: Path, pigment: Simulator, place: str, make: Make
) -> None:
    """At a start it is a mistake of the configuration, which is said."""
    world = World(tmp_path, pigment, routes={"sales": {}, "near": {}})
    if place == "failed":
        pigment.script(Fault.answer(400))
    folder = world.inbox() / place
    obstacles = Obstacles(world)
    obstacles.put(make, folder)
    refused = world.run()
    assert (refused.returncode, f"routes.sales.{place}: " in refused.stderr) == (78, True)
    folder.unlink()
    with world.serve() as service:
        service.ready()
        obstacles.put(make, folder)
        world.drop("a.csv")
        service.wait_for("job.archive_stuck")
        obstacles.are_untouched()
        ended = "refused" if place == "failed" else "imported"
        waits_until_it_is_away(world, service, folder, ended, linked=folder.is_symlink())


#: Where a file would come again, or be taken for one that is worked on.
BACK = [
    (place, to)
    for place in ("done", "failed")
    for to in (".", "../near", "processing", "processing/*", "processing/*/1", "processing/*/2")
]


@pytest.mark.parametrize(("place", "to"), sampled(BACK, 2))
def test_a_link_that_leads_back_is_not_followed(
    tmp_path: Path, pigment: Simulator, place: str, to: str
) -> None:
    world = World(tmp_path, pigment, routes={"sales": {"scan_every": "1s"}, "near": {}})
    if place == "failed":
        pigment.script(Fault.answer(400))
    with world.serve() as service:
        service.ready()
        home = next((world.inbox() / "processing").iterdir()).name
        folder = world.inbox() / place
        folder.symlink_to(to.replace("*", home))
        world.drop("a.csv")
        ended = "refused" if place == "failed" else "imported"
        waits_until_it_is_away(world, service, folder, ended, linked=True)
    assert len(pigment.pushes()) == 2


@pytest.mark.parametrize("to", sampled(["beside", "below", "another disk"], 1))
@pytest.mark.parametrize("place", sampled(["done", "failed"], 1))
def test_a_link_that_leads_away_is_followed_and_nothing_there_is_overwritten(
    tmp_path: Path, pigment: Simulator, place: str, to: str
) -> None:
    """Whoever sets it may say where the files go, as by `done` in the configuration."""
    world = World(tmp_path, pigment, routes={"sales": {"scan_every": "1s"}})
    if place == "failed":
        pigment.script(Fault.answer(400, times=None))
    with contextlib.ExitStack() as stack:
        there = {"beside": tmp_path / "there", "below": world.inbox() / "there"}.get(to)
        if there is None:
            there = stack.enter_context(small_disk(tmp_path / "there"))
        theirs = world.guard(there / "a.csv")
        with world.serve() as service:
            service.ready()
            (world.inbox() / place).symlink_to(there)
            world.drop("a.csv")
            service.wait_for("job.finished", file="a.csv")
            assert service.stop() == 0
        assert theirs.read_bytes() == b"not yours\n"
        (ours,) = there.glob("a-2*.csv")
        assert ours.read_bytes() == world.dropped[0].data
        assert ours.with_name(f"{ours.name}.reason.txt").exists() is (place == "failed")
        assert world.run().returncode == 0
        assert len(pigment.pushes()) == 1


@pytest.mark.parametrize("place", sampled(["done", "failed"], 1))
def test_a_link_to_a_folder_that_we_may_not_write_to_is_waited_for(
    tmp_path: Path, pigment: Simulator, place: str
) -> None:
    need("setpriv", fuse=False)
    world = World(tmp_path, pigment, routes={"sales": {}, "near": {}})
    if place == "failed":
        pigment.script(Fault.answer(400))
    theirs = world.guard(tmp_path / "etc" / "passwd").parent
    theirs.chmod(stat.S_IRUSR | stat.S_IXUSR)
    drop = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    with world.serve((*drop, *HURRIED)) as service:
        service.ready()
        folder = world.inbox() / place
        folder.symlink_to(theirs)
        world.drop("a.csv")
        ended = "refused" if place == "failed" else "imported"
        waits_until_it_is_away(world, service, folder, ended, linked=True)
    assert [one.name for one in theirs.iterdir()] == ["passwd"]
