"""Trying the folders of a configuration on a real disk."""

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from config_fixtures import OTHER_UUID, minimal, problems, remarks, route

from pigment_watcher.config import folders

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with an inbox that even root, once it gave up its rights, can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "config.yaml").touch(0o666)
        (folder / "in").mkdir()
        (folder / "state").mkdir()
        yield folder


@pytest.fixture
def unprivileged(folder: Path) -> Iterator[Path]:
    """The folder, and all in it owned by the plain user that the test now is."""
    if os.geteuid() != 0:
        yield folder
        return
    # What Python imports as late as when it is used must be there before the rights are gone.
    assert said(folder, text()) == []
    for path in folder.iterdir():
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(0)


def text(*more: str) -> str:
    """Return a file with a state directory and one route; what else it says begins in line 6."""
    return f"state_directory: state\n{minimal(*more)}"


def said(folder: Path, configuration: str, **options: object) -> list[str]:
    return problems(folder, configuration, probe_folders=True, **options)


# ---------------------------------------------------------------- inboxes


def test_folders_that_can_be_used_are_left_as_they_were(folder: Path) -> None:
    assert said(folder, text()) == []
    assert list((folder / "in").iterdir()) == []
    assert list((folder / "state").iterdir()) == []


def test_an_inbox_in_use_is_left_as_it_was(folder: Path) -> None:
    for name in ("processing", "done", "failed"):
        (folder / "in" / name).mkdir()
    assert said(folder, text()) == []
    assert sorted(path.name for path in folder.rglob("in/**/*")) == ["done", "failed", "processing"]


def test_of_a_sticky_inbox_of_somebody_else_it_is_remarked_that_files_stay_there(
    folder: Path,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    inbox = folder / "in"
    for owner, mode, is_remarked in (
        (NOBODY, 0o1777, True),
        (NOBODY, 0o777, False),
        (0, 0o1777, False),
    ):
        inbox.chmod(mode)
        os.chown(inbox, owner, owner)
        found = remarks(folder, text())
        assert any("chmod -t in, " in remark for remark in found) is is_remarked


def left_by_a_kill(path: Path, *, seconds_ago: float = 120.0, text: str = "") -> Path:
    path.write_text(text)
    moment = time.time() - seconds_ago
    os.utime(path, (moment, moment))
    return path


@pytest.mark.parametrize("place", ["in", "in/processing", "in/done", "in/failed", "state"])
def test_a_probe_that_was_left_by_a_kill_is_removed(folder: Path, place: str) -> None:
    (folder / place).mkdir(exist_ok=True)
    for number in range(3):
        left_by_a_kill(folder / place / f"{folders._PROBE}{number}")
    assert said(folder, text()) == []
    assert [path.name for path in folder.rglob(f"{folders._PROBE}*")] == []


def test_what_may_be_anothers_probe_and_what_is_none_is_left(folder: Path) -> None:
    inbox = folder / "in"
    kept = [
        left_by_a_kill(inbox / f"{folders._PROBE}0", seconds_ago=10.0),
        left_by_a_kill(inbox / f"{folders._PROBE}1", text="somebody's"),
        left_by_a_kill(inbox / f"{folders._PROBE}another"),
        inbox / f"{folders._PROBE}2",
        inbox / f"{folders._PROBE}3",
    ]
    kept[3].mkdir()
    kept[4].symlink_to(kept[2])
    assert said(folder, text()) == []
    assert sorted(inbox.iterdir()) == sorted(kept)


def test_a_missing_inbox_is_a_problem(folder: Path) -> None:
    (folder / "in").rmdir()
    assert said(folder, text()) == [
        "config.yaml:4: routes.sales.directory: no such folder: in: make it, or correct the path"
    ]


@pytest.mark.parametrize("mode", [0o300, 0o500, 0o600, 0o000])
def test_an_inbox_without_the_rights_is_a_problem(mode: int, unprivileged: Path) -> None:
    """Behaviour J3."""
    inbox = unprivileged / "in"
    inbox.chmod(mode)
    (problem,) = said(unprivileged, text())
    inbox.chmod(0o700)
    assert problem.startswith("config.yaml:4: routes.sales.directory: permission denied: in: the")


def test_a_link_to_an_inbox_is_followed(folder: Path) -> None:
    (folder / "link").symlink_to("in")
    assert said(folder, text().replace("directory: in\n", "directory: link\n")) == []


def test_a_link_to_itself_is_a_problem(folder: Path) -> None:
    (folder / "link").symlink_to("link")
    (problem,) = said(folder, text().replace("directory: in\n", "directory: link\n"))
    assert "can't be used: link: Too many levels of symbolic links" in problem


def test_a_full_disk_is_no_fault_of_the_configuration() -> None:
    for number in (errno.ENOSPC, errno.EDQUOT):
        with folders._unless_full():
            raise OSError(number, os.strerror(number))
    with pytest.raises(OSError, match="error"), folders._unless_full():
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_processing_must_take_a_claim_by_one_rename(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if Path(elsewhere).stat().st_dev == folder.stat().st_dev:
            pytest.skip("all of this machine is one file system")
        (folder / "in" / "processing").symlink_to(elsewhere)
        (problem,) = said(folder, text())
        assert "must be an ordinary folder on the file system of the inbox: in/proc" in problem
        assert list(Path(elsewhere).iterdir()) == []
    assert [path.name for path in (folder / "in").iterdir()] == ["processing"]


def test_a_link_in_place_of_processing_is_a_problem(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "in" / "processing").symlink_to(folder / "elsewhere")
    (problem,) = said(folder, text())
    assert "must be an ordinary folder on the file system of the inbox: in/proc" in problem
    assert list((folder / "elsewhere").iterdir()) == []


def test_a_file_in_place_of_processing_is_a_problem(folder: Path) -> None:
    (folder / "in" / "processing").touch()
    (problem,) = said(folder, text())
    assert problem.endswith("routes.sales.directory: is a file, not a folder: in/processing")


# ---------------------------------------------------------------- done and failed


def test_a_file_in_place_of_an_archive_is_a_problem(folder: Path) -> None:
    (folder / "in" / "done").touch()
    (folder / "failed").touch()
    assert said(folder, text("failed: ../failed/x")) == [
        "config.yaml:3: routes.sales.done: is a file, not a folder: in/done",
        "config.yaml:6: routes.sales.failed: is a file, not a folder: failed",
    ]


def test_a_link_to_nowhere_in_place_of_an_archive_is_a_problem(folder: Path) -> None:
    (folder / "in" / "done").symlink_to("nowhere")
    (problem,) = said(folder, text())
    assert problem.startswith("config.yaml:3: routes.sales.done: no such folder: in/done")


def test_an_archive_that_can_not_be_made_is_a_problem(unprivileged: Path) -> None:
    inbox, closed = unprivileged / "in", unprivileged / "in" / "closed"
    closed.mkdir(0o500)
    (problem,) = said(unprivileged, text("done: closed/done"))
    closed.rmdir()
    assert problem.startswith("config.yaml:6: routes.sales.done: permission denied: in/closed: ")
    assert list(inbox.iterdir()) == []


# ---------------------------------------------------------------- state and certificates


def test_a_missing_state_directory_is_left_for_the_service_to_make(folder: Path) -> None:
    (folder / "state").rmdir()
    assert said(folder, text().replace(": state", ": var/lib/state")) == []
    assert not (folder / "var").exists()


def test_no_state_directory_is_made_unless_folders_are_tried(folder: Path) -> None:
    (folder / "state").rmdir()
    assert problems(folder, text(), probe_folders=False) == []
    assert not (folder / "state").exists()


def test_a_file_in_place_of_the_state_directory_is_a_problem(folder: Path) -> None:
    (folder / "state").rmdir()
    (folder / "state").touch()
    assert said(folder, text()) == [
        "config.yaml:1: state_directory: is a file, not a folder: state"
    ]


@pytest.mark.parametrize("mode", [0o500, 0o300, 0o000])
def test_a_state_directory_without_the_rights_is_a_problem(mode: int, unprivileged: Path) -> None:
    (unprivileged / "state").chmod(mode)
    (problem,) = said(unprivileged, text())
    (unprivileged / "state").chmod(0o700)
    assert problem.startswith("config.yaml:1: state_directory: permission denied: state: ")


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_a_bundle_without_certificates_is_a_problem(content: str, folder: Path) -> None:
    (folder / "ca.pem").write_text(content)
    (problem,) = said(folder, f"pigment: {{ca_bundle: ca.pem}}\n{text()}")
    assert problem.startswith("config.yaml:1: pigment.ca_bundle: no certificates (PEM) in ca.pem:")


def test_a_bundle_that_is_not_there_is_a_problem(folder: Path) -> None:
    (problem,) = said(folder, f"pigment: {{ca_bundle: ca.pem}}\n{text()}")
    assert problem.endswith("no certificates (PEM) in ca.pem: No such file or directory")


def test_every_route_is_tried(folder: Path) -> None:
    other = route("b", directory="b", configuration_id=OTHER_UUID)
    third = route("c", directory="c", configuration_id="no")
    assert [line.split(": ")[0:2] for line in said(folder, text() + other + third)] == [
        ["config.yaml:7", "routes.b.directory"],
        ["config.yaml:10", "routes.c.directory"],
        ["config.yaml:11", "routes.c.configuration_id"],
    ]
