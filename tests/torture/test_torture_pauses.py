"""A route is paused, and goes on, with a file in each state and a kill -9 in between."""

from itertools import product
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess
from damage_fixtures import tell
from stages import STATES, Stage, file_of, held, route_of
from torture_fixtures import sampled

from pigment_watcher.model import ConditionKind, State

pytestmark = pytest.mark.torture("11. what operators do")

#: Long enough for a machine that does much else.
SOON_S = 60.0
#: When a person asks; the kill comes right after it, or came before.
RUNNING, DOWN = "while it runs", "while it is down"


@pytest.mark.parametrize(
    ("state", "load_mode", "asked"),
    sampled(
        [
            *product(STATES, ["append"], [RUNNING, DOWN]),
            *product([State.PUSHING], ["update"], [RUNNING, DOWN]),
        ],
        4,
    ),
)
def test_a_pause_outlasts_a_kill_and_keeps_back_what_is_queued_and_nothing_else(
    tmp_path: Path, state: State, load_mode: str, asked: str
) -> None:
    """Behaviours L1, L2: asked for while it runs and ended while it is down, or the reverse."""
    route = route_of(state)
    with held(tmp_path, state, routes={route: {"load_mode": load_mode}, "other": {}}) as stage:
        world = stage.world
        if asked == RUNNING:
            assert "is paused" in tell(world, "pause", route)
            world.drop("behind.csv", route=route)
            stage.service.wait_for("job.claimed", SOON_S, file="behind.csv")
        stage.service.kill()
        if (state, asked) != (State.QUEUED, RUNNING):  # which would end the pause
            stage.release()
        if asked == DOWN:
            assert "at its next start" in tell(world, "pause", route)
            world.drop("behind.csv", route=route)
        waiting = {"behind.csv"}
        if state is State.QUEUED or load_mode == "update":
            waiting.add(file_of(state))
        for number in range(2):
            start(stage)
            if file_of(state) not in waiting and number == 0:
                stage.service.wait_for("job.finished", SOON_S, file=file_of(state))
            go_through(stage, f"{number}.csv")
            assert {job.name: job.state for job in world.unfinished()} == dict.fromkeys(
                waiting, State.QUEUED
            )
            assert [one.subject for one in world.conditions()] == [route]
        if asked == RUNNING:
            stage.service.kill()
            assert "at its next start" in tell(world, "resume", route)
            start(stage)
        else:
            assert "goes on" in tell(world, "resume", route)
        for name in waiting:
            stage.service.wait_for("job.finished", SOON_S, file=name, outcome="imported")
        assert stage.service.stop() == 0
        assert ConditionKind.ROUTE_PAUSED not in {one.kind for one in world.conditions()}
        world.check()


def start(stage: Stage) -> None:
    """Start the service, which was killed or is killed now."""
    stage.service.kill()
    stage.service = ServiceProcess(stage.world.config).ready(SOON_S)


def go_through(stage: Stage, name: str) -> None:
    """Let a file of another route be imported: what could be pushed meanwhile was."""
    stage.world.drop(name, route="other")
    stage.service.wait_for("job.finished", SOON_S, file=name, outcome="imported")
