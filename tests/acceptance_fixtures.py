"""The installed command as a process: configurations for it, its log lines, its end."""

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import warm_fixtures
import yaml

from pigment_watcher.simulator import DEMO_KEY, Simulator

COMMAND = (sys.executable, "-m", "pigment_watcher")
ROWS = "month,account,amount\n2026-09,4000,120.50\n2026-10,4000,98.00\n"

#: Where nobody listens.
NOWHERE = "http://127.0.0.1:9"

#: Seconds to wait for what has to come: a busy machine may take its time, and who waits in vain has
#: found a defect anyway.
PATIENCE_S = 60.0

Line = Mapping[str, Any]


def configuration_id(route: str) -> str:
    """Return the import configuration that `write_config` gives to a route."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, route))


def write_config(
    folder: Path,
    simulator: Simulator | None = None,
    *,
    routes: Mapping[str, Mapping[str, object]] | None = None,
    top: Mapping[str, object] | None = None,
    **pigment: object,
) -> Path:
    """Write a quick configuration and make what it names; without a simulator it leads nowhere.

    The inbox of a route is `folder/NAME`. `routes` changes or adds keys of routes, `top` those
    beside `pigment` and `routes`.
    """
    key_file = folder / "api-key"
    key_file.write_text(DEMO_KEY, encoding="ascii")
    key_file.chmod(0o600)
    content: dict[str, object] = {
        "pigment": {
            "url": NOWHERE if simulator is None else simulator.url,
            "api_key_file": str(key_file),
            "connect_timeout": "2s",
            "answer_timeout": "5s",
            "request_limit": {"requests": 10_000, "per": "5m"},
            "push_limit": {"requests": 5_000, "per": "1h"},
            **pigment,
        },
        "state_directory": str(folder / "state"),
        "stop_grace": "5s",
        "log": {"level": "debug", "format": "json"},
        **(top or {}),
        "routes": {
            name: _route(folder / name, said) for name, said in (routes or {"sales": {}}).items()
        },
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def _route(inbox: Path, said: Mapping[str, object]) -> dict[str, object]:
    route: dict[str, object] = {
        "directory": str(inbox),
        "configuration_id": configuration_id(inbox.name),
        "quiet": "300ms",
        **said,
    }
    Path(str(route["directory"])).mkdir(parents=True, exist_ok=True)
    return route


def command(
    *arguments: str | Path, timeout_s: float = 60.0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=timeout_s,
        check=False,
        **options,
    )


def eventually(predicate: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Return once the predicate is true; what has no event of its own is looked at again."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {timeout_s:g} s")
        time.sleep(0.02)


class ServiceProcess:
    """`pigment-watcher run` as a process of its own; always ended at the end of the block.

    `lines` are its log lines so far, as objects; what is no JSON stands under `text`. `program`
    stands for the command.
    """

    def __init__(
        self,
        config: Path,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        program: Sequence[str | Path] = COMMAND,
    ) -> None:
        self.lines: list[Line] = []
        # Guards `lines`; told of each new line, and of the last one.
        self._changed = threading.Condition()
        self._ended = False
        self._process = warm_fixtures.popen(
            [*map(str, program), "run", "--config", str(config), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            errors="surrogateescape",
            env=environ,
        )
        self._reader = threading.Thread(target=self._read, name="log-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is over, and all that it said was read."""
        return self._ended

    def ready(self, timeout_s: float = PATIENCE_S) -> Self:
        """Wait until it says that it is ready."""
        self.wait_for("service.ready", timeout_s)
        return self

    def wait_for(
        self, event: str, timeout_s: float = PATIENCE_S, *, after: int = 0, **fields: Any
    ) -> Line:
        """Return the first line of an event that holds these fields, the first `after` left out.

        `len(service.lines)`, taken before, makes it wait for the next one.
        """
        deadline = time.monotonic() + timeout_s
        seen = after
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if line.get("event") == event and fields.items() <= line.items():
                        return line
                seen = max(seen, len(self.lines))
                left_s = deadline - time.monotonic()
                if self._ended or left_s <= 0:
                    why = "it ended" if self._ended else f"not within {timeout_s:g} s"
                    raise AssertionError(f"no {event} with {fields}: {why}\n{self._told()}")
                self._changed.wait(left_s)

    def events(self, event: str, **fields: Any) -> list[Line]:
        """Return all lines so far of an event that hold these fields."""
        with self._changed:
            return [
                line
                for line in self.lines
                if line.get("event") == event and fields.items() <= line.items()
            ]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """Ask it to stop by SIGTERM and return its exit code."""
        self._process.terminate()
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end and return its exit code."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"it did not end\n{self._told()}") from error
        self._reader.join(5.0)
        return code

    def kill(self) -> None:
        """End it at once by SIGKILL, if it still runs, and reap it."""
        self._process.kill()
        self._process.wait()
        self._reader.join(5.0)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _read(self) -> None:
        if self._process.stderr is None:
            raise AssertionError("stderr is a pipe")
        for text in self._process.stderr:
            with self._changed:
                self.lines.append(_parsed(text))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _told(self) -> str:
        return "\n".join(map(str, self.lines[-40:]))


def _parsed(text: str) -> Line:
    try:
        line = json.loads(text)
    except ValueError:
        return {"text": text.rstrip("\n")}
    return line if isinstance(line, dict) else {"text": text.rstrip("\n")}
