"""Programs that write files badly, and a watched folder to write them into."""

import contextlib
import ctypes
import hashlib
import itertools
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from acceptance_fixtures import (
    PATIENCE_S,
    ROWS,
    ServiceProcess,
    command,
    configuration_id,
    write_config,
)

from pigment_watcher.simulator import Push, Simulator

#: What the inbox of a test is called.
ROUTE = "sales"
#: A second route of the same inbox: what it takes tells that time has passed there.
WITNESS = "witness"
#: A route with a folder of its own, whose pushes do not count either.
BYSTANDER = "bystander"
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2

#: Long enough that only a hint or an overflow leads to a scan.
NEVER = "1h"


# ---------------------------------------------------------------- who writes


class Writer:
    """A process that writes as it is told; each call returns when the deed is done."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("writer_program.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def tell(self, word: str, *arguments: Any) -> None:
        """Send a line without waiting for its end."""
        assert self._process.stdin is not None
        print(json.dumps([word, *arguments], default=str), file=self._process.stdin, flush=True)

    def do(self, word: str, *arguments: Any) -> None:
        """Send a line and wait until it is done."""
        self.tell(word, *arguments)
        self.wait()

    def wait(self) -> None:
        """Wait until the oldest deed that was not waited for is done."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "done\n"

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self._process.wait()


# ---------------------------------------------------------------- the watched folder


class Watched:
    """A service that watches a folder and pushes to a simulator."""

    def __init__(
        self,
        folder: Path,
        config: Path,
        pigment: Simulator,
        start: Callable[[Path], ServiceProcess],
    ) -> None:
        self.folder = folder
        self.config = config
        self.pigment = pigment
        self.inbox = folder / ROUTE
        self.service = start(config)
        self._start = start
        self.numbers = itertools.count(1)

    def start_again(self) -> None:
        """Kill the service and start it again."""
        self.service.kill()
        self.service = self._start(self.config).ready()

    def command(self, word: str, *arguments: str | Path) -> str:
        """Run a command that must succeed, and return what it prints."""
        ended = command(word, "--config", self.config, *arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def drop(self, name: str, text: str = ROWS) -> Path:
        """Put a whole file into the inbox by one rename; return where."""
        part = self.folder / f"dropping-{len(name)}-{hash(name)}"
        part.write_text(text, encoding="utf-8")
        return part.rename(self.inbox / name)

    def drop_by_copy(self, name: str, text: str = ROWS) -> Path:
        """Put a whole file into an inbox on another drive; return where."""
        part = self.inbox / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        return part.rename(self.inbox / name)

    def let_settle(self, times: int = 1) -> None:
        """Wait until files that came after this call have settled and were claimed.

        So whatever lay unchanged in the inbox before could have been claimed as well.
        """
        for _ in range(times):
            name = f"{next(self.numbers)}.{WITNESS}"
            self.drop(name)
            self.service.wait_for("job.claimed", file=name)

    def claimed(self, name: str) -> int:
        """Return how often a file of this name was claimed."""
        return len(self.service.events("job.claimed", file=name))

    def imported(self, name: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until a file is imported."""
        self.service.wait_for("job.finished", timeout_s, file=name, outcome="imported")

    def pushes(self) -> list[Push]:
        """Return all pushes but those of the witnesses and bystanders."""
        others = {configuration_id(route) for route in (WITNESS, BYSTANDER)}
        return [one for one in self.pigment.pushes() if one.configuration_id not in others]

    def expect_sent_once(self, *texts: str) -> None:
        """Check that the pushes carried these texts, each once and whole, and nothing else."""
        sent = Counter(push.sha256 for push in self.pushes())
        assert sent == Counter(map(sha256, texts))
        assert all(push.whole and push.status == 200 for push in self.pushes())

    def places(self, name: str) -> list[str]:
        """Return where files of a name lie in the inbox, below it too."""
        found = (path for path in self.inbox.rglob("*") if path.name == name and path.is_file())
        return sorted(str(path.relative_to(self.inbox)) for path in found)


@contextlib.contextmanager
def watched(
    folder: Path,
    *,
    import_s: float = 0.1,
    routes: Mapping[str, Mapping[str, object]] | None = None,
    before: Callable[[Path], object] = lambda _: None,
    start: Callable[[Path], ServiceProcess] = ServiceProcess,
    **said: object,
) -> Iterator[Watched]:
    """Let a service watch `folder/sales`; `said` are keys of that route, `routes` are others.

    `before` is called with the inbox before the service starts.
    """
    with Simulator(import_s=import_s) as pigment:
        witness: dict[str, object] = {
            "directory": str(folder / ROUTE),
            "configuration_id": configuration_id(WITNESS),
            "files": f"*.{WITNESS}",
            **{key: said[key] for key in ("watch", "scan_every", "quiet") if key in said},
        }
        wanted = {ROUTE: said, WITNESS: witness, **(routes or {})}
        config = write_config(folder, pigment, routes=wanted)
        before(folder / ROUTE)
        here = Watched(folder, config, pigment, start)
        try:
            here.service.ready()
            yield here
        finally:
            here.service.kill()


def start_without_rights(config: Path) -> ServiceProcess:
    """Start a service that may do no more than a file's mode allows, root or not."""
    started: list[ServiceProcess] = []

    def start() -> None:
        libc = ctypes.CDLL(None)
        for right in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            # Whoever is not root is refused, and has no such right to lose.
            libc.prctl(_PR_CAPBSET_DROP, right, 0, 0, 0)
        started.append(ServiceProcess(config))

    # What a thread gives up is given up for good, and by what it starts: source: prctl(2).
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    return started[0]


def sha256(text: str) -> str:
    """Return the digest by which a push is known."""
    return hashlib.sha256(text.encode()).hexdigest()


def lines(count: int, word: str = "row") -> list[str]:
    """Return so many different rows."""
    return [f"2026-{number % 12 + 1:02},{word}-{number},{number}.50\n" for number in range(count)]


def names_of(paths: Iterable[Path]) -> list[str]:
    """Return the last parts of some paths, sorted."""
    return sorted(path.name for path in paths)
