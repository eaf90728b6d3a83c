"""What watching costs while nothing is imported."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from bench.contestants import Contestant, Loop, Service, loops
from bench.figure import Figure, Found, Scale
from bench.world import World

#: After its start, a program is given so long to come to rest.
_REST_S = 10.0


@dataclass(frozen=True, slots=True)
class _Idleness:
    """The share of a core that is used, and how often a second a thread is woken."""

    core: float
    wake_ups: float

    def __str__(self) -> str:
        return f"{self.core:.2%} of a core, {self.wake_ups:.1f} wake-ups/s"


def idle_folders(scale: Scale) -> Found:
    """A minute, 10 s after the start; a wake-up is a voluntary context switch of a thread."""
    folders = scale.pick(100, 10)
    found, beside = _beside(Service, folders, lambda _: None, scale)
    return Found(str(found), found.core <= 0.002 and found.wake_ups <= 5.0, beside)


def polled_folder(scale: Scale) -> Found:
    """As `idle`; the Python loop looks every second, the shell loop hears of events."""
    files = scale.pick(10_000, 1000)
    polling = {"watch": "polling", "scan_every": "5s"}

    def service(world: World) -> Contestant:
        return Service(world, route=polling)

    found, beside = _beside(service, 1, lambda inbox: _fill(inbox, files, "txt"), scale)
    return Found(str(found), found.core <= 0.01, beside)


def full_done(scale: Scale) -> Found:
    """As `idle`, over one folder."""
    files = scale.pick(100_000, 1000)
    found, beside = _beside(Service, 1, lambda inbox: _fill(inbox / "done", files, "csv"), scale)
    return Found(str(found), found.core <= 0.002, beside)


def _beside(
    service: Loop, inboxes: int, prepare: Callable[[Path], None], scale: Scale
) -> tuple[_Idleness, dict[str, str]]:
    """Measure the service, and then the loops beside one another: none disturbs an idle one."""
    others = loops()
    others.pop("shell loop, 4 at once", None)  # idle, it is the one of one at a time
    found = _measure(service, inboxes, prepare, scale)
    with ThreadPoolExecutor(len(others)) as pool:
        beside = {
            name: pool.submit(_measure, loop, inboxes, prepare, scale)
            for name, loop in others.items()
        }
        return found, {name: str(idleness.result()) for name, idleness in beside.items()}


def _measure(start: Loop, inboxes: int, prepare: Callable[[Path], None], scale: Scale) -> _Idleness:
    seconds = scale.pick(60, 5)
    with World(inboxes) as world:
        for inbox in world.inboxes:
            prepare(inbox)
        with start(world) as contestant:
            time.sleep(_REST_S)
            cpu_s, woken = contestant.cpu_s(), processes.wake_ups(contestant.pid)
            began = time.monotonic()
            time.sleep(seconds)
            passed = time.monotonic() - began
            return _Idleness(
                (contestant.cpu_s() - cpu_s) / passed,
                (processes.wake_ups(contestant.pid) - woken) / passed,
            )


def _fill(folder: Path, count: int, extension: str) -> None:
    for number in range(count):
        (folder / f"left-alone-{number:06}.{extension}").touch()


FIGURES = (
    Figure(
        "idle",
        "idle, 100 folders with events: CPU; wake-ups",
        "≤ 0.2 % of a core; ≤ 5/s",
        idle_folders,
    ),
    Figure(
        "polling",
        "polling a folder with 10,000 files in it that no route takes, every 5 s",
        "≤ 1 % of a core",
        polled_folder,
    ),
    Figure(
        "full-done",
        "idle, one folder with 100,000 files in done/",
        "≤ 0.2 % of a core",
        full_done,
    ),
)
