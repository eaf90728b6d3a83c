"""Drives that may hang: touched by helper processes, and left alone while one of them hangs."""

import functools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from limit_fixtures import descriptors_left
from rig_fixtures import AS_ROOT, eventually, mounted

from pigment_watcher import errors, mounts
from pigment_watcher.drives import Drive, Drives
from pigment_watcher.files import reading
from pigment_watcher.mounts import Mount

POINT = Path("/mnt/erp")
LOCAL = Mount("ext4", "/dev/a", Path("/"))
SHARE = Mount("nfs4", "server:/export", POINT)

needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root may mount a file system")


@pytest.fixture
def drive() -> Iterator[Drive]:
    built = Drive(POINT)
    yield built
    built.close()


def test_a_drive_for_which_no_helper_can_be_started_is_lost_until_one_can(drive: Drive) -> None:
    with descriptors_left(2), pytest.raises(errors.FolderLost, match="Too many open files"):
        drive.work()(os.getpid)
    assert drive.work()(os.getpid) != os.getpid()


def test_a_local_disk_is_touched_here() -> None:
    local = Drive()
    assert (local.is_local, local.look()(os.getpid), local.work()(os.getpid)) == (
        True,
        os.getpid(),
        os.getpid(),
    )


def test_another_drive_is_touched_by_two_helpers_that_stay(drive: Drive) -> None:
    eyes, hands = drive.look()(os.getpid), drive.work()(os.getpid)
    assert len({eyes, hands, os.getpid()}) == 3
    assert (drive.look()(os.getpid), drive.work()(os.getpid)) == (eyes, hands)


def test_results_and_errors_cross_as_they_are(drive: Drive, tmp_path: Path) -> None:
    run, file = drive.work(), tmp_path / "a.csv"
    file.write_text("x")
    assert run(functools.partial(reading.look, file)) == reading.look(file)
    with pytest.raises(FileNotFoundError) as missing:
        run(functools.partial(os.stat, tmp_path / "no"))
    assert missing.value.filename == str(tmp_path / "no")
    with pytest.raises(errors.FolderError) as folder:
        run(functools.partial(mounts.of, tmp_path / "no"))
    assert folder.value.folder == str(tmp_path / "no")


def test_what_can_not_cross_is_told_in_words(drive: Drive) -> None:
    with pytest.raises(OSError, match="lock"):
        drive.work()(threading.Lock)


def test_while_a_helper_hangs_every_other_call_fails_at_once_until_it_is_let_go(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kernel can't end it: so it looks where a request waits for a server that is dead.
    monkeypatch.setattr(subprocess.Popen, "kill", lambda _: None)
    pid = drive.work()(os.getpid)
    with pytest.raises(errors.FolderLost, match=r"/mnt/erp: it did not answer within 0.3 s"):
        drive.work()(functools.partial(time.sleep, 600.0), 0.3)
    with pytest.raises(errors.FolderLost, match="it does not answer"):
        drive.look()(os.getpid)
    os.kill(pid, signal.SIGKILL)
    eventually(drive.answers)
    assert drive.look()(os.getpid) != pid


def test_a_helper_that_was_killed_is_replaced(drive: Drive) -> None:
    pid = drive.work()(os.getpid)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(errors.FolderLost, match="its helper process died"):
        drive.work()(os.getpid)
    assert drive.work()(os.getpid) not in (pid, os.getpid())


def test_a_helper_ends_with_its_line_and_by_no_polite_signal(drive: Drive) -> None:
    pid = drive.work()(os.getpid)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGIO):
        os.kill(pid, number)
    assert drive.work()(os.getpid) == pid
    drive.close()
    assert not Path(f"/proc/{pid}").exists()


def test_a_helper_knows_no_secret(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIGMENT_API_KEY", "secret")
    assert drive.work()(functools.partial(os.getenv, "PIGMENT_API_KEY")) is None


def test_who_gives_up_waits_for_no_call(drive: Drive) -> None:
    drive.work()(os.getpid)
    drive.give_up()
    with pytest.raises(errors.FolderLost):
        drive.work()(os.getpid)


# ---------------------------------------------------------------- which drive


def drives_of(known: dict[Path, Mount]) -> Drives:
    return Drives(known, remember=known.update, home=lambda folder: folder / "processing" / "me")


def test_a_folder_of_a_share_that_is_away_is_no_local_folder(tmp_path: Path) -> None:
    drives = drives_of({tmp_path: SHARE})
    assert drives.of(tmp_path).point == POINT
    assert drives.of(tmp_path / "sub") is drives.of(tmp_path)
    assert drives.of(tmp_path.parent).is_local


def test_files_are_moved_by_the_drive_that_may_hang(tmp_path: Path) -> None:
    drives = drives_of({tmp_path / "share": SHARE})
    inbox, share = tmp_path / "in", tmp_path / "share"
    assert drives.between(inbox, share) is drives.of(share)
    assert drives.between(share, inbox) is drives.of(share)
    assert drives.between(inbox, inbox).is_local


def test_a_folder_that_lies_on_something_else_is_lost_until_our_place_is_found_in_it(
    tmp_path: Path,
) -> None:
    drives = drives_of({tmp_path: SHARE})
    run = Drive().look()
    with pytest.raises(errors.FolderLost, match=r"server:/export \(nfs4\) is not mounted on"):
        drives.expect(tmp_path, run)
    (tmp_path / "processing" / "me").mkdir(parents=True)
    assert drives.expect(tmp_path, run) == mounts.of(tmp_path)


def test_what_a_folder_lies_on_is_remembered_and_forgotten(tmp_path: Path) -> None:
    known = {tmp_path: SHARE}
    drives = drives_of(known)
    drives.forget([tmp_path])
    assert drives.refresh()
    assert drives.of(tmp_path).is_local
    now = drives.expect(tmp_path, Drive().look())
    drives.remember(tmp_path, now)
    drives.remember(tmp_path, now)
    assert known == {tmp_path: SHARE}
    drives.save()
    drives.save()
    assert known == {tmp_path: now}


def test_what_was_learnt_waits_until_it_can_be_stored_and_is_stored_once(tmp_path: Path) -> None:
    stored: list[dict[Path, Mount]] = []

    def store(learnt: Mapping[Path, Mount]) -> None:
        stored.append(dict(learnt))
        if len(stored) == 1:
            raise errors.JournalBusy("the disk is full")

    drives = Drives({}, store, lambda folder: folder / "processing" / "me")
    drives.remember(tmp_path, SHARE)
    drives.remember(tmp_path / "done", SHARE)
    with pytest.raises(errors.JournalBusy):
        drives.save()
    drives.save()
    drives.save()
    assert stored == [{tmp_path: SHARE, tmp_path / "done": SHARE}] * 2


def test_a_folder_that_is_missing_is_judged_by_where_it_would_be_made(tmp_path: Path) -> None:
    drives = drives_of({})
    assert drives.expect(tmp_path / "a" / "b", Drive().look()) == mounts.of(tmp_path)


def test_a_mount_that_is_required_and_not_there_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "of", lambda _: LOCAL)
    with pytest.raises(errors.FolderLost, match="require_mount"):
        drives_of({}).expect(tmp_path, Drive().look(), require_mount=True)


def test_an_automounter_that_found_nothing_is_a_lost_drive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "of", lambda _: Mount("autofs", "systemd-1", POINT))
    with pytest.raises(errors.FolderLost, match="automounter"):
        drives_of({}).expect(tmp_path, Drive().look())


@needs_root
def test_what_is_mounted_meanwhile_is_noticed(tmp_path: Path) -> None:
    drives = drives_of({})
    assert not drives.refresh()
    with mounted(tmp_path / "drive", "size=1m"):
        assert drives.refresh()
        assert not drives.refresh()
    assert drives.refresh()


def test_while_no_file_can_be_opened_drives_are_as_they_were(tmp_path: Path) -> None:
    drives = drives_of({})
    was_local = drives.of(tmp_path).is_local
    with descriptors_left(0):
        assert not drives.refresh()
        assert drives.of(tmp_path / "done").is_local is was_local
    assert not drives.refresh()
