"""Troubles that last: begun, put off, ended; each is said once when it begins and once after."""

import functools
from collections.abc import Collection, Iterable

from pigment_watcher.journal import rows
from pigment_watcher.journal.database import Database
from pigment_watcher.model import Condition, ConditionKind
from pigment_watcher.policy import delays


class Conditions:
    """The table of conditions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, condition: Condition) -> bool:
        """Store a condition and return whether it is new.

        One that goes on keeps its begin, and is looked at no sooner than was planned.
        """
        with self._database.writing() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO conditions"
                " (kind, subject, since, detail, due_at, attempts, job_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    condition.kind.value,
                    condition.subject,
                    condition.since,
                    condition.detail,
                    condition.due_at,
                    condition.attempts,
                    condition.job_id,
                ),
            )
            if cursor.rowcount == 1:
                return True
            connection.execute(
                "UPDATE conditions SET detail = :detail, attempts = attempts + 1,"
                " due_at = coalesce(max(due_at, :due), due_at, :due),"
                " job_id = coalesce(:job, job_id) WHERE kind = :kind AND subject = :subject",
                {
                    "detail": condition.detail,
                    "due": condition.due_at,
                    "job": condition.job_id,
                    "kind": condition.kind.value,
                    "subject": condition.subject,
                },
            )
            return False

    def postpone(self, condition: Condition, due_at: float) -> None:
        """Look at a condition again later, after one more attempt in vain."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE conditions SET due_at = ?, attempts = attempts + 1"
                " WHERE kind = ? AND subject = ?",
                (due_at, condition.kind.value, condition.subject),
            )

    def end(self, kind: ConditionKind, subject: str) -> Condition | None:
        """Remove a condition and return what it was, or None if there was none."""
        before = self.get(kind, subject)
        if before is None:
            return None
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM conditions WHERE kind = ? AND subject = ?", (kind.value, subject)
            )
        return before

    def get(self, kind: ConditionKind, subject: str) -> Condition | None:
        """Return a condition, if there is one."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT * FROM conditions WHERE kind = ? AND subject = ?", (kind.value, subject)
            ).fetchone()
        return None if row is None else rows.condition_from_row(row)

    def among(
        self, wanted: Collection[tuple[ConditionKind, str]]
    ) -> set[tuple[ConditionKind, str]]:
        """Return which of these kinds and subjects there are; mostly there are none."""
        places = ", ".join(["(?, ?)"] * len(wanted))
        values = [value for kind, subject in wanted for value in (kind.value, subject)]
        with self._database.reading() as connection:
            found = connection.execute(
                f"WITH wanted (kind, subject) AS (VALUES {places})"  # noqa: S608
                " SELECT c.kind, c.subject FROM wanted w CROSS JOIN conditions c"
                " ON c.kind = w.kind AND c.subject = w.subject",
                values,
            ).fetchall()
        return {(ConditionKind(row["kind"]), row["subject"]) for row in found}

    def all(self, kinds: Iterable[ConditionKind] = ConditionKind) -> list[Condition]:
        """Return the conditions of some kinds, the oldest first."""
        wanted = _values(frozenset(kinds))
        places = ", ".join("?" * len(wanted))
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT * FROM conditions WHERE kind IN ({places}) ORDER BY since, subject",  # noqa: S608
                wanted,
            ).fetchall()
        return [rows.condition_from_row(row) for row in found]

    def clamp(self, now: float) -> None:
        """Count as begun now, and as due, what a wrong clock put into the future."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE conditions SET since = :now, due_at = min(due_at, :now) WHERE since > :now",
                {"now": now},
            )

    def hasten(self, now: float) -> None:
        """Look at every condition at once that is looked at in time.

        What the destination told us to wait for stays, unless a wrong clock put it out of reach.
        So does that it has no reports, which nothing waits for.
        """
        stay = (ConditionKind.LANE_BUSY, ConditionKind.HOST_BUSY, ConditionKind.NO_REPORTS)
        lane, host, reports = (kind.value for kind in stay)
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE conditions SET due_at = :now WHERE due_at > :now"
                " AND (kind NOT IN (:lane, :host, :reports) OR due_at > :now + :longest)",
                {
                    "now": now,
                    "lane": lane,
                    "host": host,
                    "reports": reports,
                    "longest": delays.LONGEST_S,
                },
            )


@functools.cache
def _values(kinds: frozenset[ConditionKind]) -> tuple[str, ...]:
    """Return how kinds are stored; the same few sets are asked for many times a second."""
    return tuple(kind.value for kind in kinds)
