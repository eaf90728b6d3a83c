"""Threads that do not die in silence."""

import logging
import threading
from collections.abc import Callable

from pigment_watcher import errors

_log = logging.getLogger(__name__)


class Supervised:
    """A named thread; when its work raises, the error is kept and somebody is told."""

    def __init__(self, name: str, work: Callable[[], None], died: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._died = died
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def name(self) -> str:
        """The thread's name."""
        return self._thread.name

    def start(self) -> None:
        """Begin the work."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for the end of the work and return whether it has ended."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  # the main thread stops the service, non-zero
            self._tell(error)
            self.error = error
            self._died()

    def _tell(self, error: Exception) -> None:
        said: dict[str, object] = {"thread_name": self.name}
        # What somebody can act on is said in words; anything else is a bug.
        is_bug = not isinstance(error, errors.OperatorError)
        if not is_bug:
            said["detail"] = str(error)
        _log.error("thread.died", exc_info=is_bug, extra=said)
