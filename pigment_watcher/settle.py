"""Which files of a folder are complete: observations in, complete files out.

Pure: what was seen and when comes in as arguments. Time is monotonic and ours alone, so that no
clock of a server or a file plays a part.
"""

import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from pigment_watcher.model import Fingerprint, Route

#: Names that are never a finished file of a user: temporary, hidden, of an operating system.
BUILT_IN_IGNORES = (
    ".*",
    "~$*",
    "*~",
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.crdownload",
    "*.filepart",
    "*.writing",
    "*.swp",
    "*.bak",
    "*.lock",
    "*.reason.txt",
    "*.report.txt",
    "thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
    "__macosx",
    "@eadir",
)

# They are plain enough to be compared as texts, which takes a tenth of what a pattern takes.
_BEGINNINGS = tuple(name[:-1] for name in BUILT_IN_IGNORES if name.endswith("*"))
_ENDINGS = tuple(name[1:] for name in BUILT_IN_IGNORES if name.startswith("*"))
_WHOLE_NAMES = frozenset(name for name in BUILT_IN_IGNORES if "*" not in name)

_PLACEHOLDER = re.compile(r"\{(name|stem)\}")


class Sighting(NamedTuple):
    """A version of a file and when we first saw it, in monotonic seconds."""

    fingerprint: Fingerprint
    since: float


@lru_cache(maxsize=512)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns))


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a name fits one of the globs; case does not matter."""
    return bool(patterns) and _compiled(patterns).match(name.lower()) is not None


def is_litter(name: str) -> bool:
    """Return whether a name is one that no route ever takes."""
    name = name.lower()
    return name.startswith(_BEGINNINGS) or name.endswith(_ENDINGS) or name in _WHOLE_NAMES


def takers(path: str, routes: Sequence[Route]) -> list[int]:
    """Return the numbers of the routes that take a file, in the order of the configuration.

    `path` is relative to the inbox, with slashes.
    """
    folder, _, name = path.rpartition("/")
    if is_litter(name):
        return []
    return [
        number
        for number, route in enumerate(routes)
        if (not folder or route.recursive) and _takes(route, path, name)
    ]


def _takes(route: Route, path: str, name: str) -> bool:
    if not _fits(path, name, route.files) or is_ignored(path, route):
        return False
    return route.marker is None or not is_marker(name, route.marker)


def is_ignored(path: str, route: Route) -> bool:
    """Return whether a route ignores a file, or a folder on the way to it."""
    return bool(route.ignore) and any(_fits(path, part, route.ignore) for part in path.split("/"))


def _fits(path: str, name: str, patterns: tuple[str, ...]) -> bool:
    """Compare with the name, and with the whole path where that has folders in it."""
    return matches(name, patterns) or ("/" in path and matches(path, patterns))


# ---------------------------------------------------------------- markers


def marker_of(marker: str, path: str) -> str:
    """Return the path of the marker that stands beside a file."""
    folder, slash, name = path.rpartition("/")
    said = {"name": name, "stem": PurePosixPath(name).stem}
    return folder + slash + _PLACEHOLDER.sub(lambda found: said[found[1]], marker)


def is_marker(name: str, marker: str) -> bool:
    """Return whether a name can be that of a marker; case does not matter."""
    return _marker_pattern(marker.lower()).fullmatch(name.lower()) is not None


@lru_cache(maxsize=512)
def _marker_pattern(marker: str) -> re.Pattern[str]:
    fixed = map(re.escape, _PLACEHOLDER.split(marker)[::2])
    return re.compile(".+".join(fixed), re.DOTALL)


def is_shared(marker: str) -> bool:
    """Return whether a marker is one for all files, and not one for each."""
    return _PLACEHOLDER.search(marker) is None


# ---------------------------------------------------------------- quiet


def observe(
    before: Mapping[str, Sighting],
    seen: Mapping[str, Fingerprint],
    now: float,
    *,
    unknown: Collection[str] = (),
) -> dict[str, Sighting]:
    """Return the sightings after a scan: a changed file starts anew, one not seen is forgotten.

    Of those `unknown` nothing could be learnt now: they stay as they were.
    """
    after = {name: before[name] for name in unknown if name in before}
    for name, fingerprint in seen.items():
        known = before.get(name)
        if known is not None and known.fingerprint.same_version(fingerprint):
            after[name] = known
        else:
            after[name] = Sighting(fingerprint, now)
    return after


def complete_at(sighting: Sighting, quiet_s: float, marked_since: float | None = None) -> float:
    """Return when a file will be complete if it does not change, in monotonic seconds.

    A marker that came with the file or after it, first seen at `marked_since`, says so at once. One
    that was there before may be of an earlier file: it counts after the quiet time only.
    """
    if marked_since is not None and marked_since >= sighting.since:
        return marked_since
    return sighting.since + quiet_s
