"""Starts of our programs that do not wait for their imports, where WARM_STARTS asks for it.

A thousand faults are thousands of starts, and most of each is spent on reading the same modules.
"""

import atexit
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("warm_program.py")


@functools.cache
def _server() -> socket.socket:
    """Start what forks; it ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [sys.executable, str(PROGRAM), str(theirs.fileno())]
    server = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


class _Forked(subprocess.Popen[str]):
    """A program that is a fork of the server; all but its start and its end is as with others."""

    def _execute_child(self, *said: Any) -> None:
        words, folder, environ, own_session = said[0], said[5], said[6], said[21]
        pipes = said[10:16]
        self._caller, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asked = {
            "words": words[1:],
            "folder": str(folder or Path.cwd()),
            "environ": dict(os.environ if environ is None else environ),
            "own_session": own_session,
        }
        theirs_of_pipes = pipes[0], pipes[3], pipes[5]
        with theirs:
            streams = [
                number if stream == -1 else stream for number, stream in enumerate(theirs_of_pipes)
            ]
            sent = [theirs.fileno(), *streams]
            socket.send_fds(_server(), [json.dumps(asked).encode()], sent)
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        self.pid = int(self._caller.recv(64))
        self._child_created = True

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """Return the process ID and the wait status, zeros while it runs."""
        self._caller.setblocking(not flags & os.WNOHANG)
        with contextlib.suppress(BlockingIOError):
            status = int(self._caller.recv(64))
            self._caller.close()
            return self.pid, status
        return 0, 0

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid:
                self._handle_exitstatus(status)  # type: ignore[attr-defined]
        return self.returncode


def popen(
    words: Sequence[str], *, env: Mapping[str, str] | None, **said: Any
) -> subprocess.Popen[str]:
    """Start a program, as `Popen` does; a fork of a warm one where that makes no difference."""
    is_ours = words[0] == sys.executable and (words[1] == "-m" or words[1].endswith(".py"))
    if is_ours and "WARM_STARTS" in os.environ and "LD_PRELOAD" not in (env or {}):
        return _Forked(list(words), env=env, text=True, **said)
    return subprocess.Popen(list(words), env=env, text=True, **said)
