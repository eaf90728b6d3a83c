"""Taking a file out of its inbox, and opening it safely."""

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disk_fixtures import small_disk
from journal_fixtures import NO_TEXT

from pigment_watcher import errors
from pigment_watcher.files import claims, moves
from pigment_watcher.model import Fingerprint

ROWS = b"month,amount\n2026-09,120.50\n"
ME = "0a1b2c3d4e5f"
OTHER = "ffffffffffff"
AS_ROOT = os.geteuid() == 0
_NOBODY = 65534


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def drop(inbox: Path, name: str = "a.csv", content: bytes = ROWS) -> tuple[Path, Fingerprint]:
    path = inbox / name
    path.write_bytes(content)
    return path, print_of(path)


def print_of(path: Path) -> Fingerprint:
    found = claims.look(path)
    assert found is not None
    return found


def claim(inbox: Path, name: str = "a.csv", job_id: int = 1) -> Path:
    """Claim a file and return where it lies now."""
    claims.make_places(inbox, ME, [job_id])
    to = claims.path(inbox, ME, job_id, name)
    claims.take(inbox / name, to)
    return to


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

    assert claims.look(inbox / "a.csv") is None


def test_what_is_not_there_is_none(inbox: Path) -> None:
    drop(inbox)
    assert claims.look(inbox / "b.csv") is None
    assert claims.look(inbox / "a.csv" / "below") is None


def test_a_fingerprint_tells_versions_apart(inbox: Path) -> None:
    path, before = drop(inbox)
    os.utime(path, ns=(0, before.mtime_ns + 1))

    assert print_of(path) != before
    assert before.size == len(ROWS)


def test_the_owner_is_known_as_far_as_the_system_knows_him(inbox: Path) -> None:
    path, _ = drop(inbox)
    assert claims.owner(path) == (os.geteuid(), path.owner())
    assert claims.owner(inbox / "gone") == (None, "")


@pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")
def test_an_owner_without_a_name_has_a_number(inbox: Path) -> None:
    path, _ = drop(inbox)
    os.chown(path, 54321, 54321)
    assert claims.owner(path) == (54321, "")


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
    for folder in (inbox, *list(inbox.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o755)
    path, _ = drop(inbox)
    path.chmod(0)
    settled = print_of(path)

    with as_nobody(), pytest.raises(errors.FileUnreadable, match="let the service read it"):
        claims.check(path, settled)

    assert print_of(path) == settled


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
    claims.make_places(inbox, ME, [1, 2])
    claims.make_places(inbox, ME, [2, 3])
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
    """A network drive may ask twice and answer the second time."""
    drop(inbox)
    claim(inbox)
    claim(inbox)


def test_of_two_who_claim_a_file_one_gets_it(inbox: Path) -> None:
    """Behaviour C1."""
    drop(inbox)
    claims.make_places(inbox, ME, [1, 2])
    together, lost = threading.Barrier(2), []

    def take(job_id: int) -> None:
        together.wait()
        try:
            claims.take(inbox / "a.csv", claims.path(inbox, ME, job_id, "a.csv"))
        except errors.FileVanished:
            lost.append(job_id)

    threads = [threading.Thread(target=take, args=[job_id]) for job_id in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(lost) == 1
    assert len(claims.claimed(inbox, ME)) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EBUSY, errors.FileChanged),
        (errno.ETXTBSY, errors.FileChanged),
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
        claims.make_places(inbox, ME, [1])
        to = claims.path(inbox, ME, 1, "a.csv")
        claims.take(failed / "a.csv", to)

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
    claims.drop_place(to.parent)
    assert to.exists()

    to.unlink()
    claims.drop_place(to.parent)
    assert not to.parent.exists()
    claims.drop_place(to.parent)


# ---------------------------------------------------------------- opening


def test_a_claimed_file_is_lent_unbuffered(inbox: Path) -> None:
    """Behaviour T9, G17."""
    _, before = drop(inbox)
    to = claim(inbox)
    with claims.opened(to, before) as file:
        assert file.read() == ROWS
    assert file.closed


def test_a_claimed_file_that_changed_is_not_lent(inbox: Path) -> None:
    _, before = drop(inbox)
    to = claim(inbox)
    to.write_bytes(ROWS * 2)
    with pytest.raises(errors.FileChanged, match="changed after it was claimed"):
        claims.opened(to, before).__enter__()


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
        claims.opened(to, before).__enter__()


def test_a_claimed_file_that_vanished_is_told(inbox: Path) -> None:
    _, before = drop(inbox)
    with pytest.raises(errors.FileVanished):
        claims.opened(inbox / "gone", before).__enter__()


# ---------------------------------------------------------------- instances


def test_the_instances_of_an_inbox_and_their_files_are_known(inbox: Path) -> None:
    assert claims.instances(inbox) == []
    assert claims.claimed(inbox, ME) == []
    drop(inbox)
    to = claim(inbox, job_id=12)
    claims.make_home(inbox, OTHER)
    (inbox / "processing" / "note.txt").touch()

    assert claims.instances(inbox) == [ME, OTHER]
    assert claims.claimed(inbox, ME) == [to]
    assert claims.claimed(inbox, OTHER) == []


def test_an_unfinished_copy_is_no_claimed_file(inbox: Path) -> None:
    """A crash in the middle of a copy must not look like somebody's file."""
    claims.make_places(inbox, ME, [7])
    (claims.place(inbox, ME, 7) / ".7.part").touch()
    (claims.place(inbox, ME, 7) / "a.part").touch()

    assert [path.name for path in claims.claimed(inbox, ME)] == ["a.part"]


def test_our_folder_must_be_there_to_believe_that_a_file_is_not(inbox: Path) -> None:
    """Behaviour T5."""
    with pytest.raises(FileNotFoundError, match="is the drive mounted"):
        claims.expect_home(inbox, ME)
    claims.make_home(inbox, ME)
    claims.expect_home(inbox, ME)


def test_the_starts_are_counted_in_the_folder_too(inbox: Path) -> None:
    assert claims.read_starts(inbox, ME) == 0
    claims.write_starts(inbox, ME, 41)
    claims.write_starts(inbox, ME, 42)

    assert claims.read_starts(inbox, ME) == 42
    assert claims.claimed(inbox, ME) == []


@pytest.mark.parametrize("spoil", ["words", "nothing", "folder"])
def test_a_count_that_can_not_be_read_is_none(inbox: Path, spoil: str) -> None:
    path = claims.make_home(inbox, ME) / claims.STARTS
    if spoil == "folder":
        path.mkdir()
    else:
        path.write_text("" if spoil == "nothing" else "seven")
    assert claims.read_starts(inbox, ME) == 0


def test_silence_is_measured_by_the_drives_own_clock(inbox: Path) -> None:
    claims.write_starts(inbox, ME, 1)
    claims.write_starts(inbox, OTHER, 1)
    spoke = inbox / "processing" / OTHER / claims.STARTS
    now = (inbox / "processing" / ME / claims.STARTS).stat().st_mtime
    os.utime(spoke, (now - 900, now - 900))
    assert claims.silent_s(inbox, OTHER, ME) == pytest.approx(900)

    claims.touch_starts(inbox, OTHER)
    assert claims.silent_s(inbox, OTHER, ME) < 1


def test_who_never_spoke_is_silent_for_ever(inbox: Path) -> None:
    claims.write_starts(inbox, ME, 1)
    claims.make_home(inbox, OTHER)
    assert claims.silent_s(inbox, OTHER, ME) == float("inf")
