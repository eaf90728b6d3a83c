"""When something is tried again: growing delays with a cap, spread by chance."""

from pigment_watcher.model import ConditionKind

#: Seconds before a push that came to nothing is tried again, at first and at most.
PUSH_RETRY_S = (2.0, 300.0)
#: Seconds before a status call that failed is asked again, at first and at most.
POLL_RETRY_S = (2.0, 60.0)
#: Seconds before a finished file's move is tried again, at first and at most.
ARCHIVE_RETRY_S = (2.0, 300.0)
#: Seconds to wait after "too many requests" without a Retry-After: the length of Pigment's window.
TOO_MANY_REQUESTS_S = 300.0
#: The least and the most that a Retry-After is believed.
SHORTEST_S = 1.0
#: The longest that a due time may lie ahead; what lies further came from a wrong clock.
LONGEST_S = 24 * 3600.0
#: A share of the delay by which it is made shorter or longer, so that lanes do not march in step.
SPREAD = 0.2

#: Seconds until a condition is looked at again, at first and at most.
CONDITION_S = {
    ConditionKind.HOST_IN_DOUBT: (5.0, 300.0),
    ConditionKind.WRONG_URL: (30.0, 300.0),
    ConditionKind.KEY_REFUSED: (30.0, 300.0),
    ConditionKind.KEY_IN_DOUBT: (5.0, 300.0),
    ConditionKind.CONFIGURATION_MISSING: (300.0, 3600.0),
}


def growing(span: tuple[float, float], tries: int, chance: float) -> float:
    """Return the delay in seconds after `tries` earlier ones; `chance` lies in [0, 1)."""
    first, most = span
    exact = min(most / (1 + SPREAD), first * 2.0 ** min(tries, 64))
    return exact * (1 - SPREAD + 2 * SPREAD * chance)


def before_probe(kind: ConditionKind, attempts: int, chance: float) -> float:
    """Return the seconds until a condition is looked at again."""
    return growing(CONDITION_S[kind], attempts, chance)


def told(retry_after_s: float) -> float:
    """Return what a Retry-After counts for: at least a moment, so that no lane runs hot."""
    return min(max(retry_after_s, SHORTEST_S), LONGEST_S)
