"""Promises of threads to be heard of again, so that a silent one is noticed."""

import threading
from collections.abc import Callable


class Heartbeats:
    """What each thread has promised; safe to use from any of them.

    `monotonic` tells seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}

    def promise(self, thread: str, within_s: float) -> None:
        """Promise for a thread that its next promise comes within so many seconds."""
        due = self._monotonic() + within_s
        with self._lock:
            self._due[thread] = due

    def retire(self, thread: str) -> None:
        """Expect nothing more of a thread, because it ends as it should."""
        with self._lock:
            self._due.pop(thread, None)

    def broken(self) -> list[str]:
        """The names of the threads that are overdue, sorted."""
        now = self._monotonic()
        with self._lock:
            return sorted(thread for thread, due in self._due.items() if due < now)
