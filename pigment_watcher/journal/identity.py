"""Whose journal this is: its instance, how often it was started, the folders it has seen."""

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from pigment_watcher.journal.database import Database


class Identity:
    """The journal's own marks.

    An instance owns one folder in each processing/. The start counter, kept there too, shows
    when an older copy of a journal is put back: such a journal must not go on with newer files.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def instance(self) -> str:
        """The name of this instance's folder in processing/; empty before the first start."""
        return self._get("instance") or ""

    @property
    def starts(self) -> int:
        """How often a service was started with this journal."""
        return int(self._get("starts") or 0)

    def count_start(self) -> int:
        """Count a start, mint the instance at the first one, and return the count."""
        with self._database.writing():
            if not self.instance:
                self.mint()
            starts = self.starts + 1
            self._set("starts", str(starts))
        return starts

    def mint(self) -> str:
        """Begin a new instance and return its name; the old one's folders are left alone."""
        instance = secrets.token_hex(6)
        with self._database.writing():
            self._set("instance", instance)
            self._set("starts", "0")
        return instance

    def remember_folders(self, folders: Collection[tuple[Path, str, str]]) -> None:
        """Store inboxes that are there: their paths, file system types and sources."""
        with self._database.writing() as connection:
            for path, kind, source in folders:
                connection.execute(
                    "INSERT OR REPLACE INTO folders VALUES (?, ?, ?)",
                    (os.fsencode(path), kind, source),
                )

    def known_folders(self) -> set[Path]:
        """Return the inboxes that were there at an earlier start."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT path FROM folders").fetchall()
        return {Path(os.fsdecode(row["path"])) for row in found}

    def _get(self, name: str) -> str | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def _set(self, name: str, value: str) -> None:
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
