"""kill -9 and errors in each call of the system that changes something."""

import errno
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Collection
from itertools import product
from pathlib import Path
from signal import SIGKILL

import pytest
from torture_fixtures import World, sampled

from pigment_watcher.simulator import Simulator

pytestmark = [
    pytest.mark.torture("2. kill -9 and errors in each system call"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
]

#: What changes files, and what speaks to the destination; each with the errors that it gives.
OF_FILES = """mkdir rmdir open unlink rename renameat2 utimensat
    write pwrite ftruncate fsync fdatasync"""
OF_NETWORK = "connect send recv"
ERRORS = {
    **dict.fromkeys(OF_FILES.split(), (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES)),
    **dict.fromkeys(OF_NETWORK.split(), (errno.ECONNRESET, errno.ETIMEDOUT)),
}
#: SQLite writes its pages by the hundred: every so manyth is struck.
STEPS = {"pwrite": 16, "fdatasync": 4}
#: The faults of a kind are shared out to so many tests; each strikes its own in one world.
SHARES = 8
#: Seconds after which a run is ended that a lasting fault holds up.
PATIENCE_S = 5.0
EVER = 1_000_000

KINDS = ("killed", "failing once", "failing from then on")
FILES = {
    "imported": b"month,account,amount\n2026-09,4000,1\n",
    "failed": b"month,account,amount\nSIMULATE-FAIL,4000,1\n",
}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the library that makes calls fail."""
    made = tmp_path_factory.mktemp("calls") / "faulty_calls.so"
    source = Path(__file__).parent.parent / "faulty_calls.c"
    words = [
        "gcc",
        "-Wall",
        "-Werror",
        "-O1",
        "-shared",
        "-fPIC",
        "-o",
        str(made),
        str(source),
        "-ldl",
    ]
    subprocess.run(words, check=True)
    return made


@pytest.mark.parametrize("share", sampled(range(SHARES), 1))
@pytest.mark.parametrize(("kind", "ending"), [*product(KINDS, FILES)])
def test_a_call_that_is_not_made_costs_no_file(
    tmp_path: Path,
    pigment: Simulator,
    library: Path,
    *,
    record_property: Callable[[str, object], None],
    kind: str,
    ending: str,
    share: int,
) -> None:
    world = World(tmp_path, pigment)
    world.drop("before.csv", FILES[ending])
    world.run()
    world.drop("counted.csv", bytes_of(ending, 0))
    faults = faults_of(kind, run(world, library), ERRORS)
    struck = 0
    for number, one in enumerate(sampled(faults[share::SHARES], 5), start=1):
        world.drop(f"{one}.csv", bytes_of(ending, number))
        struck += is_struck(run(world, library, one))
        world.recover()
    record_property("faults", struck)
    assert struck
    world.check()


@pytest.mark.parametrize("share", sampled(range(SHARES), 1))
@pytest.mark.parametrize("kind", KINDS[:2])
def test_a_call_that_is_not_made_at_the_first_start_costs_no_file(
    tmp_path: Path,
    pigment: Simulator,
    library: Path,
    *,
    record_property: Callable[[str, object], None],
    kind: str,
    share: int,
) -> None:
    calls = run(new_world(tmp_path / "counted", pigment), library)
    faults = faults_of(kind, calls, ERRORS.keys() - STEPS.keys())
    struck = 0
    for one in sampled(faults[share::SHARES], 2):
        world = new_world(tmp_path / one, pigment)
        struck += is_struck(run(world, library, one))
        world.recover().check()
    record_property("faults", struck)
    assert struck


def new_world(folder: Path, pigment: Simulator) -> World:
    """Return a world with a file whose import will fail, in which no service was before."""
    folder.mkdir()
    world = World(folder, pigment)
    world.drop(f"{folder.name}.csv", FILES["failed"] + folder.name.encode())
    return world


def bytes_of(ending: str, number: int) -> bytes:
    """Return the bytes of a file of its own that ends so."""
    return FILES[ending] + f"2026-10,4000,{number}\n".encode()


def faults_of(kind: str, calls: Counter[str], names: Collection[str]) -> list[str]:
    """Return what strikes each of these calls in its turn."""
    return [
        fault(kind, name, n)
        for name in sorted(calls.keys() & set(names))
        for n in range(1, calls[name] + 1, STEPS.get(name, 1))
    ]


def is_struck(calls: Counter[str]) -> bool:
    """Return whether a fault came about."""
    return any(name.endswith("!") for name in calls)


def fault(kind: str, name: str, n: int) -> str:
    """Return what strikes the n-th call of a name; the errors take turns."""
    last = EVER if kind == "failing from then on" else n
    error = 0 if kind == "killed" else ERRORS[name][n % len(ERRORS[name])]
    return f"{name} {n} {last} {error}"


def run(world: World, library: Path, fault: str = "") -> Counter[str]:
    """Run the service with a fault, and return its calls; a `!` marks those that were struck."""
    log = world.folder / "calls"
    log.write_text("")
    environ = {"LD_PRELOAD": str(library), "CALLS_LOG": str(log), "CALLS_FAULT": fault}
    ended = world.run(environ=environ, patience_s=PATIENCE_S)
    calls = Counter(log.read_text().splitlines())
    if fault.endswith(" 0"):
        assert (ended.returncode == -SIGKILL) == is_struck(calls)
    for line in ended.stderr.splitlines():
        # Only of a commit of which nobody knows whether it was done.
        assert "Traceback" not in line or "CommitUnknown" in line, f"{fault}: {ended.stderr}"
    return calls
