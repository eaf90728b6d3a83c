"""Which files of a folder are complete: observations in, complete files out.

Pure: what was seen and when comes in as arguments. Time is monotonic and ours alone, so that no
clock of a server or a file plays a part.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

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


@dataclass(frozen=True, slots=True)
class Sighting:
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
    return matches(name, BUILT_IN_IGNORES)


def takers(name: str, routes: Iterable[Route]) -> list[Route]:
    """Return the routes that take a name, in the order of the configuration."""
    if is_litter(name):
        return []
    return [
        route for route in routes if matches(name, route.files) and not matches(name, route.ignore)
    ]


def observe(
    before: Mapping[str, Sighting], seen: Mapping[str, Fingerprint], now: float
) -> dict[str, Sighting]:
    """Return the sightings after a scan: a changed file starts anew, one not seen is forgotten."""
    after = {}
    for name, fingerprint in seen.items():
        known = before.get(name)
        if known is not None and known.fingerprint == fingerprint:
            after[name] = known
        else:
            after[name] = Sighting(fingerprint, now)
    return after


def is_complete(sighting: Sighting, quiet_s: float, now: float) -> bool:
    """Return whether a file was unchanged for long enough."""
    return now - sighting.since >= quiet_s


def complete_at(sighting: Sighting, quiet_s: float) -> float:
    """Return when a file will be complete if it does not change, in monotonic seconds."""
    return sighting.since + quiet_s
