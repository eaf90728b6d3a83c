"""Reads Pigment's detailed report, of which anything may be missing, empty or of another type.

What is kept of it is bounded, whatever comes: it is stored, and written beside a file.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pigment_watcher.model import Report, Skipped
from pigment_watcher.pigment.words import tidy

#: So many kinds of what was left out are kept, and so many samples of each.
KINDS = 20
SAMPLES = 5
#: Characters of a reason, a column's name or a sample that are kept.
CHARACTERS = 80
#: A larger count is a mistake, and more than any reader of JSON takes.
LARGEST = 2**63 - 1

Fields = Mapping[str, Any]


def read(value: Any, *, secret: str) -> Report | None:
    """Return what a detailed report tells, None if it is none; `secret` never shows in it."""
    if not isinstance(value, dict):
        return None
    summary = _fields(value.get("summary"))
    blocks = _objects(value.get("impactedBlocks"))
    kinds = _kinds(blocks, secret)
    return Report(
        inserted=_changed("insertedCount", summary, blocks),
        updated=_changed("updatedCount", summary, blocks),
        deleted=_changed("deletedCount", summary, blocks),
        skipped=_skipped(summary, blocks, kinds),
        created=_sum(_objects(value.get("autoCreatedDimensionModalities")), "count"),
        skips=tuple(kinds[:KINDS]),
        more_kinds=len(kinds[KINDS:]),
    )


def _changed(name: str, summary: Fields, blocks: Sequence[Fields]) -> int | None:
    told = _count(summary.get(name))
    return _sum(blocks, name) if told is None else told


def _skipped(summary: Fields, blocks: Sequence[Fields], kinds: Sequence[Skipped]) -> int | None:
    """Return how much was left out: the summary counts rows, the kinds may count values."""
    told = _count(summary.get("skippedCount"))
    by_kind = _total(kind.count for kind in kinds)
    if told or by_kind or kinds:
        return told or by_kind
    if told is None and blocks and all(isinstance(one.get("skippedData"), list) for one in blocks):
        return 0
    return told


def _kinds(blocks: Sequence[Fields], secret: str) -> list[Skipped]:
    """Return what was left out, by reason and column over all blocks, the most frequent first."""
    found: dict[tuple[str, str], Skipped] = {}
    for entry in (entry for block in blocks for entry in _objects(block.get("skippedData"))):
        one = _one_kind(entry, secret)
        if one.count != 0:
            name = (one.reason, one.column)
            found[name] = _together(found[name], one) if name in found else one
    return sorted(found.values(), key=lambda kind: kind.count or 0, reverse=True)


def _one_kind(entry: Fields, secret: str) -> Skipped:
    samples = entry.get("samples")
    listed = samples if isinstance(samples, list) else []
    texts = filter(None, (_text(one, secret) for one in listed))
    return Skipped(
        reason=_text(entry.get("reason"), secret),
        column=_text(entry.get("sourceColumnName"), secret),
        count=_count(entry.get("count")),
        samples=_first(texts),
    )


def _together(one: Skipped, other: Skipped) -> Skipped:
    return Skipped(
        reason=one.reason,
        column=one.column,
        count=_total((one.count, other.count)),
        samples=_first((*one.samples, *other.samples)),
    )


def _first(samples: Iterable[str]) -> tuple[str, ...]:
    """Return the first few that differ."""
    return tuple(itertools.islice(dict.fromkeys(samples), SAMPLES))


def _sum(objects: Sequence[Fields], name: str) -> int | None:
    return _total(_count(one.get(name)) for one in objects)


def _total(counts: Iterable[int | None]) -> int | None:
    """Add what is known; None where nothing is."""
    known = [count for count in counts if count is not None]
    return min(sum(known), LARGEST) if known else None


def _count(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return min(value, LARGEST)


def _text(value: Any, secret: str) -> str:
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return tidy(str(value), secret=secret, most=CHARACTERS) if is_plain else ""


def _fields(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Fields]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
