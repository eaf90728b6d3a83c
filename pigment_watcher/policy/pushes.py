"""What the answer to a push means, or its absence."""

from collections.abc import Mapping
from typing import Any

from pigment_watcher import errors
from pigment_watcher.model import Accepted, ConditionKind, Fingerprint, Job, State
from pigment_watcher.policy import delays, verdicts
from pigment_watcher.policy.decisions import (
    Begin,
    Decision,
    End,
    Failure,
    Surroundings,
    busy,
    ended,
    host_answers,
    key_block,
    redirected,
    replaced,
    told_to_wait,
)

#: After so many errors in a row a file is given up, if pushes of others succeeded meanwhile.
REJECTIONS_AT_MOST = 10
#: Answers to a push that say nothing about whether it was taken.
UNCLEAR = frozenset({301, 302, 303, 408})
#: Answers to a push that say "not taken, try again": by HTTP's own definition, or by a proxy.
NOT_NOW = frozenset({407, 425, 503})


def after_push(
    job: Job, answer: Accepted | Failure, around: Surroundings, *, changed: bool = False
) -> Decision:
    """Return what follows from the answer to a push, or from its absence.

    `changed` tells that the file was not the same when the push ended.
    """
    decision = _after_push(job, answer, around)
    if changed and not isinstance(answer, (errors.ServerSaid, errors.NothingSent)):
        return replaced(
            decision,
            state=State.ARCHIVING,
            due_at=around.now,
            verdict=verdicts.changed_while_sent(),
        )
    return decision


def _after_push(job: Job, answer: Accepted | Failure, around: Surroundings) -> Decision:
    match answer:
        case Accepted():
            return _accepted(job, answer, around)
        case errors.NothingSent():
            return _unreachable(job, str(answer), around)
        case errors.ServerSaid():
            return _push_answered(job, answer, around)
        case _:
            return _not_known(job, str(answer), around)


def after_crash(job: Job, around: Surroundings) -> Decision:
    """Return what follows for a job that was found in PUSHING at the start."""
    decision = _not_known(job, "the service was interrupted while it sent the file", around)
    if decision.verdict is None:
        return decision
    return replaced(decision, verdict=verdicts.interrupted())


def after_look(job: Job, found: Fingerprint | None, detail: str, now: float) -> Decision:
    """Return what follows when a claimed file is not what was claimed; nothing was sent of it."""
    if found is None:
        return Decision(
            state=State.FAILED,
            due_at=now,
            event="job.finished",
            detail=detail,
            verdict=verdicts.gone(),
        )
    return Decision(
        state=State.QUEUED,
        due_at=now + job.rules.quiet_s,
        event="job.changed",
        detail=detail,
        changes={"fingerprint": found},
    )


def _accepted(job: Job, answer: Accepted, around: Surroundings) -> Decision:
    return Decision(
        state=State.IMPORTING,
        due_at=around.now + delays.before_poll(0, around.chance),
        event="job.pushed",
        changes={
            "import_id": answer.import_id,
            "sha256": answer.sha256,
            "bytes_sent": answer.bytes_sent,
            "importing_since": around.now,
            "deadline_from": around.now,
            "polls": 0,
            "retries": 0,
            "rejections": 0,
            "rejected_since": None,
        },
        ends=(
            *host_answers(job, around),
            End(ConditionKind.CONFIGURATION_MISSING, job.configuration_id),
            End(ConditionKind.LANE_BUSY, job.configuration_id),
        ),
    )


def _push_answered(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    status = answer.status
    if status in NOT_NOW:
        return _not_now(job, answer, around)
    if status in UNCLEAR or status < 300 or status >= 500:
        return _not_known(job, str(answer), around)
    if status < 400:
        return _wrong_url(answer, around)
    blocking = {
        401: _key_refused,
        403: _forbidden,
        404: _configuration_missing,
        429: _too_many_pushes,
    }.get(status)
    if blocking is not None:
        return blocking(job, answer, around)
    return ended(verdicts.refused(status, answer.excerpt), around)


def _unreachable(job: Job, detail: str, around: Surroundings) -> Decision:
    return _again(
        around,
        due_at=around.now + delays.growing(delays.PUSH_RETRY_S, job.retries, around.chance),
        detail=detail,
        changes={"retries": job.retries + 1},
        begins=(Begin(kind=ConditionKind.HOST_UNAVAILABLE, subject=around.host, detail=detail),),
    )


def _not_now(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    if (end := _given_up(job, answer.excerpt or str(answer), around)) is not None:
        return end
    wait_s = max(
        delays.growing(delays.PUSH_RETRY_S, job.retries, around.chance),
        answer.retry_after_s or 0.0,
    )
    return _again(
        around,
        due_at=around.now + wait_s,
        detail=str(answer),
        changes=_rejected(job, around),
        begins=(
            Begin(kind=ConditionKind.HOST_UNAVAILABLE, subject=around.host, detail=str(answer)),
        ),
    )


def _not_known(job: Job, detail: str, around: Surroundings) -> Decision:
    doubt = Begin(
        kind=ConditionKind.HOST_IN_DOUBT,
        subject=around.host,
        detail=detail,
        due_at=around.now + delays.before_probe(ConditionKind.HOST_IN_DOUBT, 0, around.chance),
    )
    if not job.rules.may_repeat:
        return replaced(ended(verdicts.answer_lost(detail), around), begins=(doubt,))
    if (end := _given_up(job, detail, around)) is not None:
        return replaced(end, begins=(doubt,))
    return _again(
        around,
        due_at=around.now + delays.growing(delays.PUSH_RETRY_S, job.retries, around.chance),
        detail=detail,
        changes=_rejected(job, around),
        begins=(doubt,),
    )


def _wrong_url(answer: errors.ServerSaid, around: Surroundings) -> Decision:
    return _again(
        around,
        due_at=around.now,
        detail=str(answer),
        begins=(redirected(answer, around),),
    )


def _key_refused(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    return _again(
        around,
        due_at=around.now,
        detail=str(answer),
        begins=(key_block(ConditionKind.KEY_REFUSED, job, answer, around),),
    )


def _forbidden(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    doubt = Begin(
        kind=ConditionKind.KEY_IN_DOUBT,
        subject=job.rules.key,
        detail=str(answer),
        due_at=around.now,
    )
    return _again(
        around,
        due_at=around.now,
        detail=str(answer),
        changes={"forbidden": True, "answer": answer.excerpt},
        begins=(doubt,),
    )


def _configuration_missing(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    kind = ConditionKind.CONFIGURATION_MISSING
    due_at = around.now + delays.before_probe(kind, around.misses, around.chance)
    detail = (
        f"Pigment knows no import configuration {job.configuration_id}: correct configuration_id"
        " of the route and reload"
    )
    if answer.excerpt:
        detail += f" (it said: {answer.excerpt})"
    block = Begin(kind=kind, subject=job.configuration_id, detail=detail, due_at=due_at)
    return _again(around, due_at=due_at, detail=detail, begins=(block,))


def _too_many_pushes(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    due_at = around.now + told_to_wait(answer)
    of_configuration = "configuration" in answer.excerpt.lower()
    return _again(
        around,
        due_at=due_at,
        detail=str(answer),
        begins=busy(job, answer, due_at, around, only_lane=of_configuration),
    )


def refused_after_probe(job: Job, around: Surroundings) -> Decision:
    """Return the end of a file that was forbidden although the key is fine."""
    return ended(verdicts.refused(403, job.answer), around)


def _again(
    around: Surroundings,
    *,
    due_at: float,
    detail: str,
    changes: Mapping[str, Any] | None = None,
    begins: tuple[Begin, ...] = (),
) -> Decision:
    return Decision(
        state=State.QUEUED,
        due_at=delays.clamped(due_at, around.now),
        event="job.push_postponed",
        detail=detail,
        changes=changes or {},
        begins=begins,
    )


def _rejected(job: Job, around: Surroundings) -> dict[str, Any]:
    return {
        "retries": job.retries + 1,
        "rejections": job.rejections + 1,
        "rejected_since": around.now if job.rejected_since is None else job.rejected_since,
    }


def _given_up(job: Job, answer: str, around: Surroundings) -> Decision | None:
    rejections = job.rejections + 1
    if rejections < REJECTIONS_AT_MOST or not around.others_taken:
        return None
    return ended(verdicts.given_up(rejections, answer), around)
