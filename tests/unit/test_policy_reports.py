"""By which call an import is asked after, and what its end means with a report and without."""

from itertools import product
from typing import Any

import pytest
from policy_fixtures import HOST, NOW, around, begun, ended, importing, rules, said, status, waits

from pigment_watcher import errors
from pigment_watcher.model import (
    Asking,
    Condition,
    ConditionKind,
    DetailedReport,
    ImportState,
    ImportStatus,
    LoadMode,
    Outcome,
    Report,
    Skipped,
    SkippedRows,
    State,
    Verdict,
)
from pigment_watcher.policy import polls, reports
from pigment_watcher.policy.decisions import Decision

COMPLETED = status(ImportState.COMPLETED)
RUNNING = status(ImportState.IN_PROGRESS)
DAY_S = 24 * 3600.0
#: What a host may say that knows nothing under v1.
DENIALS = [
    *map(said, [400, 404, 405, 410, 308, 501]),
    errors.NoAnswer("the server answered 200, but with what is no JSON"),
]
#: What says nothing about v1, and may be over in a moment.
TROUBLES = [*map(said, [408, 500, 502, 504]), errors.NotKnown("lost")]
SKIPPED = Report(skipped=3, skips=(Skipped(reason="ParsingError", count=3),))
NONE_SKIPPED = Report(inserted=4, skipped=0)


def asked(
    answer: Any,
    asking: Asking = Asking.REPORT,
    wanted: DetailedReport = DetailedReport.AUTO,
    *,
    without_reports: bool = False,
    **changes: Any,
) -> Decision:
    """Return what follows from an answer to a call that asked so."""
    surroundings = around(reports=wanted, without_reports=without_reports)
    return polls.after_poll(importing(**changes), answer, surroundings, asking)


def plainly(answer: Any, **changes: Any) -> Decision:
    """Return what follows from an answer of the plainer call, asked after a report failed."""
    return asked(answer, Asking.ARTICLE, **{"asks_plainly": True, **changes})


def verdict(decision: Decision) -> Verdict:
    assert decision.verdict is not None
    return decision.verdict


# ---------------------------------------------------------------- which call


@pytest.mark.parametrize(
    ("wanted", "asks_plainly", "without_reports", "asking"),
    [
        (DetailedReport.NEVER, False, False, Asking.ARTICLE),
        (DetailedReport.ALWAYS, False, True, Asking.REPORT),
        (DetailedReport.ALWAYS, True, False, Asking.V1),
        (DetailedReport.AUTO, False, False, Asking.REPORT),
        (DetailedReport.AUTO, True, False, Asking.ARTICLE),
        (DetailedReport.AUTO, False, True, Asking.ARTICLE),
    ],
)
def test_the_call_follows_from_what_is_wanted_and_known(
    wanted: DetailedReport, asks_plainly: bool, without_reports: bool, asking: Asking
) -> None:
    job = importing(asks_plainly=asks_plainly)

    assert reports.asking(job, wanted, without_reports=without_reports) is asking


@pytest.mark.parametrize(("due_at", "known"), [(NOW + 1, True), (NOW, False), (None, False)])
def test_that_a_host_has_no_reports_is_known_for_a_while(due_at: float | None, known: bool) -> None:
    none = Condition(kind=ConditionKind.NO_REPORTS, subject=HOST, since=0.0, due_at=due_at)

    assert reports.is_known_without(none, NOW) == known
    assert not reports.is_known_without(None, NOW)


# ---------------------------------------------------------------- a host without v1


@pytest.mark.parametrize("denial", DENIALS, ids=str)
def test_a_denial_lets_the_older_call_be_asked_at_once_as_a_call_of_its_own(denial: Any) -> None:
    decision = asked(denial, retries=1, missing_since=NOW - 9)

    assert (decision.state, waits(decision)) == (State.IMPORTING, 0)
    assert decision.changes == {"asks_plainly": True, "report_denials": 0}
    assert (decision.event, decision.detail, decision.begins) == ("", "", ())


@pytest.mark.parametrize("answer", [RUNNING, COMPLETED, status(ImportState.FAILED)])
def test_one_denial_may_be_a_moment_so_the_report_is_asked_for_once_more(answer: Any) -> None:
    decision = plainly(answer, polls=2)

    assert (decision.state, decision.verdict, decision.took_s) == (State.IMPORTING, None, None)
    assert waits(decision) == pytest.approx(6.84 if answer is RUNNING else 5.0, rel=0.01)
    assert decision.changes["polls"] == 3
    assert not decision.changes["asks_plainly"]
    assert decision.changes["report_denials"] == 1


@pytest.mark.parametrize("denial", DENIALS, ids=str)
def test_a_second_denial_of_an_import_that_the_older_call_knows_is_believed(denial: Any) -> None:
    decision = asked(denial, report_denials=1)

    (none,) = decision.begins
    assert (none.kind, none.subject) == (ConditionKind.NO_REPORTS, HOST)
    assert none.due_at == NOW + DAY_S
    assert str(denial) in none.detail
    assert decision.changes == {"asks_plainly": True, "report_denials": 2}


def test_where_it_was_known_before_one_denial_renews_it() -> None:
    assert ConditionKind.NO_REPORTS in begun(asked(said(404), without_reports=True))


def test_what_is_believed_is_not_asked_again() -> None:
    assert verdict(plainly(COMPLETED, report_denials=2)).outcome is Outcome.IMPORTED
    changes = plainly(RUNNING, report_denials=1).changes
    assert not changes.keys() & {"asks_plainly", "report_denials"}
    known = asked(COMPLETED, Asking.ARTICLE, without_reports=True, asks_plainly=True)
    assert verdict(known).advice == ""


def test_an_import_that_neither_call_knows_is_missing_and_says_nothing_about_v1() -> None:
    decision = plainly(said(404), report_denials=1)

    assert decision.changes["missing_since"] == NOW
    assert decision.changes["report_denials"] == 0
    assert "asks_plainly" not in decision.changes


def test_an_answer_ends_that_there_are_no_reports_and_all_doubt() -> None:
    decision = asked(RUNNING, report_denials=1)

    assert (ConditionKind.NO_REPORTS, HOST) in ended(decision)
    assert decision.changes["report_denials"] == 0
    assert (ConditionKind.NO_REPORTS, HOST) not in ended(plainly(RUNNING))


# ---------------------------------------------------------------- what says nothing about v1


@pytest.mark.parametrize("trouble", [*TROUBLES, said(429), errors.NothingSent()], ids=str)
def test_a_trouble_is_waited_out_like_any_other(trouble: Any) -> None:
    assert asked(trouble) == polls.after_poll(importing(), trouble, around())


@pytest.mark.parametrize(
    ("trouble", "wanted"),
    [
        *product(TROUBLES, (DetailedReport.AUTO, DetailedReport.ALWAYS)),
        (errors.NoAnswer("no JSON"), DetailedReport.ALWAYS),
    ],
    ids=str,
)
def test_a_report_that_fails_three_times_is_done_without(
    trouble: Any, wanted: DetailedReport
) -> None:
    decision = asked(trouble, wanted=wanted, retries=2)

    assert decision.changes["asks_plainly"] is True
    assert decision.event == "job.status_failed"
    assert ConditionKind.HOST_UNAVAILABLE in begun(decision)
    assert "asks_plainly" in asked(trouble, wanted=wanted, report_denials=1).changes
    assert "asks_plainly" not in asked(trouble, wanted=wanted, retries=1).changes


@pytest.mark.parametrize("answer", [said(429), said(425), errors.NothingSent()], ids=str)
def test_what_holds_for_every_call_is_no_reason_to_do_without(answer: Any) -> None:
    assert "asks_plainly" not in asked(answer, retries=9).changes


@pytest.mark.parametrize(
    ("code", "kind"),
    [(401, ConditionKind.KEY_REFUSED), (403, ConditionKind.KEY_IN_DOUBT)],
)
def test_a_key_that_is_refused_for_reports_alone_does_not_stop_the_import_for_ever(
    code: int, kind: ConditionKind
) -> None:
    decision = asked(said(code))

    assert begun(decision).keys() == {kind}
    assert decision.changes["asks_plainly"] is True


@pytest.mark.parametrize("wanted", [DetailedReport.AUTO, DetailedReport.ALWAYS])
def test_a_report_that_is_too_long_is_done_without_at_once(wanted: DetailedReport) -> None:
    decision = asked(errors.TooLong(), wanted=wanted)

    assert decision.changes == {"asks_plainly": True, "report_denials": 2}
    assert (waits(decision), decision.begins) == (0, ())


def test_always_means_no_older_call() -> None:
    missing = asked(said(404), wanted=DetailedReport.ALWAYS)

    assert missing.changes["missing_since"] == NOW
    assert ConditionKind.WRONG_URL in begun(asked(said(308), wanted=DetailedReport.ALWAYS))


# ---------------------------------------------------------------- the end


def completed(
    report: Report | None, fails: bool = False, load_mode: LoadMode | None = None, **changes: Any
) -> Decision:
    rows = SkippedRows.FAIL if fails else SkippedRows.ACCEPT
    told = ImportStatus(import_id="i", state=ImportState.COMPLETED, report=report)
    return asked(told, rules=rules(skipped_rows=rows, load_mode=load_mode), **changes)


@pytest.mark.parametrize("fails", [False, True])
def test_rows_that_were_left_out_are_an_outcome_of_their_own(fails: bool) -> None:
    decision = completed(SKIPPED, fails)

    assert verdict(decision).outcome is Outcome.IMPORTED_WITH_SKIPS
    assert "left 3 rows out" in verdict(decision).reason
    assert ("counts that as a failure" in verdict(decision).reason) == fails
    assert decision.changes == {"report": SKIPPED}


@pytest.mark.parametrize(
    ("report", "words"),
    [(Report(skipped=1), "left 1 row out"), (Report(skips=SKIPPED.skips), "left rows out")],
)
def test_how_many_were_left_out_is_told_as_far_as_it_is_known(report: Report, words: str) -> None:
    assert words in verdict(completed(report)).reason


def test_what_to_drop_again_follows_from_the_load_mode() -> None:
    once = verdict(completed(SKIPPED)).advice
    again = verdict(completed(SKIPPED, load_mode=LoadMode.UPDATE)).advice

    assert "drop a file with the missing rows alone" in once
    assert "drop the whole corrected file" in again


@pytest.mark.parametrize("report", [NONE_SKIPPED, Report(inserted=4), None])
def test_where_nothing_is_told_to_be_left_out_the_file_is_imported(report: Report | None) -> None:
    decision = completed(report)

    assert verdict(decision) == Verdict(
        outcome=Outcome.IMPORTED, reason="Pigment imported the file."
    )
    assert decision.changes == {"report": report}


def test_where_rows_left_out_are_a_failure_only_a_report_tells_of_success() -> None:
    assert verdict(completed(NONE_SKIPPED, fails=True)).outcome is Outcome.IMPORTED
    for untold in (None, Report(inserted=4)):
        unsure = verdict(completed(untold, fails=True))
        assert unsure.outcome is Outcome.UNSURE
        assert "nobody knows whether every row was loaded" in unsure.reason
        assert "Import Summary" in unsure.advice


def test_a_report_that_could_not_be_read_is_remarked() -> None:
    decision = plainly(COMPLETED, report_denials=1)

    assert verdict(decision).outcome is Outcome.IMPORTED
    assert "Its report could not be read" in verdict(decision).reason
    assert verdict(decision).advice


def test_who_wants_no_report_hears_nothing_of_one() -> None:
    decision = plainly(COMPLETED, wanted=DetailedReport.NEVER)

    assert verdict(decision).advice == ""


def test_doubts_about_a_report_never_make_an_end_overdue() -> None:
    late = {"deadline_from": NOW - 99 * 3600}

    assert plainly(COMPLETED, **late).verdict is None
    assert verdict(plainly(RUNNING, **late)).outcome is Outcome.UNSURE
