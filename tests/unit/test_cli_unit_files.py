import subprocess
from pathlib import Path

import pytest

from pigment_watcher.cli.unit_files import Needs, can_be_named, dropin, outermost, quoted, unit_name

CONFIG = Path("/etc/pigment-watcher/config.yaml")


def directives(needs: Needs) -> list[str]:
    """Return what a drop-in says, without its comments and blank lines."""
    lines = dropin(needs, CONFIG).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_a_folder_on_the_system_disk_only_has_to_be_written() -> None:
    assert directives(Needs(writable=(Path("/srv/in"),))) == [
        "[Service]",
        "ReadWritePaths=-/srv/in",
    ]


def test_shares_are_wanted_and_waited_for_and_never_required() -> None:
    units = ("mnt-erp.mount", "mnt-hr.automount")
    said = directives(Needs(writable=(Path("/mnt"),), mounts=units))
    assert said[:3] == [
        "[Unit]",
        "Wants=mnt-erp.mount mnt-hr.automount",
        "After=mnt-erp.mount mnt-hr.automount",
    ]


def test_what_lies_in_a_home_is_shown_and_what_is_only_read_stays_read_only() -> None:
    said = directives(Needs(writable=(Path("/srv"),), read=(Path("/home/anna/ca.pem"),)))
    assert said == ["[Service]", "ReadWritePaths=-/srv", "ProtectHome=read-only"]


def test_an_inbox_in_a_temporary_folder_is_not_replaced_by_a_private_one() -> None:
    assert "PrivateTmp=no" in directives(Needs(writable=(Path("/tmp/in"),)))
    assert "PrivateTmp=no" not in directives(Needs(writable=(Path("/srv/tmp"),)))


def test_leases_and_groups_are_given_where_they_are_needed() -> None:
    said = directives(Needs(writable=(Path("/srv"),), groups=("finance", "hr"), leases=True))
    assert said[2:] == [
        "SupplementaryGroups=finance hr",
        "CapabilityBoundingSet=CAP_LEASE",
        "AmbientCapabilities=CAP_LEASE",
    ]


def test_every_comment_is_a_line_of_its_own_and_every_line_is_ascii_where_paths_are() -> None:
    text = dropin(Needs(writable=(Path("/srv/a\nb"),)), Path("/etc/x\n[Service]\nUser=root"))
    assert "\nUser=root" not in text
    assert "# can't be named here, rename it: /srv/a\\nb" in text


def test_folders_within_others_are_left_out() -> None:
    folders = [Path("/srv/a/done"), Path("/srv/a"), Path("/srv/ab"), Path("/srv/a")]
    assert outermost(folders) == (Path("/srv/a"), Path("/srv/ab"))


@pytest.mark.parametrize(
    "point",
    ["/", "/mnt/erp", "/mnt/a-b/c d", "/.hidden/x", "/srv/Größe", "/a.b/_c:d", "/x/.y", "/%n"],
)
def test_a_unit_is_named_as_systemd_names_it(point: str) -> None:
    asked = ["systemd-escape", "--path", "--suffix=mount", point]
    try:
        ended = subprocess.run(asked, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("systemd-escape is not installed")
    assert unit_name(Path(point), "mount") == ended.stdout.strip()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/srv/in", "/srv/in"),
        ("/srv/Größe", "/srv/Größe"),
        ("/srv/my files", '"/srv/my files"'),
        ("/srv/100%", "/srv/100%%"),
        ('/srv/a"b', '"/srv/a\\"b"'),
        ("/srv/a\\b", '"/srv/a\\\\b"'),
    ],
)
def test_a_path_is_quoted_as_a_unit_file_reads_it(path: str, said: str) -> None:
    assert quoted(Path(path)) == said


@pytest.mark.parametrize("name", ["a\nb", "a\x7fb", "\udcff"])
def test_what_is_no_line_of_utf_8_can_not_be_named(name: str) -> None:
    assert not can_be_named(Path("/srv") / name)
