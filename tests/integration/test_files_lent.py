"""An open file whose calls are made by another process, which may hang in our stead."""

import contextlib
import errno
import os
import signal
from pathlib import Path

import pytest
from claim_fixtures import ROWS, print_of
from running_fixtures import Crossing

from pigment_watcher import errors
from pigment_watcher.drives import Drive
from pigment_watcher.files import reading
from pigment_watcher.model import Fingerprint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(ROWS)
    return path


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208  # not one more by listing them


def test_every_call_of_a_lent_file_is_made_elsewhere(path: Path) -> None:
    run, before = Crossing(), open_files()
    with reading.opened(path, print_of(path), run) as file:
        assert file.readable()
        assert (file.read(5), file.read_at(1, 4), file.read(1)) == (ROWS[:5], ROWS[1:5], ROWS[5:6])
        assert file.read() == ROWS[6:]
        assert file.fingerprint() == print_of(path)
        assert file.lost is None
        made = run.calls
    assert run.calls == made + 1
    assert file.closed
    assert open_files() == before


def test_a_lent_file_follows_its_name_nowhere(path: Path) -> None:
    with reading.opened(path, print_of(path), Crossing()) as file:
        known = file.fingerprint()
        path.rename(path.with_name("elsewhere"))
        path.write_bytes(b"another")
        assert file.fingerprint().same_content(known)
        assert file.read() == ROWS


def test_a_fingerprint_without_an_inode_number_is_compared_without(path: Path) -> None:
    with reading.opened(path, print_of(path).without_inode()) as file:
        assert file.read() == ROWS


def test_a_file_that_is_not_lent_is_not_left_open(path: Path) -> None:
    before = open_files()
    changed = Fingerprint(size=0, mtime_ns=0, ctime_ns=0, inode=0)
    with pytest.raises(errors.FileChanged):
        reading.opened(path, changed, Crossing()).__enter__()
    assert open_files() == before


def test_a_drive_that_is_lost_before_the_file_is_open_is_told(path: Path) -> None:
    run = Crossing(lambda _: True)
    with pytest.raises(errors.FolderLost, match="did not answer"):
        reading.opened(path, print_of(path), run).__enter__()


def test_who_reads_hears_of_a_lost_drive_as_of_a_broken_one(path: Path) -> None:
    with (
        reading.opened(path, print_of(path), Crossing(lambda call: call > 1)) as file,
        pytest.raises(OSError, match="did not answer") as told,
    ):
        file.read(5)
    assert told.value.errno == errno.EIO


def test_a_lost_drive_is_asked_no_more(path: Path) -> None:
    """In another process the file's number may be another file's."""
    run = Crossing(lambda call: call == 2)
    with reading.opened(path, print_of(path), run) as file:
        with pytest.raises(errors.FolderLost):
            file.read_at(0, 5)
        with pytest.raises(errors.FolderLost):
            file.fingerprint()
        with pytest.raises(OSError, match="did not answer"):
            file.read(1)
        lost = file.lost
    assert lost is not None
    assert lost.folder == "/mnt/share"
    assert run.calls == 2
    assert file.closed


def test_a_file_is_lost_with_the_helper_that_had_it_open(path: Path) -> None:
    """The next helper may have another file open under the same number."""
    drive = Drive(Path("/mnt/erp"))
    other = path.with_name("b.csv")
    other.write_bytes(b"another's\n")
    with contextlib.closing(drive), reading.opened(path, print_of(path), drive.work()) as file:
        os.kill(drive.work()(os.getpid), signal.SIGKILL)
        with pytest.raises(errors.FolderLost):  # another worker is the first to notice
            drive.work()(os.getpid)
        with reading.opened(other, print_of(other), drive.work()):
            with pytest.raises(errors.FolderLost, match="had the file open is no more"):
                file.read_at(0, 5)
            with pytest.raises(OSError, match="had the file open is no more"):
                file.read(5)


def test_a_drive_that_is_lost_at_the_end_is_not_told_of(path: Path) -> None:
    run = Crossing(lambda call: call == 3)
    with reading.opened(path, print_of(path), run) as file:
        assert file.read(5) == ROWS[:5]
    file.close()
    assert run.calls == 3


def test_a_file_that_is_closed_already_is_not_told_of(path: Path) -> None:
    """A drive may say an error when a file is closed, too."""
    with reading.opened(path, print_of(path)) as file:
        os.close(file._handle.descriptor)


def complain(file: reading.Lent) -> None:
    """Do what an HTTP body does with a file that can't be read."""
    try:
        file.read(5)
    except OSError as error:
        raise errors.FileUnreadable("the file can't be read") from error


def test_what_a_lost_drive_makes_of_a_file_is_told_of_the_drive(path: Path) -> None:
    run = Crossing(lambda call: call == 2)
    with pytest.raises(errors.FolderLost), reading.opened(path, print_of(path), run) as file:
        complain(file)


def test_what_is_wrong_with_a_file_is_told_of_the_file(path: Path) -> None:
    with (
        pytest.raises(errors.FileUnreadable),
        reading.opened(path, print_of(path), Crossing()),
    ):
        raise errors.FileUnreadable("the file can't be read")
