"""One SQLite file: durable, checked when opened, and clear about what was stored."""

import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from disk_fixtures import free_bytes, small_disk
from journal_fixtures import new_job
from rig_fixtures import without_rights

from pigment_watcher import errors
from pigment_watcher.journal import NAME, Journal, database

PAGE = 4096


def make(folder: Path) -> Path:
    """Make a journal with one job and return its file."""
    with closing(Journal.open(folder)) as journal:
        journal.jobs.add([new_job()])
    return folder / NAME


def ask(journal: Journal, sql: str) -> object:
    with journal._database.reading() as connection:
        return connection.execute(sql).fetchone()[0]


def count(journal: Journal) -> int:
    return len(journal.jobs.history())


def add_many(journal: Journal, at_the_end: Callable[[], None] = lambda: None) -> None:
    """Store more than fits in between, and do something just before the commit."""
    with journal.writing():
        journal.jobs.add([new_job(str(number)) for number in range(200)])
        at_the_end()


@contextmanager
def held_by_another_process(file: Path) -> Iterator[None]:
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        yield
        other.communicate()


# ---------------------------------------------------------------- durability


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_what_is_committed_is_on_the_disk(tmp_path: Path, mode: str) -> None:
    """The file's own mode does not count."""
    with closing(sqlite3.connect(make(tmp_path))) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")

    with closing(Journal.open(tmp_path)) as journal:
        assert ask(journal, "PRAGMA journal_mode") == "truncate"
        assert ask(journal, "PRAGMA synchronous") == 2  # FULL
        assert ask(journal, "PRAGMA foreign_keys") == 1


def test_only_its_owner_reads_the_journal(tmp_path: Path) -> None:
    assert make(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_block_that_fails_stores_nothing_of_it(tmp_path: Path) -> None:
    """Behaviour H7."""
    with closing(Journal.open(tmp_path)) as journal:

        def fail() -> None:
            with journal.writing():
                journal.jobs.add([new_job()])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert count(journal) == 0


def test_a_block_is_stored_whole_or_not_at_all_for_other_readers(tmp_path: Path) -> None:
    with (
        closing(Journal.open(tmp_path)) as journal,
        closing(Journal.look(tmp_path)) as reader,
    ):
        with journal.writing():
            journal.jobs.add([new_job("a.csv")])
            journal.jobs.add([new_job("b.csv")])
            assert count(reader) == 0

        assert count(reader) == 2


def test_text_that_is_no_unicode_is_stored_readably(tmp_path: Path) -> None:
    """A server may say half a character, and a name need not be UTF-8."""
    with closing(Journal.open(tmp_path)) as journal:
        (job,) = journal.jobs.add([new_job(reason="caf\udce9 \ud800", answer="naïve")])

        found = journal.jobs.get(job.id)

    assert found is not None
    assert (found.reason, found.answer) == (r"caf\udce9 \ud800", "naïve")


# ---------------------------------------------------------------- full, busy, broken


def test_a_full_disk_stores_nothing_and_is_waited_out(tmp_path: Path) -> None:
    """Whether it shows at a statement or at the commit. Behaviour T30."""
    with small_disk(tmp_path / "disk") as disk, closing(Journal.open(disk)) as journal:
        room = free_bytes(disk)
        ends: list[int] = []
        for spare in range(1, 30):
            (disk / "fill").write_bytes(b"x" * (room - spare * PAGE))
            with pytest.raises(errors.JournalBusy, match="full"):
                add_many(journal, at_the_end=partial(ends.append, spare))
            (disk / "fill").unlink()
            assert count(journal) == 0
        assert 0 < len(ends) < 29, "both ways must have been tried"
        journal.jobs.add([new_job()])
        assert count(journal) == 1


def test_a_statement_for_which_there_is_no_room_stores_nothing(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        ask(journal, f"PRAGMA max_page_count = {ask(journal, 'PRAGMA page_count')}")
        with pytest.raises(errors.JournalBusy, match="full"):
            add_many(journal)

        assert count(journal) == 0


def test_a_commit_that_breaks_half_way_is_not_known(tmp_path: Path) -> None:
    """A write that the system refuses during COMMIT: nobody but a restart may say what holds."""
    with closing(Journal.open(tmp_path)) as journal:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = (tmp_path / NAME).stat().st_size
        try:
            with pytest.raises(errors.CommitUnknown):
                add_many(
                    journal,
                    at_the_end=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard)),
                )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_reader_in_the_way_of_a_commit_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    file = make(tmp_path)
    with closing(Journal.open(tmp_path)) as journal, closing(sqlite3.connect(file)) as other:
        reading = other.execute("SELECT id FROM jobs UNION ALL SELECT id FROM jobs")
        reading.fetchone()
        with pytest.raises(errors.JournalBusy, match="locked"):
            journal.jobs.add([new_job()])
        reading.close()

        assert count(journal) == 1


@pytest.mark.parametrize("use", [Journal.open, Journal.look])
def test_a_journal_that_another_process_holds_is_busy_and_never_waits_for_ever(
    use: Callable[[Path], Journal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with (
        held_by_another_process(make(tmp_path)),
        pytest.raises(errors.JournalBusy, match=r"journal\.db: database is locked"),
    ):
        use(tmp_path)


def test_an_open_journal_is_busy_while_another_process_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    file = make(tmp_path)
    with closing(Journal.open(tmp_path)) as journal:
        with held_by_another_process(file):
            with pytest.raises(errors.JournalBusy):
                journal.jobs.add([new_job()])
            with pytest.raises(errors.JournalBusy):
                journal.jobs.history()
        assert count(journal) == 1


def test_a_block_begins_only_when_it_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two that have read could each wait for the other, or write what is no longer so."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    entered: list[int] = []

    def write(journal: Journal) -> None:
        with journal.writing():
            entered.append(count(journal))

    with closing(Journal.open(tmp_path)) as one, closing(Journal.open(tmp_path)) as other:
        with one.writing(), pytest.raises(errors.JournalBusy):
            write(other)
        assert entered == []
        write(other)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(errors.JournalBusy, match="No such file or directory"):
        Journal.open(tmp_path / "nowhere")


def test_a_mistake_in_our_own_sql_is_not_taken_for_trouble_with_the_disk(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            ask(journal, "SELECT * FROM absent")
        with pytest.raises(sqlite3.IntegrityError), journal._database.writing() as connection:
            connection.execute("INSERT INTO lanes VALUES (NULL, NULL)")


def test_threads_take_turns(tmp_path: Path) -> None:
    """One connection serves all of them, and no block sees into another's."""
    with closing(Journal.open(tmp_path)) as journal:
        together = threading.Barrier(8)

        def add() -> None:
            together.wait()
            for number in range(5):
                with suppress(ZeroDivisionError), journal.writing():
                    journal.jobs.add([new_job(), new_job()])
                    _ = 1 // (number % 2)

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert count(journal) == 8 * 2 * 2


# ---------------------------------------------------------------- what is no sound journal


def spoil_page(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[PAGE : 3 * PAGE] = bytes(2 * PAGE)
    file.write_bytes(content)


def spoil_header(file: Path) -> None:
    file.write_bytes(b"month,amount\n" * 1000)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 3 * PAGE])


@pytest.mark.parametrize("spoil", [spoil_page, spoil_header, cut])
def test_a_damaged_journal_is_refused_with_the_remedy(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    """Behaviour T16."""
    file = make(tmp_path)
    spoil(file)
    before = file.read_bytes()

    with pytest.raises(errors.JournalDamaged, match=r"journal\.db.*put a backup in its place"):
        Journal.open(tmp_path)

    assert file.read_bytes() == before


@pytest.mark.parametrize("use", [Journal.open, Journal.look])
def test_another_programs_database_is_refused_and_left_alone(
    use: Callable[[Path], Journal], tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / NAME)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE jobs (title TEXT)")
    before = (tmp_path / NAME).read_bytes()

    with pytest.raises(errors.JournalDamaged, match="another program's database"):
        use(tmp_path)

    assert (tmp_path / NAME).read_bytes() == before


@pytest.mark.parametrize("use", [Journal.open, Journal.look])
def test_a_newer_journal_is_refused(use: Callable[[Path], Journal], tmp_path: Path) -> None:
    with closing(sqlite3.connect(make(tmp_path))) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(errors.JournalTooNew, match=r"format 99.*install that version again"):
        use(tmp_path)


def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program know one format more."""
    now = [*database._migrations(), "CREATE TABLE\n  more (x TEXT);\nINSERT INTO more VALUES (1);"]
    monkeypatch.setattr(database, "_migrations", lambda: now)


def test_an_older_journal_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    next_version(monkeypatch)

    with pytest.raises(errors.JournalBusy, match="start the service once"):
        Journal.look(tmp_path)
    with closing(Journal.open(tmp_path)) as journal:
        assert ask(journal, "SELECT count(*) FROM more") == 1
        assert count(journal) == 1


def test_a_step_of_a_migration_that_fails_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    with monkeypatch.context() as patch:
        broken = [*database._migrations(), "CREATE TABLE more (x);\nCREATE TABLE jobs (x);\n"]
        patch.setattr(database, "_migrations", lambda: broken)
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            Journal.open(tmp_path)

    with closing(Journal.open(tmp_path)) as journal:
        assert ask(journal, "SELECT count(*) FROM sqlite_master WHERE name = 'more'") == 0


def test_two_processes_may_make_the_same_journal_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one finds the tables made between its look and its turn."""
    version, looked = database._version, threading.Event()
    others: list[Journal] = []

    def slow_version(connection: sqlite3.Connection) -> int:
        found = version(connection)
        if not looked.is_set():
            looked.set()
            others.append(Journal.open(tmp_path))
        return found

    monkeypatch.setattr(database, "_version", slow_version)
    with closing(Journal.open(tmp_path)) as journal, closing(others[0]):
        assert ask(journal, "PRAGMA user_version") == len(database._migrations())


@pytest.mark.parametrize("name", [NAME, f"{NAME}-journal"])
@pytest.mark.parametrize("mode", [0, 0o200, 0o400])
def test_a_journal_that_this_user_may_not_use_is_refused_with_the_remedy(
    tmp_path: Path, name: str, mode: int
) -> None:
    """SQLite would say that it is unable to open it, or speak of an I/O error."""
    make(tmp_path)
    (tmp_path / name).touch()
    (tmp_path / name).chmod(mode)
    words = f"{name}: permission denied: let the service's user read and write it"
    with without_rights(), pytest.raises(errors.JournalClosed, match=words):
        Journal.open(tmp_path)

    (tmp_path / name).chmod(0o600)
    with closing(Journal.open(tmp_path)) as journal:
        assert count(journal) == 1


def test_a_file_that_another_process_made_first_is_no_trouble(tmp_path: Path) -> None:
    database._create(tmp_path / NAME)
    database._create(tmp_path / NAME)

    with closing(Journal.open(tmp_path)) as journal:
        assert count(journal) == 0


def test_an_empty_file_becomes_a_new_journal(tmp_path: Path) -> None:
    """It has no instance yet, so nothing in any processing/ is taken for its own."""
    (tmp_path / NAME).touch()
    with pytest.raises(errors.JournalBusy, match="start the service once"):
        Journal.look(tmp_path)
    with closing(Journal.open(tmp_path)) as journal:
        assert journal.identity.instance == ""


# ---------------------------------------------------------------- looking


def test_a_look_at_no_journal_makes_none(tmp_path: Path) -> None:
    with pytest.raises(errors.JournalBusy, match="there is no journal yet"):
        Journal.look(tmp_path)
    assert not list(tmp_path.iterdir())


def test_who_looks_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(Journal.look(tmp_path)) as journal:
        assert count(journal) == 1
        with pytest.raises(errors.JournalBusy, match="readonly"):
            journal.jobs.add([new_job()])


def test_what_sqlite_rolled_back_by_itself_is_not_rolled_back_again(tmp_path: Path) -> None:
    with closing(database.open_for_writing(tmp_path / NAME)) as opened:
        with pytest.raises(KeyError):
            _fail_after_a_rollback(opened)
        with opened.reading() as connection:
            assert connection.execute("SELECT count(*) FROM meta").fetchone()[0] == 0


def _fail_after_a_rollback(opened: database.Database) -> None:
    with opened.writing() as connection:
        connection.execute("INSERT INTO meta VALUES ('a', '1')")
        connection.execute("ROLLBACK")  # as SQLite does when the disk is full
        raise KeyError
