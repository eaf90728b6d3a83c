"""The files of the first scan, as long as they are neither claimed nor gone."""

from collections.abc import Iterable
from pathlib import Path

#: A file by its inbox and its name in it.
File = tuple[Path, str]


class Firsts:
    """What a run over the first files alone waits for; read by the main thread.

    So the sets are never changed, only replaced.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._open: frozenset[File] = frozenset()
        self._behind: frozenset[File] = frozenset()

    @property
    def left(self) -> bool:
        """Whether one may still settle or be claimed.

        Those that wait behind a full window, or until claims succeed again, do not count.
        """
        return bool(self._open - self._behind)

    def note(self, directory: Path, names: Iterable[str], *, is_first: bool) -> None:
        """Remember what the first scan of an inbox found, and forget what is gone since."""
        if not self._wanted:
            return
        there = frozenset((directory, name) for name in names)
        if is_first:
            self._open |= there
        else:
            self._open -= {one for one in self._open if one[0] == directory} - there

    def settle(self, files: Iterable[File]) -> None:
        """Wait for some files no longer."""
        if self._open:
            self._open -= frozenset(files)

    def drop(self, directory: Path) -> None:
        """Wait for no file of an inbox."""
        self.note(directory, (), is_first=False)

    def wait_behind(self, files: Iterable[File]) -> None:
        """Know which complete files wait for others to be claimed."""
        if self._open:
            self._behind = frozenset(files)
