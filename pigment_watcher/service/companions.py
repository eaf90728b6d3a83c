"""What runs beside the work, hears of it, and never holds it up."""

from collections.abc import Callable, Sequence
from typing import Protocol

from pigment_watcher.config import Settings
from pigment_watcher.model import Listener


class Companion(Protocol):
    """A thread of its own and an ear; what it needs is imported only where it is asked for."""

    @property
    def name(self) -> str:
        """What its thread is called."""

    @property
    def ear(self) -> Listener:
        """What must hear of everything."""

    def open(self, settings: Callable[[], Settings], silent: Callable[[], Sequence[str]]) -> None:
        """Get ready; `silent` tells which threads are overdue. Raises OperatorError."""

    def run(self) -> None:
        """Do its work until it is closed."""

    def close(self) -> None:
        """End soon; safe from any thread."""
