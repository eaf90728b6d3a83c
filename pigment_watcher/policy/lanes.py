"""Who is next in a lane: the files of one import configuration, in their order."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from pigment_watcher.model import Fingerprint, Order

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
