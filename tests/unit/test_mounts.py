"""What the kernel's list of mounts is read as."""

from pathlib import Path

import pytest
from limit_fixtures import descriptors_left

from pigment_watcher import errors, mounts
from pigment_watcher.mounts import Mount

MOUNTINFO = r"""22 27 0:21 / / rw,relatime - ext4 /dev/vda1 rw
40 22 0:50 / /srv/exports rw,relatime shared:9 - cifs //files/Exports\040of\0402026 rw,vers=3.1
41 22 0:51 /sub /srv/a\040b\011c\134d rw shared:1 master:2 - nfs4 nas:/volume rw
42 22 0:52 / /home/me/far rw - fuse.sshfs me@far:/data rw
44 22 0:54 / /nameless rw - tmpfs  rw
"""


@pytest.mark.parametrize(
    ("number", "mount"),
    [
        (22, Mount("ext4", "/dev/vda1", Path("/"))),
        (40, Mount("cifs", "//files/Exports of 2026", Path("/srv/exports"))),
        (41, Mount("nfs4", "nas:/volume", Path("/srv/a b\tc\\d"))),
        (42, Mount("fuse.sshfs", "me@far:/data", Path("/home/me/far"))),
        (44, Mount("tmpfs", "", Path("/nameless"))),
    ],
)
def test_each_line_is_a_mount_with_its_escapes_undone(number: int, mount: Mount) -> None:
    assert mounts.parse_mountinfo(MOUNTINFO)[number] == mount


def test_only_a_blank_parts_fields_and_only_a_newline_parts_lines() -> None:
    line = "7 1 0:5 / /srv/a\rb\x0bc\u2028d rw - xfs /dev/sdb rw\n"
    assert mounts.parse_mountinfo(line) == {
        7: Mount("xfs", "/dev/sdb", Path("/srv/a\rb\x0bc\u2028d"))
    }


def test_a_dash_in_the_path_is_not_the_dash_between_the_fields() -> None:
    line = "7 1 0:5 / - rw - xfs /dev/sdb rw\n"
    assert mounts.parse_mountinfo(line)[7].point == Path("-")


@pytest.mark.parametrize("kind", ["cifs", "smb3", "nfs", "nfs4", "9p", "fuse", "fuse.sshfs"])
def test_a_network_file_system_is_one_and_not_local(kind: str) -> None:
    mount = Mount(kind, "", Path("/"))
    assert mount.is_network
    assert not mount.is_local


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "tmpfs", "devtmpfs", "overlay", "fuseblk"]
)
def test_a_local_file_system_is_one_and_no_network(kind: str) -> None:
    mount = Mount(kind, "", Path("/"))
    assert mount.is_local
    assert not mount.is_network


@pytest.mark.parametrize("kind", ["autofs", "proc", mounts.UNKNOWN, "newfs"])
def test_any_other_file_system_is_neither(kind: str) -> None:
    mount = Mount(kind, "", Path("/"))
    assert not mount.is_local
    assert not mount.is_network


def test_a_real_directory_is_found_by_the_mount_it_lies_on() -> None:
    assert mounts.of(Path("/proc/self/fd")).kind == "proc"
    assert mounts.of(Path("/proc")).point == Path("/proc")


def test_a_link_is_followed_to_where_it_leads(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/proc")
    assert mounts.of(link).kind == "proc"


def test_a_mount_that_proc_does_not_list_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "_PROC", tmp_path)
    assert mounts.of(tmp_path) == Mount(mounts.UNKNOWN, "", tmp_path)


def test_what_can_not_be_looked_at_now_is_not_taken_for_unknown(tmp_path: Path) -> None:
    """It would be remembered as what the folder lies on."""
    with descriptors_left(1), pytest.raises(errors.FolderError, match="Too many open files"):
        mounts.of(tmp_path)
    with descriptors_left(0):
        assert mounts.table() == ""
    assert mounts.of(tmp_path).kind != mounts.UNKNOWN


def test_a_missing_directory_is_a_folder_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(errors.FolderError, match="gone: can't be opened: No such file") as caught:
        mounts.of(tmp_path / "gone")
    assert caught.value.folder == str(tmp_path / "gone")


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.FolderError, match="Not a directory"):
        mounts.of(tmp_path / "file")
