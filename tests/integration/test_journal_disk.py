"""Whether the disk under a journal takes another entry."""

import os
from pathlib import Path

import pytest
from disk_fixtures import filled, small_disk
from rig_fixtures import remount

from pigment_watcher.journal import disk, why_stuck

FULL = "its disk is full: less than 256 KiB are free"
READ_ONLY = "its disk is mounted read-only"


def a_disk(*, free: int, flags: int = 0) -> os.statvfs_result:
    """Return what the system says of a disk whose blocks have 4 KiB."""
    return os.statvfs_result((4096, 4096, 1000, 1000, free // 4096, 0, 0, 0, flags, 255))


def test_a_disk_with_room_is_fine(tmp_path: Path) -> None:
    assert why_stuck(tmp_path) is None


def test_of_a_folder_that_is_not_there_nobody_can_tell(tmp_path: Path) -> None:
    assert why_stuck(tmp_path / "nowhere") is None


@pytest.mark.parametrize(("free", "why"), [(disk.ROOM, None), (disk.ROOM - 4096, FULL), (0, FULL)])
def test_a_disk_is_full_when_a_commit_may_not_fit(free: int, why: str | None) -> None:
    assert disk.judge(a_disk(free=free)) == why


def test_a_disk_that_is_read_only_takes_nothing_whatever_is_free() -> None:
    assert disk.judge(a_disk(free=disk.ROOM, flags=os.ST_RDONLY | os.ST_NOSUID)) == READ_ONLY


def test_a_real_disk_is_judged(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state", kilobytes=1000) as folder:
        assert why_stuck(folder) is None
        with filled(folder):
            assert why_stuck(folder) == FULL
        remount(folder, "ro")
        assert why_stuck(folder) == READ_ONLY
