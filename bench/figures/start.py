"""How soon the command is there, with much that waits or much that is over."""

import statistics
import subprocess
import sys
from collections.abc import Sequence

from bench import processes
from bench.contestants import COMMAND, Loop, Service, loops, write_config
from bench.figure import Figure, Found, Scale
from bench.finished import finish
from bench.timing import median_s, milliseconds
from bench.world import World

_MIB = 2**20
_TRIES = 9


def first_push(scale: Scale) -> Found:
    """From the start of the program; the peak is that of its whole tree after 200 imports."""
    files = scale.pick(100_000, 1000)
    found_s, found_bytes = _first_push(Service, files, scale)
    beside = {}
    for name, loop in loops().items():
        beside[name] = _push_text(*_first_push(loop, files, scale))
    holds = found_s <= 3.0 and found_bytes <= 150 * _MIB
    return Found(_push_text(found_s, found_bytes), holds, beside)


def _first_push(start: Loop, files: int, scale: Scale) -> tuple[float, int]:
    """Return the seconds from the start to the first push, and the peak while some are pushed."""
    with World(20) as world:
        world.fill(files)
        with start(world) as contestant:
            world.wait_until_noticed(scale.pick(200, 20))
            first = min(began for began, _, _ in world.record().imports)
            return first - contestant.started_at, processes.peak_bytes(contestant.pid)


def _push_text(seconds: float, peak: int) -> str:
    return f"{seconds:.2f} s, {peak / _MIB:.0f} MiB"


def ready(scale: Scale) -> Found:
    """From the start of the process to its READY=1 to systemd; the median of three."""
    jobs = scale.pick(100_000, 1000)
    with World(1) as world:
        finish(world, jobs)
        tries = [_seconds_to_ready(world) for _ in range(3)]
    found = statistics.median(tries)
    with World(1) as world:
        empty = statistics.median(_seconds_to_ready(world) for _ in range(3))
    return Found(f"{found:.2f} s", found <= 1.0, {"with an empty journal": f"{empty:.2f} s"})


def _seconds_to_ready(world: World) -> float:
    with Service(world) as service:
        return service.ready_at - service.started_at


def version(scale: Scale) -> Found:  # noqa: ARG001  # there is nothing to scale
    """The median of nine calls."""
    found = _median_s([*COMMAND, "--version"])
    beside = {
        "python -c pass": milliseconds(_median_s([sys.executable, "-c", "pass"])),
        "python -c 'import requests'": milliseconds(
            _median_s([sys.executable, "-c", "import requests"])
        ),
    }
    return Found(milliseconds(found), found <= 0.150, beside)


def status(scale: Scale) -> Found:
    """The median of nine calls."""
    jobs = scale.pick(100_000, 1000)
    with World(1) as world:
        finish(world, jobs)
        config = write_config(world, {}, {}, {})
        found = _median_s([*COMMAND, "status", "--config", str(config)])
        listing = _median_s(["ls", str(world.inboxes[0] / "done")])
    beside = {"ls done/": milliseconds(listing)}
    return Found(milliseconds(found), found <= 0.400, beside)


def _median_s(command: Sequence[str]) -> float:
    return median_s(lambda: subprocess.run(command, capture_output=True, check=False), _TRIES)


FIGURES = (
    Figure(
        "backlog-start",
        "100,000 files waiting at start: first push after; peak memory",
        "≤ 3 s; ≤ 150 MiB",
        first_push,
    ),
    Figure("ready", "start to READY with 100,000 finished jobs in the journal", "≤ 1 s", ready),
    Figure("version", "`pigment-watcher --version`", "≤ 150 ms", version),
    Figure("status", "`status` with 100,000 finished jobs", "≤ 400 ms", status),
)
