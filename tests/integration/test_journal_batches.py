"""What threads write at about the same time: one commit for all, and each undoes its own alone."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from journal_fixtures import claim_one, new_job

from pigment_watcher import errors
from pigment_watcher.journal import Journal, database

MANY = 6


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path)) as opened:
        yield opened


def committed(folder: Path) -> list[str]:
    """Return the files whose jobs another process sees."""
    with closing(Journal.look(folder)) as other:
        return sorted(job.name for job in other.jobs.history())


class Crowd:
    """Threads that come to write while somebody else still does."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.raised: dict[str, BaseException] = {}
        self._threads: list[threading.Thread] = []

    def come(self, name: str, also: Callable[[sqlite3.Connection], object] | None = None) -> None:
        """Let one more thread add a job, and do something else in the same transaction."""
        before = self.journal._database._coming

        def write() -> None:
            try:
                with self.journal._database.writing() as connection:
                    self.journal.jobs.add([new_job(name)])
                    if also is not None:
                        also(connection)
            except (errors.JournalError, sqlite3.Error, ZeroDivisionError) as error:
                self.raised[name] = error

        self._threads.append(threading.Thread(target=write))
        self._threads[-1].start()
        while self.journal._database._coming == before:
            pass  # it comes: it has nothing else to wait for

    def end(self) -> None:
        """Wait for all of them."""
        for thread in self._threads:
            thread.join()


@contextmanager
def crowd(journal: Journal) -> Iterator[Crowd]:
    """Lend a crowd that can't begin to write before the block is left."""
    with journal._database.reading():
        gathered = Crowd(journal)
        yield gathered
    gathered.end()


def test_those_who_wait_for_one_another_share_a_commit(journal: Journal, tmp_path: Path) -> None:
    said: list[str] = []
    names = [f"{number}.csv" for number in range(MANY)]
    with crowd(journal) as many:
        journal._database._connection.set_trace_callback(said.append)
        for name in names:
            many.come(name)
    assert said.count("BEGIN IMMEDIATE") == said.count("COMMIT") == 1
    assert committed(tmp_path) == names


def test_who_fails_undoes_what_it_did_and_nothing_of_the_others(
    journal: Journal, tmp_path: Path
) -> None:
    with crowd(journal) as many:
        many.come("first.csv")
        many.come("bad.csv", lambda _: 1 // 0)
        many.come("last.csv")
    assert committed(tmp_path) == ["first.csv", "last.csv"]
    assert many.raised.keys() == {"bad.csv"}


def fill(connection: sqlite3.Connection) -> None:
    """Write until there is no room, which undoes everything."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    try:
        connection.execute(
            "INSERT INTO meta SELECT 'filler' || id, zeroblob(1000000) FROM jobs LIMIT 1"
        )
    finally:
        connection.execute("ROLLBACK") if connection.in_transaction else None
        connection.execute("PRAGMA max_page_count = 1000000")


def test_what_undoes_everything_is_told_to_all_whose_changes_were_in_it(
    journal: Journal, tmp_path: Path
) -> None:
    claim_one(journal, "before.csv")
    with crowd(journal) as many:
        # Each comes while the one before it writes: a lock is not given in the order of coming.
        many.come(
            "first.csv",
            lambda _: many.come("second.csv", lambda _: many.come("full.csv", fill)),
        )
    assert committed(tmp_path) == ["before.csv"]
    assert many.raised.keys() == {"first.csv", "second.csv", "full.csv"}
    assert {type(error) for error in many.raised.values()} == {errors.JournalBusy}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, errors.JournalBusy),
        (sqlite3.SQLITE_IOERR, errors.JournalBusy),
        (sqlite3.SQLITE_ERROR, errors.CommitUnknown),
    ],
)
def test_a_commit_that_fails_has_failed_for_all(
    journal: Journal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    kind: type[errors.JournalError],
) -> None:
    connection = journal._database._connection
    execute = type(connection).execute

    def refuse(self: object, sql: str, *more: object) -> object:
        if sql == "COMMIT":
            error = sqlite3.OperationalError("no")
            error.sqlite_errorcode = code
            raise error
        return execute(connection, sql, *more)

    with crowd(journal) as many:
        monkeypatch.setattr(database._Connection, "execute", refuse)
        many.come("first.csv")
        many.come("second.csv")
    monkeypatch.undo()
    assert committed(tmp_path) == []
    assert {type(error) for error in many.raised.values()} == {kind}
    assert len(many.raised) == 2
    claim_one(journal, "later.csv")
    assert committed(tmp_path) == ["later.csv"]


def test_who_reads_and_writes_in_one_go_commits_at_once(journal: Journal, tmp_path: Path) -> None:
    with crowd(journal) as many:
        many.come("waits.csv")
        claim_one(journal, "own.csv")
        assert committed(tmp_path) == ["own.csv"]
    assert committed(tmp_path) == ["own.csv", "waits.csv"]


def test_who_was_about_to_write_and_never_did_holds_nobody_up(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_COMING_S", 0.01)
    journal._database._coming += 1

    claim_one(journal, "a.csv")

    assert committed(tmp_path) == ["a.csv"]
