"""How long something takes, as a figure tells it."""

import statistics
import time
from collections.abc import Callable


def median_s(do: Callable[[], object], tries: int) -> float:
    """Return the median of so many tries, in seconds."""
    found = []
    for _ in range(tries):
        began = time.monotonic()
        do()
        found.append(time.monotonic() - began)
    return statistics.median(found)


def milliseconds(seconds: float) -> str:
    """Return a time as the table shows short ones."""
    return f"{seconds * 1000:.0f} ms"
