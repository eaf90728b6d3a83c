"""Jobs, and the ways they go, for tests of what is stored."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pigment_watcher.journal import Journal, database
from pigment_watcher.model import Fingerprint, Job, Outcome, Rules, State

LANE = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
OTHER_LANE = "5a2f3c1e-9d57-4b0e-8a43-0f6b1c2d3e4f"
INBOX = Path("/srv/exports/sales")
RULES = Rules(directory=INBOX, done=INBOX / "done", failed=INBOX / "failed")
#: A name that is no UTF-8, as Python shows it.
NO_TEXT = "caf\udce9.csv"

#: The first format whose jobs say what to do with duplicates.
KNOWS_DUPLICATES = 4

#: The steps that bring a queued job into each state.
WAYS: dict[State, tuple[State, ...]] = {
    State.QUEUED: (),
    State.PUSHING: (State.PUSHING,),
    State.IMPORTING: (State.PUSHING, State.IMPORTING),
    State.ARCHIVING: (State.ARCHIVING,),
    State.DONE: (State.ARCHIVING, State.DONE),
    State.FAILED: (State.FAILED,),
}


def new_job(name: str = "a.csv", *, mtime_ns: int = 1, **said: Any) -> Job:
    """Return a job that is not stored yet; `said` are other fields of it."""
    known: dict[str, Any] = {
        "id": 0,
        "route": "sales",
        "configuration_id": LANE,
        "rules": RULES,
        "source": INBOX / name,
        "name": name,
        "fingerprint": Fingerprint(size=8, mtime_ns=mtime_ns, ctime_ns=mtime_ns, inode=5),
        "state": State.QUEUED,
        "due_at": 0.0,
        "created_at": 0.0,
    }
    return Job(**{**known, **said})


def claim(journal: Journal, *jobs: Job) -> list[Job]:
    """Store jobs whose files count as claimed."""
    return journal.jobs.claimed(journal.jobs.add(jobs), 0.0)


def claim_one(journal: Journal, name: str = "a.csv", **said: Any) -> Job:
    """Store one job whose file counts as claimed."""
    return claim(journal, new_job(name, **said))[0]


def lead(journal: Journal, job: Job, to: State, **changes: Any) -> Job:
    """Lead a queued job into a state, and change fields with its last step."""
    way = WAYS[to]
    for state in way[:-1]:
        job = journal.jobs.move(job, state, at=0.0)
    return journal.jobs.move(job, to, at=0.0, **changes) if way else job


def end(journal: Journal, name: str, at: float, **said: Any) -> Job:
    """Store a job that ended at a time as imported."""
    job = lead(journal, claim_one(journal, name, **said), State.ARCHIVING, outcome=Outcome.IMPORTED)
    return journal.jobs.move(job, State.DONE, at=at)


def names(jobs: Sequence[Job]) -> list[str]:
    """Return what the jobs' files are called."""
    return [job.name for job in jobs]


# ---------------------------------------------------------------- older journals


def make_older(file: Path, version: int) -> None:
    """Turn a journal into one of an older version, which knew less."""
    newer = file.with_name("newer.db")
    file.rename(newer)
    with closing(sqlite3.connect(file, isolation_level=None)) as older:
        for script in database._migrations()[:version]:
            older.executescript(script)
        older.execute(f"PRAGMA user_version = {version}")
        older.execute("ATTACH ? AS newer", [str(newer)])
        find = "SELECT sql FROM main.sqlite_master WHERE name = 'jobs_begin_queued'"
        (begin_queued,) = older.execute(find).fetchone()
        older.execute("DROP TRIGGER jobs_begin_queued")
        for table in _tables(older):
            found = older.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()
            columns = ", ".join(column for (column,) in found)
            older.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM newer.{table}")
        if version < KNOWS_DUPLICATES:
            _forget_duplicates(older)
        older.execute(begin_queued)
    newer.unlink()


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Return the tables that begin empty."""
    found = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
    names = {name for (name,) in found if not name.startswith("sqlite_")}
    return sorted(names - {"transitions"})


def _forget_duplicates(connection: sqlite3.Connection) -> None:
    for job_id, text in connection.execute("SELECT id, rules FROM jobs").fetchall():
        rules = json.loads(text)
        del rules["duplicates"]
        connection.execute("UPDATE jobs SET rules = ? WHERE id = ?", [json.dumps(rules), job_id])
