"""Ways of making file calls, as drives of every kind make them."""

import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from pigment_watcher import errors
from pigment_watcher.running import CALL_S

Result = TypeVar("Result")


class Crossing:
    """Makes each call after it crossed to another process, as far as its form goes.

    It counts them, and loses the drive at a call of which `loses` is true, as often as asked.
    """

    def __init__(self, loses: Callable[[int], bool] = lambda _: False) -> None:
        self.calls = 0
        self._loses = loses

    def __call__(self, call: Callable[[], Result], within_s: float = CALL_S) -> Result:
        """Make the call. Raises FolderLost, and what the call raises."""
        self.calls += 1
        if self._loses(self.calls):
            raise errors.FolderLost("/mnt/share", f"it did not answer within {within_s:g} s")
        try:
            result: Result = _crossed(_crossed(call)())
        except Exception as error:  # noqa: BLE001  # whatever it is has to come home
            raise _crossed(error) from None
        return result


def _crossed(what: Any) -> Any:
    return pickle.loads(pickle.dumps(what))
