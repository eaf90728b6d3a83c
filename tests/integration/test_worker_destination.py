"""What a worker makes of a destination that refuses, waits or is silent; time by hand."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig_fixtures import LANE, OTHER_LANE, Rig, names, reason, rig, route, statuses

from pigment_watcher.model import ConditionKind, LoadMode, Outcome, State
from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    """Lend a stand-in whose imports are over at once."""
    with Simulator(import_s=0.0) as simulator:
        yield simulator


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig with one route, of which nobody said what a second push would do."""
    with rig(tmp_path, url=pigment.url) as built:
        yield built


@pytest.fixture
def repeatable(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig whose files may be pushed again."""
    with rig(tmp_path, route(tmp_path / "in", load_mode=LoadMode.UPDATE), url=pigment.url) as built:
        yield built


@pytest.fixture
def two(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig with two lanes on one inbox: b*.csv goes to the other one."""
    inbox = tmp_path / "in"
    routes = (
        route(inbox, "second", OTHER_LANE, files=("b*.csv",), load_mode=LoadMode.UPDATE),
        route(inbox, load_mode=LoadMode.UPDATE),
    )
    with rig(tmp_path, *routes, url=pigment.url) as built:
        yield built


# ---------------------------------------------------------------- the key


def test_a_refused_key_blocks_what_uses_it_and_is_probed_until_it_works(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviour T20."""
    one.keys["default"] = "wrongKey"
    one.take_in("a.csv", "b.csv")
    assert one.work(most=4) == ["push", "probe", "probe", "probe"]
    blocked = one.condition(ConditionKind.KEY_REFUSED)
    assert blocked is not None
    assert "put a valid key in its place and reload" in blocked.detail
    assert set(one.states().values()) == {State.QUEUED}
    one.keys["default"] = DEMO_KEY
    one.work_off()
    assert set(one.outcomes().values()) == {Outcome.IMPORTED}
    assert statuses(pigment) == [401, 200, 200]
    assert one.ear.told(ConditionKind.KEY_REFUSED) == [True, False]
    assert names(one.inbox / "failed") == []


def test_the_probes_of_a_refused_key_grow_rarer_up_to_five_minutes(one: Rig) -> None:
    one.keys["default"] = "wrongKey"
    one.take_in("a.csv")
    one.work()
    times = []
    for _ in range(8):
        one.work()
        times.append(one.clock.now())
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert 200 <= gaps[-1] <= 300


def test_a_key_that_is_not_at_hand_blocks_like_a_refused_one_and_ends_no_worker(
    one: Rig, pigment: Simulator
) -> None:
    """A route may go whose running imports still need its key."""
    one.take_in("a.csv")
    one.keys.clear()
    assert one.work(most=2) == ["push", "probe"]
    assert one.ear.told(ConditionKind.KEY_REFUSED) == [True]
    one.keys["default"] = DEMO_KEY
    assert one.work(most=2) == ["probe", "push"]
    one.keys.clear()
    assert one.work(most=2) == ["poll", "probe"]
    one.keys["default"] = DEMO_KEY
    one.work_off()
    assert (one.job().outcome, statuses(pigment)) == (Outcome.IMPORTED, [200])


def test_an_import_is_waited_for_while_its_key_is_refused_however_long(one: Rig) -> None:
    one.take_in("a.csv")
    one.work()
    one.keys["default"] = "wrongKey"
    began = one.clock.now()
    while one.clock.now() < began + 3600:
        one.work()
    one.keys["default"] = DEMO_KEY
    one.work_off()
    assert one.job().outcome is Outcome.IMPORTED


def test_a_file_that_is_forbidden_while_the_key_works_is_refused(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviour H6."""
    pigment.script(Fault.answer(403, body=b"blocked by policy 7"))
    one.take_in("a.csv", "b.csv")
    assert one.work(most=2) == ["push", "probe"]
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.REFUSED, "b.csv": Outcome.IMPORTED}
    assert "a proxy or firewall disliked this file" in reason(one)
    assert "blocked by policy 7" in reason(one)


@pytest.mark.parametrize("status", [401, 403])
def test_a_file_that_is_forbidden_because_of_the_key_waits_for_the_key(
    one: Rig, pigment: Simulator, status: int
) -> None:
    pigment.script(Fault.answer(403), Fault.answer(status, on="probe"))
    one.take_in("a.csv")
    assert one.work(most=2) == ["push", "probe"]
    assert one.condition(ConditionKind.KEY_IN_DOUBT) is None
    assert one.condition(ConditionKind.KEY_REFUSED) is not None
    one.work_off()
    assert (one.job().outcome, statuses(pigment)) == (Outcome.IMPORTED, [403, 200])


def test_a_doubt_about_the_host_is_probed_with_a_key_that_is_not_known_to_be_bad(
    tmp_path: Path, pigment: Simulator
) -> None:
    inbox = tmp_path / "in"
    routes = (
        route(inbox, "second", OTHER_LANE, files=("b*.csv",), key="bad"),
        route(inbox),
    )
    with rig(tmp_path, *routes, url=pigment.url) as mixed:
        mixed.keys = {"bad": "wrongKey", "default": DEMO_KEY}
        mixed.restart()
        pigment.script(Fault.answer(500, configuration_id=LANE))
        mixed.take_in("a.csv", "b.csv")
        mixed.work(most=8)
        assert mixed.ear.told(ConditionKind.HOST_IN_DOUBT) == [True, False]
        assert mixed.ear.told(ConditionKind.KEY_REFUSED) == [True]


def test_a_doubt_is_probed_even_if_every_key_is_known_to_be_bad(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(401), Fault.answer(500))
    one.take_in("a.csv", "b.csv")
    assert one.work(most=3) == ["push", "probe", "push"]
    pigment.script(Fault.answer(401, on="probe", times=2))
    assert one.work(most=2) == ["probe", "probe"]
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.UNSURE, "b.csv": Outcome.IMPORTED}


# ---------------------------------------------------------------- lanes that wait


def test_an_unknown_configuration_blocks_its_lane_alone_and_is_tried_with_the_same_file(
    two: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404, configuration_id=LANE, times=2))
    two.take_in("a1.csv", "a2.csv", "b.csv")
    two.work_off()
    assert set(two.outcomes().values()) == {Outcome.IMPORTED}
    assert two.ear.told(ConditionKind.CONFIGURATION_MISSING) == [True, False]
    assert two.ear.named("job.finished") == ["b.csv", "a1.csv", "a2.csv"]
    refused = [push.at for push in pigment.pushes() if push.status == 404]
    assert len(refused) == 2
    assert "correct configuration_id of the route" in two.ear.conditions[0].condition.detail


def test_an_unknown_configuration_is_tried_ever_more_rarely_up_to_an_hour(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404, times=None))
    one.take_in("a.csv")
    times = []
    for _ in range(7):
        one.work()
        times.append(one.clock.now())
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert 200 <= gaps[0] <= 360
    assert 2400 <= gaps[-1] <= 3600


def test_one_lane_that_is_told_too_many_waits_alone_and_as_long_as_it_was_told(
    two: Rig, pigment: Simulator
) -> None:
    """Behaviour T21."""
    pigment.script(Fault.busy(retry_after="120", configuration_id=LANE))
    two.take_in("a.csv", "b.csv")
    began = two.clock.now()
    two.work(most=3)
    assert two.outcomes() == {"a.csv": None, "b.csv": Outcome.IMPORTED}
    assert two.clock.now() < began + 60
    two.work()
    assert began + 120 <= two.clock.now() < began + 121
    two.work_off()
    assert two.outcomes()["a.csv"] is Outcome.IMPORTED


def test_two_lanes_that_are_told_too_many_show_that_it_is_the_host(
    two: Rig, pigment: Simulator
) -> None:
    """Behaviour T21."""
    pigment.script(Fault.busy(times=2))
    two.take_in("a.csv", "b.csv")
    began = two.clock.now()
    two.work(most=2)
    assert two.ear.told(ConditionKind.LANE_BUSY) == [True, True]
    assert two.ear.told(ConditionKind.HOST_BUSY) == [True]
    two.work()
    assert two.clock.now() >= began + 300
    two.work_off()
    assert set(two.outcomes().values()) == {Outcome.IMPORTED}
    assert two.ear.told(ConditionKind.HOST_BUSY) == [True, False]


def test_a_status_call_that_is_told_too_many_is_asked_again_later(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.busy(on="status", retry_after="60"))
    one.take_in("a.csv")
    assert one.work_off() == ["push", "poll", "poll"]
    assert one.job().outcome is Outcome.IMPORTED


# ---------------------------------------------------------------- nothing was sent


def test_a_host_that_can_not_be_reached_is_tried_again_without_end(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours T20, I9."""
    pigment.stop()
    one.take_in("a.csv")
    began = one.clock.now()
    assert one.work(most=12) == ["push"] * 12
    assert one.clock.now() > began + 600
    assert one.ear.told(ConditionKind.HOST_UNAVAILABLE) == [True]
    pigment.start()
    one.work_off()
    assert (one.job().outcome, one.job().attempts) == (Outcome.IMPORTED, 1)
    assert one.ear.told(ConditionKind.HOST_UNAVAILABLE) == [True, False]


def test_a_host_that_takes_nothing_now_is_tried_again_whatever_the_load_mode(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours H4, T20."""
    pigment.script(Fault.answer(503, times=12))
    one.take_in("a.csv")
    one.work_off()
    assert statuses(pigment) == [503] * 12 + [200]
    assert one.job().outcome is Outcome.IMPORTED


def test_a_redirect_is_not_followed_and_blocks_as_a_wrong_url(one: Rig, pigment: Simulator) -> None:
    pigment.script(Fault.answer(308, headers={"Location": "http://127.0.0.1:9/elsewhere"}))
    one.take_in("a.csv")
    one.work()
    blocked = one.condition(ConditionKind.WRONG_URL)
    assert blocked is not None
    assert "http://127.0.0.1:9/elsewhere" in blocked.detail
    assert one.work_off() == ["probe", "push", "poll"]
    assert one.job().outcome is Outcome.IMPORTED


# ---------------------------------------------------------------- not known

LOST = [
    Fault.lost_answer(),
    Fault.act("reset_after_body"),
    Fault.act("garbage"),
    Fault.act("cut_answer"),
    Fault.answer(500),
    Fault.answer(502, body=b"<html>bad gateway</html>"),
    Fault.answer(408),
    Fault.answer(302, headers={"Location": "/login"}),
    Fault.answer(200, body=b"thank you"),
]


@pytest.mark.parametrize("lost", LOST, ids=lambda fault: fault.action or str(fault.status))
def test_a_file_whose_answer_was_lost_is_unsure_and_nothing_is_pushed_before_a_probe(
    one: Rig, pigment: Simulator, lost: Fault
) -> None:
    """Behaviour T22."""
    pigment.script(lost, Fault.answer(502, on="probe", times=2))
    one.take_in("a.csv", "b.csv")
    assert one.work(most=4) == ["push", "probe", "probe", "probe"]
    assert len(pigment.pushes()) == 1
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.UNSURE, "b.csv": Outcome.IMPORTED}
    assert reason(one).startswith("NOT KNOWN WHETHER IMPORTED - look before dropping it again\n")
    assert one.ear.told(ConditionKind.HOST_IN_DOUBT) == [True, False]


@pytest.mark.parametrize("lost", LOST, ids=lambda fault: fault.action or str(fault.status))
def test_a_file_whose_answer_was_lost_is_pushed_again_where_that_does_no_harm(
    repeatable: Rig, pigment: Simulator, lost: Fault
) -> None:
    pigment.script(lost)
    repeatable.take_in("a.csv")
    assert repeatable.work_off() == ["push", "probe", "push", "poll"]
    assert repeatable.job().outcome is Outcome.IMPORTED


def test_a_file_whose_answer_names_the_import_of_another_file_is_unsure(
    one: Rig, pigment: Simulator
) -> None:
    """As a proxy would that answers from what it remembers."""
    one.take_in("a.csv")
    one.work_off()
    named = b'{"importId": "%s"}' % pigment.imports()[0].id.encode()
    pigment.script(Fault.answer(200, body=named))
    one.take_in("b.csv")
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED, "b.csv": Outcome.UNSURE}


def test_an_outage_makes_as_many_doubtful_files_as_were_on_the_wire(
    two: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(500, times=None), Fault.answer(500, on="probe", times=None))
    two.take_in("a1.csv", "a2.csv", "b1.csv", "b2.csv")
    two.work(most=20)
    assert len(pigment.pushes()) == 1


def test_polls_go_on_while_a_host_is_in_doubt(two: Rig, pigment: Simulator) -> None:
    pigment.script(Fault.answer(500, configuration_id=LANE))
    pigment.script(Fault.answer(500, on="probe", times=None))
    two.take_in("b.csv")
    assert two.work() == ["push"]
    two.take_in("a.csv")
    while two.outcomes()["b.csv"] is None:
        two.work()
    assert two.condition(ConditionKind.HOST_IN_DOUBT) is None  # an answered poll ends it, too


def test_a_file_that_alone_is_answered_with_errors_is_failed_while_others_are_taken(
    two: Rig, pigment: Simulator
) -> None:
    """Behaviour H5."""
    two.put("a.csv", "SIMULATE-503\n1\n")
    for number in range(60):
        two.take_in(f"b{number}.csv")
        two.work(most=3)
    two.work_off()
    outcomes = two.outcomes()
    assert (outcomes.pop("a.csv"), set(outcomes.values())) == (Outcome.FAILED, {Outcome.IMPORTED})
    assert statuses(pigment).count(503) == 10
    assert "answered this file with an error 10 times" in reason(two)


def test_a_file_is_not_failed_while_no_other_was_taken(one: Rig, pigment: Simulator) -> None:
    """Behaviour T20."""
    one.put("a.csv", "SIMULATE-503\n1\n")
    one.take_in()
    one.work(most=25)
    assert (one.job().state, statuses(pigment)) == (State.QUEUED, [503] * 25)
