"""What the page is told, and by whom: it knows no journal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pigment_watcher.model import Outcome

Record = Mapping[str, Any]


class Reader(Protocol):
    """Tells what the journal knows, as objects of JSON. Raises JournalError."""

    def overview(self) -> Record:
        """Return how everything is, and what is in progress."""

    def files(
        self,
        *,
        named: str,
        route: str | None,
        outcome: Outcome | None,
        before: int | None,
        most: int,
    ) -> Sequence[Record]:
        """Return files, the latest first; `before` is the last job of the page before."""

    def stories(self, job_id: int) -> Sequence[Record]:
        """Return a file and its retries, each with what happened to it; empty if there is none."""

    def ends(self, span: str) -> Sequence[Record]:
        """Return how many files ended in each part of the last day or month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the page asks.

    `silent` tells which threads are overdue, `scanned` how many seconds ago the folder of each
    route was looked through, `metrics` draws up figures, `environment` is which of several this is.
    """

    reader: Reader
    silent: Callable[[], Sequence[str]]
    scanned: Callable[[], Mapping[str, float]]
    metrics: Callable[[Record], bytes]
    metrics_type: str
    version: str
    environment: str = ""

    def overview(self) -> Record:
        """Return how everything is; of each route, when its folder was looked through last."""
        told, scanned = self.reader.overview(), self.scanned()
        routes = [{**one, "last_scan_s": scanned.get(one["route"])} for one in told["routes"]]
        return {**told, "routes": routes}
