"""Which steps a job may make; the journal holds the same table and refuses every other."""

from pigment_watcher.model import Job, Outcome, SkippedRows, State

ALLOWED = frozenset(
    {
        (State.QUEUED, State.PUSHING),  # the first body byte is asked for
        (State.QUEUED, State.ARCHIVING),  # invalid, refused, given up, or put back
        (State.QUEUED, State.FAILED),  # gone
        (State.PUSHING, State.QUEUED),  # not taken, or repeating is harmless
        (State.PUSHING, State.IMPORTING),  # the import ID came
        (State.PUSHING, State.ARCHIVING),  # refused, or not known
        (State.IMPORTING, State.ARCHIVING),  # the import ended, or can't be asked after
        (State.ARCHIVING, State.DONE),  # the file is in done/
        (State.ARCHIVING, State.FAILED),  # the file is in failed/, or back
    }
)

#: The outcomes after which Pigment holds the file's rows, all or some of them.
IMPORTED = frozenset({Outcome.IMPORTED, Outcome.IMPORTED_WITH_SKIPS})

#: The outcomes after which Pigment may hold the file's rows, so that a retry must be meant.
MAYBE_IMPORTED = frozenset({Outcome.UNSURE, Outcome.IMPORTED_WITH_SKIPS})


def is_good(job: Job) -> bool:
    """Return whether a job's file ends in done/; all others end in failed/, or back."""
    if job.outcome is Outcome.IMPORTED_WITH_SKIPS:
        return job.rules.skipped_rows is SkippedRows.ACCEPT
    return job.outcome in IMPORTED


def final_state(job: Job) -> State:
    """Return the final state of a job with an outcome."""
    return State.DONE if is_good(job) else State.FAILED
