"""What Ctrl-C does to a command: it ends at once, without a word, unless it has to tidy up."""

import contextlib
import signal
from collections.abc import Iterator


def end_quietly() -> None:
    """Let Ctrl-C end this process from now on; Python would show a traceback."""
    # A shell script lets what it starts in the background ignore Ctrl-C: that stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt within."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
