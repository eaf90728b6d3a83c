"""A backup of a running service, and a service that is started with it; real processes."""

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, ServiceProcess, command, write_config

from pigment_watcher.simulator import Fault, Simulator

INBOXES = ("sales", "costs", "stock")


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    """Lend a stand-in whose imports end when they are told to."""
    with Simulator(import_s=math.inf) as simulator:
        yield simulator


def drop(folder: Path, name: str, text: str = ROWS) -> None:
    part = folder / f".{name}.dropping"
    part.write_text(text)
    part.rename(folder / name)


def restore(folder: Path) -> None:
    """Put the backup in the journal's place, as docs/operations.md says."""
    state = folder / "state"
    state.rename(folder / "state.old")
    state.mkdir(mode=0o700)
    shutil.copy(folder / "backup.db", state / "journal.db")


def bring_on_its_way(folder: Path, config: Path, pigment: Simulator) -> ServiceProcess:
    """Start a service with a file that is imported, one that waits, and one that is sent."""
    drop(folder / "sales", "importing.csv")
    service = ServiceProcess(config).ready()
    service.wait_for("job.pushed", file="importing.csv")
    drop(folder / "sales", "queued.csv", ROWS + "1\n")
    service.wait_for("job.claimed", file="queued.csv")
    pigment.script(Fault.act("hang_after_body"))
    drop(folder / "costs", "sent.csv", ROWS + "2\n")
    service.wait_for("job.pushing", file="sent.csv")
    made = command("backup", folder / "backup.db", "--config", config)
    assert made.returncode == 0, made.stderr
    return service


def whole(folder: Path) -> dict[str, list[str]]:
    """Return where each file lies; the parts of an instance's folder are left out."""
    found: dict[str, list[str]] = {}
    for inbox in INBOXES:
        for path in sorted((folder / inbox).rglob("*.csv")):
            place = path.relative_to(folder / inbox).parts[0]
            found.setdefault(path.name, []).append(place if place != path.name else "inbox")
    return found


def close_orphans(folder: Path, config: Path, old: str) -> None:
    """End what the old instance left, as if a quarter of an hour had passed."""
    for inbox in INBOXES:
        starts = folder / inbox / "processing" / old / "starts"
        os.utime(starts, (1, 1))
    closed = command("close-orphans", old, "--config", config)
    assert closed.returncode == 0, closed.stderr


def test_a_backup_that_is_restored_loses_doubles_and_blocks_nothing(
    tmp_path: Path, pigment: Simulator
) -> None:
    """The disk with the journal died right after the backup: behaviour T17."""
    routes = {name: {"load_mode": "update"} for name in INBOXES}
    config = write_config(tmp_path, pigment, routes=routes)
    with bring_on_its_way(tmp_path, config, pigment) as service:
        old = str(service.events("service.started")[0]["instance"])
    pushed = len(pigment.pushes())
    restore(tmp_path)
    with ServiceProcess(config) as service:
        service.wait_for("job.finished", file="queued.csv", outcome="unsure")
        service.wait_for("job.finished", file="sent.csv", outcome="unsure")
        service.ready()
        assert len(service.events("processing.orphans")) == 2
        drop(tmp_path / "stock", "new.csv", ROWS + "3\n")
        service.wait_for("job.pushed", file="new.csv")
        (importing,) = [one for one in pigment.imports() if one.id == _import_of(pigment, ROWS)]
        pigment.finish(importing.id)
        service.wait_for("job.finished", file="importing.csv", outcome="imported")
        drop(tmp_path / "sales", "next.csv", ROWS + "4\n")
        service.wait_for("job.pushed", file="next.csv")
        close_orphans(tmp_path, config, old)
        for name in ("importing.csv", "queued.csv", "sent.csv"):
            service.wait_for("job.finished", file=name, outcome="unsure")
        assert service.stop() == 0
    # Of what was on its way, nothing was pushed again; only what is new was.
    assert len(pigment.pushes()) == pushed + 2
    places = whole(tmp_path)
    assert {name: places[name] for name in ("importing.csv", "queued.csv", "sent.csv")} == {
        "importing.csv": ["failed"],
        "queued.csv": ["failed"],
        "sent.csv": ["failed"],
    }


def test_a_backup_that_is_older_than_the_ends_of_its_files_touches_none_of_them(
    tmp_path: Path, pigment: Simulator
) -> None:
    """The service went on for long after the backup."""
    config = write_config(tmp_path, pigment, routes={name: {} for name in INBOXES})
    with bring_on_its_way(tmp_path, config, pigment) as service:
        pigment.finish(_import_of(pigment, ROWS))
        service.wait_for("job.pushed", file="queued.csv")
        pigment.finish(_import_of(pigment, ROWS + "1\n"))
        service.wait_for("job.finished", file="queued.csv", outcome="imported")
        service.wait_for("job.finished", file="sent.csv", outcome="unsure")
        assert service.stop() == 0
    pushed, places = len(pigment.pushes()), whole(tmp_path)
    restore(tmp_path)
    with ServiceProcess(config) as service:
        service.wait_for("job.finished", file="importing.csv", outcome="imported")
        service.ready()
        told = {line["file"]: line["outcome"] for line in service.events("job.finished")}
        assert service.events("processing.orphans") == []
        assert service.stop() == 0
    assert told == {"importing.csv": "imported", "queued.csv": "unsure", "sent.csv": "unsure"}
    assert (len(pigment.pushes()), whole(tmp_path)) == (pushed, places)
    assert command("status", "--config", config).returncode == 0


def _import_of(pigment: Simulator, text: str) -> str:
    """Return the ID of the import that was begun with these bytes."""
    size = len(text.encode())
    return next(push.import_id for push in pigment.pushes() if push.size == size and push.import_id)
