"""A server on a real socket that plays a script on every connection."""

import io
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pigment_watcher import pigment
from pigment_watcher.model import Accepted

KEY = "k3y0fTheNewFormat"
CONFIGURATION = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
IMPORT = "f2b03cab-ba63-4525-bd59-c597f6721973"
STARTED = json.dumps({"importId": IMPORT}).encode()
COMPLETED = json.dumps({"importId": IMPORT, "importStatus": "Completed"}).encode()
PUSH_OPTIONS = {"size", "before_body", "progress"}
#: More than the buffers of both ends of a connection take.
LARGE = 64 * 1024 * 1024


@dataclass
class Peer:
    """The server's end of one connection."""

    sock: socket.socket
    released: threading.Event
    head: bytes = b""
    body: bytearray = field(default_factory=bytearray)

    def read_head(self) -> None:
        while b"\r\n\r\n" not in self.head:
            self.head += self._receive()
        self.head, _, begun = self.head.partition(b"\r\n\r\n")
        self.body += begun

    def read_body(self, size: int) -> None:
        while len(self.body) < size:
            self.body += self._receive()

    def read_request(self) -> None:
        self.read_head()
        self.read_body(int(self.header("Content-Length") or 0))

    def _receive(self) -> bytes:
        block = self.sock.recv(65536)
        if not block:
            raise ConnectionResetError
        return block

    def header(self, name: str) -> str | None:
        lines = self.head.decode().split("\r\n")[1:]
        found = dict(line.split(": ", 1) for line in lines)
        assert len(found) == len(lines)
        return found.get(name)

    def answer(self, status: str, content: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode() + content)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Script = Callable[[Peer], None]


class Server:
    """Plays one script on each connection; its peers tell what came."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.peers: list[Peer] = []
        self.released = threading.Event()
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="scripted-server")
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            with closing(sock), suppress(OSError):
                if self.released.is_set():
                    return
                self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        sock.settimeout(20)
        # Else an answer may still wait for its turn when the reset that follows throws it away.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            sock = self._tls.wrap_socket(sock, server_side=True)
        with closing(sock):
            peer = Peer(sock, self.released)
            self.peers.append(peer)
            self._script(peer)

    def close(self) -> None:
        """End every script and wait for it; calling it again does no harm."""
        self.released.set()
        if not self._thread.is_alive():
            return
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


Serve = Callable[..., Server]


@contextmanager
def servers() -> Iterator[Serve]:
    """Hand out a function that starts servers, and stop them all at the end."""
    with ExitStack() as stack:
        yield lambda script, **options: stack.enter_context(closing(Server(script, **options)))


def answering(status: str, content: bytes = b"", *headers: str) -> Script:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(status, content, *headers)

    return script


def silent(peer: Peer) -> None:
    peer.read_request()
    peer.released.wait()


def answering_early(peer: Peer, *, then: str) -> None:
    peer.read_head()
    peer.answer("413 Too Large", b"too large", "Connection: close")
    if then == "hold":
        peer.released.wait()
    if then == "linger":
        peer.read_body(LARGE)


class Flag:
    """A callback that remembers how often it was called."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self._error = error

    def __call__(self) -> None:
        self.calls += 1
        if self._error:
            raise self._error


def push(url: str, content: bytes = b"a,b\n1,2\n", **options: Any) -> Accepted:
    """Push some bytes with a client of its own; `options` go to the one or the other."""
    settings: dict[str, Any] = {"connect_timeout_s": 5.0, "answer_timeout_s": 5.0}
    arguments: dict[str, Any] = {"size": len(content)}
    for name, value in options.items():
        (arguments if name in PUSH_OPTIONS else settings)[name] = value
    with pigment.Client(url, **settings) as client:
        return client.push(
            io.BytesIO(content), configuration_id=CONFIGURATION, api_key=KEY, **arguments
        )
