"""A row, or a table, that is not as it was written: found out before it does harm."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from journal_fixtures import LANE, NO_TEXT, claim_one, lead, new_job
from rig_fixtures import rig

from pigment_watcher import errors
from pigment_watcher.journal import NAME, Journal, Limits
from pigment_watcher.model import Limit, Outcome, State

PAGE = 4096
IMPORT = "f2b03cab-ba63-4525-bd59-c597f6721973"
LIMITS = Limits(host="pigment.app", requests=Limit(100, 60.0), pushes=Limit(100, 60.0))


def damage(folder: Path, *statements: str) -> None:
    """Change the file as a bad disk may, past the trigger that refuses illegal steps."""
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as connection:
        (trigger,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'jobs_step'"
        ).fetchone()
        connection.execute("DROP TRIGGER jobs_step")
        for statement in statements:
            connection.execute(statement)
        connection.execute(trigger)


def expect_damage(folder: Path, use: Callable[[Journal], object], words: str) -> None:
    with (
        closing(Journal.open(folder)) as journal,
        pytest.raises(errors.JournalDamaged, match=rf"journal\.db: .*{words}.*move it aside"),
    ):
        use(journal)


def change_words(folder: Path, words: bytes, others: bytes) -> None:
    """Change bytes that stand once in the file as a bad disk may."""
    file = folder / NAME
    whole = file.read_bytes()
    assert whole.count(words) == 1
    file.write_bytes(whole.replace(words, others))


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(
    "column",
    ["route", "configuration_id", "key", "rules", "source", "name", "marker", "directory"],
)
def test_a_job_is_not_read_if_a_byte_says_otherwise_where_it_goes(
    tmp_path: Path, column: str
) -> None:
    """Behaviour T16."""
    with closing(Journal.open(tmp_path)) as journal:
        claim_one(journal, marker="a.ok")
    damage(tmp_path, f"UPDATE jobs SET {column} = replace({column}, substr({column}, 2, 1), '~')")
    expect_damage(tmp_path, lambda journal: journal.jobs.unfinished(), "job 1: a byte of it")


def test_a_new_name_is_sealed_with_the_rest(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        target = Path("/srv/exports/sales/done") / NO_TEXT
        lead(journal, claim_one(journal, NO_TEXT), State.ARCHIVING, target=target)
        assert journal.jobs.unfinished()[0].target == target
    damage(tmp_path, "UPDATE jobs SET target = CAST('/elsewhere' AS BLOB)")
    expect_damage(tmp_path, lambda journal: journal.jobs.get(1), "job 1: a byte of it")


def test_a_job_of_an_older_version_has_no_seal_and_is_read(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        claim_one(journal)
    damage(tmp_path, "UPDATE jobs SET seal = NULL")
    with closing(Journal.open(tmp_path)) as journal:
        assert journal.jobs.unfinished()[0].name == "a.csv"


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        ("UPDATE jobs SET state = 'LOST'", lambda journal: journal.jobs.unfinished()),
        ("UPDATE jobs SET state = 'LOST'", lambda journal: journal.jobs.waiting()),
        ("UPDATE jobs SET mtime_ns = 'now'", lambda journal: journal.jobs.get(1)),
        ("UPDATE jobs SET mtime_ns = 'now'", lambda journal: journal.agenda.next(9.0, LIMITS)),
        ("UPDATE jobs SET outcome = 'perhaps'", lambda journal: journal.jobs.history()),
        (
            f"UPDATE jobs SET import_id = '{IMPORT.replace('a', 'q')}'",
            lambda journal: journal.jobs.unfinished(),
        ),
        (
            "UPDATE jobs SET outcome = 'perhaps', finished_at = 9",
            lambda journal: journal.jobs.ended(0.0),
        ),
        ("UPDATE events SET to_state = 'LOST'", lambda journal: journal.jobs.story(1)),
        ("UPDATE jobs SET route = CAST(x'ff' AS TEXT)", lambda journal: journal.jobs.history()),
        ("INSERT INTO meta VALUES ('starts', 'x')", lambda journal: journal.identity.starts),
        ("INSERT INTO meta VALUES ('inherited', 'x')", lambda journal: journal.identity.inherited),
        (
            "INSERT INTO folders VALUES (7, '', '', 7)",
            lambda journal: journal.identity.known_drives(),
        ),
        (
            "INSERT INTO commands VALUES (1, 0, '', 'retry', '{', NULL, NULL, '')",
            lambda journal: journal.commands.unanswered(),
        ),
    ],
)
def test_a_row_that_this_program_never_writes_is_damage(
    tmp_path: Path, statement: str, use: Callable[[Journal], object]
) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        claim_one(journal)
    damage(tmp_path, statement)
    expect_damage(tmp_path, use, "")


def test_rules_that_are_none_are_damage_where_no_seal_tells(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        journal.jobs.add([new_job()])
    damage(tmp_path, "UPDATE jobs SET seal = NULL, rules = '{}'")
    expect_damage(tmp_path, lambda journal: journal.jobs.history(), "job 1: 'directory'")


def test_what_changes_on_a_jobs_way_breaks_no_seal(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        job = lead(journal, claim_one(journal), State.PUSHING, attempts=1)
        journal.jobs.move(job, State.QUEUED, at=1.0, fingerprint=new_job(mtime_ns=7).fingerprint)
        journal.jobs.hasten(0.0)
        journal.jobs.clear_forbidden("default")
        job = lead(journal, journal.jobs.unfinished()[0], State.IMPORTING, import_id=IMPORT)
        journal.jobs.stretch_deadlines(None, 0.0, 9.0)
        job = journal.jobs.move(job, State.ARCHIVING, at=2.0, outcome=Outcome.IMPORTED)
        job = journal.jobs.move(job, State.ARCHIVING, at=2.0, target=Path("/srv/a.csv"))
        job = journal.jobs.move(job, State.ARCHIVING, at=2.0, target=None)
        journal.jobs.move(job, State.DONE, at=3.0)
        assert journal.jobs.history()[0].configuration_id == LANE


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("use", [Journal.open, Journal.look])
@pytest.mark.parametrize(
    ("statement", "odd"),
    [
        ("DROP TABLE events", "events, events_job"),
        ("DROP TRIGGER jobs_begin_queued", "jobs_begin_queued"),
        ("DROP INDEX jobs_busy", "jobs_busy"),
        ("ALTER TABLE jobs DROP COLUMN asked_by", "jobs"),
        ("ALTER TABLE lanes RENAME TO lines", "lanes, lines"),
    ],
)
def test_a_journal_that_lacks_something_is_refused_with_its_name(
    use: Callable[[Path], Journal], tmp_path: Path, statement: str, odd: str
) -> None:
    """Behaviour T16."""
    Journal.open(tmp_path).close()
    damage(tmp_path, statement)
    with pytest.raises(errors.JournalDamaged, match=rf"not of format \d+: {odd}\)"):
        use(tmp_path)


def test_a_wrong_number_of_the_format_is_damage_and_changes_no_table(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    damage(tmp_path, "PRAGMA user_version = 1")
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(errors.JournalDamaged, match="not of format 1"):
        Journal.open(tmp_path)
    assert (tmp_path / NAME).read_bytes() == before


def test_a_journal_without_any_table_is_damage(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall():
            connection.execute(f"DROP TABLE {name}")
    with pytest.raises(errors.JournalDamaged, match="not of format"):
        Journal.open(tmp_path)


def test_a_damaged_name_of_a_table_is_damage_even_if_it_is_no_text(tmp_path: Path) -> None:
    """Behaviour T16. Python can't even say what SQLite finds wrong with it."""
    Journal.open(tmp_path).close()
    change_words(tmp_path, b"CREATE INDEX jobs_busy", b"CREATE \xa0NDEX jobs_busy")
    for open_journal in (Journal.open, Journal.look):
        with pytest.raises(errors.JournalDamaged, match="move it aside"):
            open_journal(tmp_path)


@pytest.mark.parametrize(
    ("words", "others", "odd"),
    [
        (b"NEW.import_id)", b"NEW.import_ie)", "jobs_imported"),
        (b"from_state = OLD.state", b"from_state = OLD.spate", "jobs_step"),
        (b"due_at           REAL", b"due_at           TEAL", "jobs"),
    ],
)
def test_a_table_or_trigger_that_says_something_else_is_damage(
    tmp_path: Path, words: bytes, others: bytes, odd: str
) -> None:
    """SQLite checks a trigger only when it fires."""
    Journal.open(tmp_path).close()
    change_words(tmp_path, words, others)
    for open_journal in (Journal.open, Journal.look):
        with pytest.raises(errors.JournalDamaged, match=rf"not of format \d+: {odd}\)"):
            open_journal(tmp_path)


def test_what_a_comment_says_in_a_table_is_no_damage(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    change_words(tmp_path, b"-- 0 where names alone count", b"-- 0 where names alone cou~t")
    Journal.open(tmp_path).close()


# ---------------------------------------------------------------- a start


def test_a_start_finds_an_index_that_leaves_a_job_out(tmp_path: Path) -> None:
    """SQLite's quick check does not, and the file would wait for ever."""
    with closing(Journal.open(tmp_path)) as journal:
        claim_one(journal)
    file = tmp_path / NAME
    with closing(sqlite3.connect(file)) as connection:
        find = "SELECT rootpage FROM sqlite_master WHERE name = 'jobs_queue'"
        (page,) = connection.execute(find).fetchone()
    whole = bytearray(file.read_bytes())
    whole[whole.index(LANE.encode(), (page - 1) * PAGE)] ^= 1
    file.write_bytes(whole)
    expect_damage(tmp_path, Journal.examine, "jobs_queue")


def test_a_start_that_damage_ends_is_told_to_no_folder(tmp_path: Path) -> None:
    """Behaviour T16: the journal as it was before the damage goes on, and is no older copy."""
    with rig(tmp_path) as one:
        one.recover()
        one.take_in("a.csv")
        instance = one.instance
        one.close()
        journal = tmp_path / "state" / NAME
        sound = journal.read_bytes()
        damage(journal.parent, "UPDATE jobs SET mtime_ns = 'now'")
        with pytest.raises(errors.JournalDamaged, match="job 1"):
            one.start()
        one.journal.close()
        journal.write_bytes(sound)
        one.start()
        assert one.instance == instance
