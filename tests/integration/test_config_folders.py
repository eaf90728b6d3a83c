"""Trying the folders of a configuration on a real disk."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from config_fixtures import OTHER_UUID, load, minimal, problems, route

from pigment_watcher import mounts
from pigment_watcher.config import folders
from pigment_watcher.config.report import Report
from pigment_watcher.model import Watch

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


def test_a_missing_inbox_is_a_problem(folder: Path) -> None:
    (folder / "in").rmdir()
    assert said(folder, text()) == [
        "config.yaml:4: routes.sales.directory: no such folder: in: make it, or correct the path"
    ]


def test_a_missing_inbox_that_was_there_before_is_a_lost_share(folder: Path) -> None:
    (folder / "in").rmdir()
    asked = []

    def seen(state_directory: Path) -> list[Path]:
        asked.append(state_directory)
        return [folder / "in"]

    assert said(folder, text(), seen=seen) == []
    assert asked == [folder / "state"]


def test_nobody_asks_what_was_seen_while_all_inboxes_are_there(folder: Path) -> None:
    def seen(_: Path) -> list[Path]:
        raise AssertionError

    assert said(folder, text(), seen=seen) == []


def test_a_file_in_place_of_an_inbox_is_a_problem_even_if_it_was_seen(folder: Path) -> None:
    (folder / "in").rmdir()
    (folder / "in").touch()
    assert said(folder, text(), seen=lambda _: [folder / "in"]) == [
        "config.yaml:4: routes.sales.directory: is a file, not a folder: in"
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


@pytest.mark.parametrize(("number", "problem_count"), [(errno.ENOSPC, 0), (errno.EIO, 1)])
def test_a_full_disk_is_no_fault_of_the_configuration(number: int, problem_count: int) -> None:
    def deed(folder: Path) -> None:
        raise OSError(number, os.strerror(number))

    report = Report(Path("config.yaml"), {})
    assert folders._attempt(deed, Path("in"), (), report) is (problem_count == 0)
    assert len(report.problems) == problem_count


def test_processing_must_take_a_claim_by_one_rename(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if Path(elsewhere).stat().st_dev == folder.stat().st_dev:
            pytest.skip("all of this machine is one file system")
        (folder / "in" / "processing").symlink_to(elsewhere)
        (problem,) = said(folder, text())
        assert "must be an ordinary folder on the file system of the inbox: in/proc" in problem
        assert list(Path(elsewhere).iterdir()) == []
    assert [path.name for path in (folder / "in").iterdir()] == ["processing"]


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


# ---------------------------------------------------------------- mounts

# No share can be mounted here, so the kernel's answer about one is put in its place.


def pretend(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mounts.of

    def of(directory: Path) -> mounts.Mount:
        below = directory.is_relative_to(folder)
        return mounts.Mount(kind, "//nas/share", folder) if below else real(directory)

    monkeypatch.setattr(mounts, "of", of)


@pytest.mark.parametrize("kind", ["cifs", "nfs4", "fuse.sshfs"])
def test_an_inbox_on_a_network_drive_is_not_yet_supported(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(kind, folder / "in", monkeypatch)
    assert said(folder, text()) == [
        (
            f"config.yaml:4: routes.sales.directory: in lies on a network drive ({kind}): not yet "
            "supported by this version"
        )
    ]


def test_a_state_directory_on_a_network_file_system_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "share").mkdir()
    pretend("nfs4", folder / "share", monkeypatch)
    (problem,) = said(folder, text().replace(": state", ": share/state"))
    assert "share/state lies on a network file system (nfs4): put it on a local disk" in problem
    assert not (folder / "share" / "state").exists()


@pytest.mark.parametrize(
    ("kind", "line", "watched"),
    [
        ("newfs", "watch: auto", (Watch.POLLING, 5)),
        ("newfs", "scan_every: 9s", (Watch.POLLING, 9)),
        ("newfs", "watch: events", (Watch.EVENTS, 60)),
        ("ext4", "watch: auto", (Watch.AUTO, 60)),
        ("ext4", "watch: polling", (Watch.POLLING, 5)),
    ],
)
def test_an_unheard_of_file_system_is_polled(
    kind: str,
    line: str,
    watched: tuple[Watch, float],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(kind, folder / "in", monkeypatch)
    (only,) = load(folder, text(line), probe_folders=True).routes
    assert (only.watch, only.scan_every_s) == watched


def test_every_route_is_tried(folder: Path) -> None:
    other = route("b", directory="b", configuration_id=OTHER_UUID)
    third = route("c", directory="c", configuration_id="no")
    assert [line.split(": ")[0:2] for line in said(folder, text() + other + third)] == [
        ["config.yaml:7", "routes.b.directory"],
        ["config.yaml:10", "routes.c.directory"],
        ["config.yaml:11", "routes.c.configuration_id"],
    ]
