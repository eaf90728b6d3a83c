"""HTTP on the side of the push, for longer: what is waited for, outages, and one bad file."""

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, Line, configuration_id, eventually
from evil_cases import CASE_S, MODES, Place
from evil_server import Caller, Evil, Front, Kind, answering, resetting
from tls_fixtures import Identity, make_identity
from torture_fixtures import World, sampled

from pigment_watcher.model import ConditionKind, Outcome, State
from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("4. HTTP: pushes")

Note = Callable[[str, object], None]


@pytest.fixture
def front(pigment: Simulator) -> Iterator[Front]:
    with Front(pigment) as front:
        yield front


@pytest.fixture
def place(tmp_path: Path, pigment: Simulator, front: Front) -> Place:
    return Place(tmp_path, pigment, front)


# ---------------------------------------------------------------- what is waited for


@dataclass(frozen=True, slots=True)
class Trouble:
    """What lasts until somebody mends it; `on` is what is answered so."""

    kind: ConditionKind
    evil: Evil
    on: tuple[Kind, ...] = ("push",)
    #: Whether the same file is pushed again meanwhile, because it was surely not taken.
    repeats: bool = False


EVERYTHING: tuple[Kind, ...] = ("push", "status", "probe")
TROUBLES = {
    "the key is refused": Trouble(
        ConditionKind.KEY_REFUSED, answering("401 Unauthorized"), EVERYTHING
    ),
    "the key is forbidden": Trouble(
        ConditionKind.KEY_REFUSED, answering("403 Forbidden"), EVERYTHING
    ),
    "no such configuration": Trouble(
        ConditionKind.CONFIGURATION_MISSING, answering("404 Not Found"), repeats=True
    ),
    "it redirects": Trouble(
        ConditionKind.WRONG_URL, answering("307 Go", b"", "Location: /x"), EVERYTHING
    ),
    "not now": Trouble(ConditionKind.HOST_UNAVAILABLE, answering("503 Not Now"), repeats=True),
    "too many requests": Trouble(
        ConditionKind.LANE_BUSY, answering("429 Later", b"", "Retry-After: 1"), repeats=True
    ),
}


@pytest.mark.parametrize(
    ("what", "load_mode"), sampled(list(itertools.product(TROUBLES, MODES)), 4)
)
def test_a_trouble_that_lasts_is_said_once_and_the_file_waits_for_its_end(
    place: Place, what: str, load_mode: str
) -> None:
    trouble = TROUBLES[what]
    world, front = place.world(load_mode), place.front
    for on in trouble.on:
        front.play(trouble.evil, on=on, times=None)
    world.drop("a.csv")
    asked: Kind = "push" if trouble.repeats else "probe"
    with world.serve() as service:
        eventually(lambda: front.count(asked) >= 2, CASE_S)
        waits_for(world, trouble.kind)
        assert service.stop() == 0
    with world.serve() as again:
        eventually(lambda: front.count(asked) >= 3, CASE_S)
        waits_for(world, trouble.kind)
        front.relent()
        if trouble.kind is ConditionKind.CONFIGURATION_MISSING:
            again.signal(signal.SIGHUP)  # then it is tried at once
        again.wait_for("job.finished", CASE_S, outcome="imported")
        eventually(lambda: not world.conditions(), CASE_S)
    said = [line for line in (*service.lines, *again.lines) if line.get("cause")]
    began = [line for line in said if line["cause"] == trouble.kind.value and not over(line)]
    assert len(began) == 1, said
    assert len(place.pigment.pushes()) == 1
    if not trouble.repeats:
        assert front.count("push") == 2
    world.recover().check()


def waits_for(world: World, kind: ConditionKind) -> None:
    """Assert that the file is queued, because of this."""
    eventually(lambda: world.jobs()[0].state is State.QUEUED, CASE_S)
    assert [job.outcome for job in world.jobs()] == [None]
    assert kind in {condition.kind for condition in world.conditions()}


def over(line: Line) -> bool:
    """Whether a line tells the end of a trouble."""
    return "seconds" in line


def test_a_host_that_refuses_connections_is_waited_for(tmp_path: Path, pigment: Simulator) -> None:
    world = World(tmp_path, pigment)
    pigment.stop()
    world.drop("a.csv")
    with world.serve() as service:
        service.wait_for("job.push_postponed", CASE_S)
        eventually(lambda: len(service.events("job.push_postponed")) >= 5, CASE_S)
        waits_for(world, ConditionKind.HOST_UNAVAILABLE)
        pigment.start()
        service.wait_for("job.finished", CASE_S, outcome="imported")
        assert len(service.events("destination.unavailable")) == 1
        assert len(service.events("destination.available")) == 1
    assert len(pigment.pushes()) == 1
    world.recover().check()


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    (tmp_path / "tls").mkdir()
    return make_identity(tmp_path / "tls")


TLS_TROUBLES = ("a certificate nobody knows", "plain HTTP", "a handshake that hangs")


@pytest.mark.parametrize("what", sampled(TLS_TROUBLES, 1))
def test_a_host_whose_tls_fails_is_waited_for_and_sent_nothing(
    tmp_path: Path, pigment: Simulator, identity: Identity, what: str
) -> None:
    (tmp_path / "other").mkdir()
    other = make_identity(tmp_path / "other").context
    with Front(pigment, tls=identity.context) as front:
        world = World(
            tmp_path,
            pigment,
            url=front.url,
            ca_bundle=str(identity.certificate),
            connect_timeout="1s",
        )
        front.tls = {TLS_TROUBLES[0]: other}.get(what)
        front.is_mute = what == TLS_TROUBLES[2]
        world.drop("a.csv")
        with world.serve() as service:
            eventually(lambda: len(service.events("job.push_postponed")) >= 3, CASE_S)
            waits_for(world, ConditionKind.HOST_UNAVAILABLE)
            assert front.seen == []
            front.tls, front.is_mute = identity.context, False
            service.wait_for("job.finished", CASE_S, outcome="imported")
            assert len(service.events("destination.unavailable")) == 1
        assert front.count("push") == len(pigment.pushes()) == 1
        world.recover().check()


def test_a_name_that_does_not_resolve_is_waited_for_until_the_url_is_corrected(
    place: Place,
) -> None:
    world = World(place.folder, place.pigment, url="https://pigment.invalid")
    world.drop("a.csv")
    with world.serve() as service:
        eventually(lambda: len(service.events("job.push_postponed")) >= 3, CASE_S)
        waits_for(world, ConditionKind.HOST_UNAVAILABLE)
        world.configure(url=place.front.url)
        service.signal(signal.SIGHUP)
        service.wait_for("job.finished", CASE_S, outcome="imported")
        assert world.conditions() == []
    said = service.events("destination.unavailable", subject="pigment.invalid:443")
    assert len(said) == 1
    world.recover().check()


MOVED = {
    "it redirected": answering("308 Moved", b"", "Location: https://elsewhere/"),
    "it was in doubt": answering("500 Oops"),
    "it took nothing": answering("503 Not Now"),
}


@pytest.mark.parametrize(
    ("what", "how"), sampled(list(itertools.product(MOVED, ["reload", "restart"])), 2)
)
def test_what_was_wrong_with_a_host_ends_with_another_url(
    place: Place, what: str, how: str
) -> None:
    world, front = place.world("update"), place.front
    for kind in EVERYTHING:
        front.play(MOVED[what], on=kind, times=None)
    world.drop("a.csv")
    with world.serve() as service, Front(place.pigment) as other:
        eventually(lambda: front.count("push") >= 1 and bool(world.conditions()), CASE_S)
        world.configure(url=other.url)
        if how == "reload":
            service.signal(signal.SIGHUP)
            service.wait_for("job.finished", CASE_S, outcome="imported")
        assert service.stop() == 0
        world.recover()
        assert world.conditions() == []
        world.check()


# ---------------------------------------------------------------- outages

LANES = ("a", "b", "c", "d", "e", "f")
WORKERS = 4


@pytest.mark.parametrize("how", sampled(["resets", "silence", "500"], 1))
def test_an_outage_leaves_no_more_unsure_than_were_on_the_wire(
    tmp_path: Path, pigment: Simulator, front: Front, how: str, record_property: Note
) -> None:
    files = 300 if os.environ.get("TORTURE") == "all" else 60
    record_property("faults", files)
    world = World(
        tmp_path,
        pigment,
        routes={lane: {"load_mode": "append"} for lane in LANES},
        url=front.url,
        answer_timeout="2s",
        top={"stop_grace": "2s", "workers": WORKERS},
    )
    for number in range(files):
        world.drop(f"{number:03}.csv", route=LANES[number % len(LANES)])
    evils = {"resets": resetting(1.0), "silence": hanging_after, "500": answering("500 Oops")}
    for kind in EVERYTHING:
        front.play(evils[how], on=kind, times=None)
    with world.serve() as service:
        eventually(lambda: front.count("probe") >= 5, CASE_S)
        assert 1 <= front.count("push") <= WORKERS - 1
        front.relent()
        eventually(lambda: len(service.events("job.finished")) == files, 5 * CASE_S)
        eventually(lambda: not world.conditions(), CASE_S)
    counts = world.outcome_counts()
    assert counts["unsure"] <= WORKERS - 1
    assert counts["imported"] == files - counts["unsure"]
    assert_in_order(world, pigment)
    world.recover().check()


def test_an_outage_that_no_probe_sees_leaves_as_many_unsure_for_each_probe(
    tmp_path: Path, pigment: Simulator, front: Front
) -> None:
    """Status calls are answered, pushes are not: nothing but a push tells that it is not over."""
    routes = {lane: {"load_mode": "append"} for lane in LANES}
    world = World(
        tmp_path,
        pigment,
        routes=routes,
        url=front.url,
        top={"workers": WORKERS, "stop_grace": "2s"},
    )
    for number in range(30):
        world.drop(f"{number:03}.csv", route=LANES[number % len(LANES)])
    front.play(answering("500 Oops"), times=None)
    with world.serve() as service:
        eventually(lambda: front.count("probe") >= 2, CASE_S)
        front.relent()
        eventually(lambda: len(service.events("job.finished")) == 30, CASE_S)
        eventually(lambda: not world.conditions(), CASE_S)
    counts = world.outcome_counts()
    assert counts["unsure"] <= (front.count("probe") + 1) * (WORKERS - 1)
    assert counts["imported"] == 30 - counts["unsure"]
    assert_in_order(world, pigment)
    world.recover().check()


def hanging_after(caller: Caller) -> None:
    """Take all of it, begin nothing, and say nothing."""
    caller.read_rest()
    caller.released.wait(10)


def assert_in_order(world: World, pigment: Simulator) -> None:
    """Assert that each lane's files were imported in the order of their age."""
    for lane in LANES:
        dropped = [one.sha256 for one in world.dropped if one.route == lane]
        pushed = [
            push.sha256
            for push in sorted(pigment.pushes(), key=lambda push: push.at)
            if push.configuration_id == configuration_id(lane) and push.import_id
        ]
        assert pushed == [one for one in dropped if one in pushed]


# ---------------------------------------------------------------- one bad file


@pytest.mark.parametrize("status", sampled([500, 503], 1))
def test_a_file_that_alone_is_answered_with_errors_fails_and_its_lane_goes_on(
    tmp_path: Path, pigment: Simulator, status: int
) -> None:
    routes = {lane: {"load_mode": "update"} for lane in ("a", "b")}
    world = World(tmp_path, pigment, routes=routes)
    pigment.script(Fault.answer(status, times=None, content=b"POISON"))
    poisoned = world.drop("0.csv", f"{ROWS}POISON,1,1\n".encode(), route="a")
    world.drop("1.csv", route="a")
    with world.serve() as service:
        for number in itertools.count():
            if service.events("job.finished", route="a", file="0.csv", outcome="failed"):
                break
            world.drop(f"{number}.csv", route="b")
            service.wait_for("job.finished", CASE_S, route="b", file=f"{number}.csv")
        service.wait_for("job.finished", CASE_S, route="a", file="1.csv", outcome="imported")
    of_poison = [push for push in pigment.pushes() if push.status == status]
    assert len(of_poison) >= 10
    reason = poisoned.parent / "failed" / "0.csv.reason.txt"
    assert "10 times in a row" in " ".join(reason.read_text(encoding="utf-8").split())
    world.recover().check()


def test_a_file_that_may_not_be_repeated_is_unsure_at_its_first_error(
    tmp_path: Path, pigment: Simulator
) -> None:
    world = World(tmp_path, pigment, routes={"sales": {"load_mode": "append"}})
    pigment.script(Fault.answer(500, times=None, content=b"POISON"))
    world.drop("0.csv", f"{ROWS}POISON,1,1\n".encode())
    world.drop("1.csv")
    with world.serve() as service:
        service.wait_for("job.finished", CASE_S, file="0.csv", outcome="unsure")
        service.wait_for("job.finished", CASE_S, file="1.csv", outcome="imported")
    assert len(pigment.pushes()) == 2
    world.recover().check()


def test_a_file_of_the_only_lane_that_is_never_taken_is_waited_for_and_can_be_taken_away(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Nobody can tell it from an outage: no other file shows that the destination works."""
    world = World(tmp_path, pigment)
    pigment.script(Fault.answer(503, times=None, content=b"POISON"))
    poisoned = world.drop("0.csv", f"{ROWS}POISON,1,1\n".encode())
    world.drop("1.csv")
    with world.serve() as service:
        eventually(lambda: len(pigment.pushes()) >= 12, CASE_S)
        assert service.events("job.finished") == []
        assert service.stop() == 0
    (claimed,) = poisoned.parent.glob("processing/*/*/0.csv")
    claimed.unlink()
    world.take_away(poisoned)
    world.recover().check()
    assert world.outcomes() == {"0.csv": Outcome.GONE, "1.csv": Outcome.IMPORTED}
