"""How soon a complete file is on its way."""

import random
import statistics
import time
from pathlib import Path

from bench.contestants import Loop, Service, loops
from bench.figure import Figure, Found, Scale
from bench.world import World

#: A file is complete when its marker stands beside it.
_MARKER = {"marker": "{name}.done", "quiet": "auto"}


def first_byte(scale: Scale) -> Found:
    """From the rename of the file, or of its marker, to the first byte of its body as received."""
    drops = scale.pick(40, 5)
    with World(1) as world, Service(world, route=_MARKER):
        found = statistics.median(delays(world, world.inboxes[0], drops, marked=True))
    beside = {name: _loop_delay(loop, drops) for name, loop in loops().items()}
    beside.pop("shell loop, 4 at once", None)  # one file at a time
    return Found(_milliseconds(found), found <= 0.050, beside)


def as_shipped(scale: Scale) -> Found:
    """As `first-byte`; nothing but the quiet time says that a file is complete."""
    with World(1) as world, Service(world, route={"quiet": "auto"}):
        found = statistics.median(delays(world, world.inboxes[0], scale.pick(10, 2)))
    return Found(_milliseconds(found), found <= 2.5, {"loops": "do not wait for quiet"})


def _loop_delay(loop: Loop, drops: int) -> str:
    with World(1) as world:
        # The first one tells that the loop runs, and is not counted.
        world.fill(1)
        with loop(world):
            world.wait_until_pushed(1)
            return _milliseconds(statistics.median(delays(world, world.inboxes[0], drops)))


def delays(world: World, folder: Path, drops: int, *, marked: bool = False) -> list[float]:
    """Drop files into a folder, each after the last one was pushed, and return how long it took.

    `marked` files are complete when their marker stands beside them.
    """
    chance = random.Random(0)  # noqa: S311
    before, found = len(world.record().imports), []
    for number in range(1, drops + 1):
        time.sleep(chance.uniform(0.5, 1.5))  # loops that look each second are met anywhere
        complete_at = _drop(folder, f"dropped-{number}.csv", marked=marked)
        world.wait_until_pushed(before + number)
        found.append(world.record().imports[-1][0] - complete_at)
    return found


def _drop(folder: Path, name: str, *, marked: bool) -> float:
    """Make a file complete by one rename: its own, or its marker's; return when that was."""
    part = folder / f"{name}.part"
    part.write_text("month,account,amount\n2026-09,4000,120.50\n")
    if marked:
        part.rename(folder / name)
        part.touch()
        name = f"{name}.done"
    at = time.time()
    part.rename(folder / name)
    return at


def _milliseconds(seconds: float) -> str:
    return f"median {seconds * 1000:.0f} ms"


FIGURES = (
    Figure(
        "first-byte",
        "complete (rename in, marker present) → first byte sent",
        "median ≤ 50 ms",
        first_byte,
    ),
    Figure(
        "as-shipped",
        "complete (rename in, no marker) → first byte sent, as shipped: quiet for 2 s",
        "median ≤ 2500 ms",
        as_shipped,
    ),
)
