"""One look through a folder: which files lie there for which route, and what else.

It may be made by a helper process, so all that goes in and comes out can cross.
"""

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pigment_watcher import mounts, settle
from pigment_watcher.files import places, reading
from pigment_watcher.model import Fingerprint, Route

_KINDS = (
    (stat.S_ISLNK, "a symbolic link, and links are never followed; put the file itself here"),
    (stat.S_ISDIR, "a folder, whatever its name says; put the files themselves here"),
    (stat.S_ISFIFO, "a named pipe and no file"),
    (stat.S_ISSOCK, "a socket and no file"),
)


@dataclass(slots=True)
class Seen:
    """What lies in a folder; names are relative to it, with slashes.

    `files` are those that routes take, with the number of the route; of those `unknown` nothing
    more could be learnt now. `markers` are found by their names in lower case. `odd` says why
    something is not taken. `contested` are the routes that would take the same file. `cpu_s` is
    what the look cost of a core, and what the next one will: without the choice of routes for new
    names, which is made once.
    """

    files: dict[str, Fingerprint] = field(default_factory=dict)
    takers: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    markers: dict[str, str] = field(default_factory=dict)
    odd: dict[str, str] = field(default_factory=dict)
    untaken: set[str] = field(default_factory=set)
    contested: dict[tuple[int, ...], str] = field(default_factory=dict)
    cpu_s: float = 0.0


def look_through(
    directory: Path,
    routes: Sequence[Route],
    known: Mapping[str, int | None],
    *,
    trust_inodes: bool = True,
) -> Seen:
    """Return what lies in a folder. `known` spares the choice of a route for names seen before.

    Raises OSError if the folder can't be listed; a sub-folder that can't is told among the odd.
    """
    began = time.thread_time()
    look = _Look(directory, routes, known, trust_inodes=trust_inodes)
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            pending += look.into(folder)
        except OSError as error:
            if not folder:
                raise
            look.seen.odd[folder] = f"this folder can't be listed ({error.strerror})"
    look.seen.cpu_s = time.thread_time() - began - look.choosing_s
    return look.seen


class _Look:
    """The look under way."""

    def __init__(
        self,
        directory: Path,
        routes: Sequence[Route],
        known: Mapping[str, int | None],
        *,
        trust_inodes: bool,
    ) -> None:
        self.seen = Seen()
        self._directory = directory
        self._routes = routes
        self._known = known
        self._trust_inodes = trust_inodes
        self._markers = {route.marker for route in routes if route.marker is not None}
        self._goes_deep = any(route.recursive for route in routes)
        self._device = directory.stat().st_dev
        #: How much of a core the choice of routes for new names took, in seconds.
        self.choosing_s = 0.0

    @cached_property
    def _own(self) -> set[str]:
        """What of the inbox is ours; an idle folder without folders for routes never asks."""
        return set(_own_folders(self._directory, self._routes))

    def into(self, folder: str) -> list[str]:
        """Note what lies in a folder, and return the folders in it that are looked into, too."""
        deeper: list[str] = []
        new: list[tuple[os.DirEntry[str], str]] = []
        prefix = f"{folder}/" if folder else ""
        known, untaken = self._known, self.seen.untaken
        with os.scandir(self._directory / folder) as entries:
            for entry in entries:
                path = prefix + entry.name
                if known.get(path, 0) is None and entry.is_file(follow_symlinks=False):
                    untaken.add(path)  # as before, and quickly: they may be many
                    continue
                is_named_so = any(settle.is_marker(entry.name, one) for one in self._markers)
                if is_named_so and entry.is_file(follow_symlinks=False):
                    self.seen.markers[path.lower()] = path
                if self._goes_deep and entry.is_dir(follow_symlinks=False):
                    if self._is_looked_into(entry, path):
                        deeper.append(path)
                elif path in known:
                    self._note(entry, path, known[path])
                else:
                    new.append((entry, path))
        began = time.thread_time()
        takers = [self._taker(path) for _, path in new]
        self.choosing_s += time.thread_time() - began
        for (entry, path), taker in zip(new, takers, strict=True):
            self._note(entry, path, taker)
        return deeper

    def _is_looked_into(self, entry: "os.DirEntry[str]", path: str) -> bool:
        """Return whether files below a folder may be a user's."""
        if path in self._own or settle.is_litter(entry.name):
            return False
        if all(settle.is_ignored(path, route) for route in self._routes if route.recursive):
            return False
        if entry.stat(follow_symlinks=False).st_dev != self._device:
            self.seen.odd[path] = "another drive is mounted here; give it a route of its own"
            return False
        return True

    def _note(self, entry: "os.DirEntry[str]", path: str, taker: int | None) -> None:
        """Note what lies there for the route of this number, or for none."""
        if taker is None:
            self._note_untaken(entry, path)
            return
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            self.seen.unknown.add(path)
            self.seen.odd[path] = f"it can't be looked at now ({error.strerror})"
            return
        if stat.S_ISREG(found.st_mode):
            fingerprint = reading.fingerprint(found)
            trusted = fingerprint if self._trust_inodes else fingerprint.without_inode()
            self.seen.files[path] = trusted
            self.seen.takers[path] = taker
        elif not any(own == path or own.startswith(f"{path}/") for own in self._own):
            self.seen.odd[path] = _oddity(found.st_mode)

    def _note_untaken(self, entry: "os.DirEntry[str]", path: str) -> None:
        if settle.is_litter(entry.name) or path.lower() in self.seen.markers:
            return
        if entry.is_file(follow_symlinks=False):
            self.seen.untaken.add(path)

    def _taker(self, path: str) -> int | None:
        """Return the number of the route that takes a file: the first of the configuration."""
        takers = settle.takers(path, self._routes)
        if len(takers) > 1:
            self.seen.contested.setdefault(tuple(takers), path)
        return takers[0] if takers else None


def _own_folders(directory: Path, routes: Sequence[Route]) -> Iterator[str]:
    """Return what of the inbox is ours, relative to it, by whatever way it is reached."""
    yield places.PROCESSING
    real, _ = mounts.resolve(directory)
    for route in routes:
        for folder in (route.rules.done, route.rules.failed):
            for inbox, archive in ((directory, folder), (real, mounts.resolve(folder)[0])):
                if archive.is_relative_to(inbox):
                    yield archive.relative_to(inbox).as_posix()


def _oddity(mode: int) -> str:
    return next(
        (f"this is {what}" for is_kind, what in _KINDS if is_kind(mode)),
        "this is no regular file",
    )
