"""Names that are free, and names of what stands beside a file."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

#: The longest file name that Linux takes, in bytes.
LONGEST = 255
#: What is longer, in bytes, after the last dot is no extension but a part of the name.
LONGEST_EXTENSION = 32
REASON = ".reason.txt"
REPORT = ".report.txt"


def beside(name: str, ending: str) -> str:
    """Return the name of a file that stands beside another, shortened where it would not fit."""
    return _cut(name, LONGEST - len(ending)) + ending


def free(folder: Path, name: str, now: float) -> Path:
    """Return a path in the folder that neither a file nor its reason or report occupies.

    A taken name gets a suffix before its extension, in local time.
    """
    return folder / next(
        candidate for candidate in _candidates(name, now) if not _is_taken(folder, candidate)
    )


def _is_taken(folder: Path, name: str) -> bool:
    neighbours = (name, beside(name, REASON), beside(name, REPORT))
    return any(os.path.lexists(folder / neighbour) for neighbour in neighbours)


def _candidates(name: str, now: float) -> Iterator[str]:
    yield name
    stamp = time.strftime("-%Y%m%d-%H%M%S", time.localtime(now))
    yield _with_suffix(name, stamp)
    number = 2
    while True:
        yield _with_suffix(name, f"{stamp}-{number}")
        number += 1


def _with_suffix(name: str, suffix: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if not stem or len(os.fsencode(extension)) > LONGEST_EXTENSION:
        stem, ending = name, suffix
    else:
        ending = suffix + dot + extension
    return _cut(stem, LONGEST - len(os.fsencode(ending))) + ending


def _cut(name: str, most: int) -> str:
    """Cut whole characters until the name has at most so many bytes."""
    while len(os.fsencode(name)) > most:
        name = name[:-1]
    return name
