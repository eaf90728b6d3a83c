"""Trying the folders of a configuration on drives that come and go."""

import errno
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from acceptance_fixtures import eventually
from config_fixtures import OTHER_UUID, load, minimal, problems, remarks, route
from drive_fixtures import disk_image, names, sshfs_share

from pigment_watcher import errors, mounts
from pigment_watcher.config import folders
from pigment_watcher.drives import Drive, Drives
from pigment_watcher.mounts import Mount
from pigment_watcher.running import CALL_S, Run, directly

Result = TypeVar("Result")

TEXT = f"state_directory: state\n{minimal()}"
LATER = "; lost for now, and used as soon as it is back"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an inbox, and one beside it."""
    for name in ("in", "beside", "state"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def run_for() -> Iterator[Callable[[Path], Run]]:
    """What makes calls on drives that may hang: real processes."""
    drives = Drives({}, remember=lambda _: None, home=lambda place: place)
    used: list[Drive] = []

    def of(folder: Path) -> Run:
        used.append(drives.of(folder))
        return used[-1].look()

    yield of
    drives.close()
    eventually(lambda: all(drive.answers() for drive in used))


def share(point: Path, *, source: str = "//nas/share") -> Mount:
    return Mount("cifs", source, point)


def knowing(*lost: Path, on: Mount) -> Callable[[Path], Mapping[Path, Mount]]:
    """Remember that some folders lay on a drive."""
    return lambda _: dict.fromkeys(lost, on)


def with_lines(*lines: str) -> str:
    return TEXT + "".join(f"    {line}\n" for line in lines)


def touched(folder: Path) -> int:
    """Return what changes when anything is made in a folder, or removed."""
    return folder.stat().st_mtime_ns


def failing(failure: Exception, *, within: Path, after: int = 0) -> Callable[[Path], Run]:
    """Fail the calls on a folder after some have worked."""
    left = iter(range(after))

    def fail(call: Callable[[], Result], within_s: float = CALL_S) -> Result:
        if next(left, None) is None:
            raise failure
        return directly(call, within_s)

    return lambda folder: fail if folder == within else directly


def pretend(found: Mount, below: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel speak of a mount that can't be had here."""
    real_of, real_resolve = mounts.of, mounts.resolve

    def of(directory: Path) -> Mount:
        return found if directory.is_relative_to(below) else real_of(directory)

    def resolve(path: Path) -> tuple[Path, Mount]:
        return (path, found) if path.is_relative_to(below) else real_resolve(path)

    monkeypatch.setattr(mounts, "of", of)
    monkeypatch.setattr(mounts, "resolve", resolve)


# ---------------------------------------------------------------- what was known


def test_a_missing_inbox_that_was_there_before_is_a_lost_share(folder: Path) -> None:
    (folder / "in").rmdir()
    known = knowing(folder / "in", on=mounts.of(folder))
    assert remarks(folder, TEXT, known=known) == [
        f"config.yaml:4: routes.sales.directory: in: No such file or directory{LATER}"
    ]


def test_the_journal_of_the_state_directory_is_asked(folder: Path) -> None:
    asked = []

    def known(state_directory: Path) -> Mapping[Path, Mount]:
        asked.append(state_directory)
        return {}

    assert remarks(folder, TEXT, known=known) == []
    load(folder, TEXT, known=known, probe_folders=False)
    assert asked == [folder / "state"]


def test_no_journal_is_asked_where_none_can_be(folder: Path) -> None:
    (folder / "state").rmdir()
    (folder / "state").touch()

    def known(_: Path) -> Mapping[Path, Mount]:
        raise AssertionError

    (problem,) = problems(folder, TEXT, known=known, probe_folders=True)
    assert "state_directory: is a file" in problem


def test_a_file_in_place_of_an_inbox_is_a_problem_even_if_one_was_there(folder: Path) -> None:
    (folder / "in").rmdir()
    (folder / "in").touch()
    known = knowing(folder / "in", on=share(folder))
    assert problems(folder, TEXT, known=known, probe_folders=True) == [
        "config.yaml:4: routes.sales.directory: is a file, not a folder: in"
    ]


def test_nothing_is_written_where_a_share_should_be(folder: Path) -> None:
    (folder / "in" / "done").mkdir()
    watched = [folder / "in", folder / "in" / "done", folder / "beside"]
    before = [touched(place) for place in watched]
    said = remarks(
        folder,
        with_lines("failed: ../beside"),
        known=knowing(folder / "in", on=share(folder)),
    )
    assert said == [
        (
            f"config.yaml:4: routes.sales.directory: in: //nas/share (cifs) is not mounted on "
            f"{folder}{LATER}"
        )
    ]
    assert [touched(place) for place in watched] == before


def test_a_drive_under_another_name_is_known_by_our_place_on_it(folder: Path) -> None:
    (folder / "in" / "processing" / "0123456789ab").mkdir(parents=True)
    before = touched(folder / "in")
    assert remarks(folder, TEXT, known=knowing(folder / "in", on=share(folder))) == []
    assert touched(folder / "in") != before


def test_an_empty_processing_is_no_place_of_ours(folder: Path) -> None:
    (folder / "in" / "processing").mkdir()
    (folder / "in" / "processing" / "file").touch()
    (remark,) = remarks(folder, TEXT, known=knowing(folder / "in", on=share(folder)))
    assert "is not mounted on" in remark


@pytest.mark.parametrize("archive", ["share", "share/kept/done", "link/done"])
def test_an_archive_where_another_share_should_be_is_not_touched(
    archive: str, folder: Path
) -> None:
    (folder / "share").mkdir()
    (folder / "link").symlink_to("share")
    before = touched(folder / "share")
    known = knowing(folder / "share" / "other", on=share(folder / "share"))
    said = remarks(folder, with_lines(f"done: ../{archive}"), known=known)
    assert said == [
        (
            f"config.yaml:6: routes.sales.done: {archive}: //nas/share (cifs) is not mounted on "
            f"share{LATER}"
        )
    ]
    assert touched(folder / "share") == before


def test_an_archive_on_the_drive_of_an_inbox_that_moved_is_used(folder: Path) -> None:
    (folder / "in" / "processing" / "0123456789ab").mkdir(parents=True)
    before = touched(folder / "beside")
    known = knowing(folder / "in", on=share(folder))
    assert remarks(folder, with_lines("done: ../beside"), known=known) == []
    assert touched(folder / "beside") != before


def test_an_archive_on_a_drive_of_its_own_needs_not_that_of_the_inbox(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {folder / "in": mounts.of(folder), folder / "other": share(folder)}
    text = with_lines("done: ../beside/done")
    (remark,) = remarks(folder, text, known=lambda _: known)
    assert "routes.sales.done: beside/done: //nas/share (cifs) is not mounted on " in remark
    pretend(share(folder / "beside", source="//nas/second"), folder / "beside", monkeypatch)
    assert remarks(folder, text, known=lambda _: known) == []


def test_a_root_disk_under_another_name_is_no_lost_drive(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(Mount("ext4", "/dev/vda1", Path("/")), folder, monkeypatch)
    known = knowing(folder / "other", on=Mount("ext4", "/dev/sda1", Path("/")))
    assert remarks(folder, TEXT, known=known) == []


def test_a_new_inbox_beside_those_of_a_lost_share_is_lost_with_them(folder: Path) -> None:
    before = touched(folder / "in")
    known = knowing(folder / "gone", on=share(folder))
    (remark,) = remarks(folder, TEXT, known=known)
    assert f"directory: in: //nas/share (cifs) is not mounted on {folder}{LATER}" in remark
    assert touched(folder / "in") == before
    (folder / "in").rmdir()
    (remark,) = remarks(folder, TEXT, known=known)
    assert f"directory: in: No such file or directory{LATER}" in remark


def test_a_new_inbox_that_is_missing_on_a_drive_that_is_there_is_a_problem(folder: Path) -> None:
    (folder / "in").rmdir()
    known = knowing(folder / "beside", on=mounts.of(folder))
    (problem,) = problems(folder, TEXT, known=known, probe_folders=True)
    assert "directory: no such folder: in" in problem


# ---------------------------------------------------------------- require_mount


REQUIRED = with_lines("require_mount: true")


def test_an_inbox_that_needs_a_mount_is_lost_without_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(Mount("ext4", "/dev/vda1", Path("/")), folder, monkeypatch)
    before = [touched(folder / name) for name in ("in", "beside")]
    said = remarks(folder, REQUIRED + "    done: ../beside\n")
    assert said == [
        (
            "config.yaml:4: routes.sales.directory: in: require_mount is set, and nothing is "
            f"mounted there{LATER}"
        )
    ]
    assert [touched(folder / name) for name in ("in", "beside")] == before
    assert remarks(folder, TEXT) == []


def test_so_is_one_that_is_missing(folder: Path) -> None:
    (folder / "in").rmdir()
    (remark,) = remarks(folder, REQUIRED)
    assert f"directory: in: No such file or directory{LATER}" in remark


def test_an_inbox_that_needs_a_mount_is_used_on_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(Mount("ext4", "/dev/vda1", Path("/")), folder, monkeypatch)
    pretend(Mount("ext4", "/dev/sdb1", folder / "in"), folder / "in", monkeypatch)
    before = touched(folder / "in")
    assert remarks(folder, REQUIRED + "    done: ../beside\n") == []
    assert touched(folder / "in") != before


def test_an_automounter_that_found_nothing_is_a_lost_drive(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(Mount("autofs", "systemd-1", folder), folder, monkeypatch)
    (remark,) = remarks(folder, TEXT)
    assert f"the automounter found nothing to mount there{LATER}" in remark


# ---------------------------------------------------------------- drives that fail


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_drive_that_does_not_answer_is_remarked(after: int, folder: Path) -> None:
    lost = errors.FolderLost(str(folder), "it did not answer within 5 s")
    run_for = failing(lost, within=folder / "in", after=after)
    settings = load(folder, TEXT, run_for=run_for, probe_folders=True)
    assert settings.drives == {}
    assert remarks(folder, TEXT, run_for=run_for) == [
        f"config.yaml:4: routes.sales.directory: in: it did not answer within 5 s{LATER}"
    ]


@pytest.mark.parametrize("key", ["done", "failed"])
@pytest.mark.parametrize("after", [0, 1])
def test_an_archive_that_does_not_answer_is_remarked(key: str, after: int, folder: Path) -> None:
    lost = errors.FolderLost(str(folder), "it does not answer")
    run_for = failing(lost, within=folder / "beside", after=after)
    said = remarks(folder, with_lines(f"{key}: ../beside"), run_for=run_for)
    assert said == [f"config.yaml:6: routes.sales.{key}: beside: it does not answer{LATER}"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN])
def test_a_share_whose_server_is_away_is_lost_and_a_broken_disk_is_a_problem(
    number: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = os.strerror(number)
    run_for = failing(OSError(number, said), within=folder / "in")
    (problem,) = problems(folder, TEXT, run_for=run_for, probe_folders=True)
    assert problem.endswith(f"directory: can't be used: in: {said}")
    pretend(share(folder), folder / "in", monkeypatch)
    (remark,) = remarks(folder, TEXT, run_for=run_for)
    assert remark.endswith(f"directory: in: {said}{LATER}")


def test_a_broken_disk_that_was_there_before_is_lost(folder: Path) -> None:
    run_for = failing(OSError(errno.EIO, "Input/output error"), within=folder / "in")
    (remark,) = remarks(
        folder, TEXT, run_for=run_for, known=knowing(folder / "in", on=mounts.of(folder))
    )
    assert remark.endswith(f"directory: in: Input/output error{LATER}")


@pytest.mark.parametrize(
    ("place", "within", "after"),
    [("in", "in", 0), ("in/processing", "in", 2), ("beside", "beside", 0)],
)
def test_a_disk_that_became_read_only_is_lost_and_one_that_always_was_is_a_problem(
    place: str, within: str, after: int, folder: Path
) -> None:
    said, text = "Read-only file system", with_lines("done: ../beside")

    def run_for() -> Callable[[Path], Run]:
        return failing(OSError(errno.EROFS, said), within=folder / within, after=after)

    used = knowing(folder / "in", folder / "beside", on=mounts.of(folder))
    (remark,) = remarks(folder, text, run_for=run_for(), known=used)
    assert remark.endswith(f" {place}: {said}{LATER}")
    (problem,) = problems(folder, text, run_for=run_for(), probe_folders=True)
    assert f": is read-only: {place}: " in problem
    assert "pigment-watcher systemd-dropin" in problem


def test_rights_that_a_server_took_away_are_lost_and_those_of_a_disk_a_problem(
    folder: Path,
) -> None:
    refused = failing(PermissionError(errno.EACCES, "Permission denied"), within=folder / "in")
    (remark,) = remarks(
        folder, TEXT, run_for=refused, known=knowing(folder / "in", on=share(folder))
    )
    assert remark.endswith(f"directory: in: Permission denied{LATER}")
    for known in (
        knowing(on=share(folder)),
        knowing(folder / "in", on=Mount("ext4", "/dev/sdb1", folder)),
    ):
        (problem,) = problems(folder, TEXT, run_for=refused, known=known, probe_folders=True)
        assert "directory: permission denied: in" in problem


def test_the_other_routes_are_tried_beside_a_lost_one(folder: Path) -> None:
    run_for = failing(errors.FolderLost("x", "it does not answer"), within=folder / "in")
    text = TEXT + route("b", directory="b", configuration_id=OTHER_UUID)
    (problem,) = problems(folder, text, run_for=run_for, probe_folders=True)
    assert problem.startswith("config.yaml:7: routes.b.directory: no such folder: b")


def test_every_call_on_a_folder_can_be_made_by_another_process(folder: Path) -> None:
    crossed = 0

    def cross(call: Callable[[], Result], within_s: float = CALL_S) -> Result:
        nonlocal crossed
        crossed += 1
        taken: Callable[[], Result] = pickle.loads(pickle.dumps(call))
        result: Result = pickle.loads(pickle.dumps(directly(taken, within_s)))
        return result

    (folder / "in" / "processing").mkdir()
    assert remarks(folder, TEXT, run_for=lambda _: cross) == []
    assert crossed == 7
    assert names(folder / "in") == ["processing"]


# ---------------------------------------------------------------- network drives


@pytest.mark.parametrize("kind", ["cifs", "nfs4", "fuse.sshfs", "newfs"])
def test_an_inbox_may_lie_on_any_drive(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = Mount(kind, "//nas/share", folder / "in")
    pretend(on, folder / "in", monkeypatch)
    settings = load(folder, TEXT, probe_folders=True)
    assert settings.drives == {folder / "in": on}


@pytest.mark.parametrize(("kind", "count"), [("cifs", 1), ("newfs", 1), ("ext4", 0)])
def test_events_on_a_drive_that_others_write_are_remarked(
    kind: str, count: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(Mount(kind, "//nas/share", folder / "in"), folder / "in", monkeypatch)
    said = remarks(folder, with_lines("watch: events"))
    assert len(said) == count
    for remark in said:
        assert remark.startswith(
            f"config.yaml:6: routes.sales.watch: on a drive of the kind {kind} events tell only of "
            "what this machine itself writes: it is taken for granted that nobody else does"
        )
    assert remarks(folder, with_lines("watch: polling")) == []


def test_a_state_directory_on_a_network_drive_is_refused_and_not_touched(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "share").mkdir()
    before = touched(folder / "share")
    pretend(Mount("nfs4", "nas:/volume", folder / "share"), folder / "share", monkeypatch)
    text = TEXT.replace(": state", ": share/state")

    def known(_: Path) -> Mapping[Path, Mount]:
        raise AssertionError

    (problem,) = problems(folder, text, known=known, probe_folders=True)
    assert "share/state lies on a network file system (nfs4): put it on a local disk" in problem
    assert touched(folder / "share") == before


def test_a_state_directory_that_an_automounter_puts_on_the_network_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "of", lambda _: Mount("nfs4", "nas:/volume", folder))
    (problem,) = problems(folder, TEXT, probe_folders=True)
    assert "state lies on a network file system (nfs4)" in problem


# ---------------------------------------------------------------- real drives


@pytest.mark.slow
def test_a_disk_that_was_unmounted_is_not_written_beneath(folder: Path) -> None:
    point = folder / "disk"
    text = TEXT.replace("directory: in\n", "directory: disk/in\n")
    with disk_image(point):
        (point / "in").mkdir()
        known = dict(load(folder, text, probe_folders=True).drives)
        assert known[point / "in"].point == point
    (point / "in").mkdir()
    before = [touched(point), touched(point / "in")]
    (remark,) = remarks(folder, text, known=lambda _: known)
    assert f"(ext4) is not mounted on disk{LATER}" in remark
    assert [touched(point), touched(point / "in")] == before


@pytest.mark.slow
def test_an_inbox_over_sshfs_is_tried_by_another_process(
    tmp_path: Path, run_for: Callable[[Path], Run]
) -> None:
    (tmp_path / "state").mkdir()
    with sshfs_share(tmp_path / "far") as far:
        text = TEXT.replace("directory: in\n", "directory: far/point\n")
        settings = load(tmp_path, text, run_for=run_for, probe_folders=True)
        assert settings.drives[far.point].kind == "fuse.sshfs"
        assert names(far.behind) == []
        far.unmount()
        before = touched(far.point)
        (remark,) = remarks(tmp_path, text, known=lambda _: settings.drives, run_for=run_for)
        assert f"(fuse.sshfs) is not mounted on far/point{LATER}" in remark
        assert touched(far.point) == before


@pytest.mark.slow
def test_a_share_that_hangs_holds_nothing_up(
    tmp_path: Path, run_for: Callable[[Path], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_ANSWER_S", 3.0)  # a helper has to start meanwhile
    (tmp_path / "state").mkdir()
    with sshfs_share(tmp_path / "far") as far:
        (far.point / "in").mkdir()
        (far.point / "b").mkdir()
        text = TEXT.replace("directory: in\n", "directory: far/point/in\n")
        text += route("b", directory="far/point/b", configuration_id=OTHER_UUID)
        with far.hanging():
            said = remarks(tmp_path, text, run_for=run_for)
            assert [line.split(": ", 2)[2] for line in said] == [
                f"far/point/in: it did not answer within 3 s{LATER}",
                f"far/point/b: it does not answer{LATER}",
            ]
            # What only reads the configuration does not look at the share at all.
            load(tmp_path, text, probe_folders=False)
