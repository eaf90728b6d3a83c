"""A backup is put in the journal's place, with files in each state then and in others by now."""

import shutil
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess
from damage_fixtures import NAME, close_orphans, tell
from stages import STATES, Stage, held, route_of
from torture_fixtures import sampled

from pigment_watcher.model import State

pytestmark = pytest.mark.torture("11. what operators do")

#: Long enough for a machine that does much else.
SOON_S = 60.0
WAY = (*STATES, State.DONE)
#: The order in which files get on: the stand-in gives the first its answer by a stop of all.
FIRST = (State.PUSHING, State.QUEUED, State.IMPORTING, State.ARCHIVING)


@pytest.mark.parametrize(
    ("steps", "load_mode", "way"),
    sampled([*product(range(len(WAY)), ("append", "update"), ("kill", "stop"))], 4),
)
def test_a_restored_backup_pushes_nothing_again_and_leaves_the_files_to_whoever_had_them(
    tmp_path: Path,
    steps: int,
    load_mode: str,
    way: str,
    record_property: Callable[[str, object], None],
) -> None:
    """Behaviours T16, T17: each file got so many steps on between the backup and its restore."""
    record_property("faults", len(STATES) + 1)
    routes: dict[str, dict[str, object]] = {
        **{route_of(state): {"load_mode": load_mode} for state in STATES},
        "other": {},
    }
    with held(tmp_path, *STATES, routes=routes) as stage:
        world, backup = stage.world, tmp_path / "backup.db"
        tell(world, "backup", str(backup))
        later = {state: WAY[min(WAY.index(state) + steps, len(WAY) - 1)] for state in FIRST}
        for state, to in later.items():
            if to is not state:
                stage.move_on(state, to)
        world.drop("since.csv", route="other")  # the backup knows nothing of it
        stage.service.wait_for("job.finished", SOON_S, file="since.csv", outcome="imported")
        end(stage, way)
        old = next(world.inbox("other").glob("processing/*")).name
        before, left = pushes(stage), in_processing(stage)
        restore(stage, backup)
        with ServiceProcess(world.config) as service:
            assert service.wait_for("service.started", SOON_S)["instance"] != old
            service.ready(SOON_S)
            world.drop("new.csv", route="other")
            service.wait_for("job.finished", SOON_S, file="new.csv", outcome="imported")
            told = {line["subject"] for line in service.events("processing.orphans")}
            assert told == {str(folder) for folder in left}
            assert {folder.name for folder in left} <= {old}
            assert service.stop() == 0
        assert in_processing(stage) == left
        world.recover()
        close_orphans(world)
        world.recover()
        assert pushes(stage) - before == {"new.csv": 1}
        assert in_processing(stage) == {}
        world.check()


def end(stage: Stage, way: str) -> None:
    """End the service, and let go of what holds its files."""
    if way == "stop":
        assert stage.service.stop() == 0
    stage.service.kill()
    stage.release()


def restore(stage: Stage, backup: Path) -> None:
    """Put a backup in the journal's place, as docs/operations.md says."""
    state = stage.world.state
    state.rename(state.with_name("state.old"))
    state.mkdir(mode=0o700)
    shutil.copy(backup, state / NAME)


def pushes(stage: Stage) -> Counter[str]:
    """Return how often the bytes of each file came to the stand-in."""
    names = {one.sha256: one.path.name for one in stage.world.dropped}
    return Counter(names[push.sha256] for push in stage.pigment.pushes())


def in_processing(stage: Stage) -> dict[Path, list[str]]:
    """Return the folders of instances that hold files of people, with the names of these."""
    found: dict[Path, list[str]] = {}
    for path in sorted(stage.world.folder.glob("*/processing/*/*/*.csv")):
        found.setdefault(path.parent.parent, []).append(path.name)
    return found
