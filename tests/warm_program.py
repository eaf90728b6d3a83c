"""Starts programs of ours without the wait for their imports: each is a fork of this one.

Started with the number of a socket. Each request is an object of JSON, and with it come a socket
and the three standard streams of the program; over that socket its process ID is told, and its wait
status when it is over.
"""

import contextlib
import json
import os
import runpy
import select
import socket
import sys
import time
from typing import Any

# What is loaded once for all of them.
import pigment_watcher.cli.run
import pigment_watcher.listeners.logs
import pigment_watcher.service.service  # noqa: F401

#: More than any request has.
MOST_BYTES = 1 << 17
#: With each request: the socket to answer by, and the streams 0, 1 and 2.
STREAMS = 3


class Forks:
    """The programs that run, by the descriptors by which the kernel tells of their ends."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[int, tuple[int, socket.socket]] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> list[str]:
        """Start what is asked for; return in each fork, with the words of its command."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor != self._control.fileno():
                    self._reap(descriptor)
                    continue
                asked, descriptors, *_ = socket.recv_fds(self._control, MOST_BYTES, 1 + STREAMS)
                if not asked:
                    sys.exit(0)  # nobody is left to ask
                caller = socket.socket(fileno=descriptors[0])
                pid = os.fork()
                if pid == 0:
                    self._leave(caller)
                    return _become(json.loads(asked), descriptors[1:])
                for stream in descriptors[1:]:
                    os.close(stream)
                caller.send(str(pid).encode())
                ended = os.pidfd_open(pid)
                self._running[ended] = pid, caller
                self._poll.register(ended, select.POLLIN)

    def _reap(self, descriptor: int) -> None:
        pid, caller = self._running.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        with caller, contextlib.suppress(BrokenPipeError):  # who started it may have ended
            caller.send(str(status).encode())

    def _leave(self, caller: socket.socket) -> None:
        caller.close()
        self._control.close()
        for descriptor, (_, other) in self._running.items():
            os.close(descriptor)
            other.close()


def _become(asked: dict[str, Any], streams: list[int]) -> list[str]:
    if asked["own_session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    time.tzset()
    words: list[str] = asked["words"]
    return words


def main() -> None:
    """Serve; in each fork, be the program."""
    words = Forks(socket.socket(fileno=int(sys.argv[1]))).serve()
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main()
