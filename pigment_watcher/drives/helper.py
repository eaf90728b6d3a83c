"""The helper process: makes file calls for the service, one after the other, until it goes."""

import errno
import os
import pickle
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

#: The service says when it is over, by closing the connection; a signal to all processes of the
#: unit must not cut a file call of a push that is being finished.
_NOT_OURS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGIO)


def main() -> None:
    """Serve until the service closes the connection, or is no more."""
    for number in _NOT_OURS:
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")  # or we would keep a drive from being unmounted
    with Connection(int(sys.argv[1])) as service:
        try:
            while True:
                _answer(service)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _answer(service: "Connection[Any, Any]") -> None:
    request = service.recv_bytes()
    try:
        answer = (True, pickle.loads(request)())  # noqa: S301  # from the service alone
    except Exception as error:  # noqa: BLE001  # the service raises it where the call was asked for
        answer = (False, error)
    try:
        packed = pickle.dumps(answer)
        pickle.loads(packed)  # noqa: S301  # an error may be packed and yet not unpack
    except Exception:  # noqa: BLE001  # what can't cross is told in words
        told = OSError(errno.EIO, f"{type(answer[1]).__name__}: {answer[1]}")
        packed = pickle.dumps((False, told))
    service.send_bytes(packed)


if __name__ == "__main__":
    main()
