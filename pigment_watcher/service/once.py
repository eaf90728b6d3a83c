"""When a run over the first files alone is over, and how it ended."""

from pigment_watcher.intake import Intake
from pigment_watcher.model import ConditionKind, State
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


def is_over(recorder: Recorder, desk: Desk, intake: Intake) -> bool:
    """Return whether every file of the first scan has ended, or waits for somebody."""
    if not desk.is_idle():
        return False
    stuck = _is_blocked(recorder)
    if intake.first_files_open and not stuck:
        return False
    unfinished = recorder.journal.jobs.unfinished()
    if not unfinished:
        return True
    moving = any(job.state is State.PUSHING for job in unfinished)
    return stuck and not moving


def exit_code(recorder: Recorder, since: float) -> int:
    """Return 0 if all ended well, 1 if one failed or something still waits."""
    if recorder.journal.jobs.unfinished():
        return 1
    ended = recorder.journal.jobs.ended(since)
    return 0 if all(outcome in transitions.GOOD for _, outcome in ended) else 1


def _is_blocked(recorder: Recorder) -> bool:
    now = recorder.now()
    return any(
        condition.kind in _FOR_PEOPLE or now - condition.since > PATIENCE_S
        for condition in recorder.journal.conditions.all(_FOR_PEOPLE | _FOR_A_WHILE)
    )
