import re
from collections.abc import Iterable
from typing import Any

import pytest

from pigment_watcher.simulator.faults import Fault, Script, from_json
from pigment_watcher.simulator.received import NIL_UUID, Target

CONFIGURATION = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
PUSH = Target(kind="push", method="POST", path="/", configuration_id=CONFIGURATION)
STATUS = Target(kind="status", method="GET", path="/", import_id=CONFIGURATION)
PROBE = Target(kind="probe", method="GET", path="/", import_id=NIL_UUID)
LEDGER = Target(kind="ledger", method="GET", path="/simulator/ledger")


def script_of(*faults: Fault) -> Script:
    script = Script()
    script.add(faults)
    return script


def taken(script: Script, targets: Iterable[Target]) -> list[int | None]:
    faults = [script.take(target) for target in targets]
    return [fault.status if fault else None for fault in faults]


def test_faults_are_used_up_in_their_order() -> None:
    script = script_of(Fault.answer(503, times=2), Fault.answer(500))

    assert taken(script, [PUSH] * 4) == [503, 503, 500, None]


def test_a_fault_for_ever_stays() -> None:
    script = script_of(Fault.answer(503, times=None), Fault.answer(500))

    assert taken(script, [PUSH] * 3) == [503, 503, 503]


def test_a_fault_waits_for_the_request_it_is_for() -> None:
    script = script_of(Fault.answer(500, on="probe"), Fault.answer(502, on="status"))

    assert taken(script, [PUSH, STATUS, PROBE, PROBE]) == [None, 502, 500, None]


def test_a_fault_for_any_request_leaves_the_own_pages_alone() -> None:
    script = script_of(Fault.answer(503, on="any", times=None))

    assert taken(script, [LEDGER, PUSH, STATUS, PROBE]) == [None, 503, 503, 503]


def test_a_fault_for_one_configuration_leaves_the_others_alone() -> None:
    other = Target(kind="push", method="POST", path="/", configuration_id="other")
    script = script_of(Fault.answer(404, configuration_id=CONFIGURATION.upper()))

    assert taken(script, [other, PUSH]) == [None, 404]


def test_a_fault_for_content_waits_for_the_body() -> None:
    fault = Fault.answer(500, content=b"poison")
    script = script_of(fault, Fault.answer(503))

    assert script.take(PUSH) is None
    assert script.take(PUSH, head=b"a\npoison\n") is fault


def test_where_the_content_does_not_match_the_next_fault_acts() -> None:
    script = script_of(
        Fault.answer(500, content=b"poison"), Fault.act("reset_half_body"), Fault.answer(503)
    )

    taken_late = script.take(PUSH, head=b"a\nharmless\n")

    assert taken_late == Fault.answer(503)


def test_a_cleared_script_holds_nothing() -> None:
    script = script_of(Fault.answer(503))
    script.clear()

    assert script.take(PUSH) is None


def test_the_constructors_say_what_they_do() -> None:
    assert Fault.busy(retry_after="7").headers == {"Retry-After": "7"}
    assert (Fault.busy().status, Fault.busy().headers) == (429, {})
    assert Fault.slow(0.5) == Fault(delay_s=0.5)
    assert Fault.early(413, on="any") == Fault(on="any", action="early", status=413)
    assert Fault.lost_answer(times=3) == Fault(action="accept_then_reset", times=3)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "it would do nothing"),
        ({"on": "pull", "status": 500}, "on: not one of push, status, report, probe, any: 'pull'"),
        ({"action": "explode"}, "action: not one of"),
        ({"status": 99}, "status: from 200 to 599: 99"),
        ({"status": 500, "times": 0}, "times: at least 1"),
        ({"delay_s": -1}, "delay_s: from 0 to"),
        ({"delay_s": float("inf")}, "delay_s: from 0 to"),
        ({"action": "early"}, "early: give the status"),
        ({"action": "hang", "content": b"x"}, "hang acts before the body is read"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        Fault(**given)


def test_faults_can_be_written_in_json() -> None:
    written = [
        {"status": 503, "times": None, "body": "later", "headers": {"Retry-After": "1"}},
        {"action": "drip", "on": "status", "delay_s": 1},
        {"status": 500, "content": "poison", "configuration_id": CONFIGURATION},
    ]

    assert from_json(written) == [
        Fault.answer(503, times=None, body=b"later", headers={"Retry-After": "1"}),
        Fault(action="drip", on="status", delay_s=1),
        Fault.answer(500, content=b"poison", configuration_id=CONFIGURATION),
    ]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"status": 503}, "a JSON list is expected"),
        ([503], "a JSON object is expected, not 503"),
        ([{"code": 503}], "'code' is not known; known are on, times,"),
        ([{"status": "503"}], "status: not of the right type: '503'"),
        ([{"status": 503, "times": True}], "times: not of the right type: True"),
        ([{"status": 503, "headers": {"Retry-After": 7}}], "headers: each value must be a text"),
    ],
)
def test_json_that_describes_no_fault_is_refused(written: object, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        from_json(written)
