"""Serves the page from a thread of its own, with threads of its own behind it."""

import socket
import threading
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

from pigment_watcher import errors
from pigment_watcher.web.app import application
from pigment_watcher.web.source import Source

#: Views that are drawn side by side; the others wait in line.
THREADS = 2
#: Connections at a time; a browser has up to six.
CONNECTIONS = 50
#: Seconds after which a connection is closed on which nobody asks.
SILENCE_S = 30
#: Seconds within which a view that is being drawn ends.
DRAWN_S = 5


class Server:
    """Listens from the moment when it is made. Raises WebRefused if it can't."""

    def __init__(self, host: str, port: int, token: str | None, source: Source) -> None:
        self._closing = threading.Event()
        # Guards the descriptor that wakes the loop: once closed, its number is somebody else's.
        self._waking = threading.Lock()
        self._is_over = False
        self._map: Any = {}  # of dispatchers; the stubs say that they are sockets
        self._socket = _listen(host, port)
        server = create_server(
            application(source, listens_on=host, token=token),
            map=self._map,
            sockets=[self._socket],
            threads=THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=SILENCE_S,
            ident=None,
        )
        assert isinstance(server, BaseWSGIServer)  # for one socket it is
        self._server = server

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    def run(self) -> None:
        """Serve until it is closed."""
        try:
            while not self._closing.is_set():
                wasyncore.loop(timeout=SILENCE_S, use_poll=True, map=self._map, count=1)
        finally:
            self._server.task_dispatcher.shutdown(timeout=DRAWN_S)
            with self._waking:
                self._is_over = True
                wasyncore.close_all(self._map, ignore_all=True)

    def close(self) -> None:
        """Serve nothing more; safe from any thread."""
        self._closing.set()
        with self._waking:
            if not self._is_over:
                self._server.pull_trigger()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise errors.WebRefused(
            f"the page can't be shown on {host}:{port} (web.listen): {error.strerror or error};"
            " name an address of this machine, and a port that is free"
        ) from error
