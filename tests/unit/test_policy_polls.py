"""What the answer to a status call means, or its absence."""

from typing import Any

import pytest
from policy_fixtures import HOST, IMPORT, NOW, around, begun, ended, importing, said, status, waits

from pigment_watcher import errors
from pigment_watcher.model import ConditionKind, ImportState, Outcome, State
from pigment_watcher.policy import polls
from pigment_watcher.policy.decisions import Decision

RUNNING = status(ImportState.IN_PROGRESS)
HOUR = 3600.0


def polled(answer: Any, **changes: Any) -> Decision:
    return polls.after_poll(importing(**changes), answer, around())


# ---------------------------------------------------------------- answered


def test_completed_is_imported() -> None:
    decision = polled(status(ImportState.COMPLETED))

    assert (decision.state, decision.event) == (State.ARCHIVING, "job.decided")
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.IMPORTED


def test_failed_is_failed_with_every_word_of_pigment() -> None:
    """Behaviour H8."""
    decision = polled(
        status(ImportState.FAILED, ("Rows", "7 are bad"), ("Columns", ""), ("", "ask us"))
    )

    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.FAILED
    assert decision.verdict.answer == "Rows: 7 are bad\nColumns\nask us"


def test_an_import_in_progress_is_asked_after_when_it_should_be_over() -> None:
    job = importing(polls=1, retries=4, missing_since=NOW - 9)
    decision = polls.after_poll(job, RUNNING, around(durations=(5.0, 100.0)))

    assert (decision.state, decision.event, decision.took_s) == (State.IMPORTING, "", None)
    assert waits(decision) == pytest.approx(43)
    assert decision.changes == {
        "polls": 2,
        "retries": 0,
        "missing_since": None,
        "asked_at": NOW,
        "is_early": False,
    }


def test_an_import_that_takes_longer_than_any_is_expected_to_go_on() -> None:
    decision = polls.after_poll(importing(), RUNNING, around(durations=(5.0,)))

    assert waits(decision) == 15
    assert decision.changes["is_early"]


@pytest.mark.parametrize("state", [ImportState.COMPLETED, ImportState.FAILED])
def test_how_long_an_import_took_is_told_at_its_end(state: ImportState) -> None:
    assert polled(status(state), asked_at=NOW - 20).took_s == 50


@pytest.mark.parametrize("answer", [*map(status, ImportState), said(404)], ids=str)
def test_an_answer_as_it_should_be_ends_what_it_disproves(answer: Any) -> None:
    assert ended(polled(answer)) == {
        (ConditionKind.HOST_UNAVAILABLE, HOST),
        (ConditionKind.HOST_BUSY, HOST),
        (ConditionKind.KEY_REFUSED, "default"),
    }


# ---------------------------------------------------------------- deadlines


@pytest.mark.parametrize(("since", "is_over"), [(6 * HOUR, False), (6 * HOUR + 1, True)])
def test_an_import_in_progress_past_its_deadline_is_unsure(since: float, is_over: bool) -> None:
    """Behaviour T23."""
    decision = polled(RUNNING, deadline_from=NOW - since)

    assert (decision.state is State.ARCHIVING) == is_over
    if is_over:
        assert decision.verdict is not None
        assert decision.verdict.outcome is Outcome.UNSURE
        assert "after 6 hours" in decision.verdict.reason
        assert (ConditionKind.HOST_UNAVAILABLE, HOST) in ended(decision)


def test_time_that_does_not_count_moves_the_deadline_on() -> None:
    decision = polled(RUNNING, importing_since=NOW - 60 * HOUR, deadline_from=NOW - HOUR)

    assert decision.verdict is None


def test_a_deadline_begins_now_where_none_is_stored() -> None:
    assert polled(RUNNING, deadline_from=None).verdict is None


@pytest.mark.parametrize("state", [ImportState.COMPLETED, ImportState.FAILED])
def test_an_end_counts_however_late_it_is(state: ImportState) -> None:
    decision = polled(status(state), deadline_from=NOW - 99 * HOUR)

    assert decision.verdict is not None
    assert decision.verdict.outcome in {Outcome.IMPORTED, Outcome.FAILED}


def test_a_call_without_an_answer_never_ends_an_import_however_late() -> None:
    decision = polled(errors.NothingSent("refused"), deadline_from=NOW - 99 * HOUR)

    assert (decision.state, decision.verdict) == (State.IMPORTING, None)


# ---------------------------------------------------------------- an import that Pigment denies


def test_a_404_is_first_only_remembered() -> None:
    decision = polled(said(404), retries=1, polls=3)

    assert decision.state is State.IMPORTING
    assert waits(decision) == 4
    assert decision.changes == {
        "retries": 2,
        "polls": 4,
        "missing_since": NOW,
        "report_denials": 0,
    }
    assert decision.detail == "Pigment says that it knows no import of this ID"


@pytest.mark.parametrize(("since", "is_over"), [(299, False), (300, True)])
def test_five_minutes_of_404_are_unsure(since: float, is_over: bool) -> None:
    decision = polled(said(404), missing_since=NOW - since)

    assert (decision.state is State.ARCHIVING) == is_over
    if is_over:
        assert decision.verdict is not None
        assert decision.verdict.outcome is Outcome.UNSURE
    else:
        assert decision.changes["missing_since"] == NOW - since


@pytest.mark.parametrize(
    "answer", [*map(said, [401, 403, 429, 500, 503, 308]), errors.NotKnown()], ids=str
)
def test_only_answered_calls_count_for_the_five_minutes(answer: Any) -> None:
    decision = polled(answer, missing_since=NOW - 10_000)

    assert decision.changes["missing_since"] is None


# ---------------------------------------------------------------- asked again


def test_no_error_ever_ends_an_import() -> None:
    for code in {*range(100, 600)} - {404}:
        decision = polled(said(code), deadline_from=NOW - 99 * HOUR, retries=50)

        assert (decision.state, decision.verdict) == (State.IMPORTING, None), code
        assert (decision.event, decision.changes["retries"]) == ("job.status_failed", 51)
        assert decision.begins, code
        assert decision.detail == str(said(code))
        is_redirect = ConditionKind.WRONG_URL in begun(decision)
        assert is_redirect == (300 <= code < 400), code


@pytest.mark.parametrize(
    "answer",
    [errors.NothingSent("refused"), errors.NotKnown("lost"), said(500), said(503)],
    ids=str,
)
def test_a_call_that_fails_is_asked_again_within_a_minute(
    answer: errors.DestinationError,
) -> None:
    decision = polled(answer, retries=3)

    assert waits(decision) == 16
    assert decision.detail == str(answer)
    assert {kind: begin.detail for kind, begin in begun(decision).items()} == {
        ConditionKind.HOST_UNAVAILABLE: str(answer)
    }
    assert (polled(answer, retries=99).due_at - NOW) <= 60


def test_a_refused_key_blocks_and_the_import_is_asked_after_when_it_works() -> None:
    decision = polled(said(401))

    assert begun(decision)[ConditionKind.KEY_REFUSED].due_at == NOW + 30
    assert decision.due_at == NOW
    assert (ConditionKind.HOST_UNAVAILABLE, HOST) in ended(decision)


def test_a_forbidden_call_lets_the_key_be_probed() -> None:
    doubt = begun(polled(said(403)))[ConditionKind.KEY_IN_DOUBT]

    assert (doubt.subject, doubt.due_at) == ("default", NOW)
    assert doubt.detail == "the server answered 403"


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirected_call_is_a_wrong_url(code: int) -> None:
    assert begun(polled(said(code))).keys() == {ConditionKind.WRONG_URL}


@pytest.mark.parametrize(("told_s", "waits_s"), [(70.0, 70), (None, 300)])
def test_too_many_status_calls_close_the_host_for_as_long_as_told(
    told_s: float | None, waits_s: float
) -> None:
    """Behaviour T21."""
    decision = polled(said(429, retry_after_s=told_s))

    assert waits(decision) == waits_s
    (begin,) = decision.begins
    assert (begin.kind, begin.subject) == (ConditionKind.HOST_BUSY, HOST)
    assert begin.due_at == NOW + waits_s


def test_the_import_id_is_never_changed_by_an_answer() -> None:
    for answer in (RUNNING, said(404), said(500)):
        assert "import_id" not in polled(answer).changes
    assert importing().import_id == IMPORT
