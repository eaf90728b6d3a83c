"""The folders in processing/: whose they are, what lies in them, who still lives."""

import os
from pathlib import Path

import pytest
from claim_fixtures import ME, claim, drop

from pigment_watcher.files import places

OTHER = "ffffffffffff"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def test_the_instances_of_an_inbox_and_their_files_are_known(inbox: Path) -> None:
    assert places.instances(inbox) == []
    assert places.claimed(inbox, ME) == []
    drop(inbox)
    to = claim(inbox, job_id=12)
    places.make_home(inbox, OTHER)
    (inbox / "processing" / "note.txt").touch()

    assert places.instances(inbox) == [ME, OTHER]
    assert places.claimed(inbox, ME) == [to]
    assert places.claimed(inbox, OTHER) == []


def test_an_unfinished_copy_is_no_claimed_file(inbox: Path) -> None:
    """A crash in the middle of a copy must not look like somebody's file."""
    places.make_places(inbox, ME, [7])
    (places.place(inbox, ME, 7) / ".7.part").touch()
    (places.place(inbox, ME, 7) / "a.part").touch()

    assert [path.name for path in places.claimed(inbox, ME)] == ["a.part"]


def test_our_folder_must_be_there_to_believe_that_a_file_is_not(inbox: Path) -> None:
    """Behaviour T5."""
    with pytest.raises(FileNotFoundError, match="is the drive mounted"):
        places.expect_home(inbox, ME)
    with pytest.raises(FileNotFoundError, match="is the drive mounted"):
        places.expect_processing(inbox)
    places.make_home(inbox, ME)
    places.expect_home(inbox, ME)
    places.expect_processing(inbox)


@pytest.mark.parametrize("name", ["processing", f"processing/{ME}"])
def test_a_link_in_place_of_our_folder_is_not_used(inbox: Path, tmp_path: Path, name: str) -> None:
    """What is claimed must not leave the inbox by it."""
    (tmp_path / "elsewhere").mkdir()
    (inbox / name).parent.mkdir(exist_ok=True)
    (inbox / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotADirectoryError, match="is a link: it must be an ordinary folder"):
        places.make_places(inbox, ME, [1])
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_starts_are_counted_in_the_folder_too(inbox: Path) -> None:
    assert places.read_starts(inbox, ME) == 0
    places.write_starts(inbox, ME, 41)
    places.write_starts(inbox, ME, 42)

    assert places.read_starts(inbox, ME) == 42
    assert places.claimed(inbox, ME) == []


@pytest.mark.parametrize("spoil", ["words", "nothing", "folder"])
def test_a_count_that_can_not_be_read_is_none(inbox: Path, spoil: str) -> None:
    path = places.make_home(inbox, ME) / places.STARTS
    if spoil == "folder":
        path.mkdir()
    else:
        path.write_text("" if spoil == "nothing" else "seven")
    assert places.read_starts(inbox, ME) == 0


def test_silence_is_measured_by_the_drives_own_clock(inbox: Path) -> None:
    places.write_starts(inbox, ME, 1)
    places.write_starts(inbox, OTHER, 1)
    spoke = inbox / "processing" / OTHER / places.STARTS
    now = (inbox / "processing" / ME / places.STARTS).stat().st_mtime
    os.utime(spoke, (now - 900, now - 900))
    assert places.silent_s(inbox, OTHER, ME) == pytest.approx(900)

    places.touch_starts(inbox, OTHER)
    assert places.silent_s(inbox, OTHER, ME) < 1


def test_who_never_spoke_is_silent_for_ever(inbox: Path) -> None:
    places.write_starts(inbox, ME, 1)
    places.make_home(inbox, OTHER)
    assert places.silent_s(inbox, OTHER, ME) == float("inf")
