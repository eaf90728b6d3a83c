"""Installing, upgrading and removing, on clean machines."""

import math
import os
from pathlib import Path

import pytest
from acceptance_fixtures import eventually
from journal_fixtures import make_older
from machine_fixtures import Machine, machine
from machine_installed import (
    CONFIG,
    INBOX,
    KEY,
    UNIT,
    arrives,
    drop,
    events,
    give,
    has_said,
    is_there,
    made,
    start,
)

from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.slow


def test_an_upgrade_goes_on_with_an_import_and_a_removal_leaves_what_belongs_to_people(
    server: Machine, package: Path
) -> None:
    with Simulator(import_s=math.inf) as pigment:
        start(server, pigment)
        drop(server, "a.csv")
        has_said(server, "job.pushed")
        written = server.told("cat", CONFIG)
        server.run("dpkg", "--install", give(server, package))
        eventually(lambda: len(events(server, "service.ready")) == 2)
        pigment.finish(pigment.imports()[0].id)
        arrives(server, f"{INBOX}/done/a.csv")
        assert len(pigment.pushes()) == 1
        assert server.told("cat", CONFIG) == written
    server.run("dpkg", "--remove", "pigment-watcher")
    assert server.shown(UNIT, "ActiveState") == "inactive"
    assert not is_there(server, "/usr/lib/pigment-watcher/bin")
    kept = (CONFIG, KEY, "/var/lib/pigment-watcher/journal.db", f"{INBOX}/done/a.csv")
    assert all(is_there(server, path) for path in kept)
    said = server.run("dpkg", "--purge", "pigment-watcher").stdout
    assert "The journal is left in /var/lib/pigment-watcher" in said
    assert [is_there(server, path) for path in kept] == [False, False, True, True]


def test_an_upgrade_brings_the_journal_of_the_first_version_up_to_date(
    server: Machine, package: Path
) -> None:
    with Simulator(import_s=math.inf) as pigment:
        start(server, pigment)
        drop(server, "a.csv")
        has_said(server, "job.pushed")
        server.run("systemctl", "stop", UNIT)
        journal = server.root / "var/lib/pigment-watcher/journal.db"
        owner = journal.stat()
        make_older(journal, 1)
        os.chown(journal, owner.st_uid, owner.st_gid)
        journal.chmod(0o600)
        server.run("dpkg", "--install", give(server, package))
        assert server.shown(UNIT, "ActiveState") == "inactive"  # as it was
        server.run("systemctl", "start", UNIT)
        pigment.finish(pigment.imports()[0].id)
        arrives(server, f"{INBOX}/done/a.csv")
        assert len(pigment.pushes()) == 1


def test_a_bundle_installs_without_a_network_and_a_changed_wheel_is_refused(
    tmp_path: Path, pigment: Simulator
) -> None:
    bundle = made("bundle")
    with machine(tmp_path) as clean:
        clean.run("tar", "--extract", "--file", give(clean, bundle), "--directory", "/opt")
        folder = "/opt/" + bundle.name.removesuffix(".tar.gz")
        alone = ("unshare", "--net", f"{folder}/packaging/install.sh")
        said = clean.run(*alone, "install").stdout
        assert "pigment-watcher is installed, and not started yet" in said
        start(clean, pigment)
        drop(clean, "a.csv")
        arrives(clean, f"{INBOX}/done/a.csv")
        clean.run(*alone, "uninstall")
        assert not is_there(clean, "/usr/local/bin/pigment-watcher")
        assert is_there(clean, CONFIG)
        clean.run("sh", "-c", f"echo >>$(ls {folder}/build/wheels/click-*.whl)")
        refused = clean.run("sh", "-c", f"{folder}/packaging/install.sh install", check=False)
        assert refused.returncode == 1
        assert "are not those of this release" in refused.stderr
        assert not is_there(clean, "/usr/local/lib/pigment-watcher")
