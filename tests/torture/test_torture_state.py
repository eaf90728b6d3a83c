"""The state directory is held, closed or taken away; two services share it, or an inbox."""

import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess, command, configuration_id, eventually
from damage_fixtures import NAME, close_orphans
from disk_fixtures import small_disk
from drive_fixtures import need, sshfs_share
from stages import STATES, file_of, held, route_of
from torture_fixtures import World, sampled

from pigment_watcher.model import State
from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.torture("8. the journal")

#: Long enough for a machine that does much else.
SOON_S = 60.0


@contextmanager
def locked(world: World, how: str) -> Iterator[None]:
    """Hold the journal as another program may: for itself alone, or as a reader that never ends."""
    with contextlib.closing(sqlite3.connect(world.state / NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE" if how == "exclusively" else "BEGIN")
        other.execute("SELECT count(*) FROM jobs").fetchone()
        yield


@pytest.mark.parametrize(
    ("state", "how"),
    sampled([(state, how) for how in ("exclusively", "to read") for state in STATES], 2),
)
def test_a_journal_that_is_held_while_it_runs_is_waited_for(
    tmp_path: Path, state: State, how: str
) -> None:
    """Behaviour T16."""
    with held(tmp_path, state) as stage:
        with locked(stage.world, how):
            new = stage.world.drop("new.csv", route=route_of(state))
            stage.service.wait_for("journal.busy", 2 * SOON_S)
            assert new.exists()
        stage.service.wait_for("journal.writable", SOON_S)
        assert len(stage.service.events("journal.busy")) == 1
        stage.release()
        for name in (file_of(state), "new.csv"):
            stage.service.wait_for("job.finished", SOON_S, file=name, outcome="imported")
        assert stage.service.stop() == 0
        stage.world.check()


@pytest.mark.parametrize("how", ["exclusively", "to read"])
def test_a_journal_that_is_held_at_the_start_ends_it_with_words(tmp_path: Path, how: str) -> None:
    with held(tmp_path, *STATES) as stage:
        stage.service.kill()
        stage.release()
        with locked(stage.world, how):
            ended = stage.world.run()
            assert ended.returncode == 1, ended.stderr
            assert "Traceback" not in ended.stderr
            assert NAME in ended.stderr
        stage.world.recover().check()


def remove(state: Path) -> None:
    shutil.rmtree(state)


def remove_and_make_anew(state: Path) -> None:
    shutil.rmtree(state)
    state.mkdir(mode=0o700)


def remove_the_file(state: Path) -> None:
    (state / NAME).unlink()


REMOVALS = (remove, remove_and_make_anew, remove_the_file)


@pytest.mark.parametrize(
    ("state", "take_away"),
    sampled([(state, take_away) for take_away in REMOVALS for state in STATES], 3),
)
def test_a_state_directory_that_goes_while_it_runs_loses_and_doubles_nothing(
    tmp_path: Path, state: State, take_away: Callable[[Path], None]
) -> None:
    """Behaviour T17."""
    with held(tmp_path, state) as stage:
        world = stage.world
        take_away(world.state)
        new = world.drop("new.csv", route=route_of(state))
        stage.service.wait_for("journal.busy", SOON_S)
        assert new.exists()  # what can't be stored is not claimed
        stage.service.kill()
        stage.release()
        assert not any("Traceback" in str(line) for line in stage.service.lines)
        ended = world.run()
        assert "Traceback" not in ended.stderr
        assert len([one for one in stage.pigment.pushes() if one.status]) <= 2
        close_orphans(world)
        world.recover().check()
        assert world.places()["new.csv"] == "done"


# ---------------------------------------------------------------- where it lies


def test_a_state_directory_on_a_network_drive_is_refused(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviour T16."""
    with sshfs_share(tmp_path / "share") as share:
        world = World(tmp_path, pigment, top={"state_directory": str(share.point / "state")})
        world.drop()
        ended = world.run()
        assert (ended.returncode, "network file system" in ended.stderr) == (78, True)
        assert list(share.behind.iterdir()) == []
        world.configure(top={})
        world.recover().check()


def test_a_state_directory_that_can_not_be_written_is_refused_at_the_start(
    tmp_path: Path, pigment: Simulator
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        world = World(tmp_path, pigment, top={"state_directory": str(disk)})
        world.drop()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        ended = world.run()
        assert (ended.returncode, str(disk) in ended.stderr) == (78, True)
        assert "Traceback" not in ended.stderr
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert world.run().returncode == 0
        assert world.places() == {"a.csv": "done"}


@pytest.mark.parametrize("state", sampled(STATES, 1))
def test_a_journal_that_becomes_read_only_while_it_runs_is_waited_for(
    tmp_path: Path, state: State
) -> None:
    """A file system with an open journal can't be made read-only; what SQLite writes first can."""
    need("chattr", fuse=False)
    with held(tmp_path, state) as stage:
        first = stage.world.state / f"{NAME}-journal"
        if subprocess.run(["chattr", "+i", first], capture_output=True, check=False).returncode:
            pytest.skip("files can't be made immutable here")
        try:
            new = stage.world.drop("new.csv", route=route_of(state))
            stage.service.wait_for("journal.busy", SOON_S)
            assert new.exists()
        finally:
            subprocess.run(["chattr", "-i", first], check=True)
        stage.service.wait_for("journal.writable", SOON_S)
        assert len(stage.service.events("journal.busy")) == 1
        stage.release()
        for name in (file_of(state), "new.csv"):
            stage.service.wait_for("job.finished", SOON_S, file=name, outcome="imported")
        assert stage.service.stop() == 0
        stage.world.check()


# ---------------------------------------------------------------- two services

FILES, LANES = 120, 12


def test_two_services_with_one_state_directory_are_one(tmp_path: Path) -> None:
    """Behaviour T15."""
    with held(tmp_path, *(set(STATES) - {State.ARCHIVING})) as stage:
        second = command("run", "--config", stage.world.config)
        assert second.returncode == 1
        assert "another pigment-watcher runs with this state_directory" in second.stderr
        stage.release()
        for state in stage.states:
            stage.service.wait_for("job.finished", SOON_S, file=file_of(state), outcome="imported")
        assert stage.service.stop() == 0
        stage.world.check()


def has_pushed(service: ServiceProcess) -> bool:
    return bool(service.events("job.pushed"))


@pytest.mark.parametrize("killed", [False, True])
def test_two_services_with_journals_of_their_own_import_each_file_once(
    tmp_path: Path,
    pigment: Simulator,
    killed: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """Behaviours C2, T15."""
    record_property("faults", FILES)
    inbox = tmp_path / "in"
    routes = {
        f"lane-{number}": {
            "directory": str(inbox),
            "files": f"{number}-*.csv",
            "configuration_id": configuration_id(str(number)),
        }
        for number in range(LANES)
    }
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one = World(tmp_path / "one", pigment, routes=routes)
    other = World(tmp_path / "other", pigment, routes=routes)
    with contextlib.ExitStack() as stack:
        running = {
            world.config: stack.enter_context(ServiceProcess(world.config).ready(SOON_S))
            for world in (one, other)
        }
        for number in range(FILES):
            lane = number % LANES
            one.drop(f"{lane}-{number}.csv", route=f"lane-{lane}")
        if killed:
            # One of them may have come first to every file.
            eventually(lambda: any(map(has_pushed, running.values())), SOON_S)
            config = next(config for config in running if has_pushed(running[config]))
            running[config].kill()
            # What it had claimed waits for it.
            running[config] = stack.enter_context(ServiceProcess(config).ready(SOON_S))
        eventually(lambda: len(list(inbox.glob("*/*.csv"))) == FILES, 4 * SOON_S)
        assert [service.stop() for service in running.values()] == [0, 0]
    one.recover().check()
    ended = one.outcome_counts() + other.outcome_counts()
    assert (ended["imported"], ended["imported"] + ended["unsure"]) == (
        list(one.places().values()).count("done"),
        FILES,
    )
