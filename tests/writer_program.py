"""A program that writes files badly: one JSON list a line says what to do, one line answers.

Nothing else is imported, so that a test can start it at once.
"""

import json
import mmap
import os
import sys
import time


class _Hand:
    """Does what a line says; one open file and one mapping at most."""

    def __init__(self) -> None:
        self._file = -1
        self._map: mmap.mmap | None = None

    def open(self, path: str, how: str) -> None:
        flags = {"new": os.O_CREAT | os.O_TRUNC, "append": os.O_CREAT | os.O_APPEND, "there": 0}
        self._file = os.open(path, os.O_RDWR | flags[how], 0o644)

    def write(self, text: str) -> None:
        os.write(self._file, text.encode())

    def write_at(self, offset: int, text: str) -> None:
        os.pwrite(self._file, text.encode(), offset)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._file, size)

    def allocate(self, size: int) -> None:
        os.posix_fallocate(self._file, 0, size)

    def map(self, size: int) -> None:
        self._map = mmap.mmap(self._file, size)

    def store(self, offset: int, text: str) -> None:
        data = text.encode()
        if self._map is not None:
            self._map[offset : offset + len(data)] = data

    def unmap(self) -> None:
        if self._map is not None:
            self._map.close()

    def close(self) -> None:
        os.close(self._file)

    def cycles(self, path: str, parts: list[str], pause_s: float) -> None:
        """Open, append and close for each part; the pause is the pace of this writer."""
        for part in parts:
            self.open(path, "append")
            self.write(part)
            self.close()
            time.sleep(pause_s)

    def appends(self, parts: list[str], pause_s: float) -> None:
        """Append to the open file, part by part; the pause is the pace of this writer."""
        for part in parts:
            self.write(part)
            time.sleep(pause_s)


def _serve() -> None:
    hand = _Hand()
    for line in sys.stdin:
        word, *arguments = json.loads(line)
        getattr(hand, word)(*arguments)
        print("done", flush=True)  # noqa: T201  # the answer that the test waits for


if __name__ == "__main__":
    _serve()
