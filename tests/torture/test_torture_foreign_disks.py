"""done/ and failed/ on another file system: a fault in every step of copying a file there.

On a local disk the service makes the calls itself, and strace breaks them; on a drive through FUSE
a helper makes them, and the drive breaks them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess
from disk_fixtures import small_disk
from drive_fixtures import FaultyDrive, faulty_drive, need
from torture_fixtures import World, sampled

from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("6. full and foreign disks")


# ---------------------------------------------------------------- a local disk


@dataclass(frozen=True, slots=True)
class Step:
    """A system call on a path: the copy, its source, the source's folder, the target, its folder.

    `nth` counts the calls of this name on this path by the only worker; by the intake, too.
    """

    call: str
    path: str
    nth: int = 1
    error: str = "EIO"

    def __str__(self) -> str:
        return f"{self.call}-{self.path}-{self.nth}"


#: The steps that come with any file; a failed one has those of its reason before them.
DONE = (
    Step("openat", "part", error="ENOSPC"),
    Step("write", "part", error="ENOSPC"),
    Step("fsync", "part"),
    Step("openat", "part", 2),
    Step("read", "part"),
    Step("utimensat", "part", error="EPERM"),
    Step("chmod", "part", error="EPERM"),
    Step("renameat2", "part", error="EROFS"),
    Step("renameat2", "target"),
    Step("openat", "source", 2),
    Step("openat", "source", 3),
    Step("read", "source", 2),
    Step("unlink", "source", error="EBUSY"),
    Step("openat", "archive", 2, "EACCES"),
    Step("openat", "archive", 3),
    Step("fsync", "archive"),
    Step("openat", "archive", 4),
    Step("fsync", "archive", 2),
    Step("openat", "place", 2),
    Step("rmdir", "place", error="EBUSY"),
)
FAILED = (
    Step("openat", "part", error="ENOSPC"),
    Step("write", "part", error="EDQUOT"),
    Step("fsync", "part"),
    Step("renameat2", "part"),
    Step("openat", "part", 2, "ENOSPC"),
    Step("renameat2", "part", 2),
    Step("unlink", "source", error="EROFS"),
)
STEPS = [("done", step) for step in DONE] + [("failed", step) for step in FAILED]


class Rig:
    """A world whose archive lies on another disk, run under strace, which breaks one call."""

    def __init__(self, world: World, archive: Path) -> None:
        archive.mkdir()
        world.run()  # so that the instance has its name
        (self._home,) = (world.inbox() / "processing").iterdir()
        self._world = world
        self._archive = archive
        self._trace = world.folder / "trace"

    def run(self, step: Step, injected: str) -> None:
        """Let the next file be taken, and one of the calls on the way be broken."""
        job = str(len(self._world.jobs()) + 1)
        path = self._world.drop(f"{job}.csv")
        paths = {
            "part": self._archive / f".pigment-watcher-{self._home.name}-{job}.part",
            "source": self._home / job / path.name,
            "place": self._home / job,
            "target": self._archive / path.name,
            "archive": self._archive,
        }
        inject = f"inject={step.call}:{injected}"
        strace = ("strace", "-f", "-qq", "-o", self._trace, "-P", paths[step.path], "-e", inject)
        self._world.run(under=strace)
        assert self._has_struck(), f"{step} was not reached"

    def _has_struck(self) -> bool:
        told = self._trace.read_text(errors="replace")
        return "(INJECTED)" in told or "killed by SIGKILL" in told


@pytest.mark.parametrize(("place", "step"), sampled(STEPS, 3), ids=str)
def test_a_fault_in_a_step_of_a_copy_to_another_disk_loses_nothing(
    tmp_path: Path,
    pigment: Simulator,
    record_property: Callable[[str, object], None],
    place: str,
    step: Step,
) -> None:
    """Behaviours T1, T2, T3, G12, G13."""
    need("strace", fuse=False)
    if place == "failed":
        pigment.script(Fault.answer(400, times=None))
    with small_disk(tmp_path / "disk", 1000) as disk:
        routes = {"sales": {place: str(disk / place)}}
        world = World(tmp_path, pigment, routes=routes, top={"stop_grace": "2s", "workers": 1})
        rig = Rig(world, disk / place)
        ways = (
            f"error={step.error}:when={step.nth}",
            f"error={step.error}:when={step.nth}+",
            f"signal=KILL:when={step.nth}",
        )
        for way in ways:
            rig.run(step, way)
            world.recover()
        world.check()
        assert set(world.places().values()) == {place}
        assert list((disk / place).glob(".*")) == []
    record_property("faults", len(ways))


# ---------------------------------------------------------------- a drive with helpers


@dataclass(frozen=True, slots=True)
class Call:
    """What a drive is asked for while a file is brought to it, or taken from it."""

    name: str
    path: str
    error: str = "EIO"

    def __str__(self) -> str:
        return f"{self.name}-{self.path}"


PART = "/done/.pigment-watcher-*.part"
#: With done/ on the drive and the inbox here.
THERE = (
    Call("create", PART, "ENOSPC"),
    Call("write", PART, "ENOSPC"),
    Call("fsync", PART),
    Call("open", PART),
    Call("read", PART),
    Call("utimens", PART, "EPERM"),
    Call("chmod", PART, "EPERM"),
    Call("rename", PART, "EROFS"),
    Call("fsyncdir", "/done"),
    Call("getattr", "/done/*"),
    Call("open*", "/done*", "ESTALE"),
    Call("*", "/done*", "EHOSTDOWN"),
)
#: With the inbox on the drive and done/ here.
HERE = (
    Call("open", "/processing/*/*.csv", "EACCES"),
    Call("read", "/processing/*/*.csv"),
    Call("unlink", "/processing/*/*.csv", "EBUSY"),
    Call("fsyncdir", "/processing/*"),
    Call("rmdir", "/processing/*", "EBUSY"),
    Call("rename", "/*.csv", "EIO"),
    Call("mkdir", "/processing/*", "ENOSPC"),
)
CALLS = [("done", call) for call in THERE] + [("directory", call) for call in HERE]


@contextmanager
def running(world: World) -> Iterator[ServiceProcess]:
    with ServiceProcess(world.config) as service:
        yield service.ready(30.0)


def goes_on(service: ServiceProcess, name: str) -> None:
    service.wait_for("job.finished", 90.0, file=name, outcome="imported")


def is_killed_in(drive: FaultyDrive, call: Call, world: World) -> None:
    """Let the service die while the drive keeps it waiting."""
    with running(world) as service:
        fault = drive.fault(call.name, "", call.path, times=1, delay_s=3.0)
        world.drop("killed.csv")
        fault.has_struck()
        service.kill()
    fault.end()


@pytest.mark.parametrize(("place", "call"), sampled(CALLS, 2), ids=str)
def test_a_fault_in_a_call_of_a_helper_loses_nothing(
    tmp_path: Path,
    pigment: Simulator,
    record_property: Callable[[str, object], None],
    place: str,
    call: Call,
) -> None:
    """Behaviours T1, T2, T3: an error once, for a while, and a kill in the middle of the call."""
    with faulty_drive(tmp_path / "drive") as drive:
        folder = drive.point / "done" if place == "done" else drive.point
        archive = {"done": str(tmp_path / "done")} if place == "directory" else {}
        keys = {"quiet": "1s", "scan_every": "1s", place: str(folder), **archive}
        world = World(tmp_path, pigment, routes={"sales": keys})
        with running(world) as service:
            fault = drive.fault(call.name, call.error, call.path, times=1)
            world.drop("once.csv")
            fault.has_struck()
            goes_on(service, "once.csv")
            fault.end()
            fault = drive.fault(call.name, call.error, call.path)
            world.drop("while.csv")
            fault.has_struck()
            fault.end()
            goes_on(service, "while.csv")
        is_killed_in(drive, call, world)
        world.recover().check()
        assert set(world.places().values()) == {"done"}
    record_property("faults", 3)
