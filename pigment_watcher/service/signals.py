"""Signals, as items of a queue that the main thread reads."""

import enum
import queue
import signal
from types import FrameType, TracebackType
from typing import Any, Self


class Wake(enum.Enum):
    """Why the main thread is woken."""

    #: SIGTERM or SIGINT: stop, in order.
    STOP = "stop"
    #: SIGHUP: read the configuration again.
    RELOAD = "reload"
    #: A thread has something to tell: it died, or the first scan is over.
    NEWS = "news"


_MEANING = {
    signal.SIGTERM: Wake.STOP,
    signal.SIGINT: Wake.STOP,
    signal.SIGHUP: Wake.RELOAD,
}


class Signals:
    """Catches our signals within a `with` block; the first one asks, a second one kills.

    The queue is one whose put() may interrupt itself, so that a handler can't lock us up.
    """

    def __init__(self) -> None:
        self._woken: queue.SimpleQueue[Wake] = queue.SimpleQueue()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in _MEANING:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore(self._before.keys())

    def wake(self, why: Wake) -> None:
        """Wake the main thread; called by any thread."""
        self._woken.put(why)

    def wait(self, seconds: float) -> Wake | None:
        """Return why we were woken, or None when the time is over."""
        try:
            return self._woken.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        why = _MEANING[signal.Signals(number)]
        if why is Wake.STOP:
            self._restore([signal.SIGTERM, signal.SIGINT])
        self._woken.put(why)

    def _restore(self, numbers: Any) -> None:
        for number in numbers:
            signal.signal(number, self._before[number])
