"""Inboxes that are swapped under a running service: what is dropped afterwards is found.

The safety scan is an hour away, so that only a watcher which is noticed to be deaf leads to a
scan.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from acceptance_fixtures import ROWS, eventually
from writer_fixtures import BYSTANDER, NEVER, ROUTE, Watched, start_without_rights, watched

pytestmark = pytest.mark.slow

FIRST = f"{ROWS}first,4000,1\n"
SECOND = f"{ROWS}second,4000,1\n"
THIRD = f"{ROWS}third,4000,1\n"
#: The watchers are looked after every few seconds.
NOTICED_S = 20.0
DEAF: Mapping[str, Any] = {"watch": "events", "scan_every": NEVER}
#: A route whose folder nothing happens to.
ELSEWHERE: Mapping[str, Mapping[str, object]] = {BYSTANDER: {}}


def mount(*arguments: str | Path) -> None:
    """Mount something, or skip the test where that is not allowed."""
    ended = subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False)
    if os.geteuid() != 0 or ended.returncode:
        pytest.skip("only root may mount, and a container may forbid it")


def unmount(folder: Path) -> None:
    """Unmount what lies on a folder."""
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def drive(folder: Path) -> Iterator[Path]:
    """A file system of its own, mounted on a new folder; all that lies on it goes at the end."""
    folder.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", folder)
    try:
        yield folder
    finally:
        unmount(folder)


@contextmanager
def bound(source: Path, folder: Path) -> Iterator[Callable[[], None]]:
    """Mount a folder on another one; lends what mounts it again after an `unmount`."""

    def again() -> None:
        mount("--bind", source, folder)

    folder.mkdir(exist_ok=True)
    again()
    try:
        yield again
    finally:
        while folder.is_mount():
            unmount(folder)


def said_once(here: Watched) -> None:
    """Check that the inbox was said to be lost once, and once to be found."""
    for event in ("route.lost", "route.found"):
        eventually(lambda: len(here.service.events(event, subject=str(here.inbox))) == 1)  # noqa: B023


def stays_lost(here: Watched) -> None:
    """Let some time pass, seen by what another folder takes; this one is lost all the while."""
    for _ in range(3):
        name = f"bystander-{next(here.numbers)}.csv"
        (here.folder / BYSTANDER / name).write_text(ROWS)
        here.service.wait_for("job.claimed", file=name, route=BYSTANDER)
    assert here.service.events("route.found", subject=str(here.inbox)) == []


@contextmanager
def disk_image(folder: Path) -> Iterator[Callable[[Path], None]]:
    """A file with a file system in it; lends what mounts it. What is mounted goes at the end."""
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(16 * 1024 * 1024)
    mkfs = shutil.which("mkfs.ext4") or pytest.skip("there is no mkfs.ext4")
    subprocess.run([mkfs, "-q", "-F", image], check=True)
    points: list[Path] = []

    def mount_it(point: Path) -> None:
        mount("-o", "loop", image, point)
        points.append(point)

    try:
        yield mount_it
    finally:
        for point in points:
            if point.is_mount():
                unmount(point)


# ---------------------------------------------------------------- by rename and removal


def renamed_away(inbox: Path) -> None:
    inbox.rename(inbox.with_name("old"))
    inbox.mkdir()


def removed(inbox: Path) -> None:
    shutil.rmtree(inbox)
    inbox.mkdir()


def replaced_by_one_with_files(inbox: Path) -> None:
    new = inbox.with_name("new")
    new.mkdir()
    (new / "third.csv").write_text(THIRD)
    inbox.rename(inbox.with_name("old"))
    new.rename(inbox)


@pytest.mark.parametrize("swap", [renamed_away, removed, replaced_by_one_with_files])
def test_an_inbox_that_is_made_again_is_watched_again(
    tmp_path: Path, swap: Callable[[Path], None]
) -> None:
    with watched(tmp_path, **DEAF) as here:
        here.drop("first.csv", FIRST)
        here.imported("first.csv")
        swap(here.inbox)
        here.drop("second.csv", SECOND)
        here.imported("second.csv", NOTICED_S)
        texts = [FIRST, SECOND]
        if swap is replaced_by_one_with_files:
            here.imported("third.csv", NOTICED_S)
            texts.append(THIRD)
        here.expect_sent_once(*texts)
        # And by events from then on, not by the next look after the watchers.
        here.service.wait_for("observer.rebuilt", NOTICED_S)
        here.drop("fourth.csv")
        here.imported("fourth.csv", 4.0)


def take_away(inbox: Path) -> None:
    inbox.rename(inbox.with_name("old"))


@pytest.mark.parametrize("go", [take_away, shutil.rmtree])
def test_an_inbox_that_is_away_for_a_while_is_said_to_be_lost_and_found(
    tmp_path: Path, go: Callable[[Path], None]
) -> None:
    with watched(tmp_path, **DEAF) as here:
        here.let_settle()
        go(here.inbox)
        here.service.wait_for("route.lost", NOTICED_S)
        here.inbox.mkdir()
        here.drop("second.csv", SECOND)
        here.imported("second.csv", NOTICED_S)
        here.expect_sent_once(SECOND)
        said_once(here)


def test_an_import_goes_on_when_its_inbox_is_renamed_away_and_back(tmp_path: Path) -> None:
    with watched(tmp_path, import_s=float("inf"), **DEAF) as here:
        here.drop("first.csv", FIRST)
        here.service.wait_for("job.pushed", file="first.csv")
        here.inbox.rename(tmp_path / "away")
        here.service.wait_for("route.lost", NOTICED_S)
        here.pigment.finish(here.pigment.imports()[0].id)
        # It can't be moved to done/ now; that is waited out.
        here.service.wait_for("job.archive_stuck", NOTICED_S)
        assert not here.inbox.exists()
        (tmp_path / "away").rename(here.inbox)
        here.imported("first.csv", 60.0)
        here.expect_sent_once(FIRST)
        assert here.places("first.csv") == ["done/first.csv"]


# ---------------------------------------------------------------- by mounts


def test_an_inbox_that_is_mounted_over_is_watched_and_so_is_what_comes_back(
    tmp_path: Path,
) -> None:
    with watched(tmp_path, **DEAF) as here:
        here.drop("first.csv", FIRST)
        here.imported("first.csv")
        with drive(here.inbox):
            here.drop_by_copy("second.csv", SECOND)
            here.imported("second.csv", NOTICED_S)
            assert here.places("second.csv") == ["done/second.csv"]
        here.drop("third.csv", THIRD)
        here.imported("third.csv", NOTICED_S)
        here.expect_sent_once(FIRST, SECOND, THIRD)
        assert here.places("first.csv") == ["done/first.csv"]


def test_what_lies_beneath_a_mount_point_is_not_touched_while_the_drive_is_away(
    tmp_path: Path,
) -> None:
    inbox = tmp_path / ROUTE
    with drive(tmp_path / "drive") as disk, bound(disk, inbox) as mount_again:
        with watched(tmp_path, routes=ELSEWHERE, **DEAF) as here:
            here.drop_by_copy("first.csv", FIRST)
            here.imported("first.csv")
            unmount(inbox)
            here.service.wait_for("route.lost", NOTICED_S)
            (inbox / "beneath.csv").write_text(ROWS)  # somebody did not see it, either
            (disk / "second.csv").write_text(SECOND)
            stays_lost(here)
            assert sorted(path.name for path in inbox.iterdir()) == ["beneath.csv"]
            mount_again()
            here.service.wait_for("route.found", NOTICED_S)
            here.imported("second.csv", NOTICED_S)
            here.expect_sent_once(FIRST, SECOND)
            said_once(here)
            assert here.service.events("job.finished", outcome="gone") == []
        unmount(inbox)
        assert sorted(path.name for path in inbox.iterdir()) == ["beneath.csv"]


def test_a_start_while_the_drive_is_away_waits_for_it(tmp_path: Path) -> None:
    inbox = tmp_path / ROUTE
    with (
        drive(tmp_path / "drive") as disk,
        bound(disk, inbox) as mount_again,
        watched(tmp_path, routes=ELSEWHERE, **DEAF) as here,
    ):
        here.drop_by_copy("first.csv", FIRST)
        here.imported("first.csv")
        here.service.kill()
        unmount(inbox)
        here.start_again()
        here.service.wait_for("route.lost", NOTICED_S)
        (disk / "second.csv").write_text(SECOND)
        stays_lost(here)
        assert list(inbox.iterdir()) == []
        mount_again()
        here.imported("second.csv", NOTICED_S)
        here.expect_sent_once(FIRST, SECOND)


def test_files_that_wait_on_a_drive_that_goes_are_pushed_when_it_is_back(tmp_path: Path) -> None:
    inbox = tmp_path / ROUTE
    texts = [f"{ROWS}{number},4000,1\n" for number in range(3)]
    with (
        drive(tmp_path / "drive") as disk,
        bound(disk, inbox) as mount_again,
        watched(tmp_path, routes=ELSEWHERE, **DEAF) as here,
    ):
        here.pigment.stop()
        for number, text in enumerate(texts):
            here.drop_by_copy(f"{number}.csv", text)
        for number in range(len(texts)):
            here.service.wait_for("job.claimed", file=f"{number}.csv")
        unmount(inbox)
        here.service.wait_for("route.lost", NOTICED_S)
        here.pigment.start()
        stays_lost(here)
        mount_again()
        for number in range(len(texts)):
            here.imported(f"{number}.csv", 60.0)
        here.expect_sent_once(*texts)
        assert list((disk / "done").iterdir())


# ---------------------------------------------------------------- by rights


def test_a_folder_that_may_not_be_read_for_a_while_is_lost_and_found(tmp_path: Path) -> None:
    way: Mapping[str, Any] = {"watch": "events", "scan_every": "2s"}
    with watched(tmp_path, start=start_without_rights, **way) as here:
        here.drop("first.csv", FIRST)
        here.imported("first.csv")
        here.inbox.chmod(0o300)
        here.drop("second.csv", SECOND)
        here.service.wait_for("route.lost", NOTICED_S)
        here.drop("third.csv", THIRD)
        here.inbox.chmod(0o755)
        here.imported("second.csv", NOTICED_S)
        here.imported("third.csv", NOTICED_S)
        here.expect_sent_once(FIRST, SECOND, THIRD)
        said_once(here)


def test_a_folder_that_can_not_be_watched_is_heard_once_it_can(tmp_path: Path) -> None:
    # The kernel refuses the watch, and watchdog says nothing about that.
    with watched(tmp_path, start=start_without_rights, **DEAF) as here:
        renamed_away(here.inbox)
        here.inbox.chmod(0o300)
        here.service.wait_for("route.lost", NOTICED_S)
        here.drop("first.csv", FIRST)
        here.inbox.chmod(0o755)
        here.imported("first.csv", NOTICED_S)
        here.drop("second.csv", SECOND)
        here.imported("second.csv", 4.0)
        said_once(here)


def test_a_drive_that_comes_back_as_it_was_is_heard_again(tmp_path: Path) -> None:
    # The kernel dropped its watch, though the folder has the inode that it had.
    inbox = tmp_path / ROUTE
    inbox.mkdir()
    with disk_image(tmp_path) as mount_it:
        mount_it(inbox)
        with watched(tmp_path, **DEAF) as here:
            here.drop_by_copy("first.csv", FIRST)
            here.imported("first.csv")
            subprocess.run(["umount", inbox], check=True)
            mount_it(inbox)
            here.drop_by_copy("second.csv", SECOND)
            here.imported("second.csv", NOTICED_S)
            here.expect_sent_once(FIRST, SECOND)
