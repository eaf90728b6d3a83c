"""Connections that obey a guard, and the adapter of requests that uses them.

Why not plain requests: it has no total time-out, sends against the connect time-out, loses an
answer that comes before the body is through (TLS above all), takes 102 and 103 for the final
answer, trusts its own list of authorities instead of the system's, reads .netrc over our key
and reads the whole of a redirect.
"""

import fcntl
import http.client
import io
import math
import os
import socket
import ssl
import struct
import termios
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.wait import wait_for_socket

from pigment_watcher import errors
from pigment_watcher.pigment.guard import Guard

#: Seconds without any progress after which a transfer of the body is given up.
SEND_STALL_S = 60.0
#: How often it is looked how much the other end has still to take, in seconds.
DELIVERY_LOOK_S = 0.2
#: Bytes of an early answer that are taken at once.
EARLY_BYTES = 4096
#: Where the first digit of the status stands in `HTTP/1.1 413 ...`.
STATUS_DIGIT = slice(9, 10)

NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
HUNG_UP = (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class _Reader(io.RawIOBase):
    """What the server sends: first what was heard while sending, then the socket, on the clock."""

    def __init__(
        self, sock: socket.socket, stream: io.RawIOBase, *, guard: Guard, heard: bytearray
    ) -> None:
        super().__init__()
        self._sock = sock
        self._stream = stream
        self._guard = guard
        self._heard = heard

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._heard:
            count = min(len(buffer), len(self._heard))
            buffer[:count] = self._heard[:count]
            del self._heard[:count]
            return count
        self._sock.settimeout(self._guard.remaining_s())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response read through a `_Reader`, past any interim (1xx) answers."""

    def __init__(
        self, sock: socket.socket, *args: Any, guard: Guard, heard: bytearray, **options: Any
    ) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Reader(sock, self.fp.detach(), guard=guard, heard=heard))

    def begin(self) -> None:
        super().begin()
        while HTTPStatus.SWITCHING_PROTOCOLS < self.status < HTTPStatus.OK:
            self.headers = None  # type: ignore[assignment]
            super().begin()


class _Connection(HTTPConnection):
    """A connection that keeps its guard's time and hears an answer while it still sends."""

    def __init__(self, *args: Any, guard: Guard, **options: Any) -> None:
        super().__init__(*args, **options)
        self._guard = guard
        self._heard = bytearray()
        self._is_listening = False

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self._guard.allow(self.timeout or math.inf)
        self._guard.watch(sock)
        return sock

    def connect(self) -> None:
        super().connect()
        self._guard.allow(math.inf)
        self._guard.connected()
        self._is_listening = True

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        left = memoryview(data)
        self.sock.settimeout(0)
        while left:
            self._wait()
            if self._is_listening:
                self._listen()
            left = left[self._send_some(left) :]

    def _wait(self) -> None:
        wait_s = min(SEND_STALL_S, self._guard.remaining_s())
        began_at = time.monotonic()
        if not wait_for_socket(self.sock, read=self._is_listening, write=True, timeout=wait_s):
            waited_s = time.monotonic() - began_at
            raise TimeoutError(f"nothing more could be sent for {waited_s:.0f} s")

    def _listen(self) -> None:
        """Stop sending once the server has refused or hung up; its answer is read all the same."""
        try:
            heard = self.sock.recv(EARLY_BYTES)
        except NOT_YET:
            return
        self._heard += heard
        digit = bytes(self._heard[STATUS_DIGIT])
        if not heard or digit in (b"3", b"4", b"5"):
            raise BrokenPipeError("the server answered before it had everything")
        # An interim answer or a hasty success: the rest is sent, then it is read in its turn.
        self._is_listening = not digit

    def _send_some(self, data: memoryview) -> int:
        try:
            return self.sock.send(data)
        except NOT_YET:
            return 0
        except HUNG_UP as error:
            # urllib3 goes on to read the answer after a broken pipe, but after nothing else.
            raise BrokenPipeError("the server hung up") from error

    def _deliver(self) -> None:
        """Wait until the other end has taken what was sent: the time for its answer begins there.

        Megabytes lie in this machine's own buffers when the last byte was handed to them, which
        a slow line needs minutes for.
        """
        left, moved_at = self._undelivered(), time.monotonic()
        while left and not self._heard:
            wait_s = min(DELIVERY_LOOK_S, self._guard.remaining_s())
            if wait_for_socket(self.sock, read=True, timeout=wait_s) and self._hears():
                return
            before, left = left, self._undelivered()
            if left != before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > SEND_STALL_S:
                raise TimeoutError(f"nothing more was taken for {SEND_STALL_S:.0f} s")

    def _undelivered(self) -> int:
        """Bytes that were sent and that the other end has not confirmed."""
        held = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        return int(struct.unpack("i", held)[0])

    def _hears(self) -> bool:
        """Return whether the answer begins, or never will; TLS says things of its own, too."""
        try:
            self._heard += self.sock.recv(EARLY_BYTES)
        except NOT_YET:
            return False
        return True

    def getresponse(self) -> Any:
        self._deliver()
        self._guard.allow(self.timeout or math.inf)
        return super().getresponse()

    def response_class(  # type: ignore[override]
        self, sock: socket.socket, *args: Any, **options: Any
    ) -> _Response:
        """Make the response; http.client and the proxy's tunnel both ask here."""
        return _Response(sock, *args, guard=self._guard, heard=self._heard, **options)


class _TLSConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class Adapter(HTTPAdapter):
    """Sends requests over guarded connections, with one TLS context; never tries anything twice.

    Used without a session of requests, which would keep cookies, follow redirects and ask the
    environment, and is a fifth of the work of a call.
    """

    def __init__(self, guard: Guard, trust: ssl.SSLContext) -> None:
        self._guard = guard
        self._trust = trust
        # One connection at a time: a pool for more is filled and emptied at each call.
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Let the context alone say whom to trust."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._trust}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave trust to the context: requests would put its own list of authorities on top."""

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return connections that obey the guard."""
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        pool.ConnectionCls = _TLSConnection if pool.scheme == "https" else _Connection
        pool.conn_kw["guard"] = self._guard
        return pool

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """Refuse a proxy that can't be used. Raises InvalidProxyURL."""
        if urlsplit(proxy).scheme != "http":
            # Their connections are other classes, which know neither guard nor early answers.
            raise requests.exceptions.InvalidProxyURL(
                "only proxies that are spoken to by http:// can be used; correct the proxy's URL"
            )
        return super().proxy_manager_for(proxy, **options)


class Bearer(AuthBase):
    """The API key; as an auth object, because a .netrc would replace a plain header."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the key on a request."""
        request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request


def proxies(url: str, proxy: str | None) -> dict[str, str]:
    """Return the proxies for a URL by scheme: this one, else what the environment says."""
    if proxy:
        return {"http": proxy, "https": proxy}
    return requests.utils.get_environ_proxies(url, no_proxy=None)


def trust(ca_bundle: Path | None) -> ssl.SSLContext:
    """Trust this file or folder of authorities, else REQUESTS_CA_BUNDLE, else the system's."""
    source = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE")
    if not source:
        return ssl.create_default_context()
    try:
        if Path(source).is_dir():
            return ssl.create_default_context(capath=source)
        return ssl.create_default_context(cafile=source)
    except OSError as error:
        problem = f"ca_bundle: {source}: no readable PEM certificates ({error.strerror or error})"
        raise errors.ConfigError([problem]) from error
