"""Watchdog, kept honest: its events only say "look again", and a deaf one is replaced."""

import contextlib
import logging
import os
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from watchdog.events import (
    DirDeletedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.inotify import InotifyEmitter, InotifyObserver
from watchdog.observers.inotify_c import InotifyConstants, Mask

from pigment_watcher import mounts

#: The root's removal is asked for too, else watchdog stops without a word.
_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    DirDeletedEvent,
]
_OVERFLOW_LOGGER = "watchdog.observers.inotify_c"
#: A watch of the kernel, with the inode of what it watches; source: proc(5), fdinfo.
_WATCH = re.compile(r"^inotify .*\bino:([0-9a-f]+)", re.MULTILINE)


# What it calls an error is harmless: events that are read while it stops.
logging.getLogger("watchdog.observers.inotify").setLevel(logging.CRITICAL)
# And so is what it warns of: a folder made while those around it are being watched, watched twice.
warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
# An overflow is heard whatever the level of our own log.
logging.getLogger(_OVERFLOW_LOGGER).setLevel(logging.WARNING)


class Observer:
    """Tells when something may have changed in one of some folders."""

    def __init__(self, look: Callable[[Path], None]) -> None:
        self._look = look
        self._wanted: dict[Path, Collection[Path] | None] = {}
        self._observer: Any = None
        self._overflow = _OverflowEar(self._look_everywhere)

    def watch(self, folders: Mapping[Path, Collection[Path] | None]) -> None:
        """Watch these folders and no others.

        With each comes None, or, where all below it is watched, what of that is ours and not worth
        a word.
        """
        if folders != self._wanted:
            self._wanted = dict(folders)
            self._rebuild()

    def check(self) -> bool:
        """Return whether the kernel watches every folder; what is deaf is replaced.

        A folder that can't be watched now is tried again at the next check.
        """
        inodes = {folder: _inode(folder) for folder in self._wanted}
        for folder, inode in inodes.items():
            if inode is None:
                self._look(folder)  # it was moved away, which the kernel does not tell
        if self._is_healthy({inode for inode in inodes.values() if inode is not None}):
            return True
        self._rebuild()
        self._look_everywhere()
        return False

    def stop(self) -> None:
        """Stop watching."""
        if self._observer is None:
            return
        logging.getLogger(_OVERFLOW_LOGGER).removeHandler(self._overflow)
        self._observer.stop()
        with contextlib.suppress(RuntimeError):  # it never started
            self._observer.join()
        self._observer = None

    def _rebuild(self) -> None:
        self.stop()
        if not self._wanted:
            return
        try:
            self._observer = _PromptObserver()
        except OSError:  # too many inotify instances: scans go on by the clock
            return
        logging.getLogger(_OVERFLOW_LOGGER).addHandler(self._overflow)
        # Started before it is given folders: one that is missing must not spoil the others.
        self._observer.start()
        for folder, own in self._wanted.items():
            with contextlib.suppress(OSError):  # it is missing; the next check tries again
                # The real path: watchdog does not follow a link and hears nothing behind it.
                path = os.path.realpath(folder)
                handler = _Handler(self._look, folder, own or ())
                deep = own is not None
                self._observer.schedule(handler, path, recursive=deep, event_filter=_EVENTS)

    def _is_healthy(self, wanted: set[int]) -> bool:
        if not self._wanted:
            return True
        if self._observer is None or not self._observer.is_alive():
            return False
        try:
            return wanted <= set(_watched_inodes())
        except OSError:  # no file can be opened now: the next check asks again
            return True

    def _look_everywhere(self) -> None:
        for folder in self._wanted:
            self._look(folder)


class _PromptEmitter(InotifyEmitter):
    """Asks the kernel for no moves out of a folder, such as our own claims.

    Watchdog would wait half a second for the other half of each, and hold back all that comes after
    it. A move within the folders is heard all the same, as one into them.
    """

    def get_event_mask_from_filter(self) -> Mask:
        return Mask(super().get_event_mask_from_filter() & ~InotifyConstants.IN_MOVED_FROM)


class _PromptObserver(InotifyObserver):
    """Watchdog's observer, with emitters that wait for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._emitter_class = _PromptEmitter


class _Handler(FileSystemEventHandler):
    """Runs under watchdog's lock: it may neither block nor raise, so it only passes the hint on."""

    def __init__(self, look: Callable[[Path], None], folder: Path, own: Collection[Path]) -> None:
        self._look = look
        self._folder = folder
        self._own = tuple(f"{mounts.resolve(place)[0]}{os.sep}" for place in own)

    def on_any_event(self, event: FileSystemEvent) -> None:
        # What we do in our own folders is no news; a move out of them is.
        last = event.dest_path or event.src_path
        if not os.fsdecode(last).startswith(self._own):
            self._look(self._folder)


class _OverflowEar(logging.Handler):
    """Hears that the kernel's queue ran over: watchdog says so in its log and nowhere else."""

    def __init__(self, look_everywhere: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._look_everywhere = look_everywhere

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._look_everywhere()


def _inode(folder: Path) -> int | None:
    """Return what the kernel knows a folder by, or None if it can't be looked at now."""
    try:
        return folder.stat().st_ino
    except OSError:
        return None


def _watched_inodes() -> Iterator[int]:
    """Return the inodes that this process has kernel watches on."""
    for entry in Path("/proc/self/fdinfo").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            for found in _WATCH.finditer(entry.read_text(encoding="ascii")):
                yield int(found[1], 16)
