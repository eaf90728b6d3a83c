"""The jobs: added, moved from state to state, found again."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pigment_watcher import errors
from pigment_watcher.journal import rows
from pigment_watcher.journal.database import Database, sound
from pigment_watcher.model import Job, Outcome, State
from pigment_watcher.policy import delays

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How many jobs ended with an outcome in one span of time, and how long they took together."""

    span: int
    outcome: Outcome
    count: int
    seconds: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Kept:
    """The jobs of a route that ended in a state are kept until their files are removed."""

    route: str
    state: State


# What the housekeeper still has to look at; in these words, so that SQLite may use the index.
_NOT_SWEPT = (
    "target IS NOT NULL AND removed_at IS NULL AND left_alone = 0"
    " AND outcome NOT IN ('gone', 'returned')"
)


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
                    "INSERT OR IGNORE INTO lanes (configuration_id) VALUES (?)",
                    (job.configuration_id,),
                )
                added.append(job.evolve(id=cursor.lastrowid))
                self._seal(connection, added[-1].id)
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
            if "target" in changes:
                self._seal(connection, job.id)
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

    def withdraw(self, job: Job) -> None:
        """Remove a job whose file could not be claimed: nothing ever happened to it.

        Raises IllegalTransition.
        """
        with self._database.writing() as connection:
            cursor = connection.execute(
                "DELETE FROM jobs WHERE id = ? AND state = 'QUEUED' AND claimed_at IS NULL",
                (job.id,),
            )
            if cursor.rowcount != 1:
                raise errors.IllegalTransition(f"job {job.id} is claimed already, or gone")

    def has_claimed(self, directory: Path) -> bool:
        """Return whether files that were taken from an inbox are still under way."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT 1 FROM jobs WHERE finished_at IS NULL AND claimed_at IS NOT NULL"
                " AND directory = ? LIMIT 1",
                (str(directory),),
            ).fetchone()
        return row is not None

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

    def clamp(self, now: float) -> None:
        """Count as now what a wrong clock put into the future: nothing would follow from it.

        What was planned by that clock is tried at once.
        """
        times = ("importing_since", "asked_at", "deadline_from", "missing_since", "rejected_at")
        settings = ", ".join(f"{name} = min({name}, :now)" for name in ("due_at", *times))
        is_any_ahead = " OR ".join(f"{name} > :now" for name in times)
        with self._database.writing() as connection:
            connection.execute(
                f"UPDATE jobs SET {settings} WHERE finished_at IS NULL AND ({is_any_ahead})",  # noqa: S608
                {"now": now},
            )

    def hasten(self, now: float, configuration_id: str | None = None) -> None:
        """Let waiting jobs be tried at once: all of them, or those of one configuration.

        An import that answers is asked after when it should be over, all the same, unless that is
        out of reach.
        """
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET due_at = :now WHERE finished_at IS NULL AND due_at > :now"
                " AND (state <> 'IMPORTING' OR retries > 0 OR due_at > :now + :longest)"
                " AND (:lane IS NULL OR configuration_id = :lane)",
                {"now": now, "lane": configuration_id, "longest": delays.LONGEST_S},
            )

    def prune(self, before: float, kept: Sequence[Kept] = ()) -> int:
        """Remove some final jobs that ended before a time, and return how many.

        Those stay of which `kept` tells that their files are to be removed first.
        """
        of_kept = " OR ".join(["route = ? AND state = ?"] * len(kept)) or "FALSE"
        values = [value for one in kept for value in (one.route, one.state.value)]
        with self._database.writing() as connection:
            return connection.execute(
                "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE finished_at < ?"  # noqa: S608
                f" AND NOT ({_NOT_SWEPT} AND ({of_kept})) LIMIT ?)",
                (before, *values, PRUNE_AT_ONCE),
            ).rowcount

    def leave_alone(self, job: Job, at: float, why: str) -> None:
        """Store that a finished job's file is never to be removed by us."""
        step = Step(at=at, from_state=job.state, to_state=job.state, name="file.left", detail=why)
        with self._database.writing() as connection:
            connection.execute("UPDATE jobs SET left_alone = 1 WHERE id = ?", (job.id,))
            self._tell(connection, job.id, step)

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

    def is_of_another(self, import_id: str, job: Job) -> bool:
        """Return whether an import is known as that of another job."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT 1 FROM jobs WHERE import_id = ? COLLATE NOCASE AND id <> ? LIMIT 1",
                (import_id, job.id),
            ).fetchone()
        return row is not None

    def waiting(self) -> list[Waiting]:
        """Return the counts of unfinished jobs by route and state."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT route, state, count(*) AS count, min(created_at) AS oldest FROM jobs"
                " WHERE finished_at IS NULL GROUP BY route, state"
            ).fetchall()
            with sound("a job's state"):
                return [
                    Waiting(row["route"], State(row["state"]), row["count"], row["oldest"])
                    for row in found
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
            with sound("a job's outcome"):
                return {(row["route"], Outcome(row["outcome"])): row["count"] for row in found}

    def has_failed(self, since: float) -> bool:
        """Return whether a job failed since; what was given back is taken anew, and did not."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT 1 FROM jobs WHERE finished_at >= ? AND state = 'FAILED'"
                " AND outcome IS NOT 'returned' LIMIT 1",
                (since,),
            ).fetchone()
        return row is not None

    def history(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        route: str | None = None,
        outcome: Outcome | None = None,
        named: str = "",
        before_id: int | None = None,
        most: int = -1,
    ) -> list[Job]:
        """Return jobs by the time they were found, the latest first.

        `named` is a part of the file's name, whatever its case; `before_id` goes on where an
        earlier page of `most` jobs ended.
        """
        return list(
            self._select(
                "WHERE (?1 IS NULL OR created_at >= ?1) AND (?2 IS NULL OR created_at < ?2)"
                " AND (?3 IS NULL OR route = ?3) AND (?4 IS NULL OR id < ?4)"
                " AND (?5 IS NULL OR outcome = ?5)"
                " AND (?6 = '' OR instr(lower(CAST(name AS TEXT)), lower(?6)) > 0)"
                " ORDER BY id DESC LIMIT ?7",
                since,
                until,
                route,
                before_id,
                outcome and outcome.value,
                named,
                most,
            )
        )

    def in_progress(self, most: int) -> list[Job]:
        """Return jobs of which something was sent and that have not ended, the oldest first."""
        return list(
            self._select(f"WHERE finished_at IS NULL AND state <> 'QUEUED' {_BY_ID} LIMIT ?", most)
        )

    def ends(self, since: float, span_s: float) -> list[Ends]:
        """Return how many jobs ended in each of the spans of time since, by outcome."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT CAST((finished_at - ?1) / ?2 AS INTEGER) AS span, outcome,"
                " count(*) AS count, sum(finished_at - created_at) AS seconds,"
                " max(finished_at - created_at) AS longest FROM jobs"
                " WHERE finished_at >= ?1 AND outcome IS NOT NULL"
                " GROUP BY span, outcome ORDER BY span",
                (since, span_s),
            ).fetchall()
            with sound("a job's outcome"):
                return [
                    Ends(
                        span=row["span"],
                        outcome=Outcome(row["outcome"]),
                        count=row["count"],
                        seconds=row["seconds"],
                        longest_s=row["longest"],
                    )
                    for row in found
                ]

    def last_ended(self, route: str) -> Job | None:
        """Return the job of a route that ended last."""
        return next(
            self._select(
                "WHERE route = ? AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1",
                route,
            ),
            None,
        )

    def last_imported(self, route: str) -> float | None:
        """Return when a file of a route was imported last, as far as the journal remembers."""
        with self._database.reading() as connection:
            # By the index that the removal of old files goes by: imported ones are in DONE.
            row = connection.execute(
                "SELECT max(finished_at) FROM jobs WHERE route = ? AND state = 'DONE'", (route,)
            ).fetchone()
        found: float | None = row[0]
        return found

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

    def kept_since(
        self, route: str, state: State, before: float, after: Job | None, most: int
    ) -> list[Job]:
        """Return jobs that ended before a time and whose files are not removed, the oldest first.

        `after` is the last one of an earlier call.
        """
        place = (-1.0, 0) if after is None else (after.finished_at, after.id)
        return list(
            self._select(
                f"WHERE route = ? AND state = ? AND finished_at < ? AND {_NOT_SWEPT}"
                " AND (finished_at, id) > (?, ?) ORDER BY finished_at, id LIMIT ?",
                route,
                state.value,
                before,
                *place,
                most,
            )
        )

    def has_successor(self, job: Job) -> bool:
        """Return whether a later job's file was, or will be, put where this one's was."""
        if job.target is None:
            return False
        later = self._select(
            "WHERE target = ? AND id > ? AND outcome NOT IN ('gone', 'returned') LIMIT 1",
            os.fsencode(job.target),
            job.id,
        )
        return any(True for _ in later)

    def retries_of(self, job_id: int) -> list[Job]:
        """Return the jobs that were made to retry one."""
        return list(self._select("WHERE retry_of = ? ORDER BY id", job_id))

    def story(self, job_id: int) -> list[Step]:
        """Return what happened to a job, in order."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT * FROM events WHERE job_id = ? ORDER BY id", (job_id,)
            ).fetchall()
            with sound(f"the story of job {job_id}"):
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
            return iter([rows.job_from_row(row) for row in found])

    def _seal(self, connection: sqlite3.Connection, job_id: int) -> None:
        row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        connection.execute("UPDATE jobs SET seal = ? WHERE id = ?", (rows.seal(row), job_id))

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
