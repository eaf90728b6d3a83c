"""One SQLite file, opened so that what was committed is on the disk.

The rollback journal is truncated and everything is synced: SQLite's own default may lose a
commit in a power cut, and a lost intent would mean a second push.
"""

import contextlib
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pigment_watcher import errors

#: Seconds to wait for another process that holds the file.
BUSY_TIMEOUT_S = 10.0
#: How long a thread that is about to write is waited for before it is looked after.
_COMING_S = 1.0
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
#: What Python says of a text that SQLite holds and that is none; it has no code.
_NO_TEXT = "Could not decode to UTF-8"

#: What the tables and triggers of a journal are, and for which version; in one statement, so that
#: it is seen at one moment.
_SHAPE = """
    SELECT v.user_version, m.type, m.name, m.sql
    FROM pragma_user_version v
    LEFT JOIN sqlite_master m ON m.name NOT LIKE 'sqlite~_%' ESCAPE '~'
"""
#: What SQLite keeps of the statement that made a table, and means nothing.
_COMMENT = re.compile(r"--.*")

#: The table of the steps that a job may make; it never changes.
_STEPS = "transitions"


class RowDamaged(ValueError):
    """A row holds what this program never writes."""


class _Connection(sqlite3.Connection):
    """Stores any text: a file's name need not be UTF-8, nor a server's words whole characters."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except UnicodeEncodeError:
            if isinstance(parameters, Mapping):
                named = {name: _storable(value) for name, value in parameters.items()}
                return super().execute(sql, named)
            return super().execute(sql, [_storable(value) for value in parameters])


class _Batch:
    """The changes of several threads that become durable by one commit, or not at all."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.error: errors.JournalError | None = None

    def end(self, error: errors.JournalError | None = None) -> None:
        """Let everybody know who waits for the commit."""
        self.error = error
        self.over.set()


class _Reading:
    """Lends a connection to read; a class, because it is asked for a hundred times a file."""

    __slots__ = ("_database",)

    def __init__(self, database: "Database") -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        return self._database.begin_reading()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._database.end_reading(error)


class Database:
    """The connection, its lock, and the translation of SQLite's errors into ours.

    One connection serves all threads; `reading` and `writing` take the lock, and may be nested.
    What threads write at about the same time is committed together: a commit waits for the disk,
    and four of them need not wait four times.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        # Serialises every use of the connection; held from BEGIN to COMMIT.
        self._lock = threading.RLock()
        self._depth = 0
        self._readings = 0
        #: What is written and not committed yet.
        self._batch: _Batch | None = None
        #: Threads that are about to write; the last of them commits for all. Guarded by the second.
        self._coming = 0
        self._coming_changes = threading.Lock()
        #: Hears of it whenever the file can't be used.
        self.on_busy: Callable[[errors.JournalBusy], None] = lambda _: None
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

    def reading(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Lend the connection for statements that change nothing.

        Raises JournalBusy or JournalDamaged.
        """
        return _Reading(self)

    def begin_reading(self) -> sqlite3.Connection:
        """Hold the lock and return the connection; for `reading` alone."""
        self._lock.acquire()
        self._readings += 1
        return self._connection

    def end_reading(self, error: BaseException | None) -> None:
        """Let go of the lock, and translate what went wrong; for `reading` alone."""
        self._readings -= 1
        self._lock.release()
        if error is not None:
            self._translate(error)

    def stamp(self) -> tuple[int, int]:
        """Return what changes with each change, be it ours or another process's.

        Raises JournalBusy or JournalDamaged.
        """
        with self.reading() as connection:
            others = int(connection.execute("PRAGMA data_version").fetchone()[0])
            return others, connection.total_changes

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection within a transaction, committed when the outermost block is left.

        Raises JournalBusy if nothing was stored, CommitUnknown if nobody knows.
        """
        with self._turn() as is_nested:
            if is_nested:
                with self._translated():
                    yield self._connection
                return
            batch = self._batch or self._begin()
            try:
                with self._savepoint(batch):
                    yield self._connection
            finally:
                # Who reads and writes in one go keeps the lock, and nobody else could commit.
                if not self._coming or self._readings:
                    self._commit(batch)
        self._wait_for(batch)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[bool]:
        """Wait for the lock and hold it; say whether this thread writes already."""
        with self._coming_changes:
            self._coming += 1
        try:
            self._lock.acquire()
        finally:
            with self._coming_changes:
                self._coming -= 1
        try:
            yield self._depth > 0
        finally:
            self._lock.release()

    def _begin(self) -> _Batch:
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
        self._batch = _Batch()
        return self._batch

    @contextlib.contextmanager
    def _savepoint(self, batch: _Batch) -> Iterator[None]:
        """Undo what this thread did if it fails, and nothing that others did before it."""
        self._depth = 1
        try:
            with self._translated():
                self._connection.execute("SAVEPOINT turn")
                yield
                self._connection.execute("RELEASE turn")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO turn")
                self._connection.execute("RELEASE turn")
            else:  # SQLite undoes everything by itself after some errors
                why = error if isinstance(error, errors.JournalError) else None
                self._end(batch, why or errors.JournalBusy(f"{self.file}: {error}"))
            raise
        finally:
            self._depth = 0

    def _commit(self, batch: _Batch) -> None:
        """Commit for everybody whose changes are in it."""
        if batch.over.is_set():
            return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            # A full disk shows before the commit point, and so does what leaves us inside the
            # transaction; of anything else nobody knows.
            inside = self._connection.in_transaction
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            is_undone = (inside and _is(error, _WAIT)) or _is(error, _FULL)
            told = _told(self.file, error)
            if is_undone:
                self._end(batch, errors.JournalBusy(told))
            else:
                self._end(batch, errors.CommitUnknown(f"{told}: {_UNKNOWN}"))
        else:
            self._end(batch)

    def _end(self, batch: _Batch, error: errors.JournalError | None = None) -> None:
        self._batch = None
        batch.end(error)

    def _wait_for(self, batch: _Batch) -> None:
        """Wait until a batch is committed; raise what kept it from that."""
        if not batch.over.wait(_COMING_S):
            with self._lock:  # whoever was about to write did not get that far
                self._commit(batch)
        if batch.error is not None:
            with self._translated():
                raise type(batch.error)(str(batch.error)) from batch.error

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._translate(error)
            raise

    def _translate(self, error: BaseException) -> None:
        """Raise what an error of SQLite's means to us; somebody hears of it if the file is busy."""
        ours = _meaning(self.file, error)
        known = ours or error
        if isinstance(known, errors.JournalBusy):
            self.on_busy(known)
        if ours is not None:
            raise ours from error


def open_for_writing(file: Path) -> Database:
    """Open the journal, make it if need be, check it and bring its tables up to date.

    Raises JournalBusy, JournalClosed, JournalDamaged, JournalTooNew.
    """
    if not file.exists():
        _create(file)
    _refuse_closed(file)
    database = Database(file)
    try:
        with database.reading() as connection:
            _refuse_foreign(file, connection)
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            check(file, connection)
            _refuse_misshapen(file, connection)
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
            _refuse_misshapen(file, connection)
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


def _refuse_closed(file: Path) -> None:
    """Refuse what this user may not use, of which SQLite says that it can't be opened."""
    for part in (file, file.with_name(f"{file.name}-journal")):
        if part.exists() and not os.access(part, os.R_OK | os.W_OK, effective_ids=True):
            raise errors.JournalClosed(
                f"{part}: permission denied: let the service's user read and write it"
            )


def check(file: Path, connection: sqlite3.Connection) -> None:
    """Look through the whole file. Raises JournalDamaged."""
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


def _refuse_misshapen(file: Path, connection: sqlite3.Connection) -> None:
    """Refuse a journal whose tables, or triggers, are others than its version has."""
    version, shape = _shape(connection)
    if version <= len(_migrations()) and shape != _shape_of(version):
        odd = sorted({str(name) for _, name, _ in shape ^ _shape_of(version)} - {"None"})
        raise _damaged(file, f"it is not of format {version}: {', '.join(odd)}")


def _shape(connection: sqlite3.Connection) -> tuple[int, set[tuple[object, ...]]]:
    rows = [tuple(row) for row in connection.execute(_SHAPE)]
    shape: set[tuple[object, ...]] = {(kind, name, _words(sql)) for _, kind, name, sql in rows}
    if any(name == _STEPS for _, name, _ in shape):
        # Without one of them no file would ever get on.
        steps = connection.execute(f"SELECT from_state, to_state FROM {_STEPS}")  # noqa: S608
        shape |= {("step", f"{step[0]} to {step[1]}", None) for step in steps}
    return int(rows[0][0]), shape


def _words(sql: str | None) -> tuple[str, ...]:
    """Return what a statement says, however it is written."""
    return tuple(_COMMENT.sub("", sql or "").split())


def _shape_of(version: int) -> set[tuple[object, ...]]:
    """Return what a new journal of a version would be."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for script in _migrations()[:version]:
            connection.executescript(script)
        return _shape(connection)[1]


@contextlib.contextmanager
def sound(what: str) -> Iterator[None]:
    """Take for damage what can't be read as it was written. Raises RowDamaged."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise RowDamaged(f"{what}: {error}") from error


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


def _is(error: sqlite3.Error, codes: frozenset[int]) -> bool:
    # The low byte is the primary code; the rest says more of it.
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in codes


def _meaning(file: Path, error: BaseException) -> errors.PigmentWatcherError | None:
    """Return our own error for one of SQLite's, None where it has no other meaning."""
    match error:
        case sqlite3.IntegrityError() if "illegal transition" in str(error):
            return errors.IllegalTransition(str(error))
        case sqlite3.IntegrityError():
            return None
        case RowDamaged() | UnicodeDecodeError():
            # SQLite's own message may quote a damaged name, of which Python then makes no text.
            return _damaged(file, str(error))
        case sqlite3.Error() if _is(error, _DAMAGED) or _NO_TEXT in str(error):
            return _damaged(file, str(error))
        case sqlite3.Error() if _is(error, _WAIT):
            return errors.JournalBusy(_told(file, error))
        case _:
            return None


#: What is done about a commit that failed half way.
_UNKNOWN = "not known whether it was stored; the next start finds out: look at the disk, then start"


def _told(file: Path, error: sqlite3.Error) -> str:
    return f"{file}: {error}"
