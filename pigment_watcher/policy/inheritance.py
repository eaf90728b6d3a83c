"""What becomes of jobs that a journal has from an earlier instance, such as that of a backup.

Their claimed files lie in a folder that is not ours, if they still do, and what was sent of them
since is not known.
"""

from pigment_watcher.model import Job, State
from pigment_watcher.policy import verdicts
from pigment_watcher.policy.decisions import Decision


def disowned(job: Job, now: float) -> Decision | None:
    """Return what follows for an unfinished job of an earlier instance, None if nothing does.

    What Pigment is importing is asked after to its end, so that its lane stays closed until then.
    """
    if job.claimed_at is None:
        return _returned(now) if job.state is State.QUEUED else None
    if job.state in {State.QUEUED, State.PUSHING}:
        # A push has to be decided before it can end; nothing else is different.
        is_queued = job.state is State.QUEUED
        return Decision(
            state=State.FAILED if is_queued else State.ARCHIVING,
            due_at=now,
            event="job.finished" if is_queued else "job.decided",
            verdict=verdicts.disowned(),
            changes={"claimed_at": None},
        )
    return Decision(
        state=job.state,
        due_at=job.due_at,
        event="job.disowned",
        detail="its file is another instance's",
        changes={"claimed_at": None},
    )


def _returned(now: float) -> Decision:
    """Nothing had happened yet: a file that is still in its inbox is found anew."""
    return Decision(
        state=State.FAILED,
        due_at=now,
        event="job.finished",
        verdict=verdicts.returned(
            "The journal was restored before the file was taken. Where it still lies in its inbox"
            " it is taken anew; a retry has to be asked for again."
        ),
    )
