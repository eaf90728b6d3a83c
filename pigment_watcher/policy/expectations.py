"""By when a file should have come, and whether it did."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pigment_watcher.model import ExpectBy

#: Days within which a weekday comes twice, whatever clocks are changed.
_TWO_WEEKS = 15
_FORM = "%a %Y-%m-%d %H:%M %Z"


def why_missing(
    expected: ExpectBy, now: float, *, known_since: float, last_imported: float | None
) -> str | None:
    """Return in words that nothing was imported in time, or None where that is not so.

    What came since the time before counts. A time that passed before the expectation was known,
    at `known_since`, does not.
    """
    before, by = times(expected, now)
    if by <= known_since or (last_imported is not None and last_imported > before):
        return None
    words = f"expected by {_moment(expected, by)}, and nothing was imported since"
    return f"{words} {_moment(expected, before)}"


def times(expected: ExpectBy, now: float) -> tuple[float, float]:
    """Return the last two moments by which a file was expected, the earlier one first."""
    zone = _zone(expected)
    # Noon is there on every day; what a change of clocks leaves out, near midnight, may not be.
    today = datetime.fromtimestamp(now, zone).replace(hour=12, minute=0, second=0, microsecond=0)
    found: list[float] = []
    for ago in range(_TWO_WEEKS + 1):
        day = today - timedelta(days=ago)
        moment = day.replace(hour=expected.hour, minute=expected.minute).timestamp()
        if day.weekday() in expected.days and moment <= now:
            found.append(moment)
    return found[1], found[0]


def _zone(expected: ExpectBy) -> ZoneInfo | None:
    return None if expected.zone is None else ZoneInfo(expected.zone)


def _moment(expected: ExpectBy, moment: float) -> str:
    zone = _zone(expected)
    # Asked for once more: a moment of the server's own zone has no zone by itself.
    return datetime.fromtimestamp(moment, zone).astimezone(zone).strftime(_FORM)
