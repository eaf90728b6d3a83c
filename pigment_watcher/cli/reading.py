"""How modules are read: without a look for garbage among what is never garbage."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def modules() -> Iterator[None]:
    """Read modules within: it takes a tenth less, and so does the end of the process."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
