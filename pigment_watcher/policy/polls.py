"""What the answer to a status call means, or its absence; the import runs whatever it is."""

from pigment_watcher import errors
from pigment_watcher.model import ConditionKind, ImportState, ImportStatus, Job, State
from pigment_watcher.policy import delays, verdicts
from pigment_watcher.policy.decisions import (
    Begin,
    Decision,
    Failure,
    Surroundings,
    busy,
    ended,
    host_answers,
    host_reached,
    key_block,
    redirected,
    replaced,
    told_to_wait,
)

#: So long Pigment may say that it knows no import of an ID it gave, in seconds of answered calls.
IMPORT_MISSING_S = 300.0


def after_poll(job: Job, answer: ImportStatus | Failure, around: Surroundings) -> Decision:
    """Return what follows from the answer to a status call; the import runs whatever it is."""
    match answer:
        case ImportStatus():
            return _polled(job, answer, around)
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
            begins = busy(job, answer, due_at, around, only_lane=False)
            return _ask_again(job, due_at=due_at, detail=str(answer), begins=begins)
        case _:
            return _poll_failed(job, answer, around)


def _polled(job: Job, status: ImportStatus, around: Surroundings) -> Decision:
    ends = host_answers(job, around)
    if status.state is ImportState.COMPLETED:
        return replaced(ended(verdicts.imported(), around), ends=ends)
    if status.state is ImportState.FAILED:
        said = "\n".join(": ".join(filter(None, error)) for error in status.errors)
        return replaced(ended(verdicts.import_failed(said), around), ends=ends)
    since = around.now if job.deadline_from is None else job.deadline_from
    if around.now - since > around.import_deadline_s:
        overdue = verdicts.import_overdue(around.import_deadline_s / 3600)
        return replaced(ended(overdue, around), ends=ends)
    return Decision(
        state=State.IMPORTING,
        due_at=around.now + delays.before_poll(job.polls + 1, around.chance),
        changes={"polls": job.polls + 1, "retries": 0, "missing_since": None},
        ends=ends,
    )


def _import_missing(job: Job, around: Surroundings) -> Decision:
    since = around.now if job.missing_since is None else job.missing_since
    if around.now - since >= IMPORT_MISSING_S:
        return ended(verdicts.import_lost(), around)
    return replaced(
        _ask_again(
            job,
            due_at=around.now + delays.growing(delays.POLL_RETRY_S, job.retries, around.chance),
            detail="Pigment says that it knows no import of this ID",
            missing_since=since,
        ),
        ends=host_answers(job, around),
    )


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
