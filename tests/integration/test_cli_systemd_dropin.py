import grp
import os
from pathlib import Path

import pytest
from acceptance_fixtures import write_config
from cli_fixtures import a_journal, run
from drive_fixtures import sshfs_share

from pigment_watcher.mounts import Mount


def printed(config: Path) -> list[str]:
    told = run("systemd-dropin", "--config", config)
    assert told.exit_code == 0, told.output
    return [line for line in told.stdout.splitlines() if line and not line.startswith("#")]


def test_a_drop_in_lists_each_folder_that_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "state").mkdir()
    routes: dict[str, dict[str, object]] = {
        "sales": {"done": str(tmp_path / "archive/2026/sales")},
        "costs": {"failed": str(tmp_path / "costs/other")},
    }
    said = printed(write_config(tmp_path, routes=routes))
    places = [line for line in said if line.startswith("ReadWritePaths=")]
    assert places == [
        f"ReadWritePaths=-{tmp_path}/{name}" for name in ("archive", "costs", "sales", "state")
    ]


def test_local_inboxes_need_to_ask_about_writers(tmp_path: Path) -> None:
    assert "AmbientCapabilities=CAP_LEASE" in printed(write_config(tmp_path))


def test_a_share_that_is_away_is_named_by_where_it_lay(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    share = Mount("cifs", "//nas/sales", Path("/mnt/nas/sales"))
    with a_journal(tmp_path) as journal:
        journal.identity.remember_drives({tmp_path / "sales": share})
    said = printed(config)
    assert "Wants=mnt-nas-sales.mount" in said
    assert "After=mnt-nas-sales.mount" in said
    assert "ReadWritePaths=-/mnt/nas" in said
    assert not any("CAP_LEASE" in line for line in said)


def test_a_share_in_the_root_folder_does_not_make_all_of_the_system_writable(
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path)
    with a_journal(tmp_path) as journal:
        journal.identity.remember_drives(
            {tmp_path / "sales": Mount("nfs4", "nas:/a", Path("/erp"))}
        )
    said = printed(config)
    assert "ReadWritePaths=-/erp" in said
    assert "ReadWritePaths=-/" not in said


@pytest.mark.slow
def test_of_a_mounted_share_the_folder_above_it_is_listed(tmp_path: Path) -> None:
    with sshfs_share(tmp_path) as share:
        config = write_config(tmp_path, routes={"sales": {"directory": str(share.point)}})
        said = printed(config)
        assert f"ReadWritePaths=-{share.point.parent}" in said


def test_the_group_of_an_inbox_is_given_where_only_it_may_write(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: gives an inbox to a group")
    config = write_config(tmp_path)
    group = grp.getgrnam("users")
    os.chown(tmp_path / "sales", 0, group.gr_gid)
    (tmp_path / "sales").chmod(0o2770)
    assert "SupplementaryGroups=users" in printed(config)
    (tmp_path / "sales").chmod(0o2777)
    assert "SupplementaryGroups=users" not in printed(config)


def test_a_configuration_with_problems_gets_no_drop_in(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("routes: {}\n")
    told = run("systemd-dropin", "--config", config)
    assert (told.exit_code, told.stdout) == (78, "")
