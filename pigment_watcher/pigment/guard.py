"""What bounds a call in time, and lets another thread cut it."""

import math
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Guard:
    """Watches over one call at a time; only `abort` may come from another thread."""

    def __init__(self) -> None:
        #: Whether the call under way has its connection, TLS included.
        self.is_connected = False
        self._when_connected: Callable[[], None] | None = None
        self._call_ends = math.inf
        self._step_ends = math.inf
        # Held while the two below are looked at or changed: `abort` comes from elsewhere.
        self._lock = threading.Lock()
        self._is_aborted = False
        self._handle: socket.socket | None = None

    @property
    def is_aborted(self) -> bool:
        """Whether `abort` was called, which is for good."""
        with self._lock:
            return self._is_aborted

    def begin(
        self, *, total_s: float = math.inf, when_connected: Callable[[], None] | None = None
    ) -> None:
        """Start the clock of a call; ConnectionAbortedError after an abort."""
        self.is_connected = False
        self._when_connected = when_connected
        self._call_ends = time.monotonic() + total_s
        self._step_ends = math.inf
        self.remaining_s()

    def end(self) -> None:
        """Let go of the call's socket."""
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = None

    def watch(self, sock: socket.socket) -> None:
        """Make this the socket that an abort cuts."""
        # A handle of our own stays valid while TLS wraps the socket, which detaches the original,
        # and while the HTTP layer closes it, which would leave its number to somebody else.
        handle = socket.socket(fileno=os.dup(sock.fileno()))
        with self._lock:
            self._handle = handle
            if self._is_aborted:
                self._cut()

    def connected(self) -> None:
        """Note that the connection stands: what follows is the request."""
        self.is_connected = True
        if self._when_connected is not None:
            self._when_connected()

    def allow(self, seconds: float) -> None:
        """Give the step that begins now so many seconds in all."""
        self._step_ends = time.monotonic() + seconds

    def remaining_s(self) -> float:
        """Seconds left to the step; TimeoutError at the end, ConnectionAbortedError if aborted."""
        if self.is_aborted:
            raise ConnectionAbortedError
        left_s = min(self._step_ends, self._call_ends) - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the time for it is over")
        return left_s

    def abort(self) -> None:
        """Cut the call under way and refuse every later one."""
        with self._lock:
            self._is_aborted = True
            self._cut()

    def _cut(self) -> None:
        if self._handle is not None:
            # The other end may have been faster.
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)
