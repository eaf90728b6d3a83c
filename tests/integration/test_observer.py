"""Kernel events as hints: real folders, a real watchdog, and what makes it deaf."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rig_fixtures import eventually, without_rights
from watchdog.observers import inotify_c

from pigment_watcher import observer
from pigment_watcher.observer import Observer


class Hints:
    """Collects the folders that were hinted at."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.observer = Observer(self.folders.append)

    def expect(self, folder: Path) -> None:
        """Wait until a folder is hinted at, and forget all hints."""
        eventually(lambda: folder in self.folders)
        self.folders.clear()

    def overflow(self) -> None:
        """Let the kernel's queue run over."""
        event = inotify_c.InotifyEvent(
            inotify_c.WatchDescriptor(-1), inotify_c.InotifyConstants.IN_Q_OVERFLOW, 0, b""
        )
        self.observer._observer._inotify_fd.handle_event(event)


@pytest.fixture
def hints() -> Iterator[Hints]:
    made = Hints()
    yield made
    made.observer.stop()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def write(path: Path) -> None:
    path.write_text("x")


def move_in(path: Path) -> None:
    (path.parent.parent / "outside").write_text("x")
    (path.parent.parent / "outside").rename(path)


def rename_within(path: Path) -> None:
    (path.parent / "a.part").write_text("x")
    (path.parent / "a.part").rename(path)


def link_in(path: Path) -> None:
    (path.parent.parent / "outside").write_text("x")
    path.hardlink_to(path.parent.parent / "outside")


@pytest.mark.parametrize("drop", [write, move_in, rename_within, link_in])
def test_a_new_file_is_a_hint_however_it_comes(
    hints: Hints, inbox: Path, drop: Callable[[Path], None]
) -> None:
    """Behaviour K1."""
    hints.observer.watch([inbox])
    drop(inbox / "a.csv")
    hints.expect(inbox)


def test_a_folder_that_is_reached_by_a_link_is_watched_under_its_own_name(
    hints: Hints, tmp_path: Path, inbox: Path
) -> None:
    """Behaviour A15."""
    link = tmp_path / "link"
    link.symlink_to(inbox)
    hints.observer.watch([link])
    write(inbox / "a.csv")
    hints.expect(link)
    assert hints.observer.check()


def test_only_the_folders_that_are_asked_for_are_watched(
    hints: Hints, tmp_path: Path, inbox: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    hints.observer.watch([other])
    hints.observer.watch([inbox])
    write(other / "a.csv")
    write(inbox / "a.csv")
    eventually(lambda: inbox in hints.folders)
    assert other not in hints.folders


def test_the_same_folders_are_watched_on_without_a_gap(hints: Hints, inbox: Path) -> None:
    hints.observer.watch([inbox])
    before = hints.observer._observer
    hints.observer.watch([inbox])
    assert hints.observer._observer is before


def remove_and_make(folder: Path) -> None:
    folder.rmdir()
    folder.mkdir()


def replace(folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    folder.mkdir()


@pytest.mark.parametrize("make_deaf", [remove_and_make, replace])
def test_a_watch_that_went_with_its_folder_is_noticed_and_replaced(
    hints: Hints, inbox: Path, make_deaf: Callable[[Path], None]
) -> None:
    """Behaviour T29."""
    hints.observer.watch([inbox])
    assert hints.observer.check()
    make_deaf(inbox)
    eventually(lambda: not hints.observer._is_healthy())
    assert not hints.observer.check()
    hints.expect(inbox)  # what came meanwhile is looked for
    assert hints.observer.check()
    write(inbox / "a.csv")
    hints.expect(inbox)


def test_a_folder_that_is_missing_does_not_spoil_the_others_and_is_watched_when_it_comes(
    hints: Hints, tmp_path: Path, inbox: Path
) -> None:
    late = tmp_path / "late"
    hints.observer.watch([late, inbox])
    assert hints.observer.check()  # its scan reports that it is missing
    write(inbox / "a.csv")
    hints.expect(inbox)
    late.mkdir()
    assert not hints.observer.check()
    hints.folders.clear()
    write(late / "a.csv")
    hints.expect(late)


def test_a_dead_watcher_is_replaced(hints: Hints, inbox: Path) -> None:
    """Behaviour T29."""
    hints.observer.watch([inbox])
    hints.observer._observer.stop()
    hints.observer._observer.join()
    assert not hints.observer.check()
    hints.folders.clear()
    write(inbox / "a.csv")
    hints.expect(inbox)


def test_no_kernel_watches_to_be_had_is_borne_and_tried_again(
    hints: Hints, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(observer, "WatchdogObserver", none_left)
    hints.observer.watch([inbox])
    assert not hints.observer.check()
    monkeypatch.undo()
    assert not hints.observer.check()
    assert hints.observer.check()


def test_a_folder_that_can_not_be_looked_at_ends_nothing(hints: Hints, inbox: Path) -> None:
    """Behaviour T4."""
    hints.observer.watch([inbox])
    inbox.parent.chmod(0)
    with without_rights():
        assert hints.observer.check()
    inbox.parent.chmod(0o700)


def test_nothing_to_watch_is_watched_well(hints: Hints) -> None:
    hints.observer.watch([])
    assert hints.observer.check()


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_an_overflow_of_the_kernels_queue_makes_every_folder_worth_a_look(
    hints: Hints, tmp_path: Path, inbox: Path, level: int
) -> None:
    """Behaviour K3."""
    other = tmp_path / "other"
    other.mkdir()
    hints.observer.watch([inbox, other])
    root = logging.getLogger()
    before = root.level
    root.setLevel(level)
    hints.overflow()
    root.setLevel(before)
    assert set(hints.folders) == {inbox, other}


def test_other_words_of_watchdog_are_no_overflow(hints: Hints, inbox: Path) -> None:
    hints.observer.watch([inbox])
    logging.getLogger("watchdog.observers.inotify_c").warning("something else")
    assert hints.folders == []


def test_events_that_are_read_while_it_stops_are_no_error(
    hints: Hints, inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hints.observer.watch([inbox])
    (emitter,) = hints.observer._observer.emitters
    hints.observer.stop()
    emitter.queue_events(0.0)
    assert caplog.records == []


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_fifty_starts_and_stops_leave_no_thread_and_no_descriptor(
    hints: Hints, inbox: Path
) -> None:
    """Behaviours L3, L4."""
    before = threading.active_count(), open_files()
    for _ in range(50):
        hints.observer.watch([inbox])
        hints.observer.stop()
    hints.observer.stop()
    assert (threading.active_count(), open_files()) == before
