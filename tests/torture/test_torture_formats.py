"""A journal of an older version of the program, with a file in each state."""

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import crash_points
import pytest
from acceptance_fixtures import command
from damage_fixtures import SOUND, Scene, scene
from journal_fixtures import make_older
from torture_fixtures import World, sampled

from pigment_watcher.journal import NAME, database
from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.torture("8. the journal")

NEWEST = len(database._migrations())


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Scene]:
    """Lend what a killed service left, with a file in each state."""
    with scene(tmp_path) as lent:
        yield lent


def version_of(file: Path) -> int:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("version", sampled(range(1, NEWEST), 2))
def test_an_older_journal_is_brought_up_to_date_and_its_files_go_on(
    left: Scene, version: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("faults", len(SOUND))
    before = left.pushes()
    make_older(left.journal, version)
    for words in (["status"], ["history"], ["pause", "queued"]):
        told = command(*words, "--config", left.world.config)
        assert (told.returncode, "start the service once" in told.stderr) == (1, True), told.stderr
    assert version_of(left.journal) == version
    left.world.recover().check()
    assert version_of(left.journal) == NEWEST
    assert left.world.places() == SOUND
    assert left.pushes() - before == {"queued.csv": 1}


def test_a_kill_while_it_is_brought_up_to_date_costs_nothing(
    left: Scene, record_property: Callable[[str, object], None]
) -> None:
    record_property("faults", len(crash_points.MIGRATING))
    for point in crash_points.MIGRATING:
        left.put_back()
        make_older(left.journal, 1)
        before = left.pushes()
        ended = left.world.run(program=(sys.executable, crash_points.__file__, point))
        assert ended.returncode == -SIGKILL, f"{point} was not reached: {ended.stderr}"
        moment, _, version = point.split("-")
        assert version_of(left.journal) == int(version) - (moment == "before")
        assert left.is_untouched()
        assert left.pushes() == before
    left.world.recover().check()
    assert left.world.places() == SOUND


@pytest.mark.parametrize("version", sampled(range(1, NEWEST), 1))
def test_what_was_imported_under_an_older_version_is_a_duplicate_still(
    tmp_path: Path, pigment: Simulator, version: int
) -> None:
    world = World(tmp_path, pigment, routes={"sales": {"duplicates": "refuse"}})
    data = world.drop("a.csv").read_bytes()
    assert world.run().returncode == 0
    make_older(world.state / NAME, version)
    again = world.inbox() / "again.csv"
    again.write_bytes(data)
    assert world.run().returncode == 1
    assert world.outcome_counts() == {"imported": 1, "invalid": 1}
    assert len(pigment.pushes()) == 1
