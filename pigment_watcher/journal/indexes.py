"""The indexes by which what is to be done is found, compared with the table they are about."""

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
        for index, which in OF_OPEN_JOBS.items():
            columns = ", ".join(
                ["id", *(row["name"] for row in connection.execute(f"PRAGMA index_info({index})"))]
            )
            found = f"SELECT {columns} FROM jobs INDEXED BY {index} WHERE {which}"  # noqa: S608
            there = f"SELECT {columns} FROM jobs NOT INDEXED WHERE {which}"  # noqa: S608
            if set(map(tuple, connection.execute(found))) != set(
                map(tuple, connection.execute(there))
            ):
                raise RowDamaged(f"its index {index} says something else than its table")
