"""What an answer means by the contract, and a play of such cases against one running service."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acceptance_fixtures import ROWS, ServiceProcess, eventually
from evil_server import Evil, Front, Kind
from torture_fixtures import World

from pigment_watcher.model import Outcome
from pigment_watcher.simulator import Simulator

#: A case that takes so many seconds hangs.
CASE_S = 60.0
#: The load modes after which a push may be repeated, and not.
MODES = ("append", "update")


class Meaning(enum.Enum):
    """What a destination's answer to one push means."""

    TAKEN = "the file is imported"
    REFUSED = "the file was not taken, and never will be"
    LATER = "the file was not taken, and is pushed again"
    NOTHING_SENT = "no byte of the file left, and it is pushed again"
    NOT_KNOWN = "nobody knows"
    #: Nothing was sent or nobody knows: which of them depends on who was faster.
    NOT_SEEN = "the connection was gone before or after the first byte"
    IMPORT_FAILED = "the import ended, and not well"
    #: Pigment gave an import ID that leads nowhere: the file is not pushed again.
    ACCEPTED_IN_VAIN = "the import can't be asked after"

    def outcomes(self, load_mode: str) -> set[Outcome]:
        """Return how a file may end whose second push would be taken."""
        match self:
            case Meaning.REFUSED:
                return {Outcome.REFUSED}
            case Meaning.IMPORT_FAILED:
                return {Outcome.FAILED}
            case Meaning.ACCEPTED_IN_VAIN:
                return {Outcome.UNSURE}
            case Meaning.NOT_KNOWN if load_mode == "append":
                return {Outcome.UNSURE}
            case Meaning.NOT_SEEN if load_mode == "append":
                return {Outcome.UNSURE, Outcome.IMPORTED}
            case _:
                return {Outcome.IMPORTED}

    def attempts(self, load_mode: str) -> set[int]:
        """Return how often its body may have begun to leave."""
        match self:
            case Meaning.LATER:
                return {2}
            case Meaning.NOT_KNOWN if load_mode == "update":
                return {2}
            case Meaning.NOT_SEEN:
                return {1, 2} if load_mode == "update" else {1}
            case _:
                return {1}


@dataclass(frozen=True, slots=True)
class Case:
    """One evil answer to the next push (or other call), and what the contract makes of it."""

    name: str
    evil: Evil
    meaning: Meaning
    size: int = 0
    on: Kind = "push"
    times: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where cases are played: a folder, and a front that all requests go through."""

    folder: Path
    pigment: Simulator
    front: Front

    def world(self, load_mode: str = "append", **said: object) -> World:
        """Return a world with one route, whose service knows the front alone."""
        routes = {"sales": {"load_mode": load_mode}}
        return World(self.folder, self.pigment, routes=routes, url=self.front.url, **said)


def content(case: Case) -> bytes:
    """Return rows that no other case has."""
    row = f"2026-10,{case.name},1\n"
    return f"{ROWS}{row * max(1, case.size // len(row))}".encode()


def play(world: World, front: Front, cases: Sequence[Case]) -> list[int]:
    """Let a service meet each case with a file of its own; return its peaks of memory, in KiB.

    Each file ends as the contract says, and in the end no trouble is left that was said to last.
    """
    peaks = []
    with world.serve() as service:
        service.ready(CASE_S)
        for number, case in enumerate(cases):
            front.play(case.evil, on=case.on, times=case.times)
            world.drop(f"{number}.csv", content(case))
            _meet(world, service, case, f"{number}.csv")
            peaks.append(peak_kib(service.pid))
        eventually(lambda: not world.conditions(), CASE_S)
        assert service.stop() == 0
    assert not [line for line in service.lines if "text" in line], "not all lines are log lines"
    world.recover().check()
    return peaks


def _meet(world: World, service: ServiceProcess, case: Case, name: str) -> None:
    try:
        line = service.wait_for("job.finished", CASE_S, file=name)
    except AssertionError as error:
        raise AssertionError(f"{case.name}: {error}") from error
    job = world.jobs()[-1]
    load_mode = str(world.routes[job.route].get("load_mode"))
    seen = f"{case.name}, {load_mode}: {line}, {job.attempts} attempts"
    assert job.outcome in case.meaning.outcomes(load_mode), seen
    assert job.attempts in case.meaning.attempts(load_mode), seen


def peak_kib(pid: int) -> int:
    """Return the most memory that a process had so far."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def named(cases: Mapping[str, Evil], meaning: Meaning, **keys: object) -> list[Case]:
    """Return cases that all mean the same."""
    return [Case(name, evil, meaning, **keys) for name, evil in cases.items()]  # type: ignore[arg-type]


def portions(cases: Iterable[Case], most: int) -> list[list[Case]]:
    """Return the cases in lists of so many, so that they can be tried side by side."""
    left = list(cases)
    return [left[start : start + most] for start in range(0, len(left), most)]
