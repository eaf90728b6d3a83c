"""Files that are handed in on some drive, and the question whether each came whole and once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from acceptance_fixtures import PATIENCE_S, ServiceProcess, command, write_config

from pigment_watcher.simulator import Simulator

#: Keys of a route by which a test on a slow drive takes seconds.
QUICK: Mapping[str, object] = {"quiet": "1s", "scan_every": "1s"}


def configured(folder: Path, pigment: Simulator, far: Path, **more: object) -> Path:
    """Configure the route "sales" on some drive, with these keys, and "near" on this disk."""
    sales = {**QUICK, "directory": str(far), **more}
    return write_config(folder, pigment, routes={"sales": sales, "near": {}})


def content(name: str, rows: int = 3) -> bytes:
    """Return rows that no other name has."""
    lines = (f"2026-09,{name},{number}\n" for number in range(rows))
    return "".join(["month,account,amount\n", *lines]).encode()


def hand_in(folder: Path, *names: str) -> list[bytes]:
    """Write files into a folder, and return what each holds."""
    for name in names:
        (folder / name).write_bytes(content(name))
    return [content(name) for name in names]


def finished(service: ServiceProcess, *files: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait until each of these files was imported."""
    for file in files:
        service.wait_for("job.finished", timeout_s, file=file, outcome="imported")


def each_came_once(pigment: Simulator, contents: Sequence[bytes]) -> None:
    """Assert that these files were pushed, each of them whole and once, and nothing else."""
    pushes = pigment.pushes()
    assert all(push.whole for push in pushes)
    wanted = sorted(hashlib.sha256(one).hexdigest() for one in contents)
    assert sorted(push.sha256 for push in pushes) == wanted


def each_is_done(inbox: Path, *names: str) -> None:
    """Assert that these files lie in done/ with their bytes, and no other file of ours anywhere."""
    done = {path.name: path.read_bytes() for path in (inbox / "done").iterdir()}
    assert done == {name: content(name) for name in names}
    assert [path.name for path in inbox.glob("*.csv")] == []
    assert not (inbox / "failed").exists() or list((inbox / "failed").iterdir()) == []


def is_said_to_be_lost(config: Path, route: str) -> None:
    """Assert that `status` exits 1 and tells that a route is lost."""
    found = command("status", "--config", config)
    assert found.returncode == 1, found.stdout + found.stderr
    (row,) = (line for line in found.stdout.splitlines() if line.startswith(f"{route} "))
    assert "lost" in row


def outcomes(config: Path) -> dict[str, list[str]]:
    """Return how the jobs of each file ended."""
    told = command("history", "--json", "--config", config).stdout.splitlines()
    found: dict[str, list[str]] = {}
    for job in map(json.loads, told):
        found.setdefault(job["file"], []).append(job["outcome"])
    return found


def lost_and_found(service: ServiceProcess, route: str = "sales") -> list[str]:
    """Return what was said of a route's folder being lost, in order."""
    said = [*service.events("route.lost"), *service.events("route.found")]
    ours = [line for line in said if line.get("route") == route]
    return [line["event"] for line in sorted(ours, key=lambda line: str(line["timestamp"]))]
