"""How many requests an import takes, and what becomes of a window."""

import statistics

from bench.contestants import Contestant, Loop, PythonLoop, Service, loops
from bench.figure import Figure, Found, Scale
from bench.picture import Curve, Picture
from bench.world import Record, World

LANES = 20


# ---------------------------------------------------------------- requests per import

#: As many requests a second as 400 in 5 minutes: far less than 20 configurations could use.
_SCARCE = {"requests": 80, "per": "60s"}


def requests_per_import(scale: Scale) -> Found:
    """All requests by all imports; 80 a minute are allowed, which is 400 in 5 minutes."""
    files = scale.pick(100, 20)
    with World(LANES, import_s=5.0) as world:
        world.fill(files)
        with Service(world, pigment={"request_limit": _SCARCE}):
            world.wait_until_noticed(files)
            found = _per_import(world.record())
    beside = {name: f"{_loop_per_import(loop, scale):.2f}" for name, loop in _parallel(1.0).items()}
    return Found(f"{found:.2f}", found <= 2.2, beside)


def _loop_per_import(loop: Loop, scale: Scale) -> float:
    files = scale.pick(8, 2)
    with World(files, import_s=5.0) as world:
        world.fill(files)
        with loop(world):
            world.wait_until_noticed(files)
            return _per_import(world.record())


def _per_import(record: Record) -> float:
    return len(record.asked) / len(record.noticed)


# ---------------------------------------------------------------- share of the limit

#: Pigment's limit and ours, in a tenth of the time; imports of 5 s and a question each second, too.
_PER_S = 30.0
_ALLOWED, _OURS = 500, 400
_IMPORT_S, _POLL_S = 0.5, 0.1


def share_of_limit(scale: Scale) -> Found:
    """Three windows of 400 requests in 30 s, imports of 0.5 s; 429 is answered above 500."""
    windows = scale.pick(3, 1)
    per_s = _PER_S / scale.pick(1, 5)
    runs = {"service": _run(windows, per_s, service=True)}
    runs["naive poller"] = _run(windows, per_s, service=False)
    shares = {name: _share(record, windows, per_s) for name, record in runs.items()}
    texts = {
        name: f"{shares[name]:.0%}, {record.refused} answers 429" for name, record in runs.items()
    }
    holds = shares["service"] >= 0.9 and not runs["service"].refused
    picture = Picture(
        title="Requests against the limit",
        per_s=per_s,
        limit=_OURS,
        refusal=_ALLOWED,
        curves=tuple(_curve(name, record) for name, record in runs.items()),
    )
    return Found(texts.pop("service"), holds, texts, picture)


def _run(windows: int, per_s: float, *, service: bool) -> Record:
    files = int(windows * _OURS / 2 * 1.2)
    with World(LANES, import_s=_IMPORT_S, requests=_ALLOWED, per_s=per_s) as world:
        world.fill(files)
        limit = {"requests": _OURS, "per": f"{per_s:g}s"}
        began: Contestant
        if service:
            began = Service(world, pigment={"request_limit": limit})
        else:
            began = PythonLoop(world, LANES, _POLL_S)
        with began:
            world.wait_until_pushed(1)
            world.wait_until_over(windows * per_s)
            return world.record()


def _share(record: Record, windows: int, per_s: float) -> float:
    """Return the imports done within so many windows, as a share of one for two requests."""
    until = record.asked[0][0] + windows * per_s
    return sum(told <= until for _, told in record.noticed) / (windows * _OURS / 2)


def _curve(name: str, record: Record) -> Curve:
    began = record.asked[0][0]
    return Curve(
        name,
        asked=tuple(at - began for at, _, _ in record.asked),
        done=tuple(sorted(told - began for _, told in record.noticed)),
    )


# ---------------------------------------------------------------- end noticed


def end_noticed(scale: Scale) -> Found:
    """From the end of an import to the first answer that tells of it; nothing is known before."""
    files = scale.pick(120, 20)
    with World(LANES, import_s=3.0) as world:
        world.fill(files)
        with Service(world):
            world.wait_until_noticed(files)
            record = world.record()
    late_s, asked = _lateness(record), _per_import(record)
    beside = {name: _loop_lateness(loop, scale) for name, loop in _parallel(1.0).items()}
    return Found(_noticed_text(late_s, asked), late_s <= 1.0 and asked <= 4.0, beside)


def _loop_lateness(loop: Loop, scale: Scale) -> str:
    files = scale.pick(8, 2)
    with World(files, import_s=3.0) as world:
        world.fill(files)
        with loop(world):
            world.wait_until_noticed(files)
            record = world.record()
    return _noticed_text(_lateness(record), _per_import(record))


def _lateness(record: Record) -> float:
    return statistics.median(told - ends for ends, told in record.noticed)


def _noticed_text(late_s: float, asked: float) -> str:
    return f"median {late_s:.2f} s, {asked:.2f} requests"


def _parallel(poll_s: float) -> dict[str, Loop]:
    """Return the loops that are worth waiting for: one file at a time asks no less for each."""
    found = loops(poll_s)
    found.pop("shell loop", None)
    return found


FIGURES = (
    Figure(
        "requests",
        "requests per import, budget scarce, imports of 5 s, 20 configurations",
        "≤ 2.2",
        requests_per_import,
    ),
    Figure(
        "share",
        "imports done, as a share of what `request_limit` allows at two requests each; time scaled",
        "≥ 90 %, no 429",
        share_of_limit,
    ),
    Figure(
        "noticed",
        "end of an import → noticed, budget ample, imports of 3 s",
        "median ≤ 1 s, ≤ 4 requests an import",
        end_noticed,
    ),
)
