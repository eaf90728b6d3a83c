"""Watchdog, kept honest: its events only say "look again", and a deaf one is replaced."""

import contextlib
import logging
import os
from collections.abc import Callable, Collection, Iterator
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
from watchdog.observers import Observer as WatchdogObserver

#: The root's removal is asked for too, else watchdog stops without a word.
_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    DirDeletedEvent,
]
_OVERFLOW_LOGGER = "watchdog.observers.inotify_c"


# What it calls an error is harmless: events that are read while it stops.
logging.getLogger("watchdog.observers.inotify").setLevel(logging.CRITICAL)
# An overflow is heard whatever the level of our own log.
logging.getLogger(_OVERFLOW_LOGGER).setLevel(logging.WARNING)


class Observer:
    """Tells when something may have changed in one of some folders."""

    def __init__(self, look: Callable[[Path], None]) -> None:
        self._look = look
        self._wanted: frozenset[Path] = frozenset()
        self._observer: Any = None
        self._overflow = _OverflowEar(self._look_everywhere)

    def watch(self, folders: Collection[Path]) -> None:
        """Watch these folders and no others."""
        if frozenset(folders) != self._wanted or self._observer is None:
            self._wanted = frozenset(folders)
            self._rebuild()

    def check(self) -> bool:
        """Return whether the kernel watches every folder; what is deaf is replaced.

        A folder that can't be watched now is tried again at the next check.
        """
        if self._is_healthy():
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
        try:
            self._observer = WatchdogObserver()
        except OSError:  # too many inotify instances: scans go on by the clock
            return
        logging.getLogger(_OVERFLOW_LOGGER).addHandler(self._overflow)
        # Started before it is given folders: one that is missing must not spoil the others.
        self._observer.start()
        for folder in self._wanted:
            with contextlib.suppress(OSError):  # it is missing; the next check tries again
                # The real path: watchdog does not follow a link and hears nothing behind it.
                path = os.path.realpath(folder)
                handler = _Handler(self._look, folder)
                self._observer.schedule(handler, path, recursive=False, event_filter=_EVENTS)

    def _is_healthy(self) -> bool:
        if not self._wanted:
            return True
        if self._observer is None or not self._observer.is_alive():
            return False
        kernel = set(_watched_inodes())
        there = (_inode(folder) for folder in self._wanted)
        return all(inode in kernel for inode in there if inode is not None)

    def _look_everywhere(self) -> None:
        for folder in self._wanted:
            self._look(folder)


class _Handler(FileSystemEventHandler):
    """Runs under watchdog's lock: it may neither block nor raise, so it only passes the hint on."""

    def __init__(self, look: Callable[[Path], None], folder: Path) -> None:
        self._look = look
        self._folder = folder

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002
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
    """Return the inodes that this process has kernel watches on; source: proc(5), fdinfo."""
    for entry in Path("/proc/self/fdinfo").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            for line in entry.read_text(encoding="ascii").splitlines():
                if line.startswith("inotify "):
                    marks = dict(part.split(":") for part in line.split()[1:] if ":" in part)
                    yield int(marks["ino"], 16)
