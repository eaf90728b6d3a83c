"""Clocks that a test moves: one stands still, one runs besides."""

import threading
import time

from pigment_watcher.clock import Clock

#: Where every such clock begins, in seconds since 1970.
BEGIN = 1_800_000_000.0


class FakeClock(Clock):
    """Time as the test sets it; whoever waits moves it on at once."""

    def __init__(self) -> None:
        super().__init__()
        self._now = BEGIN
        #: So much time passes with every look at the monotonic clock.
        self.tick_s = 0.0

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the clock began, and a thousand."""
        self.advance(self.tick_s)
        return self.now() - BEGIN + 1000.0

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Move on by the whole wait, unless the event is set already."""
        if not event.is_set():
            self.advance(seconds)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._now += max(0.0, seconds)

    def jump(self, seconds: float) -> None:
        """Show another time, as the next start may find it; it may lie before."""
        self._now += seconds

    def move_to(self, now: float) -> None:
        """Move on to a time, never back."""
        self.advance(now - self.now())


class RunningClock(FakeClock):
    """Time that passes, for threads that really wait."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()

    def now(self) -> float:
        """Return the seconds since 1970."""
        return super().now() + time.monotonic() - self._began

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event at most so long."""
        return event.wait(max(0.0, seconds))
