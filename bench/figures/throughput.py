"""How many files go through when nothing else limits."""

from bench.contestants import Contestant, Loop, Service, loops
from bench.figure import Figure, Found, Scale
from bench.world import World

_IMPORT_S = 2.0


def small_files(scale: Scale) -> Found:
    """From the start of the program, its own start included, to the last file in done/."""
    files = scale.pick(1000, 40)
    found = _files_per_s(Service, files)
    beside = {name: _files_per_s(loop, files) for name, loop in loops().items()}
    rival = beside.get("shell loop, 4 at once")
    holds = None if rival is None else found >= 3 * rival
    return Found(f"{found:.0f}/s", holds, {name: f"{rate:.0f}/s" for name, rate in beside.items()})


def _files_per_s(start: Loop, files: int) -> float:
    """Return the rate from the start of the program to the last file in done/."""
    with World(20) as world:
        world.fill(files)
        with start(world) as contestant:
            world.wait_until_moved(files)
            return files / _seconds(world, contestant)


def _seconds(world: World, contestant: Contestant) -> float:
    last = max(
        file.stat().st_ctime for inbox in world.inboxes for file in (inbox / "done").iterdir()
    )
    return last - contestant.started_at


def backlog(scale: Scale) -> Found:
    """As `small-files`, with 1,000 and with 10,000 files."""
    few = scale.pick(1000, 50)
    found = _ratio(Service, few)
    beside = {"Python loop": f"{_ratio(loops()['Python loop'], few):.2f}"}
    return Found(f"{found:.2f}", found <= 1.2, beside)


def _ratio(start: Loop, few: int) -> float:
    return _files_per_s(start, few) / _files_per_s(start, 10 * few)


def growth(scale: Scale) -> Found:
    """From the start of the program to the last file in done/, for each number of workers."""
    lanes = scale.pick(100, 10)
    files = 3 * lanes
    found = {number: _seconds_with(number, lanes, files) for number in (1, 4, 16)}
    least, most = min(found.values()), max(found.values())
    beside = {
        name: f"{_seconds_a_file(loop, scale.pick(20, 4)) * files:.0f} s, from a part of them"
        for name, loop in loops().items()
    }
    text = ", ".join(f"{number}: {seconds:.1f} s" for number, seconds in found.items())
    return Found(text, most <= 1.1 * least, beside)


def _seconds_with(workers: int, lanes: int, files: int) -> float:
    with World(lanes, import_s=_IMPORT_S) as world:
        world.fill(files)
        with Service(world, workers=workers) as service:
            world.wait_until_moved(files)
            return _seconds(world, service)


def _seconds_a_file(start: Loop, files: int) -> float:
    with World(files, import_s=_IMPORT_S) as world:
        world.fill(files)
        with start(world) as contestant:
            world.wait_until_moved(files)
            return _seconds(world, contestant) / files


FIGURES = (
    Figure(
        "small-files",
        "1,000 small files (2 kB) waiting, 20 configurations, imports instant, limits lifted",
        "≥ 3 times the shell loop, 4 at once",
        small_files,
    ),
    Figure(
        "backlog",
        "backlog of 1,000 against 10,000 files: time per file",
        "≤ 1.2 times",
        backlog,
    ),
    Figure(
        "growth",
        "1, 4, 16 workers on 300 imports of 2 s in 100 configurations",
        "the same time ± 10 %",
        growth,
    ),
)
