"""What outcomes mean, and whether they and states are good news: one answer for all."""

from pigment_watcher.model import Outcome

#: What each outcome means to whoever dropped the file.
MEANINGS = {
    Outcome.IMPORTED: "Pigment imported it.",
    Outcome.IMPORTED_WITH_SKIPS: "Pigment imported it and left out some of its rows; a report lies"
    " beside the file.",
    Outcome.FAILED: "Pigment took it, and its import failed.",
    Outcome.REFUSED: "It was not taken: Pigment refused it, or its content was imported before.",
    Outcome.INVALID: "It was not sent: it is empty, no CSV file, or found bad here in another way.",
    Outcome.UNSURE: "It may have been imported, or not: Pigment's answer was lost. Look into its"
    " Update History before it is sent again.",
    Outcome.GONE: "It vanished before anything was sent.",
    Outcome.RETURNED: "It was put back where it came from before anything was sent.",
}

_GOOD = frozenset({"ok", "imported"})
_WORTH_KNOWING = frozenset(
    {"paused", "retrying", "waiting", "imported with skips", "gone", "returned"}
)
_UNDER_WAY = frozenset({"queued", "pushing", "importing", "archiving"})


def mood(words: str) -> str:
    """Return good, warn, bad, or open for what has not ended."""
    if words in _UNDER_WAY:
        return "open"
    if words in _GOOD:
        return "good"
    return "warn" if words in _WORTH_KNOWING else "bad"
