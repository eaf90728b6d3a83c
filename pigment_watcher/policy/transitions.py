"""Which steps a job may make; the journal holds the same table and refuses every other."""

from pigment_watcher.model import Outcome, State

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

#: The outcomes that end in done/; all others that move a file end in failed/ or where it came from.
GOOD = frozenset({Outcome.IMPORTED, Outcome.IMPORTED_WITH_SKIPS})

#: The outcomes after which Pigment may hold the file's rows, so that a retry must be meant.
MAYBE_IMPORTED = frozenset({Outcome.UNSURE, Outcome.IMPORTED_WITH_SKIPS})


def final_state(outcome: Outcome) -> State:
    """Return the final state that an outcome leads to."""
    return State.DONE if outcome in GOOD else State.FAILED
