"""Installing from a checkout by the README's words, where systemd and Python are newer."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from machine_fixtures import Machine, machine
from machine_installed import (
    CHECKOUT,
    CONFIG,
    INBOX,
    UNIT,
    arrives,
    change_unit,
    configure,
    drop,
    events,
    has_said,
    is_there,
    start,
)

from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.slow

#: A release with systemd 257: it knows notify-reload.
NEWER = "trixie"

#: What pip is told here of where packages come from.
SOURCES = ("index-url", "extra-index-url", "find-links", "trusted-host")


@pytest.fixture(scope="session")
def checked_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what lies over a clean tree once this checkout was installed there."""
    folder = tmp_path_factory.mktemp("checked-out")
    environ, lent = package_sources()
    with machine(folder, NEWER, lent=lent) as clean:
        take_checkout(clean)
        # Its steps are in the README; a machine whose only user is root has no sudo.
        (command,) = re.findall(r"^sudo (make install)\b", readme(), re.MULTILINE)
        said = clean.run("sh", "-c", f"cd /root/checkout && {command}", environ=environ).stdout
        assert "pigment-watcher is installed, and not started yet" in said
    return folder / "upper"


@pytest.fixture
def newer(checked_out: Path, tmp_path: Path) -> Iterator[Machine]:
    """Boot the machine on which the checkout was installed."""
    with machine(tmp_path / "newer", NEWER, below=checked_out) as booted:
        yield booted


def readme() -> str:
    return (CHECKOUT / "README.md").read_text()


def package_sources() -> tuple[dict[str, str], list[Path]]:
    """Return what tells pip there to find packages where it does here, and the folders it reads."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^[\w:]+\.([\w-]+)=(.*)$", said, re.MULTILINE)
    told = {key: " ".join(shlex.split(value)) for key, value in found if key in SOURCES}
    folders = [Path(urlsplit(word).path) for value in told.values() for word in value.split()
               if urlsplit(word).scheme in {"", "file"}]  # fmt: skip
    # An index links to its files beside it.
    lent = {folder if folder.parent == Path("/") else folder.parent for folder in folders}
    lent = {next(top for top in (folder, *folder.parents) if top.exists()) for folder in lent}
    environ = {f"PIP_{key.upper().replace('-', '_')}": value for key, value in told.items()}
    return environ, sorted(lent - {Path("/"), *map(Path, ("/etc", "/usr", "/root", "/home"))})


def take_checkout(machine: Machine) -> None:
    """Put what git knows of this checkout there, as it is now."""
    there = machine.root / "root/checkout"
    there.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True
    )
    kept = b"\0".join(
        name for name in listed.stdout.split(b"\0") if (CHECKOUT / os.fsdecode(name)).is_file()
    )
    with subprocess.Popen(
        ["tar", "--create", "--null", "--files-from=-"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as packing:
        packed, _ = packing.communicate(kept)
    subprocess.run(["tar", "--extract", "--no-same-owner"], cwd=there, input=packed, check=True)


def test_a_checkout_is_installed_carries_a_file_and_is_removed(
    newer: Machine, pigment: Simulator
) -> None:
    start(newer, pigment)
    drop(newer, "a.csv")
    arrives(newer, f"{INBOX}/done/a.csv")
    known = newer.told(
        "bash",
        "-c",
        ". /usr/local/share/bash-completion/completions/*; complete -p pigment-watcher",
    )
    assert "_pigment_watcher_completion" in known
    newer.run("make", "--directory=/root/checkout", "uninstall")
    assert newer.shown(UNIT, "ActiveState") == "inactive"
    assert newer.told("find", "/usr/local", "-name", "*pigment*") == ""
    kept = (CONFIG, "/var/lib/pigment-watcher/journal.db", f"{INBOX}/done/a.csv")
    assert all(is_there(newer, path) for path in kept)


def test_a_reload_returns_when_it_is_over_where_systemd_can_wait_for_it(
    newer: Machine, pigment: Simulator
) -> None:
    documents = "/usr/local/share/doc/pigment-watcher"
    change_unit(newer, newer.told("cat", f"{documents}/notify-reload.conf"), "notify-reload")
    start(newer, pigment)
    assert newer.shown(UNIT, "Type") == "notify-reload"
    newer.run("systemctl", "reload", UNIT)
    assert len(events(newer, "service.reloaded")) == 1
    newer.write(CONFIG, "routes: {}\n")
    newer.run("systemctl", "reload", UNIT)
    assert len(events(newer, "service.reload_failed")) == 1
    assert newer.shown(UNIT, "ActiveState") == "active"
    drop(newer, "a.csv")
    arrives(newer, f"{INBOX}/done/a.csv")
    has_said(newer, "job.finished")


def test_a_newer_systemd_finds_nothing_wrong_with_the_units(
    newer: Machine, pigment: Simulator
) -> None:
    change_unit(newer, configure(newer, pigment), "folders")
    verified = newer.run("systemd-analyze", "verify", "--recursive-errors=yes", UNIT)
    assert not [line for line in verified.stderr.splitlines() if "pigment-watcher" in line]
    newer.run("systemd-analyze", "security", "--no-pager", "--threshold=15", UNIT)
