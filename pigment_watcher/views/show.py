"""How things look to people: names, sizes, spans of time, moments, tables, examples."""

import re
import time
from collections.abc import Sequence
from typing import Any

#: What is half a character: a byte of a name that is no UTF-8.
_KEPT_BYTE = re.compile(r"[\ud800-\udfff]")

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def text(value: str) -> str:
    """Return a text that any reader of UTF-8 takes; bytes that are no text show as hex."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def printable(value: object) -> str:
    """Return a text that a terminal shows and does not obey."""
    return "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in text(str(value))
    )


def lines(value: str) -> str:
    """Return a text of several lines, each printable."""
    return "\n".join(printable(line) for line in value.split("\n"))


def plain(value: Any) -> Any:
    """Return a value of JSON in which every text is one that any reader takes."""
    match value:
        case str():
            return text(value) if _KEPT_BYTE.search(value) else value
        case dict():
            return {plain(name): plain(held) for name, held in value.items()}
        case list() | tuple():
            return [plain(held) for held in value]
        case _:
            return value


def age(seconds: float) -> str:
    """Return a span of time in its two largest units."""
    left = max(0.0, seconds)
    if left < 10:  # noqa: PLR2004  # below, tenths are of interest
        return f"{left:.1f} s"
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count:.0f} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))


def moment(seconds: float) -> str:
    """Return a time since 1970 in the local zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def iso(seconds: float | None) -> str | None:
    """Return a time since 1970 as ISO 8601 in UTC, for programs."""
    if seconds is None:
        return None
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds // 1))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def size(count: int) -> str:
    """Return a count of bytes."""
    return f"{count:,} bytes" if count != 1 else "1 byte"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines whose columns begin below each other."""
    every = [titles, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(titles))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in every
    ]


def examples(*commands: str) -> str:
    """Return what stands below a command's options: how it is used."""
    # The mark keeps click from filling the lines into a paragraph.
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])
