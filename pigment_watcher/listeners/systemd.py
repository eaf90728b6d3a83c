"""What systemd is told: ready, reloading, stopping, a status line, and that we are alive."""

import contextlib
import os
from collections.abc import Mapping

import sdnotify


class Systemd:
    """The notification socket of the service manager; does nothing where there is none.

    No call waits and none raises. `environ` has to be the process's own for the socket to be
    found, because sdnotify looks there.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._notifier = _connect() if environ.get("NOTIFY_SOCKET") else None
        self._watchdog_interval_s = _watchdog_interval_s(environ)

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to ping: half of what systemd waits; None if it does not wait for us."""
        return self._watchdog_interval_s

    def ready(self, status: str) -> None:
        """Say that everything runs; it also ends a reload."""
        self._send("READY=1", _status(status))

    def reloading(self, monotonic_us: int) -> None:
        """Say that a reload began, at so many microseconds of the monotonic clock."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_us}")

    def stopping(self) -> None:
        """Say that the service ends; it can't be taken back."""
        self._send("STOPPING=1")

    def extend(self, within_s: float) -> None:
        """Ask for so much more time from now on to start, reload or stop."""
        self._send(f"EXTEND_TIMEOUT_USEC={within_s * 1_000_000:.0f}")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send(_status(text))

    def ping(self) -> None:
        """Say that all threads are alive."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        """Let go of the socket; nothing is said any more."""
        if self._notifier is not None:
            self._notifier.socket.close()
            self._notifier = None

    def _send(self, *assignments: str) -> None:
        if self._notifier is None:
            return
        # A manager that does not read is no reason to stop or to wait.
        with contextlib.suppress(OSError):
            self._notifier.notify("\n".join(assignments))


def _connect() -> sdnotify.SystemdNotifier | None:
    # Without debug, sdnotify swallows every exception there is, an interrupt included.
    try:
        notifier = sdnotify.SystemdNotifier(debug=True)
    except OSError:
        return None
    # It would wait for ever once the queue is full.
    notifier.socket.settimeout(0)
    return notifier


def _status(text: str) -> str:
    # systemd drops what is no UTF-8, and sdnotify sends Latin-1: both read ASCII. A line end would
    # begin another assignment.
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "STATUS=" + line.encode("ascii", "backslashreplace").decode("ascii")


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    meant_for = environ.get("WATCHDOG_PID", "")
    if meant_for and meant_for != str(os.getpid()):
        return None
    try:
        microseconds = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 2 / 1_000_000 if microseconds > 0 else None
