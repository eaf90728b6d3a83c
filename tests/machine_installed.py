"""What is installed on a machine, and set up as an administrator would."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from acceptance_fixtures import ROWS, configuration_id, eventually
from machine_fixtures import Machine, release

from pigment_watcher.simulator import DEMO_KEY, Simulator

UNIT = "pigment-watcher.service"
CONFIG = "/etc/pigment-watcher/config.yaml"
KEY = "/etc/pigment-watcher/api-key"
INBOX = "/srv/sales"

CHECKOUT = Path(__file__).parent.parent


def made(target: str) -> Path:
    """Build a package of this checkout and return it: `deb` or `bundle`."""
    if not release() or shutil.which("debootstrap") is None or os.geteuid() != 0:
        pytest.skip("needs root, a Debian, and debootstrap: installs on a machine of its own")
    ended = subprocess.run(
        ["make", "--silent", target], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Path(ended.stdout.split()[-1])


def give(machine: Machine, file: Path) -> str:
    """Put a file of this machine there; return where it lies."""
    there = f"/root/{file.name}"
    (machine.root / "root" / file.name).write_bytes(file.read_bytes())
    return there


def configure(
    machine: Machine,
    pigment: Simulator,
    *,
    routes: Mapping[str, Mapping[str, object]] | None = None,
    key: str = DEMO_KEY,
    name: str = "config",
    **top: object,
) -> str:
    """Write key and configuration, make the inboxes for everybody; return the drop-in's text."""
    said = {
        route: {
            "directory": f"/srv/{route}",
            "configuration_id": configuration_id(route),
            "quiet": "300ms",
            **keys,
        }
        for route, keys in (routes or {"sales": {}}).items()
    }
    for keys in said.values():
        machine.run("mkdir", "-p", "-m", "777", str(keys["directory"]))
    content: dict[str, Any] = {
        "pigment": {"url": pigment.url, "connect_timeout": "2s", "answer_timeout": "20s"},
        "log": {"level": "debug"},
        **top,
        "routes": said,
    }
    machine.write(f"/etc/pigment-watcher/{name}.yaml", yaml.safe_dump(content), 0o644)
    machine.write(KEY if name == "config" else f"/etc/pigment-watcher/{name}.api-key", key, 0o600)
    file = f"/etc/pigment-watcher/{name}.yaml"
    return machine.told("pigment-watcher", "systemd-dropin", "--config", file)


def change_unit(machine: Machine, text: str, name: str, unit: str = UNIT) -> None:
    """Add a drop-in to a unit."""
    machine.write(f"/etc/systemd/system/{unit}.d/{name}.conf", text + "\n")
    machine.run("systemctl", "daemon-reload")


def start(machine: Machine, pigment: Simulator, **said: Any) -> None:
    """Configure and start the service, as the operations manual says."""
    change_unit(machine, configure(machine, pigment, **said), "folders")
    machine.run("systemctl", "enable", "--now", UNIT)


def drop(machine: Machine, name: str, text: str = ROWS, inbox: str = INBOX) -> None:
    """Put a complete file into an inbox, as another user."""
    put = 'cat >"$1/.$2.part" && chown games "$1/.$2.part" && mv "$1/.$2.part" "$1/$2"'
    machine.run("sh", "-c", put, "sh", inbox, name, given=text)


def is_there(machine: Machine, path: str) -> bool:
    """Return whether something is at a path."""
    return machine.run("test", "-e", path, check=False).returncode == 0


def arrives(machine: Machine, path: str) -> None:
    """Wait until something is at a path."""
    eventually(lambda: is_there(machine, path))


def events(machine: Machine, event: str, unit: str = UNIT) -> list[dict[str, Any]]:
    """Return the service's own lines of an event, with journald's fields in them."""
    return [line for line in machine.journal(unit) if f'"event": "{event}"' in line["MESSAGE"]]


def has_said(machine: Machine, event: str, times: int = 1, unit: str = UNIT) -> None:
    """Wait until the service has logged an event so often."""
    eventually(lambda: len(events(machine, event, unit)) >= times)
