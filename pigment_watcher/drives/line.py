"""The helper process as the service sees it, and the line to it."""

import contextlib
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

#: Between two looks whether the drive was found to hang meanwhile, in seconds.
_LOOK_UP_S = 0.2
#: A helper that is asked to end gets so many seconds; one that hangs is left behind.
_GOODBYE_S = 1.0
#: Helpers need no secrets.
_SECRETS = frozenset({"PIGMENT_API_KEY", "CREDENTIALS_DIRECTORY"})


class Line:
    """A helper process and the line to it. Raises OSError if it can't be started."""

    def __init__(self) -> None:
        self._near_end, far_end = multiprocessing.Pipe()
        with far_end:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "pigment_watcher.drives.helper", str(far_end.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Or one that hangs would keep a pipe open that our own reader waits for.
                stderr=subprocess.DEVNULL,
                pass_fds=[far_end.fileno()],
                env={name: said for name, said in os.environ.items() if name not in _SECRETS},
            )

    def ask(
        self, call: Callable[[], object], within_s: float, goes_on: Callable[[], bool]
    ) -> tuple[bool, Any]:
        """Return whether the call returned, and its result or its error.

        Raises TimeoutError, also when `goes_on` says no, EOFError, OSError.
        """
        self._near_end.send_bytes(pickle.dumps(call))
        left_s = within_s
        while not self._near_end.poll(min(left_s, _LOOK_UP_S)):
            left_s -= _LOOK_UP_S
            if left_s <= 0 or not goes_on():
                raise TimeoutError
        answer: tuple[bool, Any] = pickle.loads(self._near_end.recv_bytes())  # noqa: S301
        return answer

    @property
    def is_alive(self) -> bool:
        """Whether the process did not end yet."""
        return self._process.poll() is None

    def kill(self) -> bool:
        """End the process, and return whether it is gone: one that hangs can't be ended."""
        self._process.kill()
        return self._is_gone_within(_LOOK_UP_S)

    def hang_up(self) -> None:
        """Close the line."""
        self._near_end.close()

    def dismiss(self) -> bool:
        """Close the line and return whether the process ended."""
        self.hang_up()
        return self._is_gone_within(_GOODBYE_S)

    def _is_gone_within(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False
