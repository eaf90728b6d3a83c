"""One SQLite file, opened so that what was committed is on the disk.

The rollback journal is truncated and everything is synced: SQLite's own default may lose a
commit in a power cut, and a lost intent would mean a second push.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pigment_watcher import errors

#: Seconds to wait for another process that holds the file.
BUSY_TIMEOUT_S = 10.0
#: The mark in the file's header that tells a journal from another program's database.
APPLICATION_ID = 0x50574A31

_WAIT = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
    }
)
_FULL = frozenset({sqlite3.SQLITE_FULL})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class _Connection(sqlite3.Connection):
    """Stores any text: a file's name need not be UTF-8, nor a server's words whole characters."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if isinstance(parameters, Mapping):
            named = {name: _storable(value) for name, value in parameters.items()}
            return super().execute(sql, named)
        return super().execute(sql, [_storable(value) for value in parameters])


class Database:
    """The connection, its lock, and the translation of SQLite's errors into ours.

    One connection serves all threads; `reading` and `writing` take the lock, and may be nested.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        # Serialises every use of the connection; held from BEGIN to COMMIT.
        self._lock = threading.RLock()
        self._depth = 0
        with self._translated():
            self._connection = sqlite3.connect(
                file,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
                factory=_Connection,
            )
        self._connection.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the file; nothing may be under way."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for statements that change nothing.

        Raises JournalBusy or JournalDamaged.
        """
        with self._lock, self._translated():
            yield self._connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection within a transaction, committed at the end of the outermost block.

        Raises JournalBusy if nothing was stored, CommitUnknown if nobody knows.
        """
        with self._lock:
            if self._depth:
                with self._translated():
                    yield self._connection
                return
            with self._translated():
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                with self._translated():
                    yield self._connection
            except BaseException:
                self._rollback()
                raise
            finally:
                self._depth = 0
            self._commit()

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            # A full disk shows before the commit point, and so does what leaves us inside the
            # transaction; of anything else nobody knows.
            inside = self._connection.in_transaction and _is(error, _WAIT)
            if not inside and not _is(error, _FULL):
                raise errors.CommitUnknown(_told(self.file, error)) from error
            self._rollback()
            raise errors.JournalBusy(_told(self.file, error)) from error

    def _rollback(self) -> None:
        # SQLite rolls back by itself after some errors.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            if "illegal transition" in str(error):
                raise errors.IllegalTransition(str(error)) from error
            raise
        except sqlite3.Error as error:
            if _is(error, _DAMAGED):
                raise _damaged(self.file, str(error)) from error
            if _is(error, _WAIT):
                raise errors.JournalBusy(_told(self.file, error)) from error
            raise


def open_for_writing(file: Path) -> Database:
    """Open the journal, make it if need be, check it and bring its tables up to date.

    Raises JournalBusy, JournalDamaged, JournalTooNew.
    """
    if not file.exists():
        _create(file)
    database = Database(file)
    try:
        with database.reading() as connection:
            _refuse_foreign(file, connection)
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _check(file, connection)
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def open_for_reading(file: Path) -> Database:
    """Open a journal that exists, to look at it only.

    Raises JournalBusy, JournalDamaged, JournalTooNew.
    """
    database = Database(file)
    try:
        with database.reading() as connection:
            _refuse_foreign(file, connection)
            version = _version(connection)
            _refuse_newer(file, version)
            _refuse_older(file, version)
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        database.close()
        raise
    return database


def _create(file: Path) -> None:
    """Make the file before SQLite does, readable by us alone, its name safe on the disk."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        return
    except OSError as error:
        raise errors.JournalBusy(f"{file}: {error.strerror}") from error


def _check(file: Path, connection: sqlite3.Connection) -> None:
    answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise _damaged(file, answer)


def _damaged(file: Path, what: str) -> errors.JournalDamaged:
    return errors.JournalDamaged(
        f"{file}: the journal is damaged ({' '.join(what.split())}); move it aside and put a"
        " backup in its place, or start without it and look at what is left in the processing/"
        " folders"
    )


def _migrations() -> list[str]:
    folder = resources.files(__package__) / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def _migrate(database: Database) -> None:
    with database.reading() as connection:
        before = _version(connection)
    _refuse_newer(database.file, before)
    for number, script in enumerate(_migrations()[before:], start=before + 1):
        with database.writing() as connection:
            if _version(connection) >= number:
                continue  # another process was here in the meantime
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> Iterator[str]:
    """Split a script; executescript() would commit on its own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_foreign(file: Path, connection: sqlite3.Connection) -> None:
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and mark != APPLICATION_ID:
        raise errors.JournalDamaged(
            f"{file}: this is another program's database and no journal; move it aside, or"
            " choose another state_directory"
        )


def _refuse_newer(file: Path, version: int) -> None:
    known = len(_migrations())
    if version > known:
        raise errors.JournalTooNew(
            f"{file}: a newer version of this program wrote this journal (format {version}, this"
            f" one knows {known}); install that version again"
        )


def _refuse_older(file: Path, version: int) -> None:
    if version < len(_migrations()):
        raise errors.JournalBusy(
            f"{file}: an older version of this program wrote this journal; start the service once"
        )


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


def _is(error: sqlite3.Error, codes: frozenset[int]) -> bool:
    # The low byte is the primary code; the rest says more of it.
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in codes


def _told(file: Path, error: sqlite3.Error) -> str:
    return f"{file}: {error}"
