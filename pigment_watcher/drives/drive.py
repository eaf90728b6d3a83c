"""One drive: touched here if it is local, else by helpers that may hang in our stead."""

import contextlib
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pigment_watcher import errors
from pigment_watcher.running import CALL_S, Run, directly

Result = TypeVar("Result")

#: Between two looks whether the drive was found to hang meanwhile, in seconds.
_LOOK_UP_S = 0.2
#: A helper that is asked to end gets so many seconds; one that hangs is left behind.
_GOODBYE_S = 1.0
#: Helpers need no secrets.
_SECRETS = frozenset({"PIGMENT_API_KEY", "CREDENTIALS_DIRECTORY"})


class Drive:
    """A mounted file system. `point` is where it is mounted; None stands for all local disks.

    One helper serves the intake and another the workers, so that a long listing delays no upload.
    No more than these two can hang on a drive: until the kernel lets go of them, every other call
    fails at once.
    """

    def __init__(self, point: Path | None = None) -> None:
        self.point = point
        self._stuck: list[subprocess.Popen[bytes]] = []
        self._is_given_up = False
        # Guards the list above.
        self._lock = threading.Lock()
        self._eyes = _Channel(self)
        self._hands = _Channel(self)

    @property
    def is_local(self) -> bool:
        """Whether its calls always return, and the kernel tells of every change."""
        return self.point is None

    def look(self) -> Run:
        """Return what makes the intake's calls."""
        return directly if self.is_local else self._eyes.run

    def work(self) -> Run:
        """Return what makes the calls of all others."""
        return directly if self.is_local else self._hands.run

    def give_up(self) -> None:
        """Wait for no call any longer."""
        self._is_given_up = True

    def close(self) -> None:
        """Let the helpers go."""
        self._eyes.close()
        self._hands.close()
        self.answers()

    def answers(self) -> bool:
        """Return whether no helper hangs; those that were let go are buried."""
        with self._lock:
            self._stuck = [process for process in self._stuck if process.poll() is None]
            return not self._stuck and not self._is_given_up

    def abandon(self, process: "subprocess.Popen[bytes]") -> None:
        """Leave a helper behind; the kernel ends it as soon as it can."""
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_UP_S)
            return
        with self._lock:
            self._stuck.append(process)

    def lost(self, why: str) -> errors.FolderLost:
        """Return the error that says that the drive can't be used now."""
        return errors.FolderLost(str(self.point), why)


class _Channel:
    """Makes calls one after the other, through a helper that is started when it is needed."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._one_at_a_time = threading.Lock()
        self._helper: _Helper | None = None

    def run(self, call: Callable[[], Result], within_s: float = CALL_S) -> Result:
        """Make a call. Raises FolderLost, and what the call raises."""
        with self._one_at_a_time:
            if not self._drive.answers():
                raise self._drive.lost("it does not answer")
            helper = self._ready()
            try:
                is_result, answer = helper.ask(call, within_s, self._drive.answers)
            except TimeoutError as error:
                self._helper = None
                self._drive.abandon(helper.process)
                helper.hang_up()
                raise self._drive.lost(f"it did not answer within {within_s:g} s") from error
            except (EOFError, OSError) as error:
                self.close()
                raise self._drive.lost("its helper process died; a new one is started") from error
        if is_result:
            return answer  # type: ignore[no-any-return]
        raise answer

    def close(self) -> None:
        """Let the helper go, if there is one."""
        helper, self._helper = self._helper, None
        if helper is not None and not helper.dismiss():
            self._drive.abandon(helper.process)

    def _ready(self) -> "_Helper":
        if self._helper is None:
            try:
                self._helper = _Helper()
            except OSError as error:
                why = f"no helper process can be started for it: {error.strerror}"
                raise self._drive.lost(why) from error
        return self._helper


class _Helper:
    """A helper process and the line to it."""

    def __init__(self) -> None:
        self._line, far_end = multiprocessing.Pipe()
        with far_end:
            self.process = subprocess.Popen(  # noqa: S603
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
        self._line.send_bytes(pickle.dumps(call))
        left_s = within_s
        while not self._line.poll(min(left_s, _LOOK_UP_S)):
            left_s -= _LOOK_UP_S
            if left_s <= 0 or not goes_on():
                raise TimeoutError
        answer: tuple[bool, Any] = pickle.loads(self._line.recv_bytes())  # noqa: S301
        return answer

    def hang_up(self) -> None:
        """Close the line."""
        self._line.close()

    def dismiss(self) -> bool:
        """Close the line and return whether the process ended."""
        self.hang_up()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_GOODBYE_S)
            return True
        return False
