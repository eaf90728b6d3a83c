"""Taking a file out of its inbox, and opening it safely."""

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from claim_fixtures import ME, ROWS, claim, drop, print_of
from disk_fixtures import small_disk
from journal_fixtures import NO_TEXT

from pigment_watcher import errors
from pigment_watcher.files import claims, moves, places, reading

AS_ROOT = os.geteuid() == 0
_NOBODY = 65534


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def make_link(path: Path) -> None:
    path.with_name("secret").write_bytes(ROWS)
    path.symlink_to("secret")


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices, and a container may forbid it")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


NO_FILES = [make_link, make_pipe, Path.mkdir, make_device]


# ---------------------------------------------------------------- a look


@pytest.mark.parametrize("make", NO_FILES)
def test_only_regular_files_count(inbox: Path, make: Callable[[Path], None]) -> None:
    """Behaviour D3, Q1."""
    make(inbox / "a.csv")

    assert reading.look(inbox / "a.csv") is None


def test_what_is_not_there_is_none(inbox: Path) -> None:
    drop(inbox)
    assert reading.look(inbox / "b.csv") is None
    assert reading.look(inbox / "a.csv" / "below") is None


def test_a_fingerprint_tells_versions_apart(inbox: Path) -> None:
    path, before = drop(inbox)
    os.utime(path, ns=(0, before.mtime_ns + 1))

    assert print_of(path) != before
    assert before.size == len(ROWS)


def test_the_owner_is_known_as_far_as_the_system_knows_him(inbox: Path) -> None:
    path, _ = drop(inbox)
    assert reading.owner(path) == (os.geteuid(), path.owner())
    assert reading.owner(inbox / "gone") == (None, "")


@pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")
def test_an_owner_without_a_name_has_a_number(inbox: Path) -> None:
    path, _ = drop(inbox)
    os.chown(path, 54321, 54321)
    assert reading.owner(path) == (54321, "")


# ---------------------------------------------------------------- the last look


def test_a_file_that_is_as_it_settled_may_be_claimed(inbox: Path) -> None:
    claims.check(*drop(inbox))


def test_a_file_that_changed_settles_again(inbox: Path) -> None:
    path, settled = drop(inbox)
    path.write_bytes(ROWS * 2)
    with pytest.raises(errors.FileChanged, match=r"a\.csv: it changed"):
        claims.check(path, settled)


def test_a_file_that_vanished_is_told(inbox: Path) -> None:
    """Behaviour H9."""
    path, settled = drop(inbox)
    path.unlink()
    with pytest.raises(errors.FileVanished, match="no longer there"):
        claims.check(path, settled)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Let go of root's power to read everything."""
    if AS_ROOT:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if AS_ROOT:
            os.seteuid(0)


def test_a_file_that_we_may_not_read_stays(inbox: Path) -> None:
    """Behaviour H10."""
    for folder in (inbox, *list(inbox.parents)[:4]):
        folder.chmod(folder.stat().st_mode | 0o755)
    path, _ = drop(inbox)
    path.chmod(0)
    settled = print_of(path)

    with as_nobody(), pytest.raises(errors.FileUnreadable, match="let the service read it"):
        claims.check(path, settled)

    assert print_of(path) == settled


@pytest.mark.parametrize(
    "content", [ROWS + bytes(1), bytes(100), ROWS * 5000 + bytes(9000), "a;b".encode("utf-16-be")]
)
def test_a_file_that_was_made_longer_than_it_is_filled_is_busy_where_that_is_asked_for(
    inbox: Path, content: bytes
) -> None:
    """A copy over the network sets the size first."""
    path, settled = drop(inbox, content=content)
    claims.check(path, settled)

    if content.startswith(b"\x00a"):  # wide characters end so by right
        claims.check(path, settled, may_end_in_nul=False)
        return
    with pytest.raises(errors.FileBusy, match="not filled yet"):
        claims.check(path, settled, may_end_in_nul=False)


@pytest.mark.parametrize("content", [b"", ROWS, ROWS * 5000, "1;2\n".encode("utf-16-le")])
def test_a_filled_file_may_be_claimed(inbox: Path, content: bytes) -> None:
    claims.check(*drop(inbox, content=content), may_end_in_nul=False)


def test_a_file_that_its_writer_locked_is_busy(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a share of another system lets a lock keep readers out."""

    def locked(*_: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    path, settled = drop(inbox)
    monkeypatch.setattr(os, "pread", locked)
    with pytest.raises(errors.FileBusy, match="locked it"):
        claims.check(path, settled, may_end_in_nul=False)


def test_a_file_is_compared_without_inode_where_the_numbers_mean_nothing(inbox: Path) -> None:
    path, settled = drop(inbox)
    claims.check(path, settled.without_inode())


@pytest.mark.parametrize("code", [errno.ENOTCONN, errno.ESTALE, errno.EIO])
def test_a_drive_that_went_away_makes_no_file_unreadable(
    inbox: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A server that dies in that moment can't be made here."""

    def away(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    path, settled = drop(inbox)
    monkeypatch.setattr(os, "open", away)
    with pytest.raises(OSError, match=os.strerror(code)) as told:
        claims.check(path, settled)
    assert told.value.errno == code


# ---------------------------------------------------------------- claims


def test_a_claim_is_one_rename_into_a_folder_that_is_ours_alone(inbox: Path) -> None:
    path, before = drop(inbox)
    to = claim(inbox)

    assert to == inbox / "processing" / ME / "1" / "a.csv"
    assert print_of(to).same_content(before)
    assert not path.exists()
    for folder in list(to.parents)[:3]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", [NO_TEXT, "line\nend.csv", "n" * 255, "-rf *.csv", " "])
def test_any_name_can_be_claimed(inbox: Path, name: str) -> None:
    """Behaviour T14."""
    drop(inbox, name)
    assert claim(inbox, name).read_bytes() == ROWS


def test_places_are_made_once(inbox: Path) -> None:
    places.make_places(inbox, ME, [1, 2])
    places.make_places(inbox, ME, [2, 3])
    assert sorted(path.name for path in (inbox / "processing" / ME).iterdir()) == ["1", "2", "3"]


def test_a_claim_never_overwrites(inbox: Path) -> None:
    drop(inbox)
    first = claim(inbox)
    drop(inbox, content=b"another")

    with pytest.raises(errors.NameTaken):
        claim(inbox)

    assert (first.read_bytes(), (inbox / "a.csv").read_bytes()) == (ROWS, b"another")


def test_a_file_that_vanished_before_its_claim_is_told(inbox: Path) -> None:
    with pytest.raises(errors.FileVanished):
        claim(inbox)


def test_a_rename_that_was_done_and_answered_as_missing_counts(inbox: Path) -> None:
    """A network drive may ask twice and answer the second time, and have a new number for it."""
    path, settled = drop(inbox)
    places.make_places(inbox, ME, [1])
    to = places.path(inbox, ME, 1, "a.csv")
    to.write_bytes(path.read_bytes())
    os.utime(to, ns=(0, settled.mtime_ns))
    path.unlink()

    claims.take(path, to, settled)


def test_another_file_in_its_place_does_not_stand_for_a_file_that_vanished(inbox: Path) -> None:
    path, settled = drop(inbox)
    to = claim(inbox)
    os.utime(to, ns=(0, settled.mtime_ns + 1))
    with pytest.raises(errors.FileVanished):
        claims.take(path, to, settled)


def test_without_a_place_to_go_no_file_vanished(inbox: Path) -> None:
    """The drive was unmounted between the place and the claim."""
    path, settled = drop(inbox)
    to = places.path(inbox, ME, 1, "a.csv")
    path.unlink()
    with pytest.raises(FileNotFoundError):
        claims.take(path, to, settled)


def test_a_file_that_is_said_to_be_missing_and_is_there_did_not_vanish(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a share of another system answers so."""

    def refuse(*_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(moves, "rename", refuse)
    drop(inbox)
    with pytest.raises(FileNotFoundError):
        claim(inbox)


def test_of_two_who_claim_a_file_one_gets_it(inbox: Path) -> None:
    """Behaviour C1."""
    _, found = drop(inbox)
    places.make_places(inbox, ME, [1, 2])
    together, lost = threading.Barrier(2), []

    def take(job_id: int) -> None:
        together.wait()
        try:
            claims.take(inbox / "a.csv", places.path(inbox, ME, job_id, "a.csv"), found)
        except errors.FileVanished:
            lost.append(job_id)

    threads = [threading.Thread(target=take, args=[job_id]) for job_id in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(lost) == 1
    assert len(places.claimed(inbox, ME)) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EBUSY, errors.FileBusy),
        (errno.ETXTBSY, errors.FileBusy),
        (errno.EROFS, OSError),
    ],
)
def test_a_file_that_another_program_holds_is_not_claimed(
    inbox: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    """Only a share of another system answers so."""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(moves, "rename", refuse)
    drop(inbox)
    with pytest.raises(error):
        claim(inbox)
    assert (inbox / "a.csv").exists()


def test_a_file_of_a_failed_folder_elsewhere_is_copied(inbox: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "failed") as failed:
        (failed / "a.csv").write_bytes(ROWS)
        places.make_places(inbox, ME, [1])
        to = places.path(inbox, ME, 1, "a.csv")
        claims.take(failed / "a.csv", to, print_of(failed / "a.csv"))

        assert to.read_bytes() == ROWS
        assert list(failed.iterdir()) == []
        assert list(to.parent.iterdir()) == [to]


def test_the_old_name_that_a_crash_left_beside_the_claim_goes(inbox: Path) -> None:
    """A drive without the safe rename knows both names for a moment. Behaviour T1."""
    path, before = drop(inbox)
    to = claim(inbox)
    path.hardlink_to(to)

    claims.remove_twin(path, to, before)
    claims.remove_twin(path, to, before)

    assert not path.exists()
    assert to.read_bytes() == ROWS


@pytest.mark.parametrize("content", [ROWS, b"another"])
def test_a_new_file_of_the_name_is_no_twin(inbox: Path, content: bytes) -> None:
    """Behaviour T31."""
    _, before = drop(inbox)
    to = claim(inbox)
    drop(inbox, content=content)

    claims.remove_twin(inbox / "a.csv", to, before)

    assert (inbox / "a.csv").read_bytes() == content


def test_a_twin_with_other_bytes_stays(inbox: Path) -> None:
    """What looks the same to its fingerprint is compared all the same."""
    drop(inbox)
    to = claim(inbox)
    path, found = drop(inbox, content=ROWS[::-1])

    claims.remove_twin(path, to, found)

    assert path.exists()


def test_a_jobs_folder_goes_when_it_is_empty(inbox: Path) -> None:
    drop(inbox)
    to = claim(inbox)
    places.drop_place(to.parent)
    assert to.exists()

    to.unlink()
    places.drop_place(to.parent)
    assert not to.parent.exists()
    places.drop_place(to.parent)


# ---------------------------------------------------------------- opening


def test_a_claimed_file_is_lent_unbuffered(inbox: Path) -> None:
    """Behaviour T9, G17."""
    _, before = drop(inbox)
    to = claim(inbox)
    with reading.opened(to, before) as file:
        assert file.read() == ROWS
    assert file.closed


def test_a_claimed_file_that_changed_is_not_lent(inbox: Path) -> None:
    _, before = drop(inbox)
    to = claim(inbox)
    to.write_bytes(ROWS * 2)
    with pytest.raises(errors.FileChanged, match="changed after it was claimed"):
        reading.opened(to, before).__enter__()


@pytest.mark.parametrize("make", NO_FILES)
def test_what_took_a_claimed_files_place_is_never_read(
    inbox: Path, make: Callable[[Path], None]
) -> None:
    """Nor waited for. Behaviour Q1."""
    _, before = drop(inbox)
    to = claim(inbox)
    to.unlink()
    make(to)
    with pytest.raises(errors.FileUnreadable):
        reading.opened(to, before).__enter__()


def test_a_claimed_file_that_vanished_is_told(inbox: Path) -> None:
    _, before = drop(inbox)
    with pytest.raises(errors.FileVanished):
        reading.opened(inbox / "gone", before).__enter__()
