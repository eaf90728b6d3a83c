"""When a run over the first files alone is over, and how it ended."""

from pigment_watcher.intake import Intake
from pigment_watcher.model import ConditionKind, Job, State
from pigment_watcher.policy import transitions
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
#: Seconds for which a destination that does not answer is waited for.
PATIENCE_S = 60.0


def is_over(recorder: Recorder, desk: Desk, intake: Intake, since: float) -> bool:
    """Return whether every file of the first scan has ended, or waits for somebody.

    `since` is when this run began: what went on before it is no reason to be impatient.
    """
    if not desk.is_idle():
        return False
    stuck = _is_blocked(recorder, since)
    if intake.first_files_open and not stuck:
        return False
    unfinished = recorder.journal.jobs.unfinished()
    if not unfinished:
        return True
    return stuck and not any(_moves(job, recorder.now()) for job in unfinished)


def exit_code(recorder: Recorder, since: float) -> int:
    """Return 0 if all ended well, 1 if one failed or something still waits."""
    if recorder.journal.jobs.unfinished():
        return 1
    ended = recorder.journal.jobs.ended(since)
    return 0 if all(outcome in transitions.GOOD for _, outcome in ended) else 1


def _is_blocked(recorder: Recorder, since: float) -> bool:
    """A trouble that is due to be looked at is no reason to end before that was done."""
    now = recorder.now()
    return any(
        condition.due_at is None or condition.due_at > now
        for condition in recorder.journal.conditions.all(_FOR_PEOPLE | _FOR_A_WHILE)
        if condition.kind in _FOR_PEOPLE or now - max(condition.since, since) > PATIENCE_S
    )


def _moves(job: Job, now: float) -> bool:
    return job.state is State.PUSHING or (job.state is State.ARCHIVING and job.due_at <= now)
