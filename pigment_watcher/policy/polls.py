"""What the answer to a status call means, or its absence; the import runs whatever it is."""

from collections.abc import Mapping
from typing import Any

from pigment_watcher import errors
from pigment_watcher.model import Asking, ConditionKind, ImportState, ImportStatus, Job, State
from pigment_watcher.policy import delays, poll_times, reports, verdicts
from pigment_watcher.policy.decisions import (
    Begin,
    Decision,
    Failure,
    Surroundings,
    ended,
    host_answers,
    host_busy,
    host_reached,
    key_block,
    poll_later,
    redirected,
    replaced,
    told_to_wait,
)

#: So long Pigment may say that it knows no import of an ID it gave, in seconds of answered calls.
IMPORT_MISSING_S = 300.0


def after_poll(
    job: Job,
    answer: ImportStatus | Failure,
    around: Surroundings,
    asked: Asking = Asking.ARTICLE,
) -> Decision:
    """Return what follows from the answer to a status call; the import runs whatever it is."""
    if isinstance(answer, ImportStatus):
        return _polled(job, answer, around, asked)
    if asked is not Asking.REPORT:
        return _not_answered(job, answer, around)
    instead = reports.fallen_back(job, answer, around)
    return instead or reports.failed(job, answer, _not_answered(job, answer, around))


def _not_answered(job: Job, answer: Failure, around: Surroundings) -> Decision:
    match answer:
        case errors.ServerSaid(status=404):
            return _import_missing(job, around)
        case errors.ServerSaid(status=401):
            block = key_block(ConditionKind.KEY_REFUSED, job, answer, around)
            return replaced(
                _ask_again(job, due_at=around.now, detail=str(answer), begins=(block,)),
                ends=host_reached(around),
            )
        case errors.ServerSaid(status=429):
            due_at = around.now + told_to_wait(answer)
            # Pigment limits status calls for the whole host alone.
            begins = (host_busy(answer, due_at, around),)
            return _ask_again(job, due_at=due_at, detail=str(answer), begins=begins)
        case _:
            return _poll_failed(job, answer, around)


def _polled(job: Job, status: ImportStatus, around: Surroundings, asked: Asking) -> Decision:
    ends = (*host_answers(job, around), *reports.found(asked, around))
    in_doubt = reports.is_in_doubt(job, asked, around)
    learnt = reports.after_answer(job, asked, in_doubt=in_doubt)
    if status.state is ImportState.IN_PROGRESS:
        decision = _in_progress(job, around, learnt)
        soonest = around.now + reports.DOUBT_S if in_doubt else 0.0
        return replaced(decision, due_at=max(decision.due_at, soonest), ends=ends)
    if in_doubt:
        # It is over: whether there is a report is all that is left to find out.
        changes = {"polls": job.polls + 1, "retries": 0, "missing_since": None, **learnt}
        return Decision(
            state=State.IMPORTING, due_at=around.now + reports.DOUBT_S, changes=changes, ends=ends
        )
    if status.state is ImportState.COMPLETED:
        verdict = reports.completed(job, status.report, around)
    else:
        said = "\n".join(": ".join(filter(None, error)) for error in status.errors)
        verdict = verdicts.import_failed(said)
    return replaced(
        ended(verdict, around),
        changes={"report": status.report},
        ends=ends,
        took_s=poll_times.measured(job, status, around.now),
    )


def _in_progress(job: Job, around: Surroundings, learnt: Mapping[str, Any]) -> Decision:
    counted_from = around.now if job.deadline_from is None else job.deadline_from
    if around.now - counted_from > around.import_deadline_s:
        return ended(verdicts.import_overdue(around.import_deadline_s / 3600), around)
    began_at = around.now if job.importing_since is None else job.importing_since
    due_at, timing = poll_later(max(0.0, around.now - began_at), around)
    return Decision(
        state=State.IMPORTING,
        due_at=due_at,
        changes={
            "polls": job.polls + 1,
            "retries": 0,
            "missing_since": None,
            "asked_at": around.now,
            **timing,
            **learnt,
        },
    )


def _import_missing(job: Job, around: Surroundings) -> Decision:
    since = around.now if job.missing_since is None else job.missing_since
    if around.now - since >= IMPORT_MISSING_S:
        return ended(verdicts.import_lost(), around)
    again = _ask_again(
        job,
        due_at=around.now + delays.growing(delays.POLL_RETRY_S, job.retries, around.chance),
        detail="Pigment says that it knows no import of this ID",
        missing_since=since,
    )
    # So the call for a report was right if it said the same.
    changes = {**again.changes, "report_denials": 0}
    return replaced(again, changes=changes, ends=host_answers(job, around))


def _poll_failed(job: Job, answer: Failure, around: Surroundings) -> Decision:
    begins = (Begin(kind=ConditionKind.HOST_UNAVAILABLE, subject=around.host, detail=str(answer)),)
    if isinstance(answer, errors.ServerSaid) and 300 <= answer.status < 400:
        begins = (redirected(answer, around),)
    if isinstance(answer, errors.ServerSaid) and answer.status == 403:
        begins = (
            Begin(
                kind=ConditionKind.KEY_IN_DOUBT,
                subject=job.rules.key,
                detail=str(answer),
                due_at=around.now,
            ),
        )
    return _ask_again(
        job,
        due_at=around.now + delays.growing(delays.POLL_RETRY_S, job.retries, around.chance),
        detail=str(answer),
        begins=begins,
    )


def _ask_again(
    job: Job,
    *,
    due_at: float,
    detail: str,
    missing_since: float | None = None,
    begins: tuple[Begin, ...] = (),
) -> Decision:
    return Decision(
        state=State.IMPORTING,
        due_at=due_at,
        event="job.status_failed",
        detail=detail,
        changes={
            "retries": job.retries + 1,
            "polls": job.polls + 1,
            "missing_since": missing_since,
        },
        begins=begins,
    )
