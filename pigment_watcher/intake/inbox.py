"""One watched folder: what was seen in it, and which of it is complete."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pigment_watcher import settle
from pigment_watcher.files import claims
from pigment_watcher.model import Fingerprint, Route

#: A file that no route takes is said once, after so many seconds.
UNCLAIMED_S = 3600.0

_KINDS = (
    (stat.S_ISLNK, "a symbolic link, and links are never followed; put the file itself here"),
    (stat.S_ISDIR, "a folder, whatever its name says; put the files themselves here"),
    (stat.S_ISFIFO, "a named pipe and no file"),
    (stat.S_ISSOCK, "a socket and no file"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A complete file and the route that takes it."""

    route: Route
    directory: Path
    name: str
    fingerprint: Fingerprint

    @property
    def source(self) -> Path:
        """Where the file lies; made when asked for, as 100,000 may wait."""
        return self.directory / self.name


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something in the folder that is not taken, and why."""

    name: str
    why: str


class Inbox:
    """The memory of one folder between two scans; an error of a scan leaves it untouched."""

    def __init__(self, directory: Path, routes: Sequence[Route]) -> None:
        self.directory = directory
        self.routes = tuple(routes)
        self._ours = {claims.PROCESSING, *_names_below(directory, self.routes)}
        self.scanned_at: float | None = None
        self.scan_s = 0.0
        self._sightings: dict[str, settle.Sighting] = {}
        self._takers: dict[str, Route] = {}
        self._unclaimed: dict[str, float] = {}
        self._odd: list[Oddity] = []
        #: Routes that would take the same file, and the first such file.
        self.contested: dict[tuple[str, ...], str] = {}

    @property
    def scan_every_s(self) -> float:
        """The longest time between two scans."""
        return min(route.scan_every_s for route in self.routes)

    def scan(self, monotonic: float) -> None:
        """Look at everything in the folder. Raises OSError if the folder can't be read."""
        seen: dict[str, Fingerprint] = {}
        odd: list[Oddity] = []
        unclaimed: dict[str, float] = {}
        with os.scandir(self.directory) as entries:
            for entry in entries:
                route = self._taker(entry.name)
                if route is None:
                    if not settle.is_litter(entry.name) and entry.is_file(follow_symlinks=False):
                        first = self._unclaimed.get(entry.name, monotonic)
                        unclaimed[entry.name] = first
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(found.st_mode):
                    seen[entry.name] = claims.fingerprint(found)
                elif entry.name not in self._ours:
                    odd.append(Oddity(entry.name, _oddity(found.st_mode)))
        self._sightings = settle.observe(self._sightings, seen, monotonic)
        self._takers = {name: self._takers[name] for name in seen}
        self._unclaimed, self._odd = unclaimed, odd

    def complete(self, monotonic: float) -> list[Candidate]:
        """Return the files that were unchanged for long enough."""
        return [
            Candidate(self._takers[name], self.directory, name, sighting.fingerprint)
            for name, sighting in self._sightings.items()
            if settle.is_complete(sighting, self._takers[name].rules.quiet_s, monotonic)
        ]

    def next_complete_at(self, monotonic: float) -> float | None:
        """Return when the next file that is still settling will be complete."""
        times = (
            settle.complete_at(sighting, self._takers[name].rules.quiet_s)
            for name, sighting in self._sightings.items()
        )
        return min((at for at in times if at > monotonic), default=None)

    def names(self) -> frozenset[str]:
        """Return the names of the files that routes will take."""
        return frozenset(self._sightings)

    def look_again(self, name: str, monotonic: float) -> None:
        """Begin anew with a file that changed in the last moment, or can't be looked at now."""
        try:
            found = claims.look(self.directory / name)
        except OSError:  # the folder's next scan says what is wrong with it
            found = self._sightings[name].fingerprint
        if found is None:
            self.forget(name)
        else:
            self._sightings[name] = settle.Sighting(found, monotonic)

    def forget(self, name: str) -> None:
        """Forget a file that was claimed or vanished; the next one of its name is new."""
        self._sightings.pop(name, None)

    def oddities(self, monotonic: float) -> Iterator[Oddity]:
        """Return what lies in the folder and is not taken, as far as it is worth a word."""
        yield from self._odd
        for name, since in self._unclaimed.items():
            if monotonic - since >= UNCLAIMED_S:
                yield Oddity(name, "not taken by any route: see `files` and `ignore`")

    def _taker(self, name: str) -> Route | None:
        """Remember who takes a name: the first route of the configuration."""
        known = self._takers.get(name)
        if known is not None:
            return known
        takers = settle.takers(name, self.routes)
        if not takers:
            return None
        if len(takers) > 1:
            self.contested.setdefault(tuple(route.name for route in takers), name)
        self._takers[name] = takers[0]
        return takers[0]


def _names_below(directory: Path, routes: Sequence[Route]) -> Iterator[str]:
    """Return by which names done/ and failed/ are reached where they lie below the inbox."""
    for route in routes:
        for folder in (route.rules.done, route.rules.failed):
            if folder.is_relative_to(directory):
                yield folder.relative_to(directory).parts[0]


def _oddity(mode: int) -> str:
    return next(
        (f"this is {what}" for is_kind, what in _KINDS if is_kind(mode)),
        "this is no regular file",
    )
