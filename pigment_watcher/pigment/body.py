"""A request body that is a file: streamed, counted and hashed."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from pigment_watcher import errors

#: Bytes that are read and sent at once; less costs more CPU, more gains nothing.
BLOCK = 128 * 1024


class CallbackFailed(Exception):
    """Carries the caller's own OSError past an HTTP layer that would take it for the network's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Body:
    """The next `size` bytes of an open file, no more and no less.

    `before` is called once, when the first block is asked for and could be read.
    `progress` gets the number of bytes sent so far, before each block and after the last.
    """

    def __init__(
        self,
        file: BinaryIO,
        size: int,
        *,
        before: Callable[[], None],
        progress: Callable[[int], None],
    ) -> None:
        self.size = size
        #: Bytes handed to the HTTP layer.
        self.taken = 0
        #: Whether `before` has been called: from then on a byte may have left.
        self.begun = False
        #: Whether the last byte was sent.
        self.complete = size == 0
        self._file = file
        self._before = before
        self._progress = progress
        self._digest = hashlib.sha256()

    def __len__(self) -> int:
        """How many bytes will be sent."""
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        """Block by block; requests wants it of a stream."""
        return iter(self.read, b"")

    @property
    def sha256(self) -> str:
        """The hash of what was taken, in hex."""
        return self._digest.hexdigest()

    def begin(self) -> None:
        """Say that the first byte is about to leave."""
        with _callback():
            self._before()
        self.begun = True

    def read(self, _amount: int = -1) -> bytes:
        """Return the next block, of our own size whatever is asked for, or nothing at the end."""
        # A file that can't be read is known before anybody is told that its bytes leave.
        block = self._next_block()
        if not self.begun:
            self.begin()
        with _callback():
            self._progress(self.taken)
        self._digest.update(block)
        self.taken += len(block)
        self.complete = not block
        return block

    def _next_block(self) -> bytes:
        wanted = min(BLOCK, self.size - self.taken)
        if not wanted:
            return b""
        try:
            block = self._file.read(wanted)
        except OSError as error:
            raise self._failure(f"can't be read ({error.strerror or error})", error) from error
        if not block:
            raise self._failure("shrank", None)
        return block

    def _failure(self, what: str, error: OSError | None) -> errors.PigmentWatcherError:
        if self.begun:
            done = f"{self.taken} of {self.size} bytes had left"
            return errors.NotKnown(f"the file {what} while it was sent: {done}")
        kind = errors.FileUnreadable if error else errors.FileChanged
        return kind(f"the file {what} before anything of its {self.size} bytes was sent")


@contextmanager
def _callback() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CallbackFailed(error) from error
