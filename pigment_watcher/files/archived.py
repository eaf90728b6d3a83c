"""Old files of done/ and failed/: removed only while they are what was put there."""

import contextlib
import errno
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from pigment_watcher.files import moves, names, reading
from pigment_watcher.model import Fingerprint

#: What the system says where a link, or something else, stands in a folder's place.
_NO_FOLDER = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def look(root: Path, path: Path) -> Fingerprint | None:
    """Return what the regular file at a path below `root` is, or None if there is none.

    What is reached by a link below `root` does not count. Raises OSError.
    """
    with _folder(root, path) as folder:
        return None if folder is None else _look(folder, path.name)


def remove(root: Path, path: Path, expected: Fingerprint) -> bool:
    """Remove a file that is still what was looked at, and return whether it was. Raises OSError."""
    with _folder(root, path) as folder:
        found = None if folder is None else _look(folder, path.name)
        if found is None or not found.same_version(expected):
            return False
        os.unlink(path.name, dir_fd=folder)
    moves.sync(path.parent)
    return True


def remove_beside(root: Path, path: Path, endings: Collection[str]) -> None:
    """Remove texts that stand beside a file, or stood there. Raises OSError."""
    with _folder(root, path) as folder:
        for ending in endings:
            name = names.beside(path.name, ending)
            if folder is not None and _look(folder, name) is not None:
                os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def _folder(root: Path, path: Path) -> Iterator[int | None]:
    """Open the folder of a path below `root`, through no link below it; None if there is none."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    with contextlib.ExitStack() as opened:
        folder = os.open(root, flags)
        opened.callback(os.close, folder)
        for name in path.parent.relative_to(root).parts:
            try:
                folder = os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
            except OSError as error:
                if error.errno not in _NO_FOLDER:
                    raise
                yield None
                return
            opened.callback(os.close, folder)
        yield folder


def _look(folder: int, name: str) -> Fingerprint | None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return reading.fingerprint(found) if stat.S_ISREG(found.st_mode) else None
