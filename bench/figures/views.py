"""What the status page costs when there is much to show."""

import socket
import urllib.request

from bench import processes
from bench.contestants import Service
from bench.figure import Figure, Found, Scale
from bench.finished import finish
from bench.timing import median_s, milliseconds
from bench.world import World

_TRIES = 5
_MIB = 2**20
#: The views, by what the table calls them.
_VIEWS = {
    "overview": "/",
    "overview, with the month": "/?span=month",
    "files": "/files",
    "search": "/files?named=00042",
    "one file": "/files/42",
    "/healthz": "/healthz",
    "/metrics": "/metrics",
}


def page(scale: Scale) -> Found:
    """The median of five calls of each view; the peak is that of the service, page included."""
    with World(1) as world:
        finish(world, scale.pick(100_000, 1000))
        port = _free_port()
        with Service(world, web={"listen": f"127.0.0.1:{port}"}) as service:
            took = {name: _median_s(port, path) for name, path in _VIEWS.items()}
            peak = processes.peak_bytes(service.pid)
    with World(1) as world, Service(world) as service:
        without = processes.peak_bytes(service.pid)
    slowest = max(took.values())
    text = ", ".join(f"{name}: {milliseconds(seconds)}" for name, seconds in took.items())
    return Found(
        f"{text}; {peak / _MIB:.0f} MiB",
        slowest <= 1.0,
        {"without a page, and without jobs": f"{without / _MIB:.0f} MiB"},
    )


def _median_s(port: int, path: str) -> float:
    def view() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60.0) as answer:
            answer.read()

    return median_s(view, _TRIES)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


FIGURES = (
    Figure("page", "the status page with 100,000 finished jobs", "≤ 1 s for each view", page),
)
