"""Nothing is broken: what the other families are compared with."""

from pathlib import Path

import pytest
from torture_fixtures import World

from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.torture("0. nothing")


@pytest.mark.parametrize("load_mode", [None, "append", "update", "replace"])
def test_a_world_without_a_fault_holds(
    tmp_path: Path, pigment: Simulator, load_mode: str | None
) -> None:
    world = World(tmp_path, pigment, routes={"sales": {"load_mode": load_mode}})
    world.drop("a.csv")
    world.guard(world.inbox() / "done" / "a.csv")
    world.recover().check()
    assert list(world.places().values()) == ["done"]


def test_a_world_is_not_well_if_a_file_is_lost(tmp_path: Path, pigment: Simulator) -> None:
    world = World(tmp_path, pigment)
    world.drop("a.csv")
    world.recover()
    (world.inbox() / "done" / "a.csv").unlink()
    with pytest.raises(AssertionError, match="is in 0 places"):
        world.check()


def test_a_world_is_not_well_if_a_file_is_imported_twice(
    tmp_path: Path, pigment: Simulator
) -> None:
    world = World(tmp_path, pigment)
    path = world.drop("a.csv")
    world.recover()
    (world.inbox() / "done" / "a.csv").rename(path)
    world.recover()
    with pytest.raises(AssertionError, match="was imported 2 times"):
        world.check()


def test_a_world_is_not_well_if_a_file_is_done_that_was_not_imported(
    tmp_path: Path, pigment: Simulator
) -> None:
    world = World(tmp_path, pigment)
    path = world.drop("a.csv")
    (world.inbox() / "done").mkdir()
    path.rename(world.inbox() / "done" / "a.csv")
    with pytest.raises(AssertionError, match="was not imported"):
        world.check()
