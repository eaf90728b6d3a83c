"""Whether a state or an outcome is good news or bad: one answer for terminal and page."""

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
