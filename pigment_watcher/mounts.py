"""Which file system a directory really lives on, as the kernel tells it (Linux)."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pigment_watcher import errors

#: The kind of a mount of which nothing could be learnt.
UNKNOWN = "unknown"

#: Others change files here without this kernel noticing. FUSE types are added by `is_network`.
_NETWORK = frozenset(
    (
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "prl_fs",
        "pvfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
        "wekafs",
    )
)

#: Every change passes through this kernel, so it tells of all of them.
_LOCAL = frozenset(
    (
        "aufs",
        "bcachefs",
        "btrfs",
        "devtmpfs",
        "ecryptfs",
        "exfat",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "fuseblk",
        "hfs",
        "hfsplus",
        "jffs2",
        "jfs",
        "msdos",
        "nilfs2",
        "ntfs",
        "ntfs3",
        "overlay",
        "ramfs",
        "reiserfs",
        "tmpfs",
        "ubifs",
        "udf",
        "vfat",
        "xfs",
        "zfs",
    )
)

#: What the kernel tells of this process.
_PROC = Path("/proc/self")

#: So many links are followed, as the kernel does.
_LINKS_AT_MOST = 40

_OCTAL_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: its type, what is mounted, and where.

    A mount that is neither network nor local is of a type nobody here has heard of: poll it.
    """

    kind: str
    source: str
    point: Path

    @property
    def is_network(self) -> bool:
        """Whether it is a known network file system, or one of FUSE, which may be anything."""
        return self.kind in _NETWORK or self.kind == "fuse" or self.kind.startswith("fuse.")

    @property
    def is_local(self) -> bool:
        """Whether it is a known local file system, whose events can be relied on."""
        return self.kind in _LOCAL


def of(directory: Path) -> Mount:
    """Return the mount that a directory lies on; its kind is "unknown" where /proc is silent.

    Raises FolderError where the directory can't be opened. On a dead share this may hang.
    """
    try:
        # Not O_PATH: only a real open makes an automounter mount what belongs there.
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        message = f"can't be opened: {error.strerror}"
        raise errors.FolderError(str(directory), message) from error
    unknown = Mount(UNKNOWN, "", directory)
    try:
        mount_id = _mount_id(handle)
        return parse_mountinfo(_read("mountinfo")).get(mount_id, unknown)
    except OSError as error:
        message = f"can't be looked at: {error.strerror}"
        raise errors.FolderError(str(directory), message) from error
    finally:
        os.close(handle)


def table() -> str:
    """Return what is mounted, as the kernel tells it; to be compared. Empty if it can't be read."""
    try:
        return _read("mountinfo")
    except OSError:  # no file can be opened now
        return ""


def resolve(path: Path, mounted: str | None = None) -> tuple[Path, Mount]:
    """Return where an absolute path leads, and the mount it lies on by a table, or by that of now.

    Nothing but local drives is touched on the way, so this never hangs: links on others stay.
    """
    points = _points(table() if mounted is None else mounted)
    rest = list(reversed(path.parts[1:]))
    here, links = Path("/"), 0
    while rest:
        part = rest.pop()
        there = here.parent if part == ".." else here / part
        mount = _nearest(there, points)
        if not mount.is_local:
            return Path(os.path.normpath(there.joinpath(*reversed(rest)))), mount
        target = None if part == ".." else _link(there)
        if target is None or (links := links + 1) > _LINKS_AT_MOST:
            here = there
            continue
        here = Path("/") if target.is_absolute() else here
        rest.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))
    return here, _nearest(here, points)


@lru_cache(maxsize=1)
def _points(text: str) -> Mapping[Path, Mount]:
    return {mount.point: mount for mount in parse_mountinfo(text).values()}


def _nearest(path: Path, points: Mapping[Path, Mount]) -> Mount:
    found = (points[place] for place in upwards(path) if place in points)
    return next(found, Mount(UNKNOWN, "", Path("/")))


def _link(path: Path) -> Path | None:
    try:
        return path.readlink()
    except OSError:  # no link, or nothing at all
        return None


def nearest(folder: Path) -> Path:
    """Return the folder itself, or that above it in which it would be made."""
    return next(place for place in upwards(folder) if os.path.lexists(place))


def upwards(folder: Path) -> Iterator[Path]:
    """Return a folder and those above it, the nearest first, each made when it is asked for."""
    yield folder
    yield from folder.parents


def why_lost(now: Mount, before: Mount | None, *, has_home: bool) -> str | None:
    """Return why a folder is not where it was before, or None if it may be used.

    `has_home` tells whether our own place is in it: where that is, the drive is the same under
    another name.
    """
    if before is None or has_home or (now.kind, now.source) == (before.kind, before.source):
        return None
    if before.is_local and now.point != before.point and now.point.is_relative_to(before.point):
        return None  # what was a mere folder has become a mount: that is where it was meant to lie
    return f"{before.source or before.kind} ({before.kind}) is not mounted on {before.point}"


# It seldom changes, and is asked for at each look at a folder.
@lru_cache(maxsize=1)
def parse_mountinfo(text: str) -> Mapping[int, Mount]:
    """Return the mounts of a /proc/PID/mountinfo by their ID."""
    # Not splitlines() nor split(): a path may hold any other white space as it is, and the source
    # may be empty.
    rows = (line.split(" ") for line in text.split("\n") if " - " in line)
    return {int(row[0]): _mount(row) for row in rows}


def _mount(row: list[str]) -> Mount:
    # The number of optional fields before the dash varies, and they begin at the seventh.
    dash = row.index("-", 6)
    kind, source = row[dash + 1], row[dash + 2]
    return Mount(kind, _unescape(source), Path(_unescape(row[4])))


def _unescape(field: str) -> str:
    return _OCTAL_ESCAPE.sub(lambda match: chr(int(match[1], 8)), field)


def _mount_id(handle: int) -> int:
    match = re.search(r"^mnt_id:\s*(\d+)$", _read(f"fdinfo/{handle}"), re.MULTILINE)
    return int(match[1]) if match else -1


def _read(name: str) -> str:
    """Return a file of /proc/self, undecodable bytes kept; empty where there is none.

    Raises OSError if it can't be read now: what lies where is not to be learnt from that.
    """
    try:
        with open(f"{_PROC}/{name}", "rb", buffering=0) as file:  # noqa: PTH123  # read often
            return os.fsdecode(file.read())
    except FileNotFoundError:
        return ""
