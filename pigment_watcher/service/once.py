"""When a run over the first files alone is over, and how it ended."""

import os
from collections.abc import Collection, Iterable

from pigment_watcher.model import Condition, ConditionKind, Job, Route, State
from pigment_watcher.policy import lanes
from pigment_watcher.recorder import Recorder
from pigment_watcher.worker import Desk

#: Only a person ends these; a run that must end does not wait for them.
_FOR_PEOPLE = frozenset(
    {
        ConditionKind.WRONG_URL,
        ConditionKind.KEY_REFUSED,
        ConditionKind.CONFIGURATION_MISSING,
        ConditionKind.LANE_HELD,
        ConditionKind.ROUTE_PAUSED,
        ConditionKind.ARCHIVE_STUCK,
        ConditionKind.CLAIM_STUCK,
        ConditionKind.FILE_UNREADABLE,
        ConditionKind.FOLDER_LOST,
    }
)
#: These may end by themselves; they are waited for, but not for ever.
_FOR_A_WHILE = frozenset(
    {
        ConditionKind.HOST_IN_DOUBT,
        ConditionKind.HOST_UNAVAILABLE,
        ConditionKind.HOST_BUSY,
        ConditionKind.LANE_BUSY,
    }
)
#: These stop the polls of imports, too.
_OF_POLLS = frozenset(
    {
        ConditionKind.WRONG_URL,
        ConditionKind.KEY_REFUSED,
        ConditionKind.HOST_UNAVAILABLE,
        ConditionKind.HOST_BUSY,
    }
)
#: With these something was left undone that no job tells of.
_UNDONE = frozenset(
    {ConditionKind.FOLDER_LOST, ConditionKind.CLAIM_STUCK, ConditionKind.FILE_UNREADABLE}
)
#: Seconds for which a destination that does not answer is waited for.
PATIENCE_S = 60.0


def is_over(recorder: Recorder, desk: Desk, since: float) -> bool:
    """Return whether every file of the first scan has ended, or waits for somebody.

    `since` is when this run began: what went on before it is no reason to be impatient.
    """
    if not desk.is_idle():
        return False
    blocks = _blocks(recorder, since)
    by_lane: dict[str, list[Job]] = {}
    for job in recorder.journal.jobs.unfinished():
        by_lane.setdefault(job.configuration_id, []).append(job)
    return all(_waits(jobs, blocks, recorder.now()) for jobs in by_lane.values())


def exit_code(recorder: Recorder, since: float) -> int:
    """Return 0 if all ended well, 1 if one failed or something still waits."""
    if recorder.journal.jobs.unfinished() or recorder.journal.conditions.all(_UNDONE):
        return 1
    return 1 if recorder.journal.jobs.has_failed(since) else 0


def _blocks(recorder: Recorder, since: float) -> list[Condition]:
    """Return the troubles that are not waited for any longer.

    One that is due to be looked at is no reason to end before that was done.
    """
    now = recorder.now()
    return [
        condition
        for condition in recorder.journal.conditions.all(_FOR_PEOPLE | _FOR_A_WHILE)
        if condition.due_at is None or condition.due_at > now
        if condition.kind in _FOR_PEOPLE or now - max(condition.since, since) > PATIENCE_S
    ]


def _waits(lane: Collection[Job], blocks: Iterable[Condition], now: float) -> bool:
    """Return whether nothing of a lane goes on before somebody acts."""
    if any(_moves(job, now) for job in lane):
        return False
    importing = [job for job in lane if job.state is State.IMPORTING]
    of_polls = [block for block in blocks if block.kind in _OF_POLLS]
    if not all(_is_stopped(job, of_polls) for job in importing):
        return False
    queued = [job for job in lane if job.state is State.QUEUED]
    # The others wait for the first one, whatever that waits for.
    return bool(importing) or not queued or _is_stopped(min(queued, key=_place), blocks)


def _moves(job: Job, now: float) -> bool:
    return job.state is State.PUSHING or (job.state is State.ARCHIVING and job.due_at <= now)


def _place(job: Job) -> tuple[int, lanes.OrderKey, int]:
    name = os.fsencode(job.name)
    return job.priority, lanes.order_key(job.rules.order, job.fingerprint, name), job.id


def _is_stopped(job: Job, blocks: Iterable[Condition]) -> bool:
    route = Route(name=job.route, configuration_id=job.configuration_id, rules=job.rules)
    return any(
        lanes.concerned(block, [route])
        for block in blocks
        if not (block.kind is ConditionKind.LANE_HELD and block.job_id == job.retry_of)
        if block.kind is not ConditionKind.FILE_UNREADABLE or block.subject == str(job.source)
    )
