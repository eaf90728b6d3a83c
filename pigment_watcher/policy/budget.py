"""When the next request is allowed under a sliding limit, and what one is worth."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from pigment_watcher.model import Limit

#: What a request is worth while there are plenty, and when every one is wanted, in seconds by which
#: it lets an end be known earlier.
CHEAP_S, DEAR_S = 0.1, 30.0
#: Below this share of the limit, what is wanted leaves plenty.
PLENTY = 0.5
#: The requests of an import that is asked after once.
REQUESTS_OF_IMPORT = 2
#: Seconds that an import takes for all that is known of a configuration without a past.
TYPICAL_S = 5.0
#: The least that an import counts for: pushing and asking take their time, too.
SHORTEST_IMPORT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a configuration has to do: files that wait, and whether one is being imported."""

    waiting: int
    is_busy: bool
    durations: tuple[float, ...] = ()


def free_at(oldest_that_counts: float | None, limit: Limit, now: float) -> float:
    """Return when a slot is free.

    `oldest_that_counts` is the time of the call that lies `limit.requests` calls back, or None
    where there were fewer. A time ahead of `now` came from a wrong clock and counts as now.
    """
    if oldest_that_counts is None:
        return now
    return max(now, min(oldest_that_counts, now) + limit.per_s)


def price(loads: Iterable[Load], limit: Limit, used: int) -> float:
    """Return what a request is worth: by how many seconds it must let an end be known earlier.

    `used` are the requests that count now. It is dear when the files that wait could use up the
    limit, as fast as their configurations take them, or when what is left of it is used up soon.
    """
    wanted, soon = 0.0, 0
    for load in loads:
        takes_s = max(SHORTEST_IMPORT_S, median(load.durations or [TYPICAL_S]))
        imports = min(load.waiting + load.is_busy, limit.per_s / takes_s)
        wanted += REQUESTS_OF_IMPORT * imports
        soon += REQUESTS_OF_IMPORT * min(1, load.waiting + load.is_busy)
    left = max(0, limit.requests - used)
    scarcity = max(wanted / limit.requests, soon / left if left else math.inf)
    return _price(scarcity)


def _price(scarcity: float) -> float:
    """Return the price for what is wanted as a share of what there is."""
    if scarcity <= PLENTY:
        return CHEAP_S
    grown = min(1.0, (scarcity - PLENTY) / (1 - PLENTY))
    return CHEAP_S * math.pow(DEAR_S / CHEAP_S, grown)
