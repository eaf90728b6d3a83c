"""How Pigment's report of an import is come by, and what it means for the file.

Only the status under v1 has one. A host may lack that, a proxy may block it, and one report may be
more than Pigment or we can handle; the end of an import is asked after all the same, by the call
that is still left. That the report is to blame is believed when the plainer call works where the
one for the report failed, twice in a row: an import that just began, or an outage that just ended,
may show in one of them first. What was found about the host holds for all imports, for a day.
"""

from collections.abc import Mapping
from typing import Any

from pigment_watcher import errors
from pigment_watcher.model import (
    Asking,
    Condition,
    ConditionKind,
    DetailedReport,
    Job,
    Report,
    SkippedRows,
    State,
    Verdict,
)
from pigment_watcher.policy import verdicts
from pigment_watcher.policy.decisions import (
    Begin,
    Decision,
    End,
    Failure,
    Surroundings,
    host_reached,
    replaced,
)

#: So often the plainer call must work where the one for a report failed.
CONCLUSIVE = 2
#: Seconds between the two: what is a matter of a moment is over by then.
DOUBT_S = 5.0
#: Calls for a report that fail in a row, before the plainer one is tried.
PATIENCE = 3
#: Seconds for which a host is known to have no reports.
REMEMBERED_S = 24 * 3600.0
#: Seconds that all others wait for the first import that asks again after that.
TRIED_BY_ONE_S = 600.0

_OF_KEY = frozenset({401, 403})
#: What is said of the key or of this moment, and not of what was asked for.
_OF_OTHERS = _OF_KEY | {407, 408, 425, 429}


def asking(job: Job, wanted: DetailedReport, *, without_reports: bool) -> Asking:
    """Return by which call an import is asked after next."""
    match wanted:
        case DetailedReport.NEVER:
            return Asking.ARTICLE
        case DetailedReport.ALWAYS:
            return Asking.V1 if job.asks_plainly else Asking.REPORT
        case _:
            return Asking.ARTICLE if job.asks_plainly or without_reports else Asking.REPORT


def is_known_without(condition: Condition | None, now: float) -> bool:
    """Return whether a host is known to have no reports; after a day that is found out anew."""
    return condition is not None and (condition.due_at or 0.0) > now


def fallen_back(job: Job, answer: Failure, around: Surroundings) -> Decision | None:
    """Return the decision to ask without a report at once, None where that would not help.

    It is another call of its own, which takes its slot as every other does.
    """
    if isinstance(answer, errors.TooLong):
        return _plainly(around, denials=CONCLUSIVE)
    if around.reports is not DetailedReport.AUTO or not _is_denial(answer):
        return None
    if not (job.report_denials or around.without_reports):
        return _plainly(around, denials=0)
    none = Begin(
        kind=ConditionKind.NO_REPORTS,
        subject=around.host,
        detail=f"Pigment's status under v1 can't be had here ({answer}), so it is not known which"
        " rows an import left out",
        due_at=around.now + REMEMBERED_S,
    )
    return replaced(_plainly(around, denials=CONCLUSIVE), begins=(none,))


def _is_denial(answer: Failure) -> bool:
    """Return whether an answer may say that there is no such call."""
    if isinstance(answer, errors.ServerSaid):
        return answer.status == 501 or (answer.status < 500 and answer.status not in _OF_OTHERS)
    return isinstance(answer, errors.NoAnswer)


def _plainly(around: Surroundings, *, denials: int) -> Decision:
    return Decision(
        state=State.IMPORTING,
        due_at=around.now,
        changes={"asks_plainly": True, "report_denials": denials},
        ends=host_reached(around),
    )


def failed(job: Job, answer: Failure, decision: Decision) -> Decision:
    """Return what follows from a call for a report that failed: the next one may do without."""
    is_long = job.report_denials > 0 or job.retries + 1 >= PATIENCE
    if _is_of_key(answer) or (is_long and _may_be_of_report(answer)):
        return replaced(decision, changes={**decision.changes, "asks_plainly": True})
    return decision


def _is_of_key(answer: Failure) -> bool:
    return isinstance(answer, errors.ServerSaid) and answer.status in _OF_KEY


def _may_be_of_report(answer: Failure) -> bool:
    """Return whether an error may be there because a report was asked for."""
    if isinstance(answer, errors.ServerSaid):
        return answer.status in {400, 408} or answer.status >= 500
    return isinstance(answer, errors.NotKnown)


def is_in_doubt(job: Job, asked: Asking, around: Surroundings) -> bool:
    """Return whether a report is asked for once more, although a plainer call was answered."""
    if asked is Asking.REPORT or around.reports is DetailedReport.NEVER or around.without_reports:
        return False
    return job.asks_plainly and job.report_denials + 1 < CONCLUSIVE


def after_answer(job: Job, asked: Asking, *, in_doubt: bool) -> Mapping[str, Any]:
    """Return what changes of a job whose import goes on."""
    if in_doubt:
        return {"asks_plainly": False, "report_denials": job.report_denials + 1}
    if asked is Asking.REPORT and job.report_denials:
        return {"report_denials": 0}
    return {}


def found(asked: Asking, around: Surroundings) -> tuple[End, ...]:
    """Return the condition that ends when a call for a report is answered."""
    return (End(ConditionKind.NO_REPORTS, around.host),) if asked is Asking.REPORT else ()


def completed(job: Job, report: Report | None, around: Surroundings) -> Verdict:
    """Return how a file ends whose import Pigment calls completed."""
    fails = job.rules.skipped_rows is SkippedRows.FAIL
    if report is not None and report.has_skips:
        return verdicts.imported_with_skips(report, fails=fails, may_repeat=job.rules.may_repeat)
    if fails and (report is None or report.skipped is None):
        return verdicts.not_known_whether_whole()
    is_unread = job.asks_plainly and not around.without_reports
    return verdicts.imported(is_unread=is_unread and around.reports is not DetailedReport.NEVER)
