"""Who is next in a lane: the files of one import configuration, in their order."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from pigment_watcher.model import Condition, ConditionKind, Fingerprint, Order, Route

#: How many files of a lane are claimed ahead of the workers.
CLAIM_WINDOW = 100

#: What sorts the files of a lane: modification time in ns (0 where names alone count), name.
OrderKey = tuple[int, bytes]

#: Jobs that an operator put back go first.
RETRY_FIRST = 0
AS_IT_CAME = 1

Item = TypeVar("Item")


def order_key(order: Order, fingerprint: Fingerprint, name: bytes) -> OrderKey:
    """Return what puts a file in its place."""
    return (fingerprint.mtime_ns if order is Order.MODIFIED else 0, name)


def to_claim(
    candidates: Sequence[tuple[OrderKey, Item]],
    queued: Iterable[OrderKey],
    window: int = CLAIM_WINDOW,
) -> list[Item]:
    """Return the candidates that are among the first `window` of all that wait, in order.

    Sorted before cut: a file that came late but belongs in front is not left behind a full window.
    """
    ranked = [(key, False, None) for key in queued]
    merged: list[tuple[OrderKey, bool, Item | None]] = [*ranked]
    merged.extend((key, True, item) for key, item in candidates)
    merged.sort(key=lambda entry: entry[:2])
    return [item for _, is_new, item in merged[:window] if is_new and item is not None]


def concerned(condition: Condition, routes: Iterable[Route]) -> tuple[str, ...]:
    """Return the names of the routes that a condition stops or is about."""
    kind, subject = condition.kind, condition.subject
    if kind in _OF_HOST:
        return tuple(route.name for route in routes)
    return tuple(route.name for route in routes if subject in _marks(kind, route))


_OF_HOST = frozenset(
    {
        ConditionKind.HOST_IN_DOUBT,
        ConditionKind.WRONG_URL,
        ConditionKind.HOST_UNAVAILABLE,
        ConditionKind.HOST_BUSY,
    }
)


def _marks(kind: ConditionKind, route: Route) -> tuple[str, ...]:
    """Return what a condition of some kind would name if it were about this route."""
    match kind:
        case ConditionKind.KEY_REFUSED | ConditionKind.KEY_IN_DOUBT:
            return (route.rules.key,)
        case (
            ConditionKind.CONFIGURATION_MISSING | ConditionKind.LANE_BUSY | ConditionKind.LANE_HELD
        ):
            return (route.configuration_id,)
        case ConditionKind.ROUTE_PAUSED:
            return (route.name,)
        case _:
            folders = (route.rules.directory, route.rules.done, route.rules.failed)
            return tuple(str(folder) for folder in folders)
