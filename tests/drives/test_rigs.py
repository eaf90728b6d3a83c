"""The drives of these tests do what they say; without that, no test on them means anything."""

import os
import threading
from pathlib import Path

import pytest
from acceptance_fixtures import eventually
from drive_fixtures import disk_image, faulty_drive, is_mounted, names, sshfs_share

from pigment_watcher import mounts

pytestmark = pytest.mark.slow


def test_what_the_server_of_an_sshfs_share_writes_is_seen_at_once(tmp_path: Path) -> None:
    with sshfs_share(tmp_path / "share") as share:
        assert mounts.of(share.point).kind == "fuse.sshfs"
        assert names(share.point) == []
        (share.behind / "a.csv").write_text("one")
        assert (share.point / "a.csv").read_text() == "one"
        (share.behind / "a.csv").write_text("three")
        assert (share.point / "a.csv").stat().st_size == 5
        assert names(share.point) == ["a.csv"]


def test_a_share_that_hangs_answers_when_it_goes_on(tmp_path: Path) -> None:
    with sshfs_share(tmp_path / "share") as share:
        looked = threading.Event()

        def look() -> None:
            share.point.joinpath("a.csv").exists()
            looked.set()

        with share.hanging():
            threading.Thread(target=look, name="looker", daemon=True).start()
            assert not looked.wait(0.5)
        assert looked.wait(5.0)


def test_a_share_that_hangs_is_taken_away_at_the_end(tmp_path: Path) -> None:
    looked = threading.Event()

    def look() -> None:
        try:
            share.point.joinpath("a.csv").stat()
        except OSError:
            looked.set()

    with sshfs_share(tmp_path / "share") as share, share.hanging():
        looker = threading.Thread(target=look, name="looker", daemon=True)
        looker.start()
        share.close()
        assert looked.wait(5.0)
    assert not is_mounted(share.point)


def test_a_share_whose_server_dies_leaves_an_empty_folder_and_can_be_mounted_again(
    tmp_path: Path,
) -> None:
    with sshfs_share(tmp_path / "share") as share:
        (share.behind / "a.csv").write_text("one")
        share.kill_server()
        assert names(share.point) == []
        share.mount()
        assert names(share.point) == ["a.csv"]
        share.unmount()
        assert names(share.point) == []


def test_a_faulty_drive_is_a_drive_like_any_other_until_told(tmp_path: Path) -> None:
    with faulty_drive(tmp_path / "drive") as drive:
        assert mounts.of(drive.point).kind == "fuse.faulty"
        (drive.point / "in").mkdir()
        (drive.point / "in" / "a.csv").write_text("one")
        (drive.point / "in" / "a.csv").rename(drive.point / "b.csv")
        os.link(drive.point / "b.csv", drive.point / "c.csv")
        assert (drive.point / "c.csv").read_text() == "one"
        assert names(drive.behind) == ["b.csv", "c.csv", "in"]
    assert not is_mounted(drive.point)


def test_a_fault_strikes_its_calls_so_often_and_counts_them(tmp_path: Path) -> None:
    with faulty_drive(tmp_path / "drive") as drive:
        (drive.point / "a.csv").write_text("one")
        fault = drive.fault("open", "EIO", "/a.csv", times=2)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output error"):
                (drive.point / "a.csv").read_text()
        assert (drive.point / "a.csv").read_text() == "one"
        assert fault.hits == 2


def test_a_fault_can_come_after_the_deed(tmp_path: Path) -> None:
    with faulty_drive(tmp_path / "drive") as drive:
        (drive.point / "a.csv").write_text("one")
        drive.fault("rename", "ENOENT", "/a.csv", after=True)
        with pytest.raises(FileNotFoundError):
            (drive.point / "a.csv").rename(drive.point / "b.csv")
        assert names(drive.point) == ["b.csv"]


def test_a_fault_strikes_every_call_until_it_is_over(tmp_path: Path) -> None:
    with faulty_drive(tmp_path / "drive") as drive:
        (drive.point / "a.csv").write_text("one")
        fault = drive.fault("*", "EHOSTDOWN")
        with pytest.raises(OSError, match="Host is down"):
            names(drive.point)
        fault.end()
        drive.fault("readdir", empty=True, times=1)
        assert names(drive.point) == []
        assert names(drive.point) == ["a.csv"]


def test_a_disk_image_is_a_local_drive(tmp_path: Path) -> None:
    with disk_image(tmp_path / "disk") as disk:
        assert mounts.of(disk).is_local
        assert is_mounted(disk)
    eventually(lambda: not is_mounted(disk))
