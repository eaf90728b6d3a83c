"""The requests made, counted for the limits; shared by the service, restarts and commands."""

from pigment_watcher.journal.database import Database
from pigment_watcher.model import Limit
from pigment_watcher.policy import budget

#: When to look again where every slot is reserved: what is reserved is about to be counted.
_SOON_S = 1.0


class Calls:
    """The table of requests, as long as a limit looks back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def host_free_at(self, host: str, limit: Limit, now: float, *, reserved: int = 0) -> float:
        """Return when the host may be asked something; `reserved` are not counted yet."""
        if reserved >= limit.requests:
            return now + _SOON_S
        oldest_that_counts = self._ask(
            "SELECT at FROM calls WHERE host = ?1"
            " AND number = (SELECT max(number) FROM calls WHERE host = ?1) - ?2",
            host,
            limit.requests - 1 - reserved,
        )
        return budget.free_at(oldest_that_counts, limit, now)

    def push_free_at(self, configuration_id: str, limit: Limit, now: float) -> float:
        """Return when something may be pushed into a configuration."""
        oldest_that_counts = self._ask(
            "SELECT at FROM calls WHERE configuration_id = ?1"
            " AND push = (SELECT max(push) FROM calls WHERE configuration_id = ?1) - ?2",
            configuration_id,
            limit.requests - 1,
        )
        return budget.free_at(oldest_that_counts, limit, now)

    def book(self, host: str, configuration_id: str | None, now: float) -> None:
        """Count a request that is about to be made."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO calls (host, configuration_id, at, number, push) VALUES (?1, ?2, ?3,"
                " 1 + coalesce((SELECT max(number) FROM calls WHERE host = ?1), 0),"
                " 1 + coalesce((SELECT max(push) FROM calls WHERE configuration_id = ?2), 0))",
                (host, configuration_id, now),
            )

    def count(self, host: str, since: float) -> int:
        """Return how many requests were made to a host after a time."""
        first = self._ask(
            "SELECT number FROM calls WHERE host = ? AND at > ? ORDER BY at LIMIT 1", host, since
        )
        last = self._ask("SELECT max(number) FROM calls WHERE host = ?", host)
        return 0 if first is None or last is None else int(last - first + 1)

    def last(self) -> float | None:
        """Return when the last request was made that still counts."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT max(at) FROM calls").fetchone()
        return None if row[0] is None else float(row[0])

    def clamp(self, now: float) -> None:
        """Count as made now what a wrong clock put into the future: it would count for ever."""
        with self._database.writing() as connection:
            connection.execute("UPDATE calls SET at = :now WHERE at > :now", {"now": now})

    def forget(self, before: float) -> None:
        """Remove what no limit looks back at any more."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM calls WHERE at < ?", (before,))

    def _ask(self, sql: str, *values: object) -> float | None:
        """Return the one number that is asked for, None if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(sql, values).fetchone()
        return None if row is None else row[0]
