"""Routes change, configurations are bad and signals come, with a file in each state."""

import contextlib
import random
import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess, configuration_id, eventually
from stages import STATES, Stage, file_of, held
from torture_fixtures import World, sampled

from pigment_watcher.model import State
from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.torture("11. what operators do")

Routes = dict[str, dict[str, object]]


def with_keys(folder: Path, routes: Mapping[str, Mapping[str, object]], key: str) -> Routes:
    """Return the routes after somebody changed a key of each, or more of them than a key."""
    if key == "removed":
        return {"other": {"quiet": "0s"}}
    if key == "renamed":
        return {
            f"new-{name}": {
                **keys,
                "directory": str(folder / name),
                "configuration_id": configuration_id(name),
            }
            for name, keys in routes.items()
        }
    return {name: {**keys, key: _value(folder, name, key)} for name, keys in routes.items()}


def _value(folder: Path, name: str, key: str) -> object:
    values = {
        "configuration_id": configuration_id(f"another {name}"),
        "load_mode": "update",
        "directory": str(folder / f"moved-{name}"),
        "done": "imported",
        "failed": "rejected",
        "order": "name",
        "files": "*.txt",
    }
    return values[key]


#: Where a queued file ends; that of any other state ends as if nothing had changed.
CHANGES = {
    "configuration_id": "queued/done",
    "load_mode": "queued/done",
    "directory": "queued",
    "done": "queued/imported",
    "failed": "queued/done",
    "order": "queued/done",
    "files": "queued/done",
    "renamed": "queued/done",
    "removed": "queued",
}
#: A pattern is no matter of a file that is taken.
KEPT = {"files"}
WAYS = ("reload", "kill", "stop")


@pytest.mark.parametrize(
    ("key", "way"), sampled([(key, way) for way in WAYS for key in CHANGES], 4)
)
def test_a_changed_route_gives_back_what_waits_and_ends_what_began_as_it_began(
    tmp_path: Path, key: str, way: str, record_property: Callable[[str, object], None]
) -> None:
    """Behaviours L6, T26."""
    record_property("faults", len(STATES))
    with held(tmp_path, *STATES) as stage:
        world, service = stage.world, stage.service
        world.routes = with_keys(tmp_path, world.routes, key)
        world.configure()
        if way == "reload":
            stage.unblock()
            service.signal(signal.SIGHUP)
            service.wait_for("service.reloaded", 60.0)
        else:
            _end(service, way)
            stage.release()
            service = stage.service = ServiceProcess(world.config)
        if key not in KEPT:
            service.wait_for("job.finished", 60.0, file="queued.csv", outcome="returned")
        if way == "reload":
            stage.release()
        # A stop cuts the push and ends its file itself; a kill leaves that to the next start.
        told = (State.IMPORTING, State.ARCHIVING, *((State.PUSHING,) if way != "stop" else ()))
        for state in told:
            service.wait_for("job.finished", 60.0, file=file_of(state))
        ends = {
            "queued.csv": CHANGES[key],
            "pushing.csv": "pushing/done" if way == "reload" else "pushing/failed",
            "importing.csv": "importing/done",
            "archiving.csv": "archiving/done",
        }
        eventually(lambda: where_all_are(stage) == ends, timeout_s=60.0)
        assert service.stop() == 0
        assert all(len(world.imports_of(one)) <= 1 for one in world.dropped)
        world.recover()
        assert where_all_are(stage) == ends


def _end(service: ServiceProcess, way: str) -> None:
    if way == "stop":
        assert service.stop() == 0
    service.kill()


def where_all_are(stage: Stage) -> dict[str, str]:
    """Return in which folder each file lies that is in one place; the others are under way."""
    folder = stage.world.folder
    contents: dict[Path, bytes] = {}
    for path in folder.rglob("*.csv"):
        with contextlib.suppress(FileNotFoundError):  # moved between the listing and the look
            contents[path] = path.read_bytes()
    found: dict[str, str] = {}
    for one in stage.world.dropped:
        places = [path for path, data in contents.items() if data == one.data]
        if len(places) == 1:
            found[one.path.name] = str(places[0].parent.relative_to(folder))
    return found


@pytest.mark.parametrize(
    "text", ["", "routes: [", "routes: {sales: {directory: /nowhere}}", "\x00\xff", "url: 5\n" * 9]
)
def test_a_bad_configuration_at_a_reload_changes_nothing(tmp_path: Path, text: str) -> None:
    """Behaviour T26."""
    with held(tmp_path, *STATES) as stage:
        stage.world.config.write_text(text)
        for _ in range(2):
            seen = len(stage.service.lines)
            stage.service.signal(signal.SIGHUP)
            stage.service.wait_for("service.reload_failed", 60.0, after=seen)
        stage.world.configure()
        stage.release()
        for state in STATES:
            stage.service.wait_for("job.finished", 60.0, file=file_of(state), outcome="imported")
        assert stage.service.stop() == 0
        stage.world.check()


# ---------------------------------------------------------------- signals


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_any_state_goes_on_at_the_next_start(
    tmp_path: Path, state: State, number: signal.Signals
) -> None:
    """Behaviours L6, T1."""
    with held(tmp_path, state) as stage:
        stage.service.signal(number)
        assert stage.service.wait() == 0
        stage.release()
        stage.world.recover().check()
        place = "failed" if state is State.PUSHING else "done"
        assert stage.world.places() == {file_of(state): place}


@pytest.mark.parametrize("state", STATES)
def test_a_second_signal_kills(tmp_path: Path, state: State) -> None:
    with held(tmp_path, state, top={"stop_grace": "10m"}) as stage:
        stage.service.signal(signal.SIGTERM)
        stage.service.wait_for("service.stopping")
        stage.service.signal(signal.SIGTERM)
        assert stage.service.wait() in {0, -signal.SIGTERM}
        stage.release()
        stage.world.recover().check()


@pytest.mark.parametrize("seed", sampled(range(20), 2))
def test_signals_at_any_moment_lose_and_double_nothing(
    tmp_path: Path, pigment: Simulator, seed: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(seed)
    lives = 3
    record_property("faults", lives)
    world = World(tmp_path, pigment, routes={"append": {}, "update": {"load_mode": "update"}})
    for life in range(lives):
        for route in world.routes:
            for number in range(3):
                world.drop(f"{life}-{number}.csv", route=route)
        numbers = chance.choices([signal.SIGHUP, signal.SIGTERM, signal.SIGINT], k=3)
        with ServiceProcess(world.config) as service:
            for number in numbers:
                until = len(service.lines) + chance.randrange(1, 15)
                with contextlib.suppress(AssertionError):  # it may have no more to say
                    eventually(partial(_has_said, service, until), timeout_s=2.0)
                service.signal(number)
            if set(numbers) != {signal.SIGHUP}:
                # Killed: it had not begun, or was asked to stop already.
                assert service.wait() in {0, *(-number for number in numbers)}
        assert not any("Traceback" in str(line) for line in service.lines)
    world.recover().check()


def _has_said(service: ServiceProcess, lines: int) -> bool:
    return len(service.lines) >= lines
