"""Clocks: the machine's time jumps while the service runs, or between two starts of it."""

import email.utils
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import COMMAND, ServiceProcess, eventually
from evil_cases import CASE_S, Place
from evil_server import Caller, Front, answering, telling
from torture_fixtures import World, sampled
from wall_fixtures import Wall, build

from pigment_watcher.model import Outcome
from pigment_watcher.policy import poll_times
from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.torture("9. clocks")

HOUR_S, DAY_S = 3600.0, 86_400.0
#: The times that a clock may jump to, as shifts from the right one.
JUMPS = {
    "back an hour": -HOUR_S,
    "forward a day": DAY_S,
    "to 1970": 60.0 - time.time(),
    "to 2099": 4_100_000_000.0 - time.time(),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wall"))


@pytest.fixture
def wall(tmp_path: Path, library: Path) -> Wall:
    return Wall(library, tmp_path / "shift")


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    """Lend a stand-in whose imports end when they are told to."""
    with Simulator(import_s=math.inf) as simulator:
        yield simulator


@pytest.fixture
def front(pigment: Simulator) -> Iterator[Front]:
    with Front(pigment) as front:
        yield front


@pytest.fixture
def place(tmp_path: Path, pigment: Simulator, front: Front) -> Place:
    return Place(tmp_path, pigment, front)


def test_the_clock_that_the_service_sees_is_the_one_that_is_moved(
    tmp_path: Path, pigment: Simulator, wall: Wall
) -> None:
    """Else all below would prove nothing."""
    wall.shift(JUMPS["to 2099"])
    world = World(tmp_path, pigment)
    with world.serve(environ=wall.environ) as service:
        assert str(service.ready(CASE_S).lines[0]["timestamp"]).startswith("2099-")


@pytest.mark.parametrize("jump", JUMPS)
def test_a_jump_while_the_service_runs_changes_nothing(
    tmp_path: Path, pigment: Simulator, wall: Wall, jump: str
) -> None:
    """There and back again, with an import in progress and a file that waits behind it."""
    world = World(tmp_path, pigment, import_deadline="1h")
    with world.serve(environ=wall.environ) as service:
        world.drop("a.csv")
        world.drop("b.csv")
        service.wait_for("job.pushed", CASE_S, file="a.csv")
        wall.shift(JUMPS[jump])
        goes_on(service, pigment)
        pigment.finish(pigment.imports()[0].id)
        service.wait_for("job.finished", CASE_S, file="a.csv", outcome="imported")
        service.wait_for("job.pushed", CASE_S, file="b.csv")
        world.drop("c.csv")
        wall.shift(0)
        goes_on(service, pigment)
        pigment.finish(pigment.imports()[1].id)
        service.wait_for("job.pushed", CASE_S, file="c.csv")
        pigment.finish(pigment.imports()[2].id)
        service.wait_for("job.finished", CASE_S, file="c.csv", outcome="imported")
        assert service.stop() == 0
    assert len(pigment.pushes()) == 3
    world.recover().check()


def goes_on(service: ServiceProcess, pigment: Simulator) -> None:
    """Wait until imports were asked after anew."""
    before = len(pigment.calls())
    pigment.wait_for(lambda it: len(it.calls()) >= before + 3, CASE_S)
    assert service.events("job.finished", outcome="unsure") == []


JOURNEYS = [(one, other) for one in (None, *JUMPS) for other in (None, *JUMPS) if one != other]
#: Lanes that are told something else than the first one, whose import runs.
TOLD = {"busy": "429 Later", "missing": "404 Not Found", "later": "503 Not Now"}


@pytest.mark.parametrize(("first", "second"), sampled(JOURNEYS, 4), ids=str)
def test_a_jump_between_two_starts_loses_no_file_and_makes_none_wait_for_years(
    place: Place, wall: Wall, first: str | None, second: str | None
) -> None:
    """One import runs, a file waits behind it, and three files were told to wait."""
    routes: dict[str, dict[str, object]] = {lane: {} for lane in ("runs", *TOLD)}
    world = World(place.folder, place.pigment, routes=routes, url=place.front.url)
    wall.shift(JUMPS[first] if first else 0)
    with world.serve(COMMAND, environ=wall.environ) as service:
        world.drop("runs.csv", route="runs")
        service.wait_for("job.pushed", CASE_S, route="runs")
        for lane, told in TOLD.items():
            place.front.play(answering(told, b"No."))
            world.drop(f"{lane}.csv", route=lane)
            service.wait_for("job.push_postponed", CASE_S, route=lane)
        world.drop("behind.csv", route="runs")
        service.wait_for("job.claimed", CASE_S, file="behind.csv")
    wall.shift(JUMPS[second] if second else 0)
    place.front.play(telling("InProgress"), on="status")
    with world.serve(COMMAND, environ=wall.environ) as again:
        # One that seems to run since years is asked after as seldom as any.
        within_s = CASE_S + poll_times.OVERDUE_S[1]
        eventually(lambda: imported(world, place.pigment) == len(world.dropped), within_s)
        assert again.stop() == 0
    assert world.conditions() == []
    assert len(place.pigment.pushes()) == len(world.dropped)
    world.recover().check()


def imported(world: World, pigment: Simulator) -> int:
    """End every import that runs, and return how many files ended well so far."""
    for one in pigment.imports():
        if one.state == "InProgress":
            pigment.finish(one.id)
    return sum(outcome is Outcome.IMPORTED for outcome in world.outcomes().values())


# ---------------------------------------------------------------- times of others

TIMES_NS = {
    "before 1970": -DAY_S * 10**9,
    "in 1970": 0,
    "last year": (time.time() - 365 * DAY_S) * 10**9,
    "tomorrow": (time.time() + DAY_S) * 10**9,
    "in 2099": 4_100_000_000 * 10**9,
    "in 2400": 13_600_000_000 * 10**9,
}


def test_files_of_any_time_are_imported_in_its_order(tmp_path: Path) -> None:
    with Simulator(import_s=0.0) as pigment:
        world = World(tmp_path, pigment)
        names = [f"{9 - number}.csv" for number in range(len(TIMES_NS))]
        for name, at_ns in zip(names, TIMES_NS.values(), strict=True):
            os.utime(world.drop(name), ns=(int(at_ns), int(at_ns)))
        world.recover().check()
        assert [one.path.name for one in world.dropped] == names
        assert [push.sha256 for push in pigment.pushes()] == [one.sha256 for one in world.dropped]


TOLD_BY_DATE = [(status, jump) for jump in (*JUMPS, None) for status in (429, 503)]


@pytest.mark.parametrize(("status", "jump"), sampled(TOLD_BY_DATE, 3), ids=str)
def test_a_retry_after_is_measured_by_the_clock_of_the_server(
    place: Place, wall: Wall, status: int, jump: str | None
) -> None:
    """A date of its own lies years ahead for a machine that believes in 1970."""

    def later(caller: Caller) -> None:
        dates = [email.utils.formatdate(time.time() + ahead, usegmt=True) for ahead in (0, 2)]
        headers = (f"Date: {dates[0]}", f"Retry-After: {dates[1]}")
        answering(f"{status} Later", b"No.", *headers)(caller)

    place.front.play(later)
    world = place.world()
    wall.shift(JUMPS[jump] if jump else 0)
    world.drop()
    with world.serve(COMMAND, environ=wall.environ) as service:
        service.wait_for("job.push_postponed", CASE_S)
        eventually(lambda: imported(world, place.pigment) == 1, CASE_S)
        assert service.stop() == 0
    world.recover().check()
