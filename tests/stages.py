"""A file held in each state of its way, so that something can happen to it just there.

Each state has a route of its own, named after it, and a file of its own in it.
"""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from acceptance_fixtures import COMMAND, ServiceProcess, command, configuration_id
from torture_fixtures import World

from pigment_watcher import errors
from pigment_watcher.journal import Journal
from pigment_watcher.model import Condition, ConditionKind, State
from pigment_watcher.simulator import Fault, Simulator

#: The states in which a file can be held.
STATES = (State.QUEUED, State.PUSHING, State.IMPORTING, State.ARCHIVING)
#: So long the stand-in keeps an answer back: longer than any test.
KEPT_BACK_S = 600.0


def route_of(state: State) -> str:
    """Return the name of the route on which a file is held in a state."""
    return state.value.lower()


def file_of(state: State) -> str:
    """Return what the file is called that is held in a state."""
    return f"{route_of(state)}.csv"


class Stage:
    """A world with a running service, whose files stand still until they are released."""

    def __init__(
        self,
        world: World,
        pigment: Simulator,
        states: Collection[State],
        program: Sequence[str | Path] = COMMAND,
    ) -> None:
        self.world = world
        self.pigment = pigment
        self.states = states
        self.service = ServiceProcess(world.config, program=program)
        self._inboxes = {route: world.inbox(route) for route in world.routes}
        #: Configurations whose imports do not end by themselves.
        self._held: set[str] = set()

    def start_again(self) -> None:
        """Kill the service and start it anew."""
        self.service.kill()
        self.service = ServiceProcess(self.world.config).ready(30.0)

    def where(self, state: State) -> Path:
        """Return where the file of a state lies now."""
        (dropped,) = (one for one in self.world.dropped if one.path.name == file_of(state))
        (path,) = (path for path, data in self.world.files().items() if data == dropped.data)
        return path

    def bring(self, state: State) -> None:
        """Drop a file and return once it stands in its state."""
        self.prepare(state)
        self.world.drop(file_of(state), route=route_of(state))
        self.wait_for(state)

    def prepare(self, state: State, route: str = "") -> None:
        """Let the next file of a route get as far as a state; the route may be that of another."""
        route = route or route_of(state)
        lane = configuration_id(route)
        match state:
            case State.PUSHING:
                # The import begins, and its answer does not come: a second push would be a second
                # import.
                self.pigment.script(Fault.slow(KEPT_BACK_S, configuration_id=lane))
            case State.IMPORTING:
                self._held.add(lane)
            case State.ARCHIVING:
                (self.world.inbox(route) / "done").write_text("in the way")

    def wait_for(self, state: State, route: str = "") -> None:
        """Return once the file of a route stands in a state; the route may be that of another."""
        route = route or route_of(state)
        name, lane = f"{route}.csv", configuration_id(route)
        match state:
            case State.PUSHING:
                self.pigment.wait_for(lambda pigment: _has_import(pigment, lane), timeout_s=30.0)
            case State.IMPORTING:
                self.service.wait_for("job.pushed", 30.0, file=name)
            case State.ARCHIVING:
                folder = str(self.world.inbox(route) / "done")
                self.service.wait_for("job.archive_stuck", 30.0, subject=folder)
            case State.QUEUED:
                self.service.wait_for("job.claimed", 30.0, file=name)
            case _:
                self.service.wait_for("job.finished", 30.0, file=name)

    def move_on(self, state: State, to: State) -> None:
        """Let the file that is held in a state get as far as a later one, and stop there."""
        route = route_of(state)
        self._held.discard(configuration_id(route))
        self.prepare(to, route)
        match state:
            case State.QUEUED:
                told = command("resume", route, "--config", self.world.config)
                assert told.returncode == 0, told.stderr
            case State.PUSHING:
                self._answer()
            case State.ARCHIVING:
                self.unblock(route)
                self.service.signal(signal.SIGHUP)
        self.wait_for(to, route)

    def _answer(self) -> None:
        """Give the answers that the stand-in keeps back."""
        self.pigment.stop()
        self.pigment.start()

    def release(self) -> None:
        """Let everything go on that is held; what a killed service was pushing stays unanswered."""
        self._held.clear()
        self.unblock()
        if State.PUSHING in self.states:
            self._answer()
        # Last: what is queued must not be pushed to a stand-in that is away.
        with contextlib.suppress(errors.JournalError), _journal(self.world) as journal:
            journal.conditions.end(ConditionKind.ROUTE_PAUSED, route_of(State.QUEUED))

    def unblock(self, *routes: str) -> None:
        """Let files be moved again, of all routes if none is named, when it is time to.

        A start or a reload looks into the way.
        """
        for route in routes or self._inboxes:
            blocker = self._inboxes[route] / "done"
            if blocker.is_file():
                blocker.unlink()

    def finish_imports(self, stop: threading.Event) -> None:
        """End every import at once that is not held, until it is told to stop."""
        while not stop.wait(0.02):
            for one in self.pigment.imports():
                if one.state == "InProgress" and one.configuration_id not in self._held:
                    self.pigment.finish(one.id)


@contextmanager
def held(
    folder: Path,
    *states: State,
    routes: Mapping[str, Mapping[str, object]] | None = None,
    program: Sequence[str | Path] = COMMAND,
    **said: object,
) -> Iterator[Stage]:
    """Lend a stage with a file in each of these states; `routes` adds keys, or routes.

    `program` stands for the command; all further words are those of `write_config`.
    """
    keys = {route_of(state): dict[str, object]() for state in states}
    for name, added in (routes or {}).items():
        keys[name] = {**keys.get(name, {}), **added}
    with Simulator(import_s=math.inf) as pigment:
        # A stage without haste: what is held must not end by a time-out.
        world = World(folder, pigment, routes=keys, **{"answer_timeout": "10m", **said})
        if State.QUEUED in states:
            pause(world, route_of(State.QUEUED))
        stage = Stage(world, pigment, states, program)
        stop = threading.Event()
        finisher = threading.Thread(target=stage.finish_imports, args=[stop])
        finisher.start()
        try:
            stage.service.ready(30.0)
            for state in states:
                stage.bring(state)
            yield stage
        finally:
            stage.service.kill()
            stop.set()
            finisher.join()


def pause(world: World, route: str) -> None:
    """Pause a route before the first start."""
    world.state.mkdir(mode=0o700, exist_ok=True)
    with _journal(world) as journal:
        paused = Condition(kind=ConditionKind.ROUTE_PAUSED, subject=route, since=time.time())
        journal.conditions.begin(paused)


@contextmanager
def _journal(world: World) -> Iterator[Journal]:
    with contextlib.closing(Journal.open(world.state)) as journal:
        yield journal


def _has_import(pigment: Simulator, lane: str) -> bool:
    return any(one.configuration_id == lane for one in pigment.imports())
