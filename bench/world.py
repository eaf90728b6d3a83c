"""Folders with files, and the stand-in that they are pushed to."""

import http.client
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: Files are small if nobody says otherwise: so many bytes.
SMALL_BYTES = 2_000
#: A run that takes longer is given up.
PATIENCE_S = 900.0
#: Imports run for as long as said, give or take so much: at the same time each, a question a second
#: would by chance always come at the right moment, or never.
_SPREAD = 0.1
_LOOK_EVERY_S = 0.05


class NotInTimeError(Exception):
    """Something did not happen while it was waited for."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a stand-in noted.

    `asked` are requests as (time, kind, status), `imports` are (began, ended, noticed).
    """

    asked: list[tuple[float, str, int]]
    imports: list[tuple[float, float, float | None]]

    @property
    def noticed(self) -> list[tuple[float, float]]:
        """When each import ended that somebody was told of, and when that was."""
        return [(ends, told) for _, ends, told in self.imports if told is not None]

    @property
    def refused(self) -> int:
        """How many requests were answered 429."""
        return sum(status == 429 for _, _, status in self.asked)


class World:
    """A scratch folder with inboxes, and a stand-in Pigment; both go at the end of the block."""

    def __init__(
        self,
        inboxes: int = 20,
        *,
        import_s: float = 0.0,
        requests: int = 10**9,
        per_s: float = 300.0,
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
        self.folder = Path(self._scratch.name)
        # The name of a folder is its import configuration's ID: the loops know no other way.
        self.inboxes = [self.folder / "inboxes" / str(uuid.uuid4()) for _ in range(inboxes)]
        for inbox in self.inboxes:
            (inbox / "done").mkdir(parents=True)
        command = [sys.executable, "-m", "bench.standin"]
        said = [f"--import-s={import_s}", f"--requests={requests}", f"--per-s={per_s}"]
        said.append(f"--spread={_SPREAD}")
        self._standin = subprocess.Popen([*command, *said], stdout=subprocess.PIPE, text=True)
        assert self._standin.stdout is not None
        self._port = int(self._standin.stdout.readline())
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._standin.kill()
        self._standin.communicate()
        self._scratch.cleanup()

    def fill(self, count: int, size: int = SMALL_BYTES) -> None:
        """Put files into the inboxes, the same number into each."""
        rows = _rows(size)
        for number in range(count):
            inbox = self.inboxes[number % len(self.inboxes)]
            (inbox / f"file-{number:06}.csv").write_bytes(rows)

    def moved(self) -> int:
        """Return how many files lie in done/."""
        return sum(len(list((inbox / "done").iterdir())) for inbox in self.inboxes)

    def wait_until_noticed(self, count: int, within_s: float = PATIENCE_S) -> None:
        """Wait until somebody was told of so many ends of imports."""
        wait_until(lambda: self._count("noticed") >= count, within_s)

    def wait_until_pushed(self, count: int, within_s: float = PATIENCE_S) -> None:
        """Wait until so many files were pushed."""
        wait_until(lambda: self._count("pushed") >= count, within_s)

    def wait_until_moved(self, count: int, within_s: float = PATIENCE_S) -> None:
        """Wait until so many files lie in done/."""
        self.wait_until_noticed(count, within_s)  # one question is cheaper than many listings
        wait_until(lambda: self.moved() >= count, within_s)

    def wait_until_over(self, seconds: float) -> None:
        """Wait until so many seconds passed since the first request."""
        left_s = self.record().asked[0][0] + seconds - time.time()
        time.sleep(max(left_s, 0.0))

    def record(self) -> Record:
        """Return what the stand-in noted so far."""
        told = self._ask("/bench/record")
        return Record(
            [(at, kind, status) for at, kind, status in told["asked"]],
            [(began, ends, noticed) for began, ends, noticed in told["imports"]],
        )

    def _count(self, what: str) -> int:
        return int(self._ask("/bench/count")[what])

    def _ask(self, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60.0)
        try:
            connection.request("GET", path)
            told: dict[str, Any] = json.loads(connection.getresponse().read())
            return told
        finally:
            connection.close()


def wait_until(
    is_so: Callable[[], bool], within_s: float = PATIENCE_S, every_s: float = _LOOK_EVERY_S
) -> None:
    """Look again and again until something is so. Raises NotInTimeError."""
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            raise NotInTimeError(f"not so within {within_s:g} s")
        time.sleep(every_s)


def _rows(size: int) -> bytes:
    header, row = b"month,account,amount\n", b"2026-09,4000,120.50\n"
    return (header + row * (size // len(row) + 1))[: size - 1] + b"\n"
