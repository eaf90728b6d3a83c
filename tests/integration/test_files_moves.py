"""Renames that never overwrite, and moves between file systems that never lose."""

import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from disk_fixtures import free_bytes, small_disk
from journal_fixtures import NO_TEXT

from pigment_watcher import errors
from pigment_watcher.files import moves

ROWS = b"month,amount\n2026-09,120.50\n"
TOKEN = "pigment-watcher-7"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(ROWS)
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Another file system."""
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


# ---------------------------------------------------------------- rename


@pytest.mark.parametrize("name", ["b.csv", NO_TEXT, "line\nend.csv", "n" * 255])
def test_a_file_is_renamed(source: Path, name: str) -> None:
    """Behaviour G15."""
    inode = source.stat().st_ino
    moves.rename(source, source.with_name(name))

    assert os.listdir(source.parent) == [name]  # noqa: PTH208  # the names as they are
    assert source.with_name(name).stat().st_ino == inode


def test_a_file_that_is_not_there_is_told_with_both_names(tmp_path: Path) -> None:
    """Behaviour H9."""
    with pytest.raises(FileNotFoundError) as told:
        moves.rename(tmp_path / "a", tmp_path / "b")
    assert (told.value.filename, told.value.filename2) == (f"{tmp_path}/a", f"{tmp_path}/b")


def test_of_two_who_take_a_name_at_once_one_gets_it(tmp_path: Path) -> None:
    together = threading.Barrier(2)
    lost: list[Path] = []
    sources = [tmp_path / "one", tmp_path / "two"]

    def move(source: Path) -> None:
        together.wait()
        try:
            moves.rename(source, tmp_path / "target")
        except errors.NameTaken:
            lost.append(source)

    for path in sources:
        path.write_text(path.name)
    threads = [threading.Thread(target=move, args=[path]) for path in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(lost) == 1
    assert lost[0].exists()
    assert {(tmp_path / "target").read_text(), lost[0].name} == {"one", "two"}


@pytest.mark.parametrize(
    ("prepare", "there"),
    [
        (lambda path: path.touch(), True),
        (lambda path: path.mkdir(), True),
        (lambda path: path.symlink_to("nowhere"), True),
        (lambda _: None, False),
        (lambda path: path.parent.rmdir(), False),
    ],
)
def test_it_is_known_whether_a_name_is_there(tmp_path: Path, prepare: object, there: bool) -> None:
    path = tmp_path / "sub" / "a"
    path.parent.mkdir()
    prepare(path)  # type: ignore[operator]

    assert moves.is_there(path) is there
    assert moves.is_there(path / "below") is False


def test_where_nobody_can_tell_whether_a_name_is_there_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels"):
        moves.is_there(tmp_path / "loop" / "a")


# ---------------------------------------------------------------- between file systems


def test_a_file_moves_to_another_file_system_with_its_times_and_mode(
    source: Path, disk: Path
) -> None:
    """Behaviour T3, G16."""
    os.utime(source, (1, 2))
    source.chmod(0o040)
    moves.move(source, disk / NO_TEXT, TOKEN)

    assert list(disk.iterdir()) == [disk / NO_TEXT]
    found = (disk / NO_TEXT).stat()
    assert (found.st_mtime, stat.S_IMODE(found.st_mode)) == (2, 0o040)
    assert (disk / NO_TEXT).read_bytes() == ROWS
    assert not source.exists()


def test_a_move_within_a_file_system_is_one_rename(source: Path) -> None:
    """Behaviour G15."""
    inode, target = source.stat().st_ino, source.with_name("b.csv")
    moves.move(source, target, TOKEN)
    assert target.stat().st_ino == inode


def test_a_move_of_nothing_is_told(source: Path) -> None:
    with pytest.raises(FileNotFoundError):
        moves.move(source.with_name("gone"), source.with_name("b.csv"), TOKEN)


def test_a_name_taken_on_the_other_file_system_is_not_overwritten(source: Path, disk: Path) -> None:
    (disk / "a.csv").write_bytes(b"somebody's")
    with pytest.raises(errors.NameTaken):
        moves.move(source, disk / "a.csv", TOKEN)

    assert source.read_bytes() == ROWS
    assert (disk / "a.csv").read_bytes() == b"somebody's"


def test_a_full_target_loses_nothing_and_shows_no_half_file(source: Path, disk: Path) -> None:
    """Behaviour T2."""
    source.write_bytes(ROWS * 1000)
    (disk / "fill").write_bytes(b"x" * (free_bytes(disk) - 8192))
    with pytest.raises(OSError, match="No space left"):
        moves.move(source, disk / "a.csv", TOKEN)
    assert source.stat().st_size == 1000 * len(ROWS)
    assert [path.name for path in disk.iterdir()] == ["fill"]

    (disk / "fill").unlink()
    moves.move(source, disk / "a.csv", TOKEN)
    assert sorted(path.name for path in disk.iterdir()) == ["a.csv"]


@pytest.mark.parametrize("left", ["half a file", "a link to somebody's"])
def test_what_an_earlier_trial_left_is_replaced(source: Path, disk: Path, left: str) -> None:
    """Behaviour T3."""
    other = source.with_name("other")
    other.write_bytes(b"somebody's")
    part = disk / moves.part_name(TOKEN)
    if left == "half a file":
        part.write_bytes(ROWS[:5])
    else:
        part.symlink_to(other)
    moves.move(source, disk / "a.csv", TOKEN)

    assert (disk / "a.csv").read_bytes() == ROWS
    assert other.read_bytes() == b"somebody's"


def test_a_copy_that_differs_is_thrown_away(
    source: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that stores other bytes than it was given can't be made here."""

    def garble(_: object, writer: object, __: int) -> None:
        writer.write(ROWS[::-1])  # type: ignore[attr-defined]

    monkeypatch.setattr("shutil.copyfileobj", garble)
    with pytest.raises(OSError, match="the copy differs"):
        moves.move(source, disk / "a.csv", TOKEN)

    assert source.read_bytes() == ROWS
    assert list(disk.iterdir()) == []


def test_a_link_is_not_copied(source: Path, disk: Path) -> None:
    """It may have been put there after the last look. Behaviour Q1."""
    link = source.with_name("link")
    link.symlink_to(source)
    with pytest.raises(OSError, match="Too many levels"):
        moves.move(link, disk / "a.csv", TOKEN)
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"", b"", True),
        (ROWS, ROWS, True),
        (ROWS, ROWS[:-1], False),
        (ROWS, ROWS[::-1], False),
        (b"x" * 2**21, b"x" * 2**21, True),
        (b"x" * 2**21, b"x" * (2**21 - 1) + b"y", False),
    ],
)
def test_bytes_are_compared_to_the_last(
    tmp_path: Path, one: bytes, other: bytes, same: bool
) -> None:
    """Behaviour T18."""
    (tmp_path / "one").write_bytes(one)
    (tmp_path / "other").write_bytes(other)
    assert moves.same_bytes(tmp_path / "one", tmp_path / "other") is same


def test_a_pipe_is_never_waited_for(source: Path) -> None:
    pipe = source.with_name("pipe")
    os.mkfifo(pipe)
    assert not moves.same_bytes(source, pipe)


@pytest.mark.parametrize(("refusals", "gone"), [(0, True), (2, True), (3, False)])
def test_a_removal_is_tried_three_times(
    source: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, gone: bool
) -> None:
    """A file that a virus scanner holds on a share can't be made here. Behaviour G12."""
    unlink, tries = Path.unlink, []

    def busy(path: Path, *, missing_ok: bool) -> None:
        tries.append(path)
        if len(tries) <= refusals:
            raise PermissionError(errno.EACCES, "held")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", busy)
    if gone:
        moves.remove_copied(source)
    else:
        with pytest.raises(PermissionError):
            moves.remove_copied(source)

    assert source.exists() is not gone
    assert len(tries) == min(refusals + 1, moves.UNLINK_TRIES)


def test_a_file_that_is_gone_already_counts_as_removed(tmp_path: Path) -> None:
    moves.remove_copied(tmp_path / "gone")


# ---------------------------------------------------------------- small files, folders


def test_a_small_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.reason.txt"
    moves.write_new(path, b"why", TOKEN)
    moves.write_new(path, b"why", TOKEN)  # after a crash: these very bytes are ours

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.reason.txt"]
    assert path.read_bytes() == b"why"


@pytest.mark.parametrize("kind", ["other", "link", "folder"])
def test_a_small_file_never_replaces_somebodys(tmp_path: Path, kind: str) -> None:
    path, ours = tmp_path / "a.reason.txt", tmp_path / "ours"
    ours.write_bytes(b"why")
    match kind:
        case "other":
            path.write_bytes(b"mine")
        case "link":
            path.symlink_to(ours)
        case _:
            path.mkdir()
    before = path.lstat()

    with pytest.raises(errors.NameTaken):
        moves.write_new(path, b"why", TOKEN)

    after = path.lstat()  # all but the time of the last access, which looking at a link moves
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (
        before.st_ino,
        before.st_mode,
        before.st_mtime_ns,
    )
    assert not (tmp_path / moves.part_name(TOKEN)).exists()


def test_a_small_file_of_ours_is_replaced_in_one_go(tmp_path: Path) -> None:
    path = tmp_path / "starts"
    for count in (b"1", b"22"):
        moves.replace_own(path, count, TOKEN)
        assert path.read_bytes() == count
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    """Behaviour G14."""
    moves.make_folder(tmp_path / "x" / "y" / "done")
    moves.make_folder(tmp_path / "x" / "y" / "done")
    assert (tmp_path / "x" / "y" / "done").is_dir()


def test_a_folder_that_another_made_at_the_same_moment_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_dir = Path.is_dir
    looked: list[Path] = []

    def made_after_the_first_look(path: Path) -> bool:
        found = is_dir(path)
        if not looked:
            looked.append(path)
            path.mkdir()
        return found

    monkeypatch.setattr(Path, "is_dir", made_after_the_first_look)
    moves.make_folder(tmp_path / "done")
    assert looked == [tmp_path / "done"]


def test_a_file_in_a_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "done").touch()
    with pytest.raises(FileExistsError):
        moves.make_folder(tmp_path / "done")


def test_what_the_system_says_of_a_folder_is_told_with_its_name(tmp_path: Path) -> None:
    """Behaviour G13."""
    folder = tmp_path / NO_TEXT
    with pytest.raises(errors.FolderError, match="No such file") as told, moves.translated(folder):
        moves.sync(folder)
    assert told.value.folder == str(folder)


def test_an_error_without_words_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(errors.FolderError, match="odd"), moves.translated(tmp_path):
        raise OSError("odd")


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF, errno.ENOTSUP])
def test_a_drive_that_can_not_sync_a_folder_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """No file system at hand refuses that."""
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(code, "no")))
    moves.sync(tmp_path)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_folder_that_did_not_reach_the_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A broken disk can't be made here."""
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(code, "broken")))
    with pytest.raises(OSError, match="broken"):
        moves.sync(tmp_path)
