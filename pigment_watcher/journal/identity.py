"""Whose journal this is: its instance, how often it was started, the folders it has seen."""

import os
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path

from pigment_watcher.journal.database import Database, sound
from pigment_watcher.mounts import Mount


class Identity:
    """The journal's own marks.

    An instance owns one folder in each processing/. The start counter, kept there too, shows
    when an older copy of a journal is put back: such a journal must not go on with newer files.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        #: The instance once it was read: it is asked for at each look at a folder.
        self._instance: str | None = None

    @property
    def instance(self) -> str:
        """The name of this instance's folder in processing/; empty before the first start."""
        if self._instance is None:
            self._instance = self._get("instance") or ""
        return self._instance

    @property
    def starts(self) -> int:
        """How often a service was started with this journal."""
        return self._count("starts")

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
        with self._database.writing() as connection:
            last = connection.execute("SELECT coalesce(max(id), 0) FROM jobs").fetchone()[0]
            self._set_instance(instance)
            self._set("starts", "0")
            self._set("inherited", str(last))
        return instance

    @property
    def inherited(self) -> int:
        """The number of the last job that is an earlier instance's; 0 if there is none."""
        return self._count("inherited")

    def expected_since(self, route: str, now: float) -> float:
        """Return since when files of a route are expected at some time: now, the first time."""
        key = f"expected since: {route}"
        known = self._get(key)
        if known is None:
            self._set(key, repr(now))
            return now
        with sound(f"since when files of {route!r} are expected"):
            return float(known)

    def forget(self) -> None:
        """Be nobody, so that the next start begins a new instance."""
        with self._database.writing():
            self._set_instance("")
            self._set("starts", "0")

    def note_trial(self, now: float) -> None:
        """Store when it was tried whether the journal can be written, which is the trial."""
        with self._database.writing():
            self._set("tried", str(now))

    def remember_drives(self, drives: Mapping[Path, Mount]) -> None:
        """Store what folders that are there lie on."""
        with self._database.writing() as connection:
            for path, mount in drives.items():
                connection.execute(
                    "INSERT OR REPLACE INTO folders (path, kind, source, point)"
                    " VALUES (?, ?, ?, ?)",
                    (os.fsencode(path), mount.kind, mount.source, os.fsencode(mount.point)),
                )

    def forget_drives(self, folders: Collection[Path]) -> None:
        """Forget what folders lay on, so that they are taken as they are found next."""
        with self._database.writing() as connection:
            for path in folders:
                connection.execute("DELETE FROM folders WHERE path = ?", (os.fsencode(path),))

    def known_drives(self) -> dict[Path, Mount]:
        """Return what the folders that were there at an earlier time lay on."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT * FROM folders").fetchall()
            with sound("a folder"):
                return {
                    Path(os.fsdecode(row["path"])): Mount(
                        row["kind"], row["source"], Path(os.fsdecode(row["point"]))
                    )
                    for row in found
                }

    def _count(self, name: str) -> int:
        with self._database.reading(), sound(f"the count {name!r}"):
            return int(self._get(name) or 0)

    def _get(self, name: str) -> str | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def _set_instance(self, instance: str) -> None:
        self._set("instance", instance)
        self._instance = None  # it is read again: what is written now may yet be undone

    def _set(self, name: str, value: str) -> None:
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
