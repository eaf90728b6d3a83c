"""Markers: taken along with their file, put back with it, gone with it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from claim_fixtures import ME, ROWS

from pigment_watcher import errors
from pigment_watcher.files import claims, moves, places


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.csv.done"
    path.parent.mkdir()
    path.write_bytes(b"by the exporter")
    return path


@pytest.fixture
def place(marker: Path) -> Path:
    places.make_places(marker.parent, ME, [1])
    return places.place(marker.parent, ME, 1)


def contents(*paths: Path) -> list[bytes | None]:
    return [path.read_bytes() if path.exists() else None for path in paths]


def as_it_was(_: Path, __: Path) -> None:
    pass


def taken(marker: Path, ours: Path) -> None:
    marker.rename(ours)


def under_both_names(marker: Path, ours: Path) -> None:
    """Between link and unlink, on a drive without the safe rename."""
    ours.hardlink_to(marker)


def under_both_names_with_two_numbers(marker: Path, ours: Path) -> None:
    """The same on a drive that gives each name an inode number."""
    found = marker.stat()
    ours.write_bytes(marker.read_bytes())
    os.utime(ours, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize(
    "crash", [as_it_was, taken, under_both_names, under_both_names_with_two_numbers]
)
def test_a_marker_is_taken_after_a_crash_at_any_point(
    marker: Path, place: Path, crash: Callable[[Path, Path], None]
) -> None:
    crash(marker, place / places.MARKER)
    for _ in range(2):
        claims.take_marker(marker, place)

    assert contents(marker, place / places.MARKER) == [None, b"by the exporter"]


def test_a_marker_that_came_since_is_the_next_files(marker: Path, place: Path) -> None:
    claims.take_marker(marker, place)
    marker.write_bytes(b"for the next")
    claims.take_marker(marker, place)

    assert contents(marker, place / places.MARKER) == [b"for the next", b"by the exporter"]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("a.csv.done")])
def test_what_somebody_put_in_our_markers_place_moves_nothing(
    marker: Path, place: Path, make: Callable[[Path], None]
) -> None:
    make(place / places.MARKER)
    claims.take_marker(marker, place)
    assert marker.exists()


def test_a_marker_that_is_gone_has_said_what_it_had_to_say(marker: Path, place: Path) -> None:
    marker.unlink()
    claims.take_marker(marker, place)
    assert list(place.iterdir()) == []


def test_a_marker_without_a_place_to_go_stays(marker: Path, place: Path) -> None:
    """The drive with processing/ is away."""
    place.rmdir()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            claims.take_marker(marker, place)
        marker.unlink(missing_ok=True)


# ---------------------------------------------------------------- back


def test_a_marker_goes_back_to_its_name(marker: Path, place: Path) -> None:
    claims.take_marker(marker, place)
    for _ in range(2):
        claims.return_marker(place, marker)

    assert contents(marker, place / places.MARKER) == [b"by the exporter", None]


@pytest.mark.parametrize("crash", [False, True])
def test_a_newer_marker_stays_and_ours_goes(marker: Path, place: Path, crash: bool) -> None:
    claims.take_marker(marker, place)
    if crash:  # between link and unlink
        marker.hardlink_to(place / places.MARKER)
    else:
        marker.write_bytes(b"newer")
    claims.return_marker(place, marker)

    kept = b"by the exporter" if crash else b"newer"
    assert contents(marker, place / places.MARKER) == [kept, None]


def test_a_marker_whose_folder_is_gone_stays_with_us(marker: Path, place: Path) -> None:
    claims.take_marker(marker, place)
    with pytest.raises(FileNotFoundError):
        claims.return_marker(place, marker.parent / "gone" / marker.name)
    assert (place / places.MARKER).exists()


# ---------------------------------------------------------------- with its file


def test_a_marker_goes_with_its_jobs_folder(marker: Path, place: Path) -> None:
    claims.take_marker(marker, place)
    places.drop_place(place)
    assert not place.exists()
    assert not marker.exists()


@pytest.mark.parametrize("name", ["a.csv", moves.part_name("1")])
def test_a_marker_stays_while_anything_else_lies_there(
    marker: Path, place: Path, name: str
) -> None:
    claims.take_marker(marker, place)
    (place / name).write_bytes(ROWS)
    places.drop_place(place)

    assert contents(place / name, place / places.MARKER) == [ROWS, b"by the exporter"]


def test_a_marker_is_no_claimed_file(marker: Path, place: Path) -> None:
    (place / "a.csv").write_bytes(ROWS)
    claims.take_marker(marker, place)
    assert places.claimed(marker.parent, ME) == [place / "a.csv"]


def test_a_marker_that_another_program_holds_is_busy(
    marker: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a share of another system answers so."""

    def refuse(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(moves, "rename", refuse)
    with pytest.raises(errors.FileBusy, match="another program has it open"):
        claims.take_marker(marker, place)
