"""The only source of time."""

import threading
import time


class Clock:
    """Wall time that no adjustment of the system's clock can bend while we run.

    It is read once and then follows the monotonic clock, so that a due time never jumps.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the seconds since 1970, UTC."""
        return self._offset + time.monotonic()

    def monotonic(self) -> float:
        """Return the seconds since some fixed moment."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event at most so long and return whether it is set."""
        return event.wait(max(0.0, seconds))
