"""Whether the disk under a journal takes another entry."""

import os
from pathlib import Path

#: What one commit may need at most, in bytes; measured: a tenth of it.
ROOM = 256 * 1024


def why_stuck(state_directory: Path) -> str | None:
    """Return why nothing can be written to a journal, None if it can, or if nobody can tell."""
    try:
        return judge(os.statvfs(state_directory))
    except OSError:
        return None


def judge(disk: os.statvfs_result) -> str | None:
    """Return what keeps a file system from taking an entry, None if nothing does."""
    if disk.f_flag & os.ST_RDONLY:
        return "its disk is mounted read-only"
    if disk.f_bavail * disk.f_frsize < ROOM:
        return f"its disk is full: less than {ROOM // 1024} KiB are free"
    return None
