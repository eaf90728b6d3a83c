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
    host_reached,
    key_block,
    poll_later,
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
    if not changed or _surely_not_taken(answer):
        return decision
    return replaced(
        ended(verdicts.changed_while_sent(), around),
        changes=decision.changes,
        begins=decision.begins,
        ends=decision.ends,
    )


def _surely_not_taken(answer: Accepted | Failure) -> bool:
    if isinstance(answer, errors.ServerSaid):
        return not _is_unclear(answer.status)
    return isinstance(answer, errors.NothingSent)


def _is_unclear(status: int) -> bool:
    """Return whether a status leaves open if the push was taken."""
    if status in NOT_NOW:
        return False
    return status in UNCLEAR or status < 300 or status >= 500


def _after_push(job: Job, answer: Accepted | Failure, around: Surroundings) -> Decision:
    match answer:
        case Accepted() if around.import_is_anothers:
            named = f"the server named import {answer.import_id}, which is that of another file"
            return _not_known(job, named, around)
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
    detail = "the service was interrupted while it sent the file"
    doubt = _doubt(detail, around)
    if not job.rules.may_repeat:
        return replaced(ended(verdicts.interrupted(), around), begins=(doubt,))
    return _again(
        due_at=_retry_at(job, around),
        detail=detail,
        changes={"retries": job.retries + 1},
        begins=(doubt,),
    )


def after_look(found: Fingerprint | None, detail: str, now: float, *, quiet_s: float) -> Decision:
    """Return what follows when a claimed file is not what was claimed; nothing was sent of it.

    If it is there it settles again, for `quiet_s` seconds.
    """
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
        due_at=now + quiet_s,
        event="job.changed",
        detail=detail,
        changes={"fingerprint": found},
    )


def after_unreadable(job: Job, detail: str, around: Surroundings) -> Decision:
    """Return what follows when a claimed file can't be read now; nothing was sent of it."""
    return _again(
        due_at=_retry_at(job, around),
        detail=detail,
        changes={"retries": job.retries + 1},
        begins=(Begin(kind=ConditionKind.FILE_UNREADABLE, subject=str(job.source), detail=detail),),
    )


def _accepted(job: Job, answer: Accepted, around: Surroundings) -> Decision:
    due_at, timing = poll_later(0.0, around)
    return Decision(
        state=State.IMPORTING,
        due_at=due_at,
        event="job.pushed",
        changes={
            "import_id": answer.import_id,
            "sha256": answer.sha256,
            "bytes_sent": answer.bytes_sent,
            "importing_since": around.now,
            "deadline_from": around.now,
            "asked_at": None,
            **timing,
            "polls": 0,
            "retries": 0,
            "rejections": 0,
            "rejected_at": None,
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
    if _is_unclear(status):
        return _not_known(job, str(answer), around)
    if status < 400:
        return _wrong_url(answer, around)
    waiting = {403: _forbidden, 429: _too_many_pushes}.get(status)
    if waiting is not None:
        return waiting(job, answer, around)
    blocking = {401: _key_refused, 404: _configuration_missing}.get(status)
    if blocking is not None:
        return replaced(blocking(job, answer, around), ends=host_reached(around))
    refused = verdicts.refused(status, answer.excerpt)
    return replaced(ended(refused, around), ends=host_reached(around))


def _unreachable(job: Job, detail: str, around: Surroundings) -> Decision:
    return _again(
        due_at=_retry_at(job, around),
        detail=detail,
        changes={"retries": job.retries + 1},
        begins=(Begin(kind=ConditionKind.HOST_UNAVAILABLE, subject=around.host, detail=detail),),
    )


def _not_now(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    if (end := _given_up(job, answer.excerpt or str(answer), around)) is not None:
        return end
    due_at = _retry_at(job, around)
    if answer.retry_after_s is not None:
        due_at = max(due_at, around.now + delays.told(answer.retry_after_s))
    return _again(
        due_at=due_at,
        detail=str(answer),
        changes=_rejected(job, around),
        begins=(
            Begin(kind=ConditionKind.HOST_UNAVAILABLE, subject=around.host, detail=str(answer)),
        ),
    )


def _not_known(job: Job, detail: str, around: Surroundings) -> Decision:
    doubt = _doubt(detail, around)
    if not job.rules.may_repeat:
        return replaced(ended(verdicts.answer_lost(detail), around), begins=(doubt,))
    if (end := _given_up(job, detail, around)) is not None:
        return replaced(end, begins=(doubt,))
    return _again(
        due_at=_retry_at(job, around),
        detail=detail,
        changes=_rejected(job, around),
        begins=(doubt,),
    )


def _doubt(detail: str, around: Surroundings) -> Begin:
    return Begin(
        kind=ConditionKind.HOST_IN_DOUBT,
        subject=around.host,
        detail=detail,
        due_at=around.now + delays.before_probe(ConditionKind.HOST_IN_DOUBT, 0, around.chance),
    )


def _wrong_url(answer: errors.ServerSaid, around: Surroundings) -> Decision:
    return _again(
        due_at=around.now,
        detail=str(answer),
        begins=(redirected(answer, around),),
    )


def _key_refused(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    return _again(
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
    return _again(due_at=due_at, detail=detail, begins=(block,))


def _too_many_pushes(job: Job, answer: errors.ServerSaid, around: Surroundings) -> Decision:
    due_at = around.now + told_to_wait(answer)
    of_configuration = "configuration" in answer.excerpt.lower()
    return _again(
        due_at=due_at,
        detail=str(answer),
        begins=busy(job, answer, due_at, around, only_lane=of_configuration),
    )


def refused_after_probe(job: Job, around: Surroundings) -> Decision:
    """Return the end of a file that was forbidden although the key is fine."""
    return ended(verdicts.refused(403, job.answer), around)


def _again(
    *,
    due_at: float,
    detail: str,
    changes: Mapping[str, Any] | None = None,
    begins: tuple[Begin, ...] = (),
) -> Decision:
    return Decision(
        state=State.QUEUED,
        due_at=due_at,
        event="job.push_postponed",
        detail=detail,
        changes=changes or {},
        begins=begins,
    )


def _retry_at(job: Job, around: Surroundings) -> float:
    return around.now + delays.growing(delays.PUSH_RETRY_S, job.retries, around.chance)


def _rejected(job: Job, around: Surroundings) -> dict[str, Any]:
    return {
        "retries": job.retries + 1,
        "rejections": _rejections(job, around),
        "rejected_at": around.now,
    }


def _rejections(job: Job, around: Surroundings) -> int:
    """Count only an error after which others got through: an outage is nobody's fault."""
    return job.rejections + 1 if around.others_taken or not job.rejections else job.rejections


def _given_up(job: Job, answer: str, around: Surroundings) -> Decision | None:
    rejections = _rejections(job, around)
    if rejections < REJECTIONS_AT_MOST or not around.others_taken:
        return None
    return ended(verdicts.given_up(rejections, answer), around)
