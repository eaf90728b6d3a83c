"""What runs beside the work, hears of it, and never holds it up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pigment_watcher.config import Settings
from pigment_watcher.model import Listener


@dataclass(frozen=True, slots=True)
class Sights:
    """What a companion may ask for, at any time and from any thread.

    `silent` tells which threads are overdue, `scanned` how many seconds ago each route's folder was
    looked through.
    """

    settings: Callable[[], Settings]
    silent: Callable[[], Sequence[str]]
    scanned: Callable[[], Mapping[str, float]]


class Companion(Protocol):
    """A thread of its own and an ear; what it needs is imported only where it is asked for."""

    @property
    def name(self) -> str:
        """What its thread is called."""

    @property
    def ear(self) -> Listener:
        """What must hear of everything."""

    def open(self, sights: Sights) -> None:
        """Get ready. Raises OperatorError."""

    def run(self) -> None:
        """Do its work until it is closed."""

    def close(self) -> None:
        """End soon; safe from any thread."""
