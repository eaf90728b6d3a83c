"""One service per state directory."""

import fcntl
import os
import threading
from pathlib import Path

from pigment_watcher import errors

NAME = "service.lock"
TRIES = 5
BETWEEN_TRIES_S = 0.05


class ServiceLock:
    """An advisory lock that the kernel drops when its holder dies, however it dies."""

    def __init__(self, state_directory: Path) -> None:
        self._file = state_directory / NAME
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock. Raises AlreadyRunning, FolderError."""
        try:
            descriptor = os.open(self._file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.FolderError(
                os.fsdecode(self._file),
                f"{error.strerror}: let the service's user write it, and its folder",
            ) from error
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise errors.AlreadyRunning(
                f"{self._file.parent}: another pigment-watcher runs with this state_directory;"
                " stop it first, or give this one a directory of its own"
            ) from error
        self._descriptor = descriptor

    def drop(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> None:
    """Lock, and try more than once: who merely asks whether it is held has it for a moment."""
    for _ in range(TRIES - 1):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            threading.Event().wait(BETWEEN_TRIES_S)
    return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(state_directory: Path) -> bool:
    """Return whether a service runs with this state directory."""
    try:
        descriptor = os.open(state_directory / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
