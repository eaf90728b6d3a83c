"""The requests made, counted for the limits; shared by the service, restarts and commands."""

from pigment_watcher.journal.database import Database
from pigment_watcher.model import Limit
from pigment_watcher.policy import budget


class Calls:
    """The table of requests, as long as a limit looks back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def host_free_at(self, host: str, limit: Limit, now: float) -> float:
        """Return when the host may be asked something."""
        return self._free_at("host", host, limit, now)

    def push_free_at(self, configuration_id: str, limit: Limit, now: float) -> float:
        """Return when something may be pushed into a configuration."""
        return self._free_at("configuration_id", configuration_id, limit, now)

    def book(self, host: str, configuration_id: str | None, now: float) -> int:
        """Count a request that is about to be made, and return the ID of its slot."""
        with self._database.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO calls (host, configuration_id, at) VALUES (?, ?, ?)",
                (host, configuration_id, now),
            )
        return int(cursor.lastrowid or 0)

    def give_back(self, slot: int) -> None:
        """Uncount a request that was not made after all."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM calls WHERE id = ?", (slot,))

    def count(self, host: str, since: float) -> int:
        """Return how many requests were made to a host."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT count(*) FROM calls WHERE host = ? AND at > ?", (host, since)
            ).fetchone()
        return int(row[0])

    def clamp(self, now: float) -> None:
        """Count as made now what a wrong clock put into the future: it would count for ever."""
        with self._database.writing() as connection:
            connection.execute("UPDATE calls SET at = :now WHERE at > :now", {"now": now})

    def forget(self, before: float) -> None:
        """Remove what no limit looks back at any more."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM calls WHERE at < ?", (before,))

    def _free_at(self, column: str, value: str, limit: Limit, now: float) -> float:
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT at FROM calls WHERE {column} = ?"  # noqa: S608
                " ORDER BY at DESC LIMIT 1 OFFSET ?",
                (value, limit.requests - 1),
            ).fetchone()
        return budget.free_at(None if row is None else row["at"], limit, now)
