"""A copy of the journal, taken while the service may write to it."""

import contextlib
from pathlib import Path

from pigment_watcher.journal.database import Database, check
from pigment_watcher.journal.identity import Identity


def write(database: Database, file: Path) -> None:
    """Write a consistent copy into an empty file, and check it.

    Opened as a journal it begins a new instance: what the files of this one have become since, it
    can't know. Raises JournalError.
    """
    with contextlib.closing(Database(file)) as copy:
        with database.reading() as source, copy.reading() as target:
            # Nobody knows the file yet, and an interrupted one is thrown away as a whole.
            target.execute("PRAGMA journal_mode = MEMORY")
            target.execute("PRAGMA synchronous = FULL")
            source.backup(target)
        Identity(copy).forget()
        with copy.reading() as target:
            check(file, target)
