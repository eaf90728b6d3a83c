"""The jobs: added, moved from state to state, found again."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pigment_watcher import errors
from pigment_watcher.journal import rows
from pigment_watcher.journal.database import Database
from pigment_watcher.model import Job, Outcome, State

#: So many final jobs are removed in one transaction, so that a clean-up never holds up a file.
PRUNE_AT_ONCE = 500

# The plus keeps SQLite from walking through years of finished jobs in the order of their IDs: it
# finds the few open ones by their index, and sorts them.
_BY_ID = "ORDER BY +id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row of a job's story."""

    at: float
    from_state: State
    to_state: State
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs of a route stand in a state, and since when the oldest of them exists."""

    route: str
    state: State
    count: int
    oldest: float


class Jobs:
    """The table of jobs and the story of each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---------------------------------------------------------------- changes

    def add(self, jobs: Sequence[Job], event: str = "job.found") -> list[Job]:
        """Insert jobs in QUEUED, in one commit, and return them with their IDs."""
        added = []
        with self._database.writing() as connection:
            for job in jobs:
                columns = rows.job_to_columns(job)
                names = ", ".join(columns)
                places = ", ".join(f":{name}" for name in columns)
                cursor = connection.execute(
                    f"INSERT INTO jobs ({names}) VALUES ({places})",  # noqa: S608
                    columns,
                )
                connection.execute(
                    "INSERT OR IGNORE INTO lanes VALUES (?)", (job.configuration_id,)
                )
                added.append(job.evolve(id=cursor.lastrowid))
                first = Step(
                    at=job.created_at,
                    from_state=State.QUEUED,
                    to_state=State.QUEUED,
                    name=event,
                    detail="",
                )
                self._tell(connection, added[-1].id, first)
        return added

    def move(
        self, job: Job, to: State, *, at: float, event: str = "", detail: str = "", **changes: Any
    ) -> Job:
        """Change a job that is still in the state we believe it in.

        A new state, or a named event, leaves a row in its story. Raises IllegalTransition.
        """
        columns = rows.changes_to_columns({**changes, "state": to})
        if "fingerprint" in changes:
            columns["sort_modified"] = rows.sort_modified(job.rules, changes["fingerprint"])
        if to.is_final and "finished_at" not in changes:
            columns["finished_at"] = changes["finished_at"] = at
        settings = ", ".join(f"{name} = :{name}" for name in columns)
        with self._database.writing() as connection:
            cursor = connection.execute(
                f"UPDATE jobs SET {settings} WHERE id = :job AND state = :before",  # noqa: S608
                {**columns, "job": job.id, "before": job.state.value},
            )
            if cursor.rowcount != 1:
                raise errors.IllegalTransition(f"job {job.id} is not in {job.state.value}")
            moved = job.evolve(**{**changes, "state": to})
            if event or to is not job.state:
                step = Step(at=at, from_state=job.state, to_state=to, name=event, detail=detail)
                self._tell(connection, job.id, step)
        return moved

    def claimed(self, jobs: Sequence[Job], at: float) -> list[Job]:
        """Store, in one commit, that the files of these jobs are in processing/."""
        with self._database.writing():
            return [
                self.move(job, State.QUEUED, at=at, event="job.claimed", claimed_at=at)
                for job in jobs
            ]

    def clear_forbidden(self, key: str) -> None:
        """Take back the suspicion against files that were forbidden: it was the key."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET forbidden = 0 WHERE state = 'QUEUED' AND key = ?", (key,)
            )

    def stretch_deadlines(self, key: str | None, seconds_from: float, now: float) -> None:
        """Do not count the time since `seconds_from` against imports; None means every key."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET deadline_from = deadline_from + :now - max(:since, deadline_from),"
                " missing_since = missing_since + :now - max(:since, missing_since)"
                " WHERE state = 'IMPORTING' AND deadline_from < :now"
                " AND (:key IS NULL OR key = :key)",
                {"now": now, "since": seconds_from, "key": key},
            )

    def hasten(self, now: float, configuration_id: str | None = None) -> None:
        """Let waiting jobs be tried at once: all of them, or those of one configuration."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET due_at = :now WHERE finished_at IS NULL AND due_at > :now"
                " AND (:lane IS NULL OR configuration_id = :lane)",
                {"now": now, "lane": configuration_id},
            )

    def prune(self, before: float) -> int:
        """Remove some final jobs that ended before a time, and return how many."""
        with self._database.writing() as connection:
            return connection.execute(
                "DELETE FROM jobs WHERE id IN ( SELECT id FROM jobs WHERE finished_at < ? LIMIT ?)",
                (before, PRUNE_AT_ONCE),
            ).rowcount

    # ---------------------------------------------------------------- questions

    def get(self, job_id: int) -> Job | None:
        """Return a job by its ID."""
        return next(self._select("WHERE id = ?", job_id), None)

    def unfinished(self) -> list[Job]:
        """Return every job that is not in a final state."""
        return list(self._select(f"WHERE finished_at IS NULL {_BY_ID}"))

    def unclaimed(self) -> list[Job]:
        """Return the queued jobs whose files are not known to be in processing/."""
        return list(self._select(f"WHERE state = 'QUEUED' AND claimed_at IS NULL {_BY_ID}"))

    def queue_keys(self, configuration_id: str) -> list[tuple[int, bytes]]:
        """Return what sorts the waiting jobs of a lane: modification time (or 0) and name."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT sort_modified, name FROM jobs"
                " WHERE configuration_id = ? AND state = 'QUEUED'",
                (configuration_id,),
            )
            return [(row["sort_modified"], row["name"]) for row in found]

    def has_waiting(self, configuration_id: str) -> bool:
        """Return whether a lane has a job that waits to be pushed."""
        return any(True for _ in self.queue_keys(configuration_id))

    def others_taken(self, job: Job) -> bool:
        """Return whether a push of another job was taken since this one was last rejected."""
        if job.rejected_at is None:
            return False
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT 1 FROM jobs WHERE importing_since >= ? AND id <> ? LIMIT 1",
                (job.rejected_at, job.id),
            ).fetchone()
        return row is not None

    def waiting(self) -> list[Waiting]:
        """Return the counts of unfinished jobs by route and state."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT route, state, count(*) AS count, min(created_at) AS oldest FROM jobs"
                " WHERE finished_at IS NULL GROUP BY route, state"
            ).fetchall()
        return [
            Waiting(row["route"], State(row["state"]), row["count"], row["oldest"]) for row in found
        ]

    def ended(self, since: float, until: float | None = None) -> dict[tuple[str, Outcome], int]:
        """Return how many jobs ended in a span of time, by route and outcome."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT route, outcome, count(*) AS count FROM jobs"
                " WHERE finished_at >= ? AND (? IS NULL OR finished_at < ?)"
                " AND outcome IS NOT NULL GROUP BY route, outcome",
                (since, until, until),
            ).fetchall()
        return {(row["route"], Outcome(row["outcome"])): row["count"] for row in found}

    def history(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        route: str | None = None,
        before_id: int | None = None,
        most: int = -1,
    ) -> list[Job]:
        """Return jobs by the time they were found, the latest first.

        `before_id` goes on where an earlier page of `most` jobs ended.
        """
        return list(
            self._select(
                "WHERE (?1 IS NULL OR created_at >= ?1) AND (?2 IS NULL OR created_at < ?2)"
                " AND (?3 IS NULL OR route = ?3) AND (?4 IS NULL OR id < ?4)"
                " ORDER BY id DESC LIMIT ?5",
                since,
                until,
                route,
                before_id,
                most,
            )
        )

    def last_ended(self, route: str) -> Job | None:
        """Return the job of a route that ended last."""
        return next(
            self._select(
                "WHERE route = ? AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1",
                route,
            ),
            None,
        )

    def of_file(self, name: str) -> list[Job]:
        """Return the jobs of a file by its name, its source or its last place, latest first."""
        path = os.fsencode(Path(name).absolute())
        return list(
            self._select(
                "WHERE name = ?1 OR name = ?2 AND source = ?3 OR target = ?3 ORDER BY id DESC",
                os.fsencode(name),
                os.path.basename(path),  # noqa: PTH119
                path,
            )
        )

    def retries_of(self, job_id: int) -> list[Job]:
        """Return the jobs that were made to retry one."""
        return list(self._select("WHERE retry_of = ? ORDER BY id", job_id))

    def story(self, job_id: int) -> list[Step]:
        """Return what happened to a job, in order."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT * FROM events WHERE job_id = ? ORDER BY id", (job_id,)
            ).fetchall()
        return [
            Step(
                at=row["at"],
                from_state=State(row["from_state"]),
                to_state=State(row["to_state"]),
                name=row["name"],
                detail=row["detail"],
            )
            for row in found
        ]

    def _select(self, where: str, *values: object) -> Iterator[Job]:
        with self._database.reading() as connection:
            found = connection.execute(f"SELECT * FROM jobs {where}", values).fetchall()  # noqa: S608
        return map(rows.job_from_row, found)

    def _tell(self, connection: sqlite3.Connection, job_id: int, step: Step) -> None:
        connection.execute(
            "INSERT INTO events (job_id, at, from_state, to_state, name, detail)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                job_id,
                step.at,
                step.from_state.value,
                step.to_state.value,
                step.name,
                step.detail,
            ),
        )
