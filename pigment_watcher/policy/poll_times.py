"""When a running import is asked after: as seldom as pays, by how long earlier ones took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pigment_watcher.model import ImportStatus, Job

#: So many of a configuration's last imports are remembered.
REMEMBERED = 30
#: What an import may take of which nothing is known, in seconds: one is as likely as the other.
UNKNOWN_S = tuple(0.5 * 1.5**step for step in range(18))
#: What is added to the time that an import took before: a little, and a share of it, up to a cap.
MARGIN_S, MARGIN, LONGEST_MARGIN_S = 0.02, 0.03, 3.0
#: Past all that is known, an import is asked after again when it took this share longer.
GROWTH = 0.25
#: The shortest and the longest of those waits in seconds, while requests cost next to nothing.
OVERDUE_S = (0.5, 60.0)
#: How much longer they are for each second that a request is worth.
SHORTEST_FOR_PRICE, LONGEST_FOR_PRICE = 0.5, 10.0
#: No import is left alone for longer, in seconds: what was learnt may be wrong this time.
LONGEST_WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Poll:
    """The next status call: so many seconds after the import began.

    `is_early` tells that the import is more likely to go on then than to be over.
    """

    after_s: float
    is_early: bool


def next_poll(elapsed_s: float, durations: Sequence[float], price_s: float) -> Poll:
    """Return when an import is asked after next that goes on after `elapsed_s` seconds.

    `durations` are what the configuration's imports took before. `price_s` is what a request is
    worth: so many seconds must it let the end be known earlier, or it is not made.
    """
    expected = sorted(durations) or UNKNOWN_S
    # A due time is rounded: what it was meant to find must not be taken for what lies ahead.
    ahead = [one for one in map(_with_margin, expected) if one > elapsed_s + MARGIN_S / 2]
    if not ahead:
        return Poll(elapsed_s + _overdue(elapsed_s, price_s), is_early=True)
    caught = _cheapest_first(ahead, price_s)
    after_s = ahead[caught - 1]
    if after_s > elapsed_s + LONGEST_WAIT_S:
        return Poll(elapsed_s + LONGEST_WAIT_S, is_early=True)
    return Poll(after_s, is_early=2 * caught < len(ahead))


def measured(job: Job, status: ImportStatus, now: float) -> float | None:
    """Return how many seconds an import took that is over, as well as it can be known.

    Pigment's own times are believed within what was seen: the import went on when it was asked
    after the last time, and is over now.
    """
    if job.importing_since is None:
        return None
    most = max(0.0, now - job.importing_since)
    least = 0.0 if job.asked_at is None else min(max(0.0, job.asked_at - job.importing_since), most)
    told = _told(status)
    return (least + most) / 2 if told is None else min(max(told, least), most)


def remembered(durations: Sequence[float], latest: float) -> tuple[float, ...]:
    """Return the durations to remember once another import has ended."""
    return (*durations, latest)[-REMEMBERED:]


def _with_margin(duration: float) -> float:
    return duration + min(MARGIN_S + MARGIN * duration, LONGEST_MARGIN_S)


def _overdue(elapsed_s: float, price_s: float) -> float:
    shortest, longest = OVERDUE_S
    return min(
        max(GROWTH * elapsed_s, shortest, SHORTEST_FOR_PRICE * price_s),
        max(longest, LONGEST_FOR_PRICE * price_s),
    )


def _cheapest_first(ends: Sequence[float], price_s: float) -> int:
    """Return how many of these ends the next call should find: the begin of the cheapest plan.

    A plan costs a request for each end that a call comes too early for, and the time from each
    end to the call that finds it. Found from the last end back, each by those behind it.
    """
    count = len(ends)
    cheapest, first = [0.0] * (count + 1), [count] * (count + 1)
    for begin in range(count - 1, -1, -1):
        cheapest[begin], waited = float("inf"), 0.0
        for end in range(begin, count):
            # All that were found already wait as long again as this one comes later.
            waited += (ends[end] - ends[end - 1]) * (end - begin) if end > begin else 0.0
            cost = price_s * (count - begin) + waited + cheapest[end + 1]
            if cost < cheapest[begin]:
                cheapest[begin], first[begin] = cost, end + 1
    return first[0]


def _told(status: ImportStatus) -> float | None:
    """Return how long Pigment says that an import took."""
    try:
        begun = datetime.fromisoformat(status.created_at or "")
        over = datetime.fromisoformat(status.completed_at or "")
        return (over - begun).total_seconds()
    except (ValueError, TypeError):
        return None
