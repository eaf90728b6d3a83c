"""The detailed report of an import: what its file says was skipped or created."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: A value that says so is skipped; what follows is Pigment's name for the reason.
_SKIP = re.compile(r"SIMULATE-SKIP(?:-([A-Za-z]+))?")
#: A value that says so counts as an item that was created.
_CREATE = re.compile(r"SIMULATE-CREATE")
_REASON = "MissingModalitySkippedDataRow"
#: So many samples are told of each kind.
_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Skip:
    """A value that is skipped: why, in which column, and how it is written."""

    reason: str
    column: str | None
    value: str


def skips(head: bytes) -> tuple[Skip, ...]:
    """Return what a file says is skipped."""
    lines = head.decode("utf-8", "replace").splitlines() or [""]
    separator = ";" if ";" in lines[0] else ","
    names = lines[0].split(separator)
    return tuple(skip for line in lines[1:] for skip in _of_line(line.split(separator), names))


def _of_line(values: Sequence[str], names: Sequence[str]) -> Iterator[Skip]:
    for number, value in enumerate(values):
        for match in _SKIP.finditer(value):
            column = names[number] if number < len(names) else None
            yield Skip(match[1] or _REASON, column, value)


def created(head: bytes) -> int:
    """Return how many items a file says are created."""
    return len(_CREATE.findall(head.decode("utf-8", "replace")))


def report(block: str, rows: int, skipped: Sequence[Skip], new_items: int) -> dict[str, object]:
    """Return what Pigment would report of a completed import."""
    inserted = max(rows - len(skipped), 0)
    counts = {"insertedCount": inserted, "updatedCount": 0, "deletedCount": 0}
    kinds = Counter((skip.reason, skip.column) for skip in skipped)
    entries = [
        {
            "count": count,
            "reason": reason,
            "sourceColumnName": column,
            "samples": [
                skip.value for skip in skipped if (skip.reason, skip.column) == (reason, column)
            ][:_SAMPLES],
        }
        for (reason, column), count in kinds.items()
    ]
    impacted = {"blockId": block, "scenarioId": None, **counts, "skippedData": entries}
    new = [{"blockId": block, "count": new_items}] if new_items else []
    return {
        "blockType": "Metric",
        "summary": counts | {"skippedCount": len(skipped)},
        "impactedBlocks": [impacted],
        "autoCreatedDimensionModalities": new,
    }
