"""What the answer to a push means, or its absence."""

from typing import Any

import pytest
from policy_fixtures import (
    FOUND,
    HOST,
    IMPORT,
    LANE,
    NOW,
    REPEATABLE,
    UNREPEATABLE,
    around,
    begun,
    ended,
    job,
    rules,
    said,
    waits,
)

from pigment_watcher import errors
from pigment_watcher.model import Accepted, ConditionKind, LoadMode, Outcome, State
from pigment_watcher.policy import pushes, transitions
from pigment_watcher.policy.decisions import Decision

ACCEPTED = Accepted(import_id=IMPORT, sha256="ab", bytes_sent=6)
LOST = errors.NotKnown("the answer is lost after 6 of 6 bytes: timed out")
REFUSED_TO_CONNECT = errors.NothingSent("nothing was sent: connection refused")
ALL_MODES = (*REPEATABLE, *UNREPEATABLE)

#: The statuses by what they mean; whatever is not named is a final refusal or not known.
BLOCKS = {
    401: ConditionKind.KEY_REFUSED,
    403: ConditionKind.KEY_IN_DOUBT,
    404: ConditionKind.CONFIGURATION_MISSING,
    429: ConditionKind.LANE_BUSY,
    407: ConditionKind.HOST_UNAVAILABLE,
    425: ConditionKind.HOST_UNAVAILABLE,
    503: ConditionKind.HOST_UNAVAILABLE,
    **dict.fromkeys((300, 304, 305, 307, 308, 399), ConditionKind.WRONG_URL),
}
UNKNOWN = (100, 201, 202, 204, 299, 301, 302, 303, 408, 500, 501, 502, 504, 507, 520, 599)
FINAL = (400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 418, 422, 426, 431, 451, 499)


def pushed(answer: Any, load_mode: LoadMode | None = None, **changes: Any) -> Decision:
    return pushes.after_push(job(load_mode, **changes), answer, around())


# ---------------------------------------------------------------- taken


@pytest.mark.parametrize("load_mode", ALL_MODES)
def test_an_import_that_is_known_as_that_of_another_file_tells_nothing(
    load_mode: LoadMode | None,
) -> None:
    decision = pushes.after_push(job(load_mode), ACCEPTED, around(import_is_anothers=True))

    assert "import_id" not in decision.changes
    assert list(begun(decision)) == [ConditionKind.HOST_IN_DOUBT]
    if load_mode in REPEATABLE:
        assert decision.state is State.QUEUED
    else:
        assert decision.verdict is not None
        assert decision.verdict.outcome is Outcome.UNSURE
        assert IMPORT in decision.verdict.reason


def test_an_accepted_push_is_an_import_that_is_asked_after_when_it_should_be_over() -> None:
    rejected = job(rejections=3, retries=3, rejected_at=NOW - 9, polls=2)
    decision = pushes.after_push(rejected, ACCEPTED, around(durations=(10.0,) * 9))

    assert (decision.state, decision.verdict, decision.begins) == (State.IMPORTING, None, ())
    assert decision.event == "job.pushed"
    assert waits(decision) == pytest.approx(10.32)
    assert decision.changes == {
        "import_id": IMPORT,
        "sha256": "ab",
        "bytes_sent": 6,
        "importing_since": NOW,
        "deadline_from": NOW,
        "asked_at": None,
        "is_early": False,
        "polls": 0,
        "retries": 0,
        "rejections": 0,
        "rejected_at": None,
    }


def test_an_accepted_push_ends_all_that_it_disproves() -> None:
    assert ended(pushed(ACCEPTED)) == {
        (ConditionKind.HOST_UNAVAILABLE, HOST),
        (ConditionKind.HOST_BUSY, HOST),
        (ConditionKind.KEY_REFUSED, "default"),
        (ConditionKind.CONFIGURATION_MISSING, LANE),
        (ConditionKind.LANE_BUSY, LANE),
    }


# ---------------------------------------------------------------- every status


@pytest.mark.parametrize("load_mode", ALL_MODES)
@pytest.mark.parametrize(("status", "kind"), BLOCKS.items())
def test_a_bad_destination_never_fails_a_file(
    status: int, kind: ConditionKind, load_mode: LoadMode | None
) -> None:
    """Behaviour H5."""
    decision = pushed(said(status), load_mode)

    assert (decision.state, decision.verdict) == (State.QUEUED, None)
    assert kind in begun(decision)
    assert decision.event == "job.push_postponed"
    assert f"{status}" in decision.detail or status == 404


@pytest.mark.parametrize("load_mode", ALL_MODES)
@pytest.mark.parametrize("status", FINAL)
def test_a_final_error_refuses_the_file_whatever_its_load_mode(
    status: int, load_mode: LoadMode | None
) -> None:
    """Behaviour H6."""
    decision = pushed(said(status, excerpt="column X is missing"), load_mode)

    assert decision.state is State.ARCHIVING
    assert decision.begins == ()
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.REFUSED
    assert decision.verdict.answer == "column X is missing"
    assert f"answered {status}" in decision.verdict.reason


@pytest.mark.parametrize("load_mode", UNREPEATABLE)
@pytest.mark.parametrize("answer", [*map(said, UNKNOWN), LOST], ids=str)
def test_what_is_not_known_is_unsure_and_never_pushed_again(
    answer: errors.DestinationError, load_mode: LoadMode | None
) -> None:
    """Behaviour T22."""
    decision = pushed(answer, load_mode)

    assert decision.state is State.ARCHIVING
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.UNSURE
    assert str(answer) in decision.verdict.reason


@pytest.mark.parametrize("load_mode", REPEATABLE)
@pytest.mark.parametrize("answer", [*map(said, UNKNOWN), LOST], ids=str)
def test_what_is_not_known_is_pushed_again_where_that_is_harmless(
    answer: errors.DestinationError, load_mode: LoadMode
) -> None:
    decision = pushed(answer, load_mode, retries=3, rejections=2, rejected_at=NOW - 50)

    assert (decision.state, decision.verdict) == (State.QUEUED, None)
    assert (waits(decision), decision.detail) == (16, str(answer))
    assert decision.changes == {"retries": 4, "rejections": 2, "rejected_at": NOW}


@pytest.mark.parametrize(("others_taken", "counted"), [(True, 3), (False, 2)])
def test_an_error_counts_against_a_file_only_if_others_got_through_since_its_last(
    others_taken: bool, counted: int
) -> None:
    """An outage that hits everybody must never fail a file."""
    before = job(rejections=2, rejected_at=NOW - 50)
    decision = pushes.after_push(before, said(503), around(others_taken=others_taken))

    assert decision.changes["rejections"] == counted


@pytest.mark.parametrize("load_mode", ALL_MODES)
@pytest.mark.parametrize("answer", [*map(said, UNKNOWN), LOST], ids=str)
def test_after_any_doubt_the_host_is_probed_before_anything_more_is_pushed(
    answer: errors.DestinationError, load_mode: LoadMode | None
) -> None:
    doubt = begun(pushed(answer, load_mode))[ConditionKind.HOST_IN_DOUBT]

    assert (doubt.subject, doubt.detail, doubt.due_at) == (HOST, str(answer), NOW + 5)


@pytest.mark.parametrize("load_mode", ALL_MODES)
def test_every_status_has_exactly_one_of_the_meanings_above(load_mode: LoadMode | None) -> None:
    in_doubt = None if load_mode in REPEATABLE else Outcome.UNSURE
    for status in range(100, 600):
        decision = pushed(said(status), load_mode)

        outcome = None if decision.verdict is None else decision.verdict.outcome
        if status in BLOCKS or (300 <= status < 400 and status not in UNKNOWN):
            assert outcome is None, status
        elif 400 <= status < 500 and status != 408:
            assert outcome is Outcome.REFUSED, status
        else:
            assert outcome is in_doubt, status
            assert ConditionKind.HOST_IN_DOUBT in begun(decision)


@pytest.mark.parametrize(
    "answer", [ACCEPTED, LOST, REFUSED_TO_CONNECT, *map(said, (*BLOCKS, *UNKNOWN, *FINAL))]
)
def test_no_answer_asks_for_a_step_that_is_not_allowed(answer: Any) -> None:
    for load_mode in ALL_MODES:
        decision = pushed(answer, load_mode)

        assert (State.PUSHING, decision.state) in transitions.ALLOWED
        # A server may answer before it has got a byte, with anything but success.
        before = (State.QUEUED, decision.state)
        assert answer is ACCEPTED or decision.state is State.QUEUED or before in transitions.ALLOWED


# ---------------------------------------------------------------- waiting for the host


@pytest.mark.parametrize("retries", [0, 10, 10_000])
def test_a_host_that_can_not_be_reached_is_tried_without_end(retries: int) -> None:
    """Behaviour T20."""
    before = job(retries=retries, rejections=99, rejected_at=NOW - 1e6)
    decision = pushes.after_push(before, REFUSED_TO_CONNECT, around(others_taken=True))

    assert (decision.state, decision.verdict) == (State.QUEUED, None)
    assert decision.due_at <= NOW + 300
    assert decision.changes == {"retries": retries + 1}
    assert decision.detail == str(REFUSED_TO_CONNECT)
    unavailable = begun(decision)[ConditionKind.HOST_UNAVAILABLE]
    assert (unavailable.subject, unavailable.due_at) == (HOST, None)
    assert "connection refused" in unavailable.detail


@pytest.mark.parametrize(
    ("retry_after_s", "wait"), [(None, 32), (10, 32), (100, 100), (1e9, 86400)]
)
def test_a_503_waits_as_told_but_no_shorter_than_the_growing_delay(
    retry_after_s: float | None, wait: float
) -> None:
    decision = pushed(said(503, retry_after_s=retry_after_s), retries=4)

    assert waits(decision) == wait
    assert begun(decision)[ConditionKind.HOST_UNAVAILABLE].detail == "the server answered 503"


@pytest.mark.parametrize("status", [400, 401, 404])
def test_an_error_ends_the_silence_of_the_host_all_the_same(status: int) -> None:
    assert ended(pushed(said(status))) == {
        (ConditionKind.HOST_UNAVAILABLE, HOST),
        (ConditionKind.HOST_BUSY, HOST),
    }


# ---------------------------------------------------------------- 401, 403, 404, redirects


def test_a_refused_key_is_blocked_until_a_probe_says_otherwise() -> None:
    decision = pushed(said(401, excerpt="expired"), rules=rules(key="/etc/other-key"))

    block = begun(decision)[ConditionKind.KEY_REFUSED]
    assert (block.subject, block.due_at, decision.due_at) == ("/etc/other-key", NOW + 30, NOW)
    assert "put a valid key in its place and reload (it said: expired)" in block.detail


def test_a_forbidden_push_is_probed_at_once_and_remembered() -> None:
    decision = pushed(said(403, excerpt="blocked by policy 7"))

    doubt = begun(decision)[ConditionKind.KEY_IN_DOUBT]
    assert (doubt.due_at, doubt.detail) == (NOW, "the server answered 403: blocked by policy 7")
    assert decision.due_at == NOW
    assert decision.changes == {"forbidden": True, "answer": "blocked by policy 7"}


def test_a_file_that_is_forbidden_with_a_good_key_is_refused() -> None:
    decision = pushes.refused_after_probe(job(answer="blocked by policy 7"), around())

    assert decision.state is State.ARCHIVING
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.REFUSED
    assert decision.verdict.answer == "blocked by policy 7"
    assert "proxy or firewall" in decision.verdict.reason


@pytest.mark.parametrize(("misses", "wait"), [(0, 300), (1, 600), (2, 1200), (9, 3000)])
def test_a_missing_configuration_blocks_its_lane_for_longer_each_time(
    misses: int, wait: float
) -> None:
    decision = pushes.after_push(job(), said(404, excerpt="no such"), around(misses=misses))

    block = begun(decision)[ConditionKind.CONFIGURATION_MISSING]
    assert (block.subject, block.due_at) == (LANE, NOW + wait)
    assert decision.due_at == block.due_at
    assert "correct configuration_id of the route and reload (it said: no such)" in block.detail


def test_a_redirect_is_told_as_a_wrong_url_with_where_it_points_to() -> None:
    decision = pushed(said(308, location="https://elsewhere.example"))

    block = begun(decision)[ConditionKind.WRONG_URL]
    assert (block.subject, block.due_at, decision.due_at) == (HOST, NOW + 30, NOW)
    assert "(308) to https://elsewhere.example: correct pigment.url and reload" in block.detail


# ---------------------------------------------------------------- 429


@pytest.mark.parametrize(("retry_after_s", "wait"), [(None, 300), (0, 1), (42, 42)])
def test_too_many_requests_wait_as_told_or_for_minutes(
    retry_after_s: float | None, wait: float
) -> None:
    """Behaviour T21."""
    decision = pushed(said(429, retry_after_s=retry_after_s))

    assert waits(decision) == wait
    assert begun(decision)[ConditionKind.LANE_BUSY].due_at == NOW + wait


@pytest.mark.parametrize(
    ("excerpt", "others", "stops"),
    [
        ("Too many requests", False, {ConditionKind.LANE_BUSY}),
        ("Too many requests", True, {ConditionKind.LANE_BUSY, ConditionKind.HOST_BUSY}),
        ("Maximum per Configuration per hour exceeded", True, {ConditionKind.LANE_BUSY}),
    ],
)
def test_nothing_else_stops_for_a_429_that_need_not(
    excerpt: str, others: bool, stops: set[ConditionKind]
) -> None:
    """Behaviour T21."""
    told = around(others_told_too_many=others)
    decision = pushes.after_push(job(), said(429, excerpt=excerpt), told)

    assert begun(decision).keys() == stops


# ---------------------------------------------------------------- given up


@pytest.mark.parametrize("answer", [said(503), said(500), LOST], ids=str)
@pytest.mark.parametrize(
    ("rejections", "others_taken", "is_over"),
    [(9, True, True), (8, True, False), (99, False, False)],
)
def test_a_file_is_given_up_only_when_others_are_taken_meanwhile(
    answer: errors.DestinationError, rejections: int, others_taken: bool, is_over: bool
) -> None:
    """Behaviour H4."""
    before = job(LoadMode.UPDATE, rejections=rejections, rejected_at=NOW - 900)
    decision = pushes.after_push(before, answer, around(others_taken=others_taken))

    assert (decision.state is State.ARCHIVING) == is_over
    if is_over:
        assert decision.verdict is not None
        assert decision.verdict.outcome is Outcome.FAILED
        assert "10 times" in decision.verdict.reason


@pytest.mark.parametrize(("excerpt", "words"), [("busy", "busy"), ("", "the server answered 503")])
def test_a_file_that_is_given_up_shows_the_last_words(excerpt: str, words: str) -> None:
    before = job(rejections=9, rejected_at=NOW - 900)
    decision = pushes.after_push(before, said(503, excerpt=excerpt), around(others_taken=True))

    assert decision.verdict is not None
    assert decision.verdict.answer == words


def test_giving_up_a_file_does_not_end_the_doubt_about_the_host() -> None:
    before = job(LoadMode.UPDATE, rejections=9, rejected_at=NOW - 900)
    decision = pushes.after_push(before, LOST, around(others_taken=True))

    assert decision.verdict is not None
    assert begun(decision).keys() == {ConditionKind.HOST_IN_DOUBT}


def test_the_first_rejection_starts_the_count_and_its_time() -> None:
    assert pushed(said(503)).changes == {"retries": 1, "rejections": 1, "rejected_at": NOW}


# ---------------------------------------------------------------- changed, crashed, vanished


@pytest.mark.parametrize("load_mode", ALL_MODES)
@pytest.mark.parametrize("answer", [ACCEPTED, LOST, said(500), said(408), said(302)], ids=str)
def test_a_file_that_changed_while_it_was_sent_is_unsure(
    answer: Any, load_mode: LoadMode | None
) -> None:
    """Behaviour T8."""
    decision = pushes.after_push(job(load_mode), answer, around(), changed=True)

    assert (decision.state, decision.event) == (State.ARCHIVING, "job.decided")
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.UNSURE
    assert "changed while it was being sent" in decision.verdict.reason
    assert decision.begins == pushed(answer, load_mode).begins


def test_a_changed_file_that_was_taken_keeps_its_import_id() -> None:
    decision = pushes.after_push(job(), ACCEPTED, around(), changed=True)

    assert decision.changes["import_id"] == IMPORT
    assert (ConditionKind.HOST_UNAVAILABLE, HOST) in ended(decision)


@pytest.mark.parametrize("answer", [REFUSED_TO_CONNECT, *map(said, [400, 401, 429, 503])], ids=str)
def test_a_change_of_a_file_that_was_not_taken_does_not_matter(answer: Any) -> None:
    changed = pushes.after_push(job(), answer, around(), changed=True)

    assert changed == pushed(answer)


@pytest.mark.parametrize("load_mode", UNREPEATABLE)
def test_a_crash_while_sending_is_unsure(load_mode: LoadMode | None) -> None:
    decision = pushes.after_crash(job(load_mode), around())

    assert decision.state is State.ARCHIVING
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.UNSURE
    assert "service was interrupted" in decision.verdict.reason
    assert begun(decision).keys() == {ConditionKind.HOST_IN_DOUBT}


@pytest.mark.parametrize("load_mode", REPEATABLE)
def test_a_crash_while_sending_is_no_rejection_of_a_file_that_may_be_repeated(
    load_mode: LoadMode,
) -> None:
    before = job(load_mode, rejections=9, rejected_at=NOW - 900)
    decision = pushes.after_crash(before, around(others_taken=True))

    assert (decision.state, decision.verdict) == (State.QUEUED, None)
    assert (waits(decision), decision.changes) == (2, {"retries": 1})
    assert "service was interrupted" in decision.detail
    assert begun(decision).keys() == {ConditionKind.HOST_IN_DOUBT}


def test_a_file_that_vanished_before_it_was_sent_is_gone() -> None:
    """Behaviour H9."""
    decision = pushes.after_look(None, "a.csv: not there", NOW, quiet_s=2.0)

    assert (decision.state, decision.event) == (State.FAILED, "job.finished")
    assert (decision.due_at, decision.detail) == (NOW, "a.csv: not there")
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.GONE


def test_a_file_that_changed_before_it_was_sent_settles_again() -> None:
    """Behaviour T9."""
    decision = pushes.after_look(FOUND, "a.csv: changed", NOW, quiet_s=30.0)

    assert (decision.state, decision.event) == (State.QUEUED, "job.changed")
    assert (waits(decision), decision.changes) == (30, {"fingerprint": FOUND})
    assert decision.detail == "a.csv: changed"


def test_a_claimed_file_that_can_not_be_read_is_tried_again_and_told() -> None:
    """Behaviour H10."""
    decision = pushes.after_unreadable(job(retries=2), "a.csv: input/output error", around())

    assert (decision.state, decision.verdict) == (State.QUEUED, None)
    assert (waits(decision), decision.changes) == (8, {"retries": 3})
    assert decision.detail == "a.csv: input/output error"
    told = begun(decision)[ConditionKind.FILE_UNREADABLE]
    assert (told.subject, told.detail) == ("/srv/sales/a.csv", decision.detail)
