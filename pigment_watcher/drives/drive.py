"""One drive: touched here if it is local, else by helpers that may hang in our stead."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pigment_watcher import errors
from pigment_watcher.running import CALL_S, Run, directly

if TYPE_CHECKING:
    from pigment_watcher.drives.line import Line

Result = TypeVar("Result")


class Drive:
    """A mounted file system. `point` is where it is mounted; None stands for all local disks.

    One helper serves the intake and another the workers, so that a long listing delays no upload.
    No more than these two can hang on a drive: until the kernel lets go of them, every other call
    fails at once.
    """

    def __init__(self, point: Path | None = None) -> None:
        self.point = point
        self._stuck: list[Line] = []
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
            self._stuck = [helper for helper in self._stuck if helper.is_alive]
            return not self._stuck and not self._is_given_up

    def abandon(self, helper: "Line") -> None:
        """Leave a helper behind; the kernel ends it as soon as it can."""
        if not helper.kill():
            with self._lock:
                self._stuck.append(helper)

    def lost(self, why: str) -> errors.FolderLost:
        """Return the error that says that the drive can't be used now."""
        return errors.FolderLost(str(self.point), why)


class _Channel:
    """Makes calls one after the other, through a helper that is started when it is needed."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._one_at_a_time = threading.Lock()
        self._helper: Line | None = None

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
                self._drive.abandon(helper)
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
            self._drive.abandon(helper)

    def _ready(self) -> "Line":
        if self._helper is None:
            # Where all drives are local it is never needed, and takes long to read.
            from pigment_watcher.drives.line import Line  # noqa: PLC0415

            try:
                self._helper = Line()
            except OSError as error:
                why = f"no helper process can be started for it: {error.strerror}"
                raise self._drive.lost(why) from error
        return self._helper
