"""Renames on drives that lack a call, or answer otherwise than they did.

Most of these can't be mounted here: where only such a drive answers so, a call is replaced.
"""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disk_fixtures import noted_syncs
from rig_fixtures import without_rights

from pigment_watcher import errors
from pigment_watcher.files import moves

ROWS = b"month,amount\n2026-09,120.50\n"
TOKEN = "pigment-watcher-7"
#: What a drive answers that knows no renameat2 with flags.
NO_FLAGS = [errno.EINVAL, errno.ENOSYS]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(ROWS)
    return path


class OldDrive:
    """A drive that answers as those do that lack a call; no such one can be mounted here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        self._patch = monkeypatch
        self._patch.setattr(moves._libc, "renameat2", self._refuse, raising=False)
        self._code = code

    def _refuse(self, *_: object) -> int:
        ctypes.set_errno(self._code)
        return -1

    def without_links(self, code: int) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(code, os.strerror(code))

        self._patch.setattr(os, "link", refuse)


# ---------------------------------------------------------------- no safe rename


@pytest.mark.parametrize("old", [0, *NO_FLAGS])
@pytest.mark.parametrize("kind", ["file", "link", "folder", "itself"])
def test_a_name_that_is_taken_is_never_overwritten(
    source: Path, monkeypatch: pytest.MonkeyPatch, old: int, kind: str
) -> None:
    """Behaviour G2."""
    if old:
        OldDrive(monkeypatch, old)
    target = source.with_name("taken")
    match kind:
        case "file":
            target.write_bytes(b"somebody's")
        case "link":
            target.symlink_to("nowhere")
        case "folder":
            target.mkdir()
        case _:
            target.hardlink_to(source)
    before = target.lstat()

    with pytest.raises(errors.NameTaken, match="taken: exists already"):
        moves.rename(source, target)

    assert source.read_bytes() == ROWS
    after = target.lstat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("code", NO_FLAGS)
def test_a_drive_without_that_rename_gets_a_hard_link_first(
    source: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    OldDrive(monkeypatch, code)
    moves.rename(source, source.with_name("b.csv"))

    assert not source.exists()
    assert source.with_name("b.csv").read_bytes() == ROWS


def test_a_link_is_on_the_disk_before_the_old_name_goes(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    OldDrive(monkeypatch, errno.EINVAL)
    noted = noted_syncs(monkeypatch, look=source.exists)
    moves.rename(source, source.with_name("b.csv"))
    assert noted == [(source.parent, True)]
    assert not source.exists()


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.EIO, errno.EMLINK])
def test_a_drive_that_knows_no_links_either_is_looked_at_first(
    source: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    OldDrive(monkeypatch, errno.EINVAL).without_links(code)
    source.with_name("taken").touch()
    with pytest.raises(errors.NameTaken):
        moves.rename(source, source.with_name("taken"))

    moves.rename(source, source.with_name("b.csv"))
    assert source.with_name("b.csv").read_bytes() == ROWS


def test_a_link_that_fails_for_another_reason_is_told(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    OldDrive(monkeypatch, errno.EINVAL).without_links(errno.EROFS)
    with pytest.raises(OSError, match="Read-only"):
        moves.rename(source, source.with_name("b.csv"))
    assert source.read_bytes() == ROWS


# ---------------------------------------------------------------- two names


@pytest.fixture
def refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Links may be made here, and the old name may not be removed."""
    OldDrive(monkeypatch, errno.EINVAL)
    source.parent.chmod(0o500)
    with without_rights():
        yield
    source.parent.chmod(0o700)


@pytest.mark.usefixtures("refused")
def test_a_file_whose_old_name_stays_has_not_got_two(source: Path, tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        moves.rename(source, tmp_path / "b.csv")

    assert source.read_bytes() == ROWS
    assert not (tmp_path / "b.csv").exists()


@pytest.mark.usefixtures("refused")
def test_a_file_that_keeps_two_names_is_told_with_both(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second name can't be removed either: the folder is closed in that moment."""
    link = os.link

    def link_and_close(old: Path, new: Path, *, follow_symlinks: bool) -> None:
        link(old, new, follow_symlinks=follow_symlinks)
        tmp_path.chmod(0o500)

    monkeypatch.setattr(os, "link", link_and_close)
    with pytest.raises(OSError, match="neither here nor from") as told:
        moves.rename(source, tmp_path / "b.csv")
    tmp_path.chmod(0o700)

    assert told.value.errno == errno.EIO
    assert (source.read_bytes(), (tmp_path / "b.csv").read_bytes()) == (ROWS, ROWS)


@pytest.mark.parametrize("since", [None, b"another"])
def test_an_old_name_that_went_although_that_was_refused_is_gone(
    source: Path, monkeypatch: pytest.MonkeyPatch, since: bytes | None
) -> None:
    """Only a share whose answer was lost says so; undone, the file would be lost."""
    OldDrive(monkeypatch, errno.EINVAL)
    unlink, target = Path.unlink, source.with_name("b.csv")

    def done_and_refused(path: Path, *, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        if since is not None:
            path.write_bytes(since)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "unlink", done_and_refused)
    moves.rename(source, target)

    assert target.read_bytes() == ROWS
    assert (source.read_bytes() if source.exists() else None) == since


# ---------------------------------------------------------------- answers that do not fit


class SecondAnswer:
    """A drive that asked its server twice, and tells the second answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.after: Callable[[Path, Path], object] = lambda _, __: None
        self._rename = moves.rename
        monkeypatch.setattr(moves, "rename", self._done_and_missing)

    def _done_and_missing(self, source: Path, target: Path) -> None:
        self._rename(source, target)
        self.after(source, target)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")


def test_a_move_that_was_done_and_answered_as_missing_counts(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SecondAnswer(monkeypatch)
    moves.move(source, source.with_name("b.csv"), TOKEN)
    assert source.with_name("b.csv").read_bytes() == ROWS


@pytest.mark.parametrize(
    "after",
    [
        lambda source, target: target.rename(source),
        lambda _, target: target.unlink(),
        lambda _, target: target.write_bytes(b"another"),
        lambda _, target: os.utime(target, ns=(1, 1)),
        lambda source, _: source.write_bytes(ROWS),
    ],
)
def test_a_move_whose_end_is_not_seen_is_told(
    source: Path, monkeypatch: pytest.MonkeyPatch, after: Callable[[Path, Path], object]
) -> None:
    SecondAnswer(monkeypatch).after = after
    with pytest.raises(FileNotFoundError):
        moves.move(source, source.with_name("b.csv"), TOKEN)


# ---------------------------------------------------------------- small files


def test_a_small_file_of_ours_is_replaced_where_names_must_be_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def to_free_names_only(path: Path, target: Path) -> Path:
        if target.exists():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", to_free_names_only)
    path = tmp_path / "starts"
    for count in (b"1", b"22"):
        moves.replace_own(path, count, TOKEN)
        assert path.read_bytes() == count
    assert list(tmp_path.iterdir()) == [path]


def test_a_small_file_of_ours_stays_where_its_successor_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path, _: Path) -> None:
        path.unlink()
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    path = tmp_path / "starts"
    path.write_bytes(b"1")
    monkeypatch.setattr(Path, "replace", gone)
    with pytest.raises(FileNotFoundError):
        moves.replace_own(path, b"22", TOKEN)
    assert path.read_bytes() == b"1"
