"""kill -9 at every write point: crash_points.py says where these are."""

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from signal import SIGKILL

import crash_points
import pytest
from acceptance_fixtures import command
from disk_fixtures import small_disk
from torture_fixtures import ROUTE, World, sampled

from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("1. kill -9 at each write point")

#: What a file says whose import fails.
FAILS = b"month,account,amount\n2026-09,4000,1\nSIMULATE-FAIL,4000,1\n"
#: What a file says of which rows are left out.
SKIPS = b"month,account,amount\n2026-09,4000,1\n2026-09,SIMULATE-SKIP,1\n"
CAME, WENT = tuple(crash_points.COMING), tuple(crash_points.GOING)
ENDED_BADLY = tuple(crash_points.FAILING)
#: Where a load mode decides: the outcome of the push is not known.
UNSURE = CAME[CAME.index("after-pushing") :]


def killed(world: World, point: str) -> None:
    """Run the service until it is killed at a point; one that is not reached tests nothing."""
    ended = world.run(program=(sys.executable, crash_points.__file__, point))
    assert ended.returncode == -SIGKILL, f"{point} was not reached: {ended.stderr}"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Lend a folder on a file system of its own."""
    with small_disk(tmp_path / "elsewhere", kilobytes=1000) as disk:
        yield disk


@pytest.mark.parametrize(
    ("point", "load_mode"),
    sampled([*product((*CAME, *WENT), (None, "update")), *product(UNSURE, ("append",))], 16),
)
def test_a_file_is_imported_or_told_of(
    tmp_path: Path, pigment: Simulator, point: str, load_mode: str | None
) -> None:
    world = World(tmp_path, pigment, routes={ROUTE: {"load_mode": load_mode}})
    world.drop()
    world.guard(world.inbox() / "done" / "another.csv")
    killed(world, point)
    world.recover().check()


@pytest.mark.parametrize("point", sampled((*CAME, *WENT, *ENDED_BADLY), 8))
def test_a_file_whose_import_fails_is_told_of(
    tmp_path: Path, pigment: Simulator, point: str
) -> None:
    world = World(tmp_path, pigment, routes={ROUTE: {"after_failure": "hold"}})
    world.drop(data=FAILS)
    world.guard(world.inbox() / "failed" / "another.csv")
    killed(world, point)
    world.recover().check()
    assert list(world.places().values()) == ["failed"]


@pytest.mark.parametrize(
    ("point", "rows"),
    sampled(
        [
            *product((*WENT, *crash_points.SKIPPING), ("accept", "fail")),
            *product(crash_points.SKIPPING_BADLY, ("fail",)),
        ],
        8,
    ),
)
def test_a_file_of_which_rows_are_left_out_has_its_report(
    tmp_path: Path, pigment: Simulator, point: str, rows: str
) -> None:
    world = World(tmp_path, pigment, routes={ROUTE: {"skipped_rows": rows}})
    path = world.drop(data=SKIPS)
    killed(world, point)
    world.recover().check()
    (place,) = world.places().values()
    assert place == {"accept": "done", "fail": "failed"}[rows]
    assert (world.inbox() / place / f"{path.name}.report.txt").is_file()


@pytest.mark.parametrize("point", sampled(tuple(crash_points.MARKED), 4))
def test_a_marker_releases_one_file(tmp_path: Path, pigment: Simulator, point: str) -> None:
    world = World(tmp_path, pigment, routes={ROUTE: {"marker": "{name}.ok"}})
    world.drop("a.csv")
    marker = world.inbox() / "a.csv.ok"
    marker.touch()
    killed(world, point)
    if not (world.inbox() / "a.csv").exists():
        assert not marker.exists(), "it would release the next file of that name"
    world.recover().check()
    assert not marker.exists()


@pytest.mark.parametrize(
    ("point", "ending"),
    sampled([*product(crash_points.COPYING, ("Completed", "Failed"))], 6),
)
def test_a_file_that_ends_on_another_drive_is_whole_in_one_place(
    tmp_path: Path, pigment: Simulator, elsewhere: Path, point: str, ending: str
) -> None:
    folders = {"done": str(elsewhere / "done"), "failed": str(elsewhere / "failed")}
    world = World(tmp_path, pigment, routes={ROUTE: folders})
    world.drop(data=FAILS if ending == "Failed" else None)
    killed(world, point)
    world.recover().check()


@pytest.mark.parametrize(
    "point", sampled((*crash_points.RETRYING, "before-retry-row", "after-claimed"), 3)
)
def test_a_retry_happens_once(tmp_path: Path, pigment: Simulator, point: str) -> None:
    world = refused(World(tmp_path, pigment), pigment)
    killed(world, point)
    world.recover().check()
    assert list(world.places().values()) == ["done"]


@pytest.mark.parametrize("point", sampled((*crash_points.RETRYING, *crash_points.COPYING), 4))
def test_a_retry_from_another_drive_happens_once(
    tmp_path: Path, pigment: Simulator, elsewhere: Path, point: str
) -> None:
    routes = {ROUTE: {"failed": str(elsewhere / "failed")}}
    world = refused(World(tmp_path, pigment, routes=routes), pigment)
    killed(world, point)
    world.recover().check()
    assert list(world.places().values()) == ["done"]


def refused(world: World, pigment: Simulator) -> World:
    """Return a world with a file in failed/ that Pigment refused, and an operator's retry of it."""
    world.drop("a.csv")
    pigment.script(Fault.answer(400))
    assert world.run().returncode == 1
    asked = command("retry", "--config", world.config, "a.csv")
    assert asked.returncode == 0, asked.stderr
    return world
