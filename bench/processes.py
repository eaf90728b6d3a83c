"""What a process and all that it started use of the machine; source: proc(5)."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> Iterator[int]:
    """Return a process and those below it that still run; one may end while it is looked at."""
    yield pid
    for task in _tasks(pid):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a process and all below it, those that ended included."""
    return sum(_own_cpu_s(member) for member in family(pid))


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process and those below it had, each at its own peak."""
    return sum(_status(f"/proc/{member}/status", "VmHWM") for member in family(pid)) * 1024


def is_zombie(pid: int) -> bool:
    """Return whether a process ended and only waits to be asked for its exit code."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def wake_ups(pid: int) -> int:
    """Return how often the threads of a process and of those below it waited and were woken."""
    return sum(
        _status(f"{task}/status", "voluntary_ctxt_switches")
        for member in family(pid)
        for task in _tasks(member)
    )


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it ended
        return []


def _own_cpu_s(pid: int) -> float:
    # The second field, the name, may hold blanks. The four: its own time and that of its children
    # that ended, in user and in system mode.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended: its time counts as that of its parent's children
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _status(file: str, key: str) -> int:
    with contextlib.suppress(OSError):  # it ended
        for line in Path(file).read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
    return 0
