"""Kernel events as hints: real folders, a real watchdog, and what makes it deaf."""

import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from limit_fixtures import descriptors_left
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


def kernel_watches() -> Iterator[tuple[int, int]]:
    """Return inode and mask of what this process watches; source: proc(5), fdinfo."""
    for entry in Path("/proc/self/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            for line in entry.read_text().splitlines():
                if line.startswith("inotify "):
                    marks = dict(part.split(":") for part in line.split()[1:])
                    yield int(marks["ino"], 16), int(marks["mask"], 16)


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
    hints.observer.watch(dict.fromkeys([inbox]))
    drop(inbox / "a.csv")
    hints.expect(inbox)


def test_a_folder_that_is_reached_by_a_link_is_watched_under_its_own_name(
    hints: Hints, tmp_path: Path, inbox: Path
) -> None:
    """Behaviour A15."""
    link = tmp_path / "link"
    link.symlink_to(inbox)
    hints.observer.watch(dict.fromkeys([link]))
    write(inbox / "a.csv")
    hints.expect(link)
    assert hints.observer.check()


def test_only_the_folders_that_are_asked_for_are_watched(
    hints: Hints, tmp_path: Path, inbox: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    hints.observer.watch(dict.fromkeys([other]))
    hints.observer.watch(dict.fromkeys([inbox]))
    write(other / "a.csv")
    write(inbox / "a.csv")
    eventually(lambda: inbox in hints.folders)
    assert other not in hints.folders


def own_folders(inbox: Path) -> frozenset[Path]:
    """Make the folders of an inbox that are ours, and return them."""
    own = frozenset({inbox / "processing", inbox / "done"})
    for folder in own:
        (folder / "1").mkdir(parents=True)
    return own


def test_a_file_below_an_inbox_is_a_hint_where_all_below_it_is_watched(
    hints: Hints, inbox: Path
) -> None:
    deep = inbox / "a" / "b"
    deep.mkdir(parents=True)
    hints.observer.watch({inbox: own_folders(inbox)})
    write(deep / "a.csv")
    hints.expect(inbox)
    late = inbox / "late"
    late.mkdir()
    write(late / "a.csv")
    hints.expect(inbox)
    assert hints.observer.check()


def test_a_file_below_an_inbox_is_no_hint_where_only_the_inbox_is_watched(
    hints: Hints, inbox: Path
) -> None:
    (inbox / "a").mkdir()
    hints.observer.watch({inbox: None})
    write(inbox / "a" / "a.csv")
    move_in(inbox / "a.csv")
    eventually(lambda: bool(hints.folders))
    assert hints.folders == [inbox]


@pytest.mark.parametrize("name", ["in", "link"])
def test_what_we_do_in_our_own_folders_is_no_news(hints: Hints, inbox: Path, name: str) -> None:
    inbox.with_name("link").symlink_to(inbox)
    asked = inbox.with_name(name)
    own = own_folders(asked)
    write(inbox / "b.csv")
    hints.observer.watch({asked: own})
    write(asked / "processing" / "1" / "a.csv")
    (asked / "b.csv").rename(asked / "done" / "b.csv")
    move_in(asked / "c.csv")  # the kernel tells in order: all before it was heard when it is
    eventually(lambda: bool(hints.folders))
    assert hints.folders == [asked]


def test_a_file_that_comes_back_from_our_own_folders_is_news(hints: Hints, inbox: Path) -> None:
    own = own_folders(inbox)
    write(inbox / "done" / "a.csv")
    hints.observer.watch({inbox: own})
    (inbox / "done" / "a.csv").rename(inbox / "a.csv")
    hints.expect(inbox)


def test_what_leaves_a_folder_is_not_asked_for(hints: Hints, inbox: Path) -> None:
    """Watchdog would hold back what comes after it, for half a second."""
    hints.observer.watch({inbox: None})
    eventually(hints.observer.check)
    (mask,) = (mask for inode, mask in kernel_watches() if inode == inbox.stat().st_ino)
    assert mask & inotify_c.InotifyConstants.IN_MOVED_TO
    assert not mask & inotify_c.InotifyConstants.IN_MOVED_FROM


def test_a_folder_whose_name_only_begins_like_ours_is_news(hints: Hints, inbox: Path) -> None:
    own = own_folders(inbox)
    (inbox / "done-by-erp").mkdir()
    hints.observer.watch({inbox: own})
    write(inbox / "done-by-erp" / "a.csv")
    hints.expect(inbox)


def test_folders_that_are_watched_in_another_way_are_watched_anew(
    hints: Hints, inbox: Path
) -> None:
    own = own_folders(inbox)
    (inbox / "a").mkdir()
    hints.observer.watch({inbox: None})
    hints.observer.watch({inbox: own})
    write(inbox / "a" / "a.csv")
    hints.expect(inbox)


def test_the_same_folders_are_watched_on_without_a_gap(hints: Hints, inbox: Path) -> None:
    hints.observer.watch(dict.fromkeys([inbox]))
    before = hints.observer._observer
    hints.observer.watch(dict.fromkeys([inbox]))
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
    hints.observer.watch(dict.fromkeys([inbox]))
    assert hints.observer.check()
    make_deaf(inbox)
    eventually(lambda: not hints.observer._is_healthy({inbox.stat().st_ino}))
    assert not hints.observer.check()
    hints.expect(inbox)  # what came meanwhile is looked for
    assert hints.observer.check()
    write(inbox / "a.csv")
    hints.expect(inbox)


def test_a_folder_that_is_missing_does_not_spoil_the_others_and_is_watched_when_it_comes(
    hints: Hints, tmp_path: Path, inbox: Path
) -> None:
    late = tmp_path / "late"
    hints.observer.watch(dict.fromkeys([late, inbox]))
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
    hints.observer.watch(dict.fromkeys([inbox]))
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

    monkeypatch.setattr(observer, "_PromptObserver", none_left)
    hints.observer.watch(dict.fromkeys([inbox]))
    assert not hints.observer.check()
    monkeypatch.undo()
    assert not hints.observer.check()
    assert hints.observer.check()


def test_a_folder_that_can_not_be_looked_at_ends_nothing(hints: Hints, inbox: Path) -> None:
    """Behaviour T4."""
    hints.observer.watch(dict.fromkeys([inbox]))
    inbox.parent.chmod(0)
    with without_rights():
        assert hints.observer.check()
    inbox.parent.chmod(0o700)


def test_nothing_to_watch_is_watched_well(hints: Hints) -> None:
    hints.observer.watch(dict.fromkeys([]))
    assert hints.observer.check()


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_an_overflow_of_the_kernels_queue_makes_every_folder_worth_a_look(
    hints: Hints, tmp_path: Path, inbox: Path, level: int
) -> None:
    """Behaviour K3."""
    other = tmp_path / "other"
    other.mkdir()
    hints.observer.watch(dict.fromkeys([inbox, other]))
    root = logging.getLogger()
    before = root.level
    root.setLevel(level)
    hints.overflow()
    root.setLevel(before)
    assert set(hints.folders) == {inbox, other}


def test_other_words_of_watchdog_are_no_overflow(hints: Hints, inbox: Path) -> None:
    hints.observer.watch(dict.fromkeys([inbox]))
    logging.getLogger("watchdog.observers.inotify_c").warning("something else")
    assert hints.folders == []


_WATCH_TWICE = """
import sys
from pigment_watcher import observer
from watchdog.observers import inotify, inotify_c
group = inotify.InotifyWatchGroup(inotify_c.InotifyFD.get_instance(), sys.argv[1].encode())
group._add_callback(group.path)
"""


def test_a_folder_that_watchdog_comes_upon_twice_is_no_news(inbox: Path) -> None:
    """It does so where folders are made while it begins to watch those around them."""
    # A process of its own, as here every warning is an error.
    python = [sys.executable, "-c", _WATCH_TWICE, str(inbox)]
    ended = subprocess.run(python, capture_output=True, text=True, timeout=20, check=True)
    assert ended.stderr == ""


def test_events_that_are_read_while_it_stops_are_no_error(
    hints: Hints, inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hints.observer.watch(dict.fromkeys([inbox]))
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
        hints.observer.watch(dict.fromkeys([inbox]))
        hints.observer.stop()
    hints.observer.stop()
    assert (threading.active_count(), open_files()) == before


def test_a_check_that_can_open_no_file_is_made_the_next_time(hints: Hints, inbox: Path) -> None:
    hints.observer.watch({inbox: None})
    with descriptors_left(0):
        assert hints.observer.check()
    assert hints.observer.check()
    (inbox / "a.csv").touch()
    hints.expect(inbox)
