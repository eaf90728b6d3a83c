"""The journal: one SQLite file that knows every file's way; the only queue, and the only SQL.

Each step is one row with a due time. The database itself refuses a step that is not allowed, and
each step leaves a row in its job's story.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from pigment_watcher import errors
from pigment_watcher.journal import backup, indexes
from pigment_watcher.journal.agenda import PROBED, Agenda, Limits, Work
from pigment_watcher.journal.calls import Calls
from pigment_watcher.journal.commands import Command, Commands
from pigment_watcher.journal.conditions import Conditions
from pigment_watcher.journal.database import Database, open_for_reading, open_for_writing
from pigment_watcher.journal.disk import why_stuck
from pigment_watcher.journal.identity import Identity
from pigment_watcher.journal.imports import Imports
from pigment_watcher.journal.jobs import Ends, Jobs, Kept, Step, Waiting
from pigment_watcher.journal.lanes import Lanes
from pigment_watcher.journal.lock import ServiceLock, is_held

__all__ = [
    "PROBED",
    "Agenda",
    "Command",
    "Ends",
    "Journal",
    "Kept",
    "Limits",
    "ServiceLock",
    "Step",
    "Waiting",
    "Work",
    "is_held",
    "why_stuck",
]

NAME = "journal.db"


class Journal:
    """The tables of one journal, and transactions over several of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.jobs = Jobs(database)
        self.conditions = Conditions(database)
        self.lanes = Lanes(database)
        self.calls = Calls(database)
        self.imports = Imports(database)
        self.commands = Commands(database)
        self.identity = Identity(database)
        self.agenda = Agenda(database, self.conditions, self.calls, self.lanes)

    @classmethod
    def open(cls, state_directory: Path) -> "Journal":
        """Open the journal of a state directory, or begin one. Raises JournalError."""
        return cls(open_for_writing(state_directory / NAME))

    @classmethod
    def look(cls, state_directory: Path) -> "Journal":
        """Open a journal that exists, to read it only. Raises JournalError."""
        file = state_directory / NAME
        if not file.exists():
            raise errors.JournalBusy(
                f"{file}: there is no journal yet; the service makes it at its first start"
            )
        return cls(open_for_reading(file))

    def examine(self) -> None:
        """Read all that a start goes by, before it does anything. Raises JournalDamaged."""
        indexes.compare(self._database)
        self.jobs.unfinished()
        self.conditions.all()
        self.commands.unanswered()
        self.lanes.loads()
        self.calls.last()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Commit all changes within the block together, or none of them."""
        with self._database.writing():
            yield

    def stamp(self) -> tuple[int, int]:
        """Return what changes with each change, whoever makes it. Raises JournalError."""
        return self._database.stamp()

    def on_busy(self, hear: Callable[[errors.JournalBusy], None]) -> None:
        """Let somebody hear of it whenever the journal can't be used."""
        self._database.on_busy = hear

    def copy_to(self, file: Path) -> None:
        """Write a copy into an empty file; as a journal it is another instance's.

        Raises JournalError.
        """
        backup.write(self._database, file)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
