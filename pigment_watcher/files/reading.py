"""Regular files: looked at, and opened without following a link; lent by whoever may touch them."""

import contextlib
import errno
import io
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pigment_watcher import errors
from pigment_watcher.files import leases
from pigment_watcher.model import Fingerprint
from pigment_watcher.running import Run, directly

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_Result = TypeVar("_Result")

#: What tells this process from any other that makes file calls.
_PROCESS = secrets.token_bytes(8)
#: What a drive answers where another program has a file for itself alone; EAGAIN: it holds a
#: lease, which the kernel asked back for us.
BUSY = frozenset({errno.EBUSY, errno.ETXTBSY, errno.EAGAIN})
#: What a drive answers that went away: nothing is wrong with the file.
_AWAY = frozenset(
    {
        errno.EIO,
        errno.ENOTCONN,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ECONNABORTED,
        errno.ECONNRESET,
    }
)


def fingerprint(found: os.stat_result) -> Fingerprint:
    """Return what tells this version of a file from another."""
    return Fingerprint(
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        ctime_ns=found.st_ctime_ns,
        inode=found.st_ino,
    )


def look(path: Path) -> Fingerprint | None:
    """Return the fingerprint of a regular file, or None if there is none; links do not count."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return fingerprint(found) if stat.S_ISREG(found.st_mode) else None


def owner(path: Path) -> tuple[int | None, str]:
    """Return the user ID and the name of a file's owner, as far as they are known."""
    try:
        uid = path.lstat().st_uid
    except OSError:
        return None, ""
    try:
        return uid, path.owner()
    except (KeyError, OSError):
        return uid, ""


def open_regular(path: Path) -> int:
    """Open without following a link and without waiting for a pipe's other end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise errors.FileUnreadable(
            f"{path}: permission denied: let the service read it"
        ) from error
    except FileNotFoundError as error:
        raise errors.FileVanished(f"{path}: it is no longer there") from error
    except OSError as error:
        if error.errno in BUSY:
            raise errors.FileBusy(f"{path}: another program has it open") from error
        if error.errno in _AWAY:
            raise
        raise errors.FileUnreadable(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise errors.FileUnreadable(f"{path}: this is no regular file")
    return descriptor


@dataclass(frozen=True, slots=True)
class _Handle:
    """An open file of one process; its number means another file, or none, in every other."""

    path: Path
    descriptor: int
    #: What the file was when it was opened.
    begun: Fingerprint
    process: bytes = _PROCESS

    def here(self) -> int:
        """Return the descriptor. Raises FolderLost in another process than its own."""
        if self.process != _PROCESS:
            why = "the helper process that had the file open is no more"
            raise errors.FolderLost(str(self.path.parent), why)
        return self.descriptor


def _open_as(path: Path, expected: Fingerprint, *, exclusive: bool) -> _Handle:
    """Open a file that is what it is expected to be."""
    descriptor = open_regular(path)
    try:
        if exclusive:
            expect_no_writer(path, descriptor)
        # Last: a writer may have come and gone before.
        found = _expect_content(path, descriptor, expected)
    except BaseException:
        os.close(descriptor)
        raise
    return _Handle(path, descriptor, found)


def expect_no_writer(path: Path, descriptor: int) -> bool:
    """Return whether it is known that nobody has a file open for writing."""
    has_writer = leases.has_writer(descriptor)
    if has_writer:
        raise errors.FileBusy(f"{path}: another program has it open for writing")
    return has_writer is False


def _expect_content(path: Path, descriptor: int, expected: Fingerprint) -> Fingerprint:
    found = fingerprint(os.fstat(descriptor))
    if not found.same_content(expected):
        raise errors.FileChanged(f"{path}: it changed after it was claimed")
    return found


def _read(file: _Handle, size: int) -> bytes:
    return os.read(file.here(), size)


def _read_at(file: _Handle, offset: int, size: int) -> bytes:
    return os.pread(file.here(), size, offset)


def _fingerprint(file: _Handle) -> Fingerprint:
    return fingerprint(os.fstat(file.here()))


def _close(file: _Handle) -> None:
    os.close(file.here())


class Lent(io.RawIOBase):
    """An open file, unbuffered, whose calls may be made by another process.

    `begun` is what the file was when it was opened. `lost` tells that the drive did not answer, or
    that the process is no more which had the file open: then it is asked no more, and every call
    fails.
    """

    def __init__(self, handle: _Handle, run: Run) -> None:
        super().__init__()
        self.begun = handle.begun
        self.lost: errors.FolderLost | None = None
        self._handle = handle
        self._run = run

    def readable(self) -> bool:
        """Whether it may be read: yes."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read on; OSError if the drive is lost, as readers of files expect."""
        view = memoryview(buffer).cast("B")
        try:
            data = self._ask(partial(_read, self._handle, len(view)))
        except errors.FolderLost as error:
            raise OSError(errno.EIO, str(error)) from error
        view[: len(data)] = data
        return len(data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to so many bytes from there. Raises OSError, FolderLost."""
        return self._ask(partial(_read_at, self._handle, offset, size))

    def fingerprint(self) -> Fingerprint:
        """Return what the open file is now, whatever its name leads to. Raises as `read_at`."""
        return self._ask(partial(_fingerprint, self._handle))

    def close(self) -> None:
        """Let go of the file; what is lost is let go of by the end of its process."""
        if self.closed:
            return
        super().close()
        with contextlib.suppress(OSError, errors.FolderLost):
            self._ask(partial(_close, self._handle))

    def _ask(self, call: Callable[[], _Result]) -> _Result:
        if self.lost is not None:
            raise self.lost
        try:
            return self._run(call)
        except errors.FolderLost as error:
            self.lost = error
            raise


@contextlib.contextmanager
def opened(
    path: Path, expected: Fingerprint, run: Run = directly, *, exclusive: bool = False
) -> Iterator[Lent]:
    """Lend a claimed file if it is still what was claimed; `run` makes every call.

    `exclusive` refuses one that is open for writing. Raises FileVanished, FileChanged, FileBusy,
    FileUnreadable, FolderLost, OSError. A FileError of the borrower that comes of a lost drive is
    raised as that.
    """
    handle = run(partial(_open_as, path, expected, exclusive=exclusive))
    with contextlib.closing(Lent(handle, run)) as file:
        try:
            yield file
        except errors.FileError as error:
            if file.lost is None:
                raise
            raise file.lost from error
