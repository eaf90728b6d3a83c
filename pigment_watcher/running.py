"""Where a file call is made: here, or by a helper process that may hang in our stead."""

from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")

#: Seconds after which a drive that did not answer a call counts as lost.
CALL_S = 20.0


class Run(Protocol):
    """Makes a file call and returns its result, or raises what it raised.

    The call is a function of a module, or a `functools.partial` of one: it may have to cross to
    another process, with its arguments and its result. Raises FolderLost if the drive does not
    answer within so many seconds.
    """

    def __call__(self, call: Callable[[], Result], within_s: float = CALL_S) -> Result:
        """Make the call."""
        ...


def directly(call: Callable[[], Result], within_s: float = CALL_S) -> Result:  # noqa: ARG001
    """Make the call here and now: what lies on a local disk answers."""
    return call()
