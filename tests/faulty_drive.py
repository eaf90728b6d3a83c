"""A drive through FUSE that answers with errors, as told by a file: `ROOT POINT RULES HITS`.

RULES is a JSON object, read again at each call: a name of the fault's own to what `Rule` says. HITS
is a folder: the file of a fault's name is a byte longer for each call that it struck.
"""

import errno
import fnmatch
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypedDict

import mfusepy  # type: ignore[import-untyped]  # it brings no types

_RENAME_NOREPLACE = 1
_TIMES = ("st_atime", "st_mtime", "st_ctime")
_NUMBERS = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_ino", "st_blocks")

#: What a fault may be for; `opendir` is what comes before `readdir`.
CALLS = (
    "access",
    "chmod",
    "create",
    "fsync",
    "fsyncdir",
    "getattr",
    "link",
    "mkdir",
    "open",
    "opendir",
    "read",
    "readdir",
    "rename",
    "rmdir",
    "truncate",
    "unlink",
    "utimens",
    "write",
)


class What(TypedDict, total=False):
    """What may be left out of a rule.

    `times` is how many calls it strikes, all if not said. `after` lets the deed be done before.
    `flagged` strikes renames with flags alone. `empty` makes a listing empty.
    """

    times: int
    after: bool
    flagged: bool
    empty: bool
    delay_s: float


class Rule(What):
    """A fault: which calls it strikes, and what comes of them.

    `call` and `path` are patterns; the path begins with a slash at the drive's root. `error` is
    the name of an errno, or empty where nothing fails.
    """

    call: str
    path: str
    error: str


class Drive(mfusepy.Operations):  # type: ignore[misc]  # a class of a library without types
    """Does what it is asked for in a folder, but for the faults."""

    use_ns = True

    def __init__(self, root: Path, rules: Path, hits: Path) -> None:
        # The library goes to another folder before it serves.
        self._root = str(root.resolve())
        self._rules = rules.resolve()
        self._hits = hits.resolve()

    def strike(self, call: str, path: object, *, flags: int = 0) -> Iterator[Rule]:
        """Yield the faults that strike a call, and count them."""
        rules: dict[str, Rule] = json.loads(self._rules.read_bytes())
        for name, rule in rules.items():
            matches = fnmatch.fnmatchcase(call, rule["call"]) and fnmatch.fnmatchcase(
                str(path), rule["path"]
            )
            if not matches or (rule.get("flagged") and not flags):
                continue
            if self._count(name, rule.get("times")):
                yield rule

    def _count(self, name: str, times: int | None) -> bool:
        hits = self._hits / name
        with hits.open("ab") as file:
            if times is not None and os.fstat(file.fileno()).st_size >= times:
                return False
            file.write(b".")
            return True

    def _at(self, path: str) -> str:
        return self._root + path

    # What follows is named and called as the library wants it.

    def access(self, path: str, amode: int) -> int:
        if not os.access(self._at(path), amode):
            _fail(errno.EACCES)
        return 0

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), mode)  # noqa: PTH101

    def create(self, path: str, mode: int, fi: object = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def flush(self, path: str, fh: int) -> None:
        os.close(os.dup(fh))

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        os.fsync(fh)

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        return 0

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        found = os.lstat(self._at(path))
        whole = {name: int(getattr(found, name)) for name in _NUMBERS}
        return whole | {name: getattr(found, f"{name}_ns") for name in _TIMES}

    def link(self, target: str, source: str) -> None:
        os.link(self._at(source), self._at(target))

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._at(path), mode)  # noqa: PTH102

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags)

    def opendir(self, path: str) -> int:
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]  # noqa: PTH208

    def readlink(self, path: str) -> str:
        return os.readlink(self._at(path))  # noqa: PTH115

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    def rename(self, old: str, new: str, flags: int = 0) -> None:
        if flags & ~_RENAME_NOREPLACE:
            _fail(errno.EINVAL)
        if flags and os.path.lexists(self._at(new)):
            _fail(errno.EEXIST)
        os.rename(self._at(old), self._at(new))  # noqa: PTH104

    def rmdir(self, path: str) -> None:
        os.rmdir(self._at(path))  # noqa: PTH106

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._at(path))
        return {name: getattr(found, name) for name in dir(found) if name.startswith("f_")}

    def symlink(self, target: str, source: str) -> None:
        os.symlink(source, self._at(target))  # noqa: PTH211

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        os.truncate(self._at(path), length)

    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))  # noqa: PTH108

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        now = time.time_ns()
        os.utime(self._at(path), ns=times or (now, now))

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)


class Mounted(mfusepy.FUSE):  # type: ignore[misc]  # a class of a library without types
    """The library's loop; it would drop the flags of a rename."""

    def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
        self.operations.rename(os.fsdecode(old), os.fsdecode(new), flags)
        return 0


def _fail(code: int) -> NoReturn:
    raise mfusepy.FuseOSError(code)


def _faulty(call: str, deed: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(deed)
    def struck(drive: Drive, path: str, *rest: Any) -> Any:
        flags = rest[-1] if call == "rename" else 0
        faults = list(drive.strike(call, path, flags=flags))
        time.sleep(sum(fault.get("delay_s", 0.0) for fault in faults))
        for fault in faults:
            if fault.get("after"):
                deed(drive, path, *rest)
            if fault["error"]:
                _fail(getattr(errno, fault["error"]))
            if fault.get("empty"):
                return [".", ".."]
        return deed(drive, path, *rest)

    return struck


for _call in CALLS:
    setattr(Drive, _call, _faulty(_call, getattr(Drive, _call)))


if __name__ == "__main__":
    Mounted(
        Drive(Path(sys.argv[1]), Path(sys.argv[3]), Path(sys.argv[4])),
        sys.argv[2],
        foreground=True,
        fsname="faulty",
        subtype="faulty",
        attr_timeout=0,
        entry_timeout=0,
        negative_timeout=0,
    )
