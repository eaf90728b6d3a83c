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


#: Whoever opens a file for writing while we ask who has it open makes the kernel send this; left
#: alone it would end us.
_IGNORED = (signal.SIGIO,)

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
        self._is_asked = False

    def __enter__(self) -> Self:
        for number in _MEANING:
            self._before[number] = signal.signal(number, self._handle)
        for number in _IGNORED:
            self._before[number] = signal.signal(number, signal.SIG_IGN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in self._before:
            self._restore(number)

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
        caught = signal.Signals(number)
        why = _MEANING[caught]
        if why is Wake.STOP and self._is_asked:
            # Not left to Python after the first one: a second one that has come already would then
            # be dropped, with a traceback.
            self._restore(caught)
            signal.raise_signal(caught)
        self._is_asked |= why is Wake.STOP
        self._woken.put(why)

    def _restore(self, number: signal.Signals) -> None:
        signal.signal(number, self._before[number])
