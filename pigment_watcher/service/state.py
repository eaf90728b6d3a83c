"""The state directory of a service: held by it alone, its journal checked in a thread meanwhile."""

import threading
from pathlib import Path

from pigment_watcher.files import moves
from pigment_watcher.journal import Journal, ServiceLock


class StateDirectory:
    """Makes and locks a state directory, and opens the journal in it.

    SQLite looks through the whole file, which takes long and needs nothing of Python: who is to run
    the service reads its modules meanwhile.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = ServiceLock(directory)
        self._opening: threading.Thread | None = None
        self._journal: Journal | None = None
        self._error: Exception | None = None

    def take(self) -> None:
        """Make it ours, if it is not yet. Raises AlreadyRunning, FolderError."""
        if self._opening is not None:
            return
        with moves.translated(self._directory):
            # For us alone; a power cut must not take the journal with it.
            moves.make_folder(self._directory, mode=0o700)
        self._lock.take()
        self._opening = threading.Thread(target=self._open, name="journal-opening", daemon=True)
        self._opening.start()

    def journal(self) -> Journal:
        """Wait for the journal and return it. Raises JournalError."""
        self.take()
        self._wait()
        if self._journal is None:
            assert self._error is not None
            raise self._error
        return self._journal

    def drop(self) -> None:
        """Close the journal and give the lock back: the next service may start."""
        self._wait()
        if self._journal is not None:
            self._journal.close()
        self._lock.drop()

    def _wait(self) -> None:
        if self._opening is not None:
            self._opening.join()

    def _open(self) -> None:
        try:
            self._journal = Journal.open(self._directory)
        except Exception as error:  # noqa: BLE001  # who asks for the journal gets to hear of it
            self._error = error
