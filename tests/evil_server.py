"""A front before the stand-in: it plays evil answers to some requests and passes on all others.

What it passes on stands in the stand-in's ledger, so that `World.check` counts the imports there;
what came to the front itself it keeps in `seen`.
"""

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Literal, Self

from scripted_server import Peer

from pigment_watcher.simulator import Simulator

Kind = Literal["push", "status", "probe"]

#: A connection on which nothing happens for so many seconds is of no use to any test.
IDLE_S = 60.0
NIL = b"00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came, as far as it was read when its answer ended."""

    kind: Kind
    size: int
    sha256: str
    key: str | None


@dataclass
class Caller(Peer):
    """The front's end of one connection, and the way to the stand-in behind it."""

    behind: tuple[str, int] = ("", 0)
    #: What was read before its head was understood.
    kind: Kind = "probe"
    #: The whole answer of the stand-in, once it was asked.
    told: bytes = field(default=b"", repr=False)

    def understand(self) -> None:
        """Read the head, and tell what is asked for."""
        self.read_head()
        if self.head.startswith(b"POST"):
            self.kind = "push"
        else:
            self.kind = "probe" if NIL in self.head.partition(b"\r\n")[0] else "status"

    def read_rest(self) -> None:
        """Read what is left of the request."""
        self.read_body(int(self.header("Content-Length") or 0))

    def ask(self) -> bytes:
        """Let the stand-in act on the request, and return all that it answers."""
        self.read_rest()
        with socket.create_connection(self.behind, IDLE_S) as behind:
            behind.sendall(self.head + b"\r\n\r\n" + self.body)
            self.told = b"".join(iter(lambda: behind.recv(65536), b""))
        return self.told

    def pass_on(self) -> None:
        """Answer what the stand-in answers."""
        self.sock.sendall(self.ask())


Evil = Callable[[Caller], None]


class Front:
    """Listens before a stand-in; `play` says what goes wrong next.

    With `tls` it speaks TLS; that may be changed between two connections. While it `is_mute`, it
    takes connections and neither reads nor says anything.
    """

    def __init__(
        self,
        pigment: Simulator,
        *,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        host, port = pigment.url.removeprefix("http://").split(":")
        self.tls = tls
        self.is_mute = False
        self.seen: list[Seen] = []
        self._behind = (host, int(port))
        self._scheme = "http" if tls is None else "https"
        self._script: list[tuple[Kind, Evil, int | None]] = []
        # Guards the script and what was seen.
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def play(self, evil: Evil, *, on: Kind = "push", times: int | None = 1) -> None:
        """Do this with the next requests of a kind; None means until `relent`."""
        with self._lock:
            self._script.append((on, evil, times))

    def relent(self) -> None:
        """Behave from now on."""
        with self._lock:
            self._script.clear()

    def count(self, kind: Kind) -> int:
        """Return how many requests of a kind came and ended so far."""
        with self._lock:
            return sum(one.kind == kind for one in self.seen)

    def close(self) -> None:
        """End every connection and wait for its thread."""
        self._released.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            open_now = list(self._open)
        for sock in open_now:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="evil-front")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._released.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._converse, sock)

    def _converse(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
        try:
            with closing(sock), suppress(OSError):
                self._serve(sock)
        finally:
            with self._lock:
                self._open.discard(sock)

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(IDLE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.is_mute:
            self._released.wait(IDLE_S)
            return
        if self.tls is not None:
            sock = self.tls.wrap_socket(sock, server_side=True)
        with closing(sock):
            caller = Caller(sock, self._released, behind=self._behind)
            caller.understand()
            evil = self._take(caller.kind)
            try:
                (evil or Caller.pass_on)(caller)
            finally:
                self._note(caller)

    def _take(self, kind: Kind) -> Evil | None:
        with self._lock:
            for index, (on, evil, times) in enumerate(self._script):
                if on == kind:
                    left = None if times is None else times - 1
                    self._script[index : index + 1] = [] if left == 0 else [(on, evil, left)]
                    return evil
        return None

    def _note(self, caller: Caller) -> None:
        seen = Seen(
            kind=caller.kind,
            size=len(caller.body),
            sha256=hashlib.sha256(caller.body).hexdigest(),
            key=caller.header("Authorization"),
        )
        with self._lock:
            self.seen.append(seen)


# ---------------------------------------------------------------- evil answers


def saying(raw: bytes, *, begins: bool = False) -> Evil:
    """Return an evil that reads the request, says exactly this, and hangs up.

    With `begins`, the stand-in begins the import all the same.
    """

    def evil(caller: Caller) -> None:
        caller.ask() if begins else caller.read_rest()
        caller.sock.sendall(raw)

    return evil


def answering(status: str, content: bytes = b"", *headers: str, begins: bool = False) -> Evil:
    """Return an evil that gives a whole answer of HTTP."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
    return saying("\r\n".join(head).encode("latin-1") + content, begins=begins)


def cut_after(share: float, *, resets: bool = False) -> Evil:
    """Return an evil that cuts the stand-in's own answer after a share of its bytes."""

    def evil(caller: Caller) -> None:
        told = caller.ask()
        caller.sock.sendall(told[: int(len(told) * share)])
        if resets:
            caller.reset()

    return evil


def dripping(caller: Caller) -> None:
    """Give the stand-in's own answer, so slowly that nobody can wait for it."""
    for byte in caller.ask():
        caller.sock.sendall(bytes([byte]))
        if caller.released.wait(0.2):
            return


def hanging(caller: Caller) -> None:
    """Say nothing, and read nothing."""
    caller.released.wait()


def hanging_after_body(caller: Caller) -> None:
    """Take all of it, begin the import, and say nothing."""
    caller.ask()
    caller.released.wait()


def resetting(share: float, *, closes: bool = False) -> Evil:
    """Return an evil that resets (or closes) when a share of the body came."""

    def evil(caller: Caller) -> None:
        caller.read_body(int(int(caller.header("Content-Length") or 0) * share))
        if not closes:
            caller.reset()

    return evil


def pouring(head: bytes, size: int, block: bytes) -> Evil:
    """Return an evil whose answer has very many bytes."""

    def evil(caller: Caller) -> None:
        caller.read_rest()
        caller.sock.sendall(head)
        for _ in range(size // len(block)):
            caller.sock.sendall(block)

    return evil


def flooding(interim: bytes, times: int) -> Evil:
    """Return an evil that says interim answers, so many, before it behaves."""

    def evil(caller: Caller) -> None:
        told = caller.ask()
        for _ in range(times):
            caller.sock.sendall(interim)
        caller.sock.sendall(told)

    return evil


def early(status: int, *, then: Literal["close", "hold", "linger"]) -> Evil:
    """Return an evil that answers before the body is through."""

    def evil(caller: Caller) -> None:
        caller.answer(f"{status} Early", b"said early", "Connection: close")
        if then == "hold":
            caller.released.wait()
        if then == "linger":
            caller.read_rest()

    return evil


def reading_slowly(bytes_a_second: int) -> Evil:
    """Return an evil that takes its time to read, and then behaves."""

    def evil(caller: Caller) -> None:
        size = int(caller.header("Content-Length") or 0)
        while len(caller.body) < size and not caller.released.is_set():
            caller.read_body(min(size, len(caller.body) + 1))
            caller.released.wait(4096 / bytes_a_second)
        caller.pass_on()

    return evil


def telling(status: str, **more: object) -> Evil:
    """Return an evil that answers a status call with this, and begins with the right import ID."""

    def evil(caller: Caller) -> None:
        asked = caller.head.partition(b"/status")[0].rpartition(b"/")[2].decode()
        said = json.dumps({"importId": asked, "importStatus": status, **more})
        answering("200 OK", said.encode())(caller)

    return evil
