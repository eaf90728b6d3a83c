"""Those that are measured: the service, and what somebody would write instead."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import processes
from bench.world import World

#: Far more than is asked in any run.
NO_LIMIT = {"requests": 1_000_000, "per": "5m"}
#: Seconds between two questions of a loop, and between two looks of the one in Python.
POLL_S = 1.0
COMMAND = (sys.executable, "-m", "pigment_watcher")
_START_WITHIN_S = 120.0
_STOP_WITHIN_S = 30.0
_ALTERNATIVES = Path(__file__).parent / "alternatives"


class Contestant:
    """A process that brings files from the inboxes of a world to its stand-in, and its children."""

    def __init__(self, world: World, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.started_at = time.time()
        with (world.folder / "output.log").open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environ},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    def cpu_s(self) -> float:
        """Return the processor seconds that it used so far, with all that it started."""
        return processes.cpu_s(self.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and whatever it started."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_WITHIN_S)
        _kill_session(self._process.pid)
        self._process.wait()


class Service(Contestant):
    """`pigment-watcher run`, one route for each inbox; `ready_at` is when it said READY."""

    def __init__(
        self,
        world: World,
        *,
        pigment: Mapping[str, object] | None = None,
        route: Mapping[str, object] | None = None,
        **top: object,
    ) -> None:
        config = write_config(world, pigment or {}, route or {}, top)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            place = str(world.folder / f"notify-{time.time_ns()}")
            ear.bind(place)
            ear.settimeout(_START_WITHIN_S)
            super().__init__(
                world, [*COMMAND, "run", "--config", str(config)], {"NOTIFY_SOCKET": place}
            )
            try:
                while b"READY=1" not in ear.recv(4096):
                    pass
            except TimeoutError:
                self.stop()
                raise
            self.ready_at = time.time()


def write_config(
    world: World,
    pigment: Mapping[str, object],
    route: Mapping[str, object],
    top: Mapping[str, object],
) -> Path:
    """Write a configuration that takes files at once and asks without limit, if not told else."""
    key = world.folder / "api-key"
    key.write_text("bench")
    key.chmod(0o600)
    content = {
        "pigment": {
            "url": world.url,
            "api_key_file": str(key),
            "request_limit": NO_LIMIT,
            "push_limit": NO_LIMIT,
            **pigment,
        },
        "state_directory": str(world.folder / "state"),
        **top,
        "routes": {
            f"route-{number}": {
                "directory": str(inbox),
                "configuration_id": inbox.name,
                "quiet": "0s",
                **route,
            }
            for number, inbox in enumerate(world.inboxes)
        },
    }
    file = world.folder / "config.yaml"
    file.write_text(json.dumps(content))  # JSON is YAML, too
    return file


class ShellLoop(Contestant):
    """inotifywait, curl, jq and mv; so many files at once."""

    needs = ("bash", "inotifywait", "curl", "jq")

    def __init__(self, world: World, at_once: int, poll_s: float = POLL_S) -> None:
        super().__init__(
            world, [str(_ALTERNATIVES / "loop.sh"), *_said(world, at_once, poll_s)], {}
        )


class PythonLoop(Contestant):
    """A minimal loop with requests; so many files at once."""

    needs = ()

    def __init__(self, world: World, at_once: int, poll_s: float = POLL_S) -> None:
        command = [sys.executable, str(_ALTERNATIVES / "loop.py")]
        super().__init__(world, [*command, *_said(world, at_once, poll_s)], {})


#: A loop by the name that the table gives it.
Loop = Callable[[World], Contestant]


def loops(poll_s: float = POLL_S) -> dict[str, Loop]:
    """Return the loops whose tools are there, by their names."""
    found: dict[str, Loop] = {}
    if not missing_tools():
        found["shell loop"] = lambda world: ShellLoop(world, 1, poll_s)
        found["shell loop, 4 at once"] = lambda world: ShellLoop(world, 4, poll_s)
    found["Python loop"] = lambda world: PythonLoop(world, 1, poll_s)
    return found


def missing_tools() -> list[str]:
    """Return the programs that the shell loop needs and that are not installed."""
    return [tool for tool in ShellLoop.needs if shutil.which(tool) is None]


def _said(world: World, at_once: int, poll_s: float) -> list[str]:
    return [world.url, str(at_once), str(poll_s), *map(str, world.inboxes)]


def _kill_session(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
