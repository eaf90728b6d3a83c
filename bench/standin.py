"""A stand-in Pigment that is no bottleneck: one process, no check of what it is sent.

It notes when each request came and when each import ended, and drops the bodies.
"""

import argparse
import asyncio
import collections
import json
import random
import re
import time
import uuid
from dataclasses import dataclass, field

#: Bytes taken from a socket at once.
BLOCK_BYTES = 256 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_PUSH = re.compile(rb"/api/(?:v1/)?import/push/csv\?configurationId=([0-9a-f-]+)")
_STATUS = re.compile(rb"/api/(v1/)?import/([0-9a-f-]+)/status")

#: What all connections read into: it is taken up before the next one is read.
_block = memoryview(bytearray(BLOCK_BYTES))


@dataclass(slots=True)
class Import:
    """An import; times are seconds since 1970, `noticed` is None until somebody was told."""

    began: float
    ends: float
    noticed: float | None = None


@dataclass(slots=True)
class Book:
    """What was asked, and what is answered; imports run for `import_s`, give or take `spread`."""

    import_s: float
    requests: int
    per_s: float
    spread: float = 0.0
    imports: dict[bytes, Import] = field(default_factory=dict)
    asked: list[tuple[float, str, int]] = field(default_factory=list)
    noticed: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311
    _passed: collections.deque[float] = field(default_factory=collections.deque)

    def answer(self, method: bytes, target: bytes, came: float, now: float) -> tuple[int, bytes]:
        """Answer one request and note it; `came` is when its body began, or its head ended."""
        if target == b"/bench/record":
            return 200, self._record()
        if target == b"/bench/count":
            return 200, b'{"pushed": %d, "noticed": %d}' % (len(self.imports), self.noticed)
        status, kind, said = self._decide(method, target, came, now)
        self.asked.append((came, kind, status))
        return status, said

    def _decide(
        self, method: bytes, target: bytes, came: float, now: float
    ) -> tuple[int, str, bytes]:
        kind = "push" if method == b"POST" else "status" if method == b"GET" else "bytes"
        if not self._lets_pass(came):
            return 429, kind, b'"Too many requests. Please try again later."'
        if kind == "bytes":
            return 200, kind, b""
        if kind == "push" and _PUSH.match(target):
            return 200, kind, self._begin(came, now)
        if found := _STATUS.match(target):
            return self._status(found[2], now, v1=bool(found[1]))
        return 404, kind, b'"Not found"'

    def _lets_pass(self, now: float) -> bool:
        """Hold the limit in every span of its length, wherever it begins."""
        while self._passed and self._passed[0] <= now - self.per_s:
            self._passed.popleft()
        if len(self._passed) >= self.requests:
            return False
        self._passed.append(now)
        return True

    def _begin(self, came: float, now: float) -> bytes:
        import_id = str(uuid.uuid4()).encode()
        runs_s = self.import_s * self._chance.uniform(1 - self.spread, 1 + self.spread)
        self.imports[import_id] = Import(came, now + runs_s)
        return b'{"importId": "%s"}' % import_id

    def _status(self, import_id: bytes, now: float, *, v1: bool) -> tuple[int, str, bytes]:
        one = self.imports.get(import_id)
        if one is None:
            return 404, "status", b'"Import not found"'
        is_over = now >= one.ends
        if is_over and one.noticed is None:
            one.noticed = now
            self.noticed += 1
        told: dict[str, object] = {
            "importId": import_id.decode(),
            "createdAt": _moment(one.began),
            "completedAt": _moment(one.ends) if is_over else None,
            "importStatus": "Completed" if is_over else "InProgress",
        }
        if v1:
            told |= {"errorsDetails": [], "detailedReport": _REPORT if is_over else None}
        return 200, "status", json.dumps(told).encode()

    def _record(self) -> bytes:
        imports = [[one.began, one.ends, one.noticed] for one in self.imports.values()]
        return json.dumps({"asked": self.asked, "imports": imports}).encode()


_REPORT = {
    "blockType": "Metric",
    "summary": {"insertedCount": 1, "updatedCount": 0, "deletedCount": 0, "skippedCount": 0},
    "impactedBlocks": [],
    "autoCreatedDimensionModalities": [],
}


def _moment(seconds: float) -> str:
    fraction = f"{seconds % 1:.6f}"[1:]
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"


class Connection(asyncio.BufferedProtocol):
    """One connection: heads are read, bodies are counted and dropped."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._head = bytearray()
        self._left = 0
        self._came = 0.0
        self._asked: tuple[bytes, bytes, bool] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # asyncio's own signature
        """Lend the one block."""
        return _block

    def buffer_updated(self, nbytes: int) -> None:
        """Take up what came."""
        self._take(_block[:nbytes])

    def _take(self, data: memoryview) -> None:
        while data:
            if self._asked is None:
                data = self._read_head(data)
            else:
                self._came = self._came or time.time()
                eaten = min(self._left, len(data))
                self._left -= eaten
                data = data[eaten:]
            if self._asked is not None and not self._left:
                self._answer(*self._asked)

    def _read_head(self, data: memoryview) -> memoryview:
        before = len(self._head)
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return data[len(data) :]
        head = bytes(self._head[:end])
        self._head.clear()
        method, target, _ = head.split(b" ", 2)
        length = _LENGTH.search(head)
        self._left = int(length[1]) if length else 0
        self._came = 0.0 if self._left else time.time()
        self._asked = method, target, _CLOSE.search(head) is not None
        if _EXPECT.search(head):
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return data[end + 4 - before :]

    def _answer(self, method: bytes, target: bytes, closes: bool) -> None:
        self._asked = None
        status, said = self._book.answer(method, target, self._came, time.time())
        self._write(
            b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(said), said)
        )
        if closes and self._transport is not None:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def serve(book: Book) -> None:
    """Listen on a free port of this machine, print it, and serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(book), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--import-s", type=float, default=0.0, help="how long an import runs")
    parser.add_argument("--spread", type=float, default=0.0, help="give or take such a share")
    parser.add_argument("--requests", type=int, default=10**9, help="how many are let pass")
    parser.add_argument("--per-s", type=float, default=300.0, help="within so many seconds")
    said = parser.parse_args()
    asyncio.run(serve(Book(said.import_s, said.requests, said.per_s, said.spread)))


if __name__ == "__main__":
    main()
