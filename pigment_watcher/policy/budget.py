"""When the next request is allowed under a sliding limit."""

from pigment_watcher.model import Limit


def free_at(oldest_that_counts: float | None, limit: Limit, now: float) -> float:
    """Return when a slot is free.

    `oldest_that_counts` is the time of the call that lies `limit.requests` calls back, or None
    where there were fewer. A time ahead of `now` came from a wrong clock and counts as now.
    """
    if oldest_that_counts is None:
        return now
    return max(now, min(oldest_that_counts, now) + limit.per_s)
