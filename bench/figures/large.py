"""What one large file costs."""

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench import processes
from bench.contestants import Contestant, PythonLoop, Service
from bench.figure import Figure, Found, Scale
from bench.world import World, wait_until

_GIB = 2**30
_MIB = 2**20
#: How often the peak of a process is read that may end at any time.
_SAMPLE_S = 0.01


def cpu_per_gib(scale: Scale) -> Found:
    """Sent over HTTP, the hash included, from a file that lies in the system's cache."""
    gib = scale.pick(2, 1)
    with World(1) as world, Service(world) as service:
        found = _sent(world, service, gib).cpu_s / gib
    with World(1) as world, PythonLoop(world, 1) as loop:
        beside = {"Python loop, no hash": f"{_sent(world, loop, gib).cpu_s / gib:.2f} s"}
    rival = _curl_and_hash(gib)
    if rival is not None:
        beside = {"curl -T + sha256sum": f"{rival.cpu_s / gib:.2f} s", **beside}
    holds = None if rival is None else found <= rival.cpu_s / gib
    return Found(f"{found:.2f} s", holds, beside)


def peak_memory(scale: Scale) -> Found:
    """VmHWM of the whole process tree, at the end of the import."""
    gib = scale.pick(10, 1)
    with World(1) as world, Service(world) as service:
        found = _sent(world, service, gib).peak_bytes
    with World(1) as world, PythonLoop(world, 1) as loop:
        beside = {"Python loop": _mebibytes(_sent(world, loop, gib).peak_bytes)}
    rival = _curl_and_hash(1)
    if rival is not None:
        beside = {"curl -T": _mebibytes(rival.peak_bytes), **beside}
    return Found(_mebibytes(found), found <= 70 * _MIB, beside)


class _Cost:
    """Processor seconds and peak of memory."""

    def __init__(self, cpu_s: float, peak_bytes: int) -> None:
        self.cpu_s = cpu_s
        self.peak_bytes = peak_bytes


def _sent(world: World, contestant: Contestant, gib: int) -> _Cost:
    """Drop a large file into a world at rest, and return what its import cost."""
    time.sleep(1.0)
    before = contestant.cpu_s()
    part = world.folder / "large.part"
    _make(part, gib)
    part.rename(world.inboxes[0] / "large.csv")
    world.wait_until_moved(1)
    return _Cost(contestant.cpu_s() - before, processes.peak_bytes(contestant.pid))


def _curl_and_hash(gib: int) -> _Cost | None:
    """Return what two programs cost together, the peak that of the first; None without curl."""
    if shutil.which("curl") is None:
        return None
    with World(1) as world:
        file = world.folder / "large.csv"
        _make(file, gib)
        sent = _cost_of(["curl", "-sST", str(file), f"{world.url}/bytes"])
        hashed = _cost_of(["sha256sum", str(file)])
    return _Cost(sent.cpu_s + hashed.cpu_s, sent.peak_bytes)


def _cost_of(command: Sequence[str]) -> _Cost:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    found = _Cost(0.0, 0)

    def has_ended() -> bool:
        found.peak_bytes = max(found.peak_bytes, processes.peak_bytes(process.pid))
        found.cpu_s = processes.cpu_s(process.pid)  # a zombie still tells
        return processes.is_zombie(process.pid)

    wait_until(has_ended, every_s=_SAMPLE_S)
    if process.wait() != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return found


def _make(file: Path, gib: int) -> None:
    """Make a sparse file: rows, a hole, and rows."""
    rows = b"month,account,amount\n" + b"2026-09,4000,120.50\n" * 10_000
    with file.open("wb") as out:
        out.write(rows)
        out.seek(gib * _GIB - len(rows))
        out.write(rows)
    # Once through it, so that nobody else pays for what the system does at the first time.
    with file.open("rb", buffering=0) as whole:
        while whole.read(_MIB):
            pass


def _mebibytes(count: int) -> str:
    return f"{count / _MIB:.0f} MiB"


FIGURES = (
    Figure(
        "large-cpu",
        "one large file: CPU per GiB sent over HTTP, hash included",
        "≤ `curl -T` + `sha256sum`",
        cpu_per_gib,
    ),
    Figure(
        "large-memory",
        "peak memory while a 10 GiB file (sparse, with text at its end) is sent",
        "≤ 70 MiB",
        peak_memory,
    ),
)
