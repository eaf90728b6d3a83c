"""What was imported, by its bytes; remembered longer than the jobs."""

import os

from pigment_watcher.journal.database import Database
from pigment_watcher.model import Import


class Imports:
    """The table of imports; the database fills it in the commit in which an import is known."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def first(self, configuration_id: str, sha256: str) -> Import | None:
        """Return the first import of these bytes into a configuration, if there was one."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT * FROM imported WHERE configuration_id = ? AND sha256 = ?",
                (configuration_id, sha256),
            ).fetchone()
        if row is None:
            return None
        return Import(name=os.fsdecode(row["name"]), at=row["at"], import_id=row["import_id"])
