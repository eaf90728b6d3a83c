"""Taking a file out of its inbox by one rename, into a folder that is ours alone."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pigment_watcher import errors
from pigment_watcher.files import moves
from pigment_watcher.model import Fingerprint

PROCESSING = "processing"
#: The file in processing/INSTANCE/ that holds how often its service was started.
STARTS = "starts"


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


def place(directory: Path, instance: str, job_id: int) -> Path:
    """Return the folder in which a job's file lies while it is worked on."""
    return directory / PROCESSING / instance / str(job_id)


def path(directory: Path, instance: str, job_id: int, name: str) -> Path:
    """Return where a job's claimed file lies."""
    return place(directory, instance, job_id) / name


def make_places(directory: Path, instance: str, job_ids: Sequence[int]) -> None:
    """Make the folders of some jobs, ours alone, and put them on the disk."""
    home = make_home(directory, instance)
    for job_id in job_ids:
        with contextlib.suppress(FileExistsError):
            (home / str(job_id)).mkdir(mode=0o700)
    moves.sync(home)


def make_home(directory: Path, instance: str) -> Path:
    """Make processing/INSTANCE, ours alone, and return it."""
    home = directory / PROCESSING / instance
    for folder in (home.parent, home):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        moves.sync(folder.parent)
    return home


def check(source: Path, expected: Fingerprint) -> None:
    """Make sure that a file is still what settled, and that we may read it.

    Raises FileVanished, FileChanged, FileUnreadable.
    """
    found = look(source)
    if found is None:
        raise errors.FileVanished(f"{source}: it is no longer there")
    if found != expected:
        raise errors.FileChanged(f"{source}: it changed after it had been taken for complete")
    os.close(_open(source))


def take(source: Path, to: Path) -> None:
    """Claim a file by its rename to a path in a job's folder.

    Raises FileVanished, FileChanged, FileUnreadable, NameTaken, OSError.
    """
    try:
        moves.rename(source, to)
    except FileNotFoundError as error:
        if look(to) is None:
            raise errors.FileVanished(f"{source}: it is no longer there") from error
    except OSError as error:
        if error.errno in {errno.EBUSY, errno.ETXTBSY}:
            raise errors.FileChanged(f"{source}: another program has it open") from error
        if isinstance(error, PermissionError) and os.access(source.parent, os.W_OK | os.X_OK):
            # It is this file alone: immutable, or another's in a folder with the sticky bit.
            why = f"{source}: it can't be moved ({error.strerror}); let the service's user move it"
            raise errors.FileUnreadable(why) from error
        if error.errno != errno.EXDEV:
            raise
        # Only a file of a failed/ on another file system: an inbox holds its own processing/.
        moves.move(source, to, to.parent.name)


def remove_twin(source: Path, claimed: Path, expected: Fingerprint) -> None:
    """Remove the old name of a claimed file, where a crash left both. Raises OSError."""
    found = look(source)
    if found is not None and found.same_content(expected) and moves.same_bytes(source, claimed):
        moves.remove_copied(source)


def expect_home(directory: Path, instance: str) -> None:
    """Raise FileNotFoundError if our folder in processing/ is not there.

    It is made at the start and never removed: without it the drive is lost, not a file in it.
    """
    home = directory / PROCESSING / instance
    if not home.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"{home} is gone: is the drive mounted?", os.fsdecode(home)
        )


def drop_place(folder: Path) -> None:
    """Remove a job's folder once it is empty; what else lies in it stays."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _open(path: Path) -> int:
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
        raise errors.FileUnreadable(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise errors.FileUnreadable(f"{path}: this is no regular file")
    return descriptor


@contextlib.contextmanager
def opened(path: Path, expected: Fingerprint) -> Iterator[BinaryIO]:
    """Lend a claimed file, unbuffered, if it is still what was claimed.

    Raises FileVanished, FileChanged, FileUnreadable.
    """
    with open(_open(path), "rb", buffering=0) as file:
        if not fingerprint(os.fstat(file.fileno())).same_content(expected):
            raise errors.FileChanged(f"{path}: it changed after it was claimed")
        yield file


# ---------------------------------------------------------------- instances


def instances(directory: Path) -> list[str]:
    """Return the names of the instances that have a folder in processing/."""
    try:
        return sorted(entry.name for entry in (directory / PROCESSING).iterdir() if entry.is_dir())
    except FileNotFoundError:
        return []


def claimed(directory: Path, instance: str) -> list[Path]:
    """Return the files that lie in an instance's folders, unfinished copies left out."""
    home = directory / PROCESSING / instance
    try:
        folders = sorted(entry for entry in home.iterdir() if entry.is_dir())
    except FileNotFoundError:
        return []
    return [
        entry
        for folder in folders
        for entry in sorted(folder.iterdir())
        if entry.name != moves.part_name(folder.name)
    ]


def read_starts(directory: Path, instance: str) -> int:
    """Return how often the service was started, by the folder's own count; 0 if it tells none."""
    try:
        return int((directory / PROCESSING / instance / STARTS).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def touch_starts(directory: Path, instance: str) -> None:
    """Show by the drive's own clock that the instance lives."""
    os.utime(directory / PROCESSING / instance / STARTS)


def silent_s(directory: Path, instance: str, than: str) -> float:
    """Return how much longer an instance has been silent than another one, in seconds.

    Both times come from the drive's clock. An instance that never spoke is silent for ever.
    """
    home = directory / PROCESSING
    try:
        spoke = (home / instance / STARTS).stat().st_mtime
        return (home / than / STARTS).stat().st_mtime - spoke
    except OSError:
        return float("inf")


def write_starts(directory: Path, instance: str, starts: int) -> None:
    """Keep the count of starts in the instance's folder."""
    home = make_home(directory, instance)
    moves.replace_own(home / STARTS, str(starts).encode(), STARTS)
