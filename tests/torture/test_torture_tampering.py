"""Somebody changes what is in processing/ while the service works on it."""

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, ServiceProcess
from torture_fixtures import World, sampled

from pigment_watcher.model import Outcome
from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("7. hostile shares")

MORE = ROWS.encode() + b"tampered,0,1\n"


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more,0,1\n")


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def replaced(path: Path) -> None:
    other = path.with_name(".other")
    other.write_bytes(MORE)
    other.replace(path)


def rewritten_as_if_nothing_was(path: Path) -> None:
    found = path.stat()
    path.write_bytes(path.read_bytes().swapcase())
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def removed(path: Path) -> None:
    path.unlink()


def removed_with_its_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def joined_by_another(path: Path) -> None:
    path.with_name("extra.csv").write_bytes(MORE)


Tamper = Callable[[Path], None]
#: What is done while the file is sent, and how it ends.
SENDING: list[tuple[Tamper, Outcome]] = [
    (appended, Outcome.UNSURE),
    (emptied, Outcome.UNSURE),
    (rewritten_as_if_nothing_was, Outcome.UNSURE),
    (replaced, Outcome.UNSURE),
    (removed, Outcome.IMPORTED),
    (removed_with_its_folder, Outcome.IMPORTED),
    (joined_by_another, Outcome.IMPORTED),
]
#: What is done while Pigment imports what it got.
IMPORTING = [one for one in SENDING if one[0] is not rewritten_as_if_nothing_was]


def claimed(world: World, name: str = "a.csv") -> Path:
    (path,) = (world.inbox() / "processing").glob(f"*/*/{name}")
    return path


def ends_as(world: World, service: ServiceProcess, ended: Outcome) -> None:
    """Check the end of the one file, that another goes on, and that a next start is clean."""
    service.wait_for("job.finished", 60.0, file="a.csv", outcome=ended.value)
    world.take_away(world.inbox() / "a.csv")
    world.drop("next.csv", ROWS.encode() + b"next,0,1\n")
    service.wait_for("job.finished", 60.0, file="next.csv", outcome="imported")
    assert service.stop() == 0
    sent = {push.sha256 for push in world.pigment.pushes()}
    assert len(sent) == len(world.pigment.pushes()) == 2
    failed = world.inbox() / "failed" / "a.csv.reason.txt"
    assert failed.exists() is (ended is Outcome.UNSURE)
    world.recover().check()


@pytest.mark.parametrize(("tamper", "ended"), sampled(SENDING, 2))
def test_a_file_that_is_changed_while_it_is_sent_never_counts_as_imported(
    tmp_path: Path, pigment: Simulator, tamper: Tamper, ended: Outcome
) -> None:
    """Behaviours T8, T9, T31."""
    world = World(tmp_path, pigment)
    pigment.script(Fault.slow(3.0))
    world.drop("a.csv")
    with ServiceProcess(world.config) as service:
        pigment.wait_for(lambda one: len(one.imports()) == 1, 30.0)
        tamper(claimed(world))
        ends_as(world, service, ended)


@pytest.mark.parametrize(("tamper", "ended"), sampled(IMPORTING, 2))
def test_a_file_that_is_changed_after_it_was_sent_is_not_put_into_done(
    tmp_path: Path, tamper: Tamper, ended: Outcome
) -> None:
    with Simulator(import_s=math.inf) as pigment:
        world = World(tmp_path, pigment)
        world.drop("a.csv")
        with ServiceProcess(world.config) as service:
            service.wait_for("job.pushed")
            tamper(claimed(world))
            pigment.finish(pigment.imports()[0].id)
            service.wait_for("job.finished", 60.0, file="a.csv", outcome=ended.value)
            assert service.stop() == 0
        world.take_away(world.inbox() / "a.csv")
        assert len(pigment.pushes()) == 1
        world.recover().check()
