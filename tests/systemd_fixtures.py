"""Stands where systemd would: the socket that NOTIFY_SOCKET names."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Manager:
    """Hears what a service tells; raises TimeoutError where it is silent for too long."""

    def __init__(self, path: Path, silence_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(silence_s)
        self.environ = {**os.environ, "NOTIFY_SOCKET": str(path)}
        #: What the service said last of its state, as far as was heard.
        self.status = ""

    def wait_for(self, assignment: str) -> str:
        """Return the first message from now on that holds an assignment."""
        while True:
            message = self._socket.recv(65536).decode("ascii")
            said = [line for line in message.splitlines() if line.startswith("STATUS=")]
            self.status = said[-1] if said else self.status
            if assignment in message:
                return message

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


@contextmanager
def manager_at(path: Path, silence_s: float = 60.0) -> Iterator[Manager]:
    """Listen at a path while the block runs."""
    manager = Manager(path, silence_s)
    try:
        yield manager
    finally:
        manager.close()
