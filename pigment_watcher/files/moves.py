"""Renames that never overwrite, and moves between file systems that never lose."""

import contextlib
import ctypes
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pigment_watcher import errors

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_COPY_BLOCK = 1024 * 1024
#: So often the removal of a copied source is tried before it is reported.
UNLINK_TRIES = 3

#: What a drive answers that knows no renameat2 with flags, or no hard links.
_UNKNOWN = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EIO, errno.EMLINK}
)
#: What a drive answers that can't put a folder on the disk by itself.
_NO_SYNC = frozenset({errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP})

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what the system says about a folder into a FolderError."""
    try:
        yield
    except OSError as error:
        raise errors.FolderError(os.fsdecode(folder), error.strerror or str(error)) from error


def sync(folder: Path) -> None:
    """Put a folder's entries on the disk; a drive that can't is trusted."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def is_there(path: Path) -> bool:
    """Return whether anything has this name. Raises OSError where nobody can tell."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def rename(source: Path, target: Path) -> None:
    """Rename within a file system; raises NameTaken rather than overwrite."""
    result = _libc.renameat2(
        _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE
    )
    if result == 0:
        return
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        raise errors.NameTaken(f"{target}: exists already")
    if code in {errno.EINVAL, errno.ENOSYS}:
        _rename_by_link(source, target)
        return
    raise OSError(code, os.strerror(code), os.fsdecode(source), None, os.fsdecode(target))


def _rename_by_link(source: Path, target: Path) -> None:
    """Make the new name first: a hard link can't overwrite."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError as error:
        raise errors.NameTaken(f"{target}: exists already") from error
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        # Neither way is known here: what is left is to look, and to rename at once.
        if is_there(target):
            raise errors.NameTaken(f"{target}: exists already") from error
        source.rename(target)
    else:
        sync(target.parent)
        _drop_old_name(source, target)


def _drop_old_name(source: Path, target: Path) -> None:
    """Remove the first of a file's two names; where that is refused, the second goes again."""
    try:
        source.unlink(missing_ok=True)
    except OSError:
        if _is_gone(source) or not same_bytes(source, target):
            return  # it is removed, whatever the drive said, and may be another file by now
        try:
            target.unlink()
        except OSError as error:
            why = f"it could be removed neither here nor from {target}, to which it was linked"
            raise OSError(errno.EIO, why, os.fsdecode(source)) from error
        raise


def _is_gone(path: Path) -> bool:
    """Return whether a file can't be opened because it is not there: names may be remembered."""
    try:
        _reader(path).close()
    except FileNotFoundError:
        return True
    return False


def move(source: Path, target: Path, token: str) -> None:
    """Move a file to a name that does not exist, across file systems if need be, and sync.

    `token` makes the name of an unfinished copy ours. Raises NameTaken, OSError.
    """
    before = source.lstat()
    try:
        rename(source, target)
    except FileNotFoundError:
        if not _was_moved(before, source, target):
            raise
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target, token)
        remove_copied(source)
    sync_move(source, target)


def sync_move(source: Path, target: Path) -> None:
    """Put a move on the disk, in both folders: the new name first."""
    sync(target.parent)
    with contextlib.suppress(FileNotFoundError):  # nothing is left to come back to
        sync(source.parent)


def _was_moved(before: os.stat_result, source: Path, target: Path) -> bool:
    """Return whether a rename was done that a drive, asking its server twice, says it was not.

    Inode numbers say nothing here: some of those drives give a new one with each name.
    """
    if is_there(source) or not is_there(target):
        return False
    now = target.lstat()
    return (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def part_name(token: str) -> str:
    """Return the name of an unfinished copy."""
    return f".{token}.part"


def _copy(source: Path, target: Path, token: str) -> None:
    """Copy, sync, compare, rename, sync: the target's name never stands for half a file."""
    part = target.parent / part_name(token)
    with _reader(source) as reader, _fresh(part) as writer:
        shutil.copyfileobj(reader, writer, _COPY_BLOCK)
    if not same_bytes(source, part):
        part.unlink()
        raise OSError(errno.EIO, "the copy differs from its source", os.fsdecode(part))
    # Last: the mode may be one that keeps even us from reading.
    with contextlib.suppress(OSError):  # a drive that knows no times or modes
        shutil.copystat(source, part, follow_symlinks=False)
    rename(part, target)
    sync(target.parent)


def _reader(path: Path) -> BinaryIO:
    """Open to read; never a link or a pipe that somebody put there in the last moment."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags), "rb")


@contextlib.contextmanager
def _fresh(path: Path) -> Iterator[BinaryIO]:
    """Lend a new file and sync it; half of one is not left to fill a full disk.

    What an earlier trial left there, or somebody's link, is removed first.
    """
    path.unlink(missing_ok=True)
    with path.open("xb") as writer:
        try:
            yield writer
            writer.flush()
            os.fsync(writer.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def same_bytes(one: Path, other: Path) -> bool:
    """Return whether two files hold the same bytes."""
    with _reader(one) as left, _reader(other) as right:
        if os.fstat(left.fileno()).st_size != os.fstat(right.fileno()).st_size:
            return False
        while block := left.read(_COPY_BLOCK):
            if block != right.read(_COPY_BLOCK):
                return False
    return True


def remove_copied(source: Path) -> None:
    """Remove a file whose verified copy is in place."""
    for _ in range(UNLINK_TRIES - 1):
        with contextlib.suppress(OSError):
            source.unlink(missing_ok=True)
            return
    source.unlink(missing_ok=True)


def write_new(path: Path, data: bytes, token: str) -> None:
    """Write a small file whole and put it on the disk, if its name is free or holds these bytes.

    Raises NameTaken, OSError.
    """
    part = _write_part(path, data, token)
    try:
        rename(part, path)
    except errors.NameTaken:
        ours = path.is_file() and not path.is_symlink() and path.read_bytes() == data
        part.unlink()
        if not ours:
            raise
    sync(path.parent)


def _write_part(path: Path, data: bytes, token: str) -> Path:
    part = path.parent / part_name(token)
    with _fresh(part) as writer:
        writer.write(data)
    return part


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, and put them on the disk; `mode` is of it alone."""
    if folder.is_dir():
        # A crash may have come between its making and its sync; what we may not open we never made.
        with contextlib.suppress(PermissionError):
            sync(folder.parent)
        return
    make_folder(folder.parent)
    folder.mkdir(mode, exist_ok=True)
    sync(folder.parent)


def replace_own(path: Path, data: bytes, token: str) -> None:
    """Replace a small file that we wrote ourselves. Raises OSError."""
    part = _write_part(path, data, token)
    try:
        part.replace(path)
    except FileNotFoundError:  # a drive that renames to free names only
        if not is_there(part):
            raise
        path.unlink(missing_ok=True)
        rename(part, path)
    sync(path.parent)
