"""Ears for what happens: each hears of it after the commit, and none can stop the work."""

import logging
from collections.abc import Callable, Iterable

from pigment_watcher.model import ConditionEvent, JobEvent, Listener, ServiceEvent

log = logging.getLogger(__name__)


class Chorus(Listener):
    """Tells many listeners, in order; one that fails is logged and the others still hear."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._listeners = tuple(listeners)

    def job_changed(self, event: JobEvent) -> None:
        """Tell all of a job's step."""
        self._tell(lambda listener: listener.job_changed(event))

    def condition_changed(self, event: ConditionEvent) -> None:
        """Tell all that a lasting trouble began or ended."""
        self._tell(lambda listener: listener.condition_changed(event))

    def service_changed(self, event: ServiceEvent) -> None:
        """Tell all of the service's own life."""
        self._tell(lambda listener: listener.service_changed(event))

    def _tell(self, tell: Callable[[Listener], None]) -> None:
        for listener in self._listeners:
            try:
                tell(listener)
            except Exception:
                # What happened is stored already: the work goes on, one ear short.
                log.exception("listener.failed", extra={"listener": type(listener).__name__})
