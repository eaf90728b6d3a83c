"""Who is next in a lane: the files of one import configuration, in their order."""

import heapq
import itertools
from collections.abc import Iterable
from pathlib import PurePath
from typing import TypeVar

from pigment_watcher.model import Condition, ConditionKind, Fingerprint, Order, Route

#: How many files of a lane are claimed ahead of the workers.
CLAIM_WINDOW = 100

#: What sorts the files of a lane: modification time in ns (0 where names alone count), name.
OrderKey = tuple[int, bytes]

#: Jobs that an operator put back go first.
RETRY_FIRST = 0
AS_IT_CAME = 1

#: Conditions whose subject is a host.
OF_HOST = frozenset(
    {
        ConditionKind.HOST_IN_DOUBT,
        ConditionKind.WRONG_URL,
        ConditionKind.HOST_UNAVAILABLE,
        ConditionKind.HOST_BUSY,
        ConditionKind.NO_REPORTS,
    }
)

Item = TypeVar("Item")


def order_key(order: Order, fingerprint: Fingerprint, name: bytes) -> OrderKey:
    """Return what puts a file in its place."""
    return (fingerprint.mtime_ns if order is Order.MODIFIED else 0, name)


def to_claim(
    candidates: Iterable[tuple[OrderKey, Item]],
    queued: Iterable[OrderKey],
    window: int = CLAIM_WINDOW,
) -> list[Item]:
    """Return the candidates that are among the first `window` of all that wait, in order.

    Sorted before cut: a file that came late but belongs in front is not left behind a full window.
    """
    waiting: Iterable[tuple[OrderKey, tuple[Item, ...]]] = itertools.chain(
        ((key, ()) for key in queued), ((key, (item,)) for key, item in candidates)
    )
    # No full sort: 100,000 may wait, and a window is wanted.
    first = heapq.nsmallest(window, waiting, key=lambda entry: entry[0])
    return [item for _, new in first for item in new]


def concerned(condition: Condition, routes: Iterable[Route]) -> tuple[str, ...]:
    """Return the names of the routes that a condition stops or is about."""
    if condition.kind in OF_HOST:
        return tuple(route.name for route in routes)
    return tuple(route.name for route in routes if _is_about(condition, route))


_OF_KEY = frozenset({ConditionKind.KEY_REFUSED, ConditionKind.KEY_IN_DOUBT})
_OF_LANE = frozenset(
    {ConditionKind.CONFIGURATION_MISSING, ConditionKind.LANE_BUSY, ConditionKind.LANE_HELD}
)
_OF_FOLDER = frozenset(
    {ConditionKind.FOLDER_LOST, ConditionKind.CLAIM_STUCK, ConditionKind.ARCHIVE_STUCK}
)


def _is_about(condition: Condition, route: Route) -> bool:
    kind, subject = condition.kind, condition.subject
    if kind in _OF_KEY:
        return subject == route.rules.key
    if kind in _OF_LANE:
        return subject == route.configuration_id
    if kind in (ConditionKind.ROUTE_PAUSED, ConditionKind.NOTHING_ARRIVED):
        return subject == route.name
    if kind in _OF_FOLDER:
        folders = (route.rules.directory, route.rules.done, route.rules.failed)
        return subject in map(str, folders)
    # A file in the inbox, or another instance's place in it.
    return route.rules.directory in PurePath(subject).parents
