"""The indexes by which what is to be done is found, compared with the table they are about."""

import sqlite3
from collections.abc import Mapping, Sequence

from pigment_watcher.journal.database import Database, RowDamaged

#: What each index holds; in these words, so that SQLite may use it.
OF_OPEN_JOBS = {
    "jobs_queue": "state = 'QUEUED'",
    "jobs_busy": "state IN ('PUSHING', 'IMPORTING')",
    "jobs_polls": "state = 'IMPORTING'",
    "jobs_archiving": "state = 'ARCHIVING'",
    "jobs_open": "finished_at IS NULL",
}


def compare(database: Database) -> None:
    """Raise JournalDamaged if an index leaves an open job out, or has it elsewhere.

    Such a file would wait for ever, and SQLite's quick check does not see it. Its whole check does,
    and takes as long as years of finished jobs are many.
    """
    with database.reading() as connection:
        columns = {index: _columns(connection, index) for index in OF_OPEN_JOBS}
        there = _in_the_table(connection, columns)
        for index, which in OF_OPEN_JOBS.items():
            found = connection.execute(
                f"SELECT {', '.join(columns[index])} FROM jobs INDEXED BY {index} WHERE {which}"  # noqa: S608
            )
            if set(map(tuple, found)) != there[index]:
                raise RowDamaged(f"its index {index} says something else than its table")


def _columns(connection: sqlite3.Connection, index: str) -> list[str]:
    return ["id", *(row["name"] for row in connection.execute(f"PRAGMA index_info({index})"))]


def _in_the_table(
    connection: sqlite3.Connection, columns: Mapping[str, Sequence[str]]
) -> dict[str, set[tuple[object, ...]]]:
    """Return what each index should hold, from one walk through the table: it is the long part."""
    tests = ", ".join(f"{which} AS is_in_{index}" for index, which in OF_OPEN_JOBS.items())
    any_of = " OR ".join(OF_OPEN_JOBS.values())
    there: dict[str, set[tuple[object, ...]]] = {index: set() for index in OF_OPEN_JOBS}
    for row in connection.execute(f"SELECT *, {tests} FROM jobs NOT INDEXED WHERE {any_of}"):  # noqa: S608
        for index in OF_OPEN_JOBS:
            if row[f"is_in_{index}"]:
                there[index].add(tuple(row[name] for name in columns[index]))
    return there
