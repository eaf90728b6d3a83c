"""The journal is damaged, lost, old, held or out of reach, with a file in each state."""

import contextlib
import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from acceptance_fixtures import command
from damage_fixtures import NAME, SOUND, Scene, close_orphans, scene, tell
from stages import file_of, held, route_of
from torture_fixtures import World, sampled

from pigment_watcher.model import State

pytestmark = pytest.mark.torture("8. the journal")

PAGE = 4096
#: Bytes that are flipped in all, and in one test.
FLIPS, AT_ONCE = 96, 4

#: So many tests share the damages.
PARTS = 9


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Scene]:
    """Lend what a killed service left, with a file in each state."""
    with scene(tmp_path) as lent:
        yield lent


# ---------------------------------------------------------------- damage


def zeroed(*pages: int) -> Callable[[Path], None]:
    """Return a damage that fills pages with zeros; the first is 0."""

    def damage(file: Path) -> None:
        data = bytearray(file.read_bytes())
        for page in pages:
            data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
        file.write_bytes(data)

    return damage


def written(data: bytes) -> Callable[[Path], None]:
    """Return a damage that leaves these bytes and nothing else."""

    def damage(file: Path) -> None:
        file.write_bytes(data)

    return damage


def overwritten(at: int, data: bytes) -> Callable[[Path], None]:
    """Return a damage that writes bytes somewhere."""

    def damage(file: Path) -> None:
        whole = bytearray(file.read_bytes())
        whole[at : at + len(data)] = data
        file.write_bytes(whole)

    return damage


def cut_to(part: float) -> Callable[[Path], None]:
    """Return a damage that leaves so much of the file."""

    def damage(file: Path) -> None:
        os.truncate(file, int(file.stat().st_size * part))

    return damage


def by_sql(*statements: str) -> Callable[[Path], None]:
    """Return a damage that another program does, past all that the journal refuses."""

    def damage(file: Path) -> None:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
            step = "SELECT sql FROM sqlite_master WHERE name = 'jobs_step'"
            (trigger,) = connection.execute(step).fetchone()
            connection.execute("DROP TRIGGER jobs_step")
            for statement in statements:
                connection.execute(statement)
            if "jobs" in {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}:
                connection.execute(trigger)

    return damage


def foreign(file: Path) -> None:
    """Put another program's database there."""
    file.unlink()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, state TEXT)")


def rubbish(column: str, value: str) -> Callable[[Path], None]:
    """Return a damage that puts a value into a column of the file that is queued."""
    return by_sql(f"UPDATE jobs SET {column} = {value} WHERE name = CAST('queued.csv' AS BLOB)")


#: Each is found out at the start, whatever it hits.
DAMAGES: dict[str, Callable[[Path], None]] = {
    "a text file": written(b"month,amount\n" * 1000),
    "another program's database": foreign,
    "the header zeroed": overwritten(0, bytes(100)),
    "the header garbage": overwritten(0, random.Random(1).randbytes(100)),
    "all of it zeros": written(bytes(50 * PAGE)),
    "all of it garbage": written(random.Random(2).randbytes(50_000)),
    **{f"page {page} zeroed": zeroed(page) for page in (0, 1, 2, 3, 7, 16)},
    "many pages zeroed": zeroed(*range(2, 20)),
    **{f"cut to {part:.0%}": cut_to(part) for part in (0.001, 0.04, 0.2, 0.5, 0.777, 0.9)},
    "no table of jobs": by_sql("PRAGMA foreign_keys = OFF", "DROP TABLE jobs"),
    "no table of events": by_sql("DROP TABLE events"),
    "no table of meta": by_sql("DROP TABLE meta"),
    "no trigger": by_sql("DROP TRIGGER jobs_begin_queued"),
    "a column less": by_sql("ALTER TABLE jobs DROP COLUMN asked_by"),
    "an unknown state": rubbish("state", "'LOST'"),
    "an unknown outcome": rubbish("outcome", "'perhaps'"),
    "no rules": rubbish("rules", "'{}'"),
    "rules that are no JSON": rubbish("rules", "'rubbish'"),
    "rules of an unknown mode": rubbish(
        "rules", 'replace(rules, \'"load_mode": null\', \'"load_mode": "never"\')'
    ),
    "another folder": rubbish("rules", "replace(rules, 'queued/failed', 'queued/faired')"),
    "another configuration": rubbish("configuration_id", "'00000000-0000-4000-8000-000000000000'"),
    "another name": rubbish("name", "CAST('quoted.csv' AS BLOB)"),
    "a name that is a number": rubbish("name", "7"),
    "text that is none": rubbish("route", "CAST(x'ff' AS TEXT)"),
    "a time that is no number": rubbish("mtime_ns", "'now'"),
    "a count of starts that is none": by_sql("UPDATE meta SET value = 'x' WHERE name = 'starts'"),
    "another format": by_sql("PRAGMA user_version = 1"),
}


@pytest.mark.parametrize("part", sampled(range(PARTS), 1))
def test_a_damaged_journal_stops_the_start_and_a_copy_of_it_goes_on(
    left: Scene, part: int, record_property: Callable[[str, object], None]
) -> None:
    """Behaviour T16."""
    kinds = list(DAMAGES)[part::PARTS]
    record_property("faults", len(kinds))
    for kind in kinds:
        left.put_back()
        DAMAGES[kind](left.journal)
        left.expect_refused("move it aside", kind=kind)
        assert "Traceback" not in command("status", "--config", left.world.config).stderr
    left.put_journal_back()
    left.world.recover().check()
    assert left.world.places() == SOUND


def test_a_journal_of_a_newer_version_is_refused_with_the_remedy(left: Scene) -> None:
    by_sql("PRAGMA user_version = 99")(left.journal)
    left.expect_refused("format 99", "install that version again")


@pytest.mark.parametrize("seed", sampled(range(FLIPS // AT_ONCE), 2))
def test_a_flipped_bit_loses_and_doubles_nothing(
    left: Scene, seed: int, record_property: Callable[[str, object], None]
) -> None:
    """What SQLite itself sees of it is little: it keeps no checksums."""
    record_property("faults", AT_ONCE)
    chance = random.Random(seed)
    used = [at for at, byte in enumerate(left.journal.read_bytes()) if byte]
    for _ in range(AT_ONCE):
        left.put_back()
        data = bytearray(left.journal.read_bytes())
        at = chance.choice(used)
        data[at] ^= 1 << chance.randrange(8)
        left.journal.write_bytes(data)
        before = left.pushes()
        ended = left.run()
        pushed = left.pushes() - before
        assert pushed.keys() <= {file_of(State.QUEUED)}, f"byte {at}: {pushed}"
        assert pushed.total() <= 1
        left.expect_all_whole()
        if NAME in ended.stderr:
            assert ended.returncode == 1


# ---------------------------------------------------------------- lost


def remove(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    os.truncate(file, 0)


def empty_with_its_rollback_journal(file: Path) -> None:
    os.truncate(file, 0)
    file.with_name(f"{NAME}-journal").write_bytes(b"")


def whole_directory(file: Path) -> None:
    shutil.rmtree(file.parent)


@pytest.mark.parametrize("lose", [remove, empty, empty_with_its_rollback_journal, whole_directory])
def test_a_lost_journal_is_a_new_instance_that_sends_nothing_of_the_old_one(
    left: Scene, lose: Callable[[Path], None]
) -> None:
    """Behaviours T16, T17."""
    before = left.pushes()
    lose(left.journal)
    left.world.drop("new.csv", route="queued")
    ended = left.run()
    assert "processing.orphans" in ended.stderr
    assert left.is_untouched()
    assert left.pushes() - before == {"new.csv": 1}
    close_orphans(left.world)
    left.world.recover().check()
    assert left.world.places() == {**dict.fromkeys(SOUND, "failed"), "new.csv": "done"}
    assert left.pushes() - before == {"new.csv": 1}
    reason = left.world.inbox("queued") / "failed" / "queued.csv.reason.txt"
    assert reason.read_text().startswith("NOT KNOWN WHETHER IMPORTED")


@pytest.mark.parametrize("kind", ["a text file", "page 0 zeroed", "no table of jobs"])
def test_a_start_without_the_damaged_journal_sends_nothing_of_the_old_one(
    left: Scene, kind: str
) -> None:
    """Behaviour T17: the other of the two remedies."""
    before = left.pushes()
    DAMAGES[kind](left.journal)
    left.expect_refused()
    left.journal.rename(left.journal.with_name("journal.damaged"))
    assert "processing.orphans" in left.run().stderr
    assert left.is_untouched()
    close_orphans(left.world)
    left.world.recover().check()
    assert left.pushes() == before


# ---------------------------------------------------------------- rollback journals


def interrupted(file: Path) -> tuple[bytes, bytes]:
    """Return the file and its rollback journal in the midst of a long transaction."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE jobs SET reason = hex(randomblob(9000)), due_at = 9e9")
        connection.execute("DELETE FROM events")
        hot = file.with_name(f"{NAME}-journal").read_bytes()
        data = file.read_bytes()
        connection.execute("ROLLBACK")
    return data, hot


def test_a_hot_rollback_journal_takes_back_what_was_begun(left: Scene) -> None:
    data, hot = interrupted(left.journal)
    assert data != left.journal.read_bytes()
    left.journal.write_bytes(data)
    left.journal.with_name(f"{NAME}-journal").write_bytes(hot)
    left.world.recover().check()
    assert left.world.places() == SOUND


@pytest.mark.parametrize("kind", ["garbage", "zeros", "of an older state"])
def test_a_stray_rollback_journal_loses_and_doubles_nothing(left: Scene, kind: str) -> None:
    stray = random.Random(3).randbytes(5000) if kind == "garbage" else bytes(5000)
    if kind == "of an older state":
        _, stray = interrupted(left.journal)
        left.run()  # goes on beyond it
        left.expect_all_whole()
    before = left.pushes()
    left.journal.with_name(f"{NAME}-journal").write_bytes(stray)
    left.run()
    left.expect_all_whole()
    pushed = left.pushes() - before
    assert pushed.keys() <= {file_of(State.QUEUED)}
    assert max(left.pushes().values()) == 1


# ---------------------------------------------------------------- an older copy


def copy_of_file(world: World) -> Callable[[], None]:
    """Keep the journal's file; return what puts it back."""
    file = world.state / NAME
    return partial(written(file.read_bytes()), file)


def copy_of_directory(world: World) -> Callable[[], None]:
    """Keep the state directory; return what puts it back."""
    kept = world.folder / "kept"
    shutil.copytree(world.state, kept)

    def put_back() -> None:
        shutil.rmtree(world.state)
        shutil.copytree(kept, world.state)

    return put_back


COPIES = [copy_of_file, copy_of_directory]
#: When the copy was made: before the file came, or while it was queued.
NOT_THERE, QUEUED = "before it came", "while it was queued"
#: How far the file got after that.
ENDS = (State.PUSHING, State.IMPORTING, State.ARCHIVING, State.DONE)


@dataclass(frozen=True, slots=True)
class Older:
    """How far a file got after a copy was made, how and when that was, and what lay between."""

    state: State
    copy: Callable[[World], Callable[[], None]]
    moment: str
    restarted: bool = False
    load_mode: str = "append"


@pytest.mark.parametrize(
    "case",
    sampled(
        [
            *(
                Older(state, copy, moment)
                for state in ENDS
                for moment in (NOT_THERE, QUEUED)
                for copy in COPIES
            ),
            *(Older(state, copy_of_file, QUEUED, restarted=True) for state in ENDS),
            *(Older(state, copy_of_file, QUEUED, load_mode="update") for state in ENDS),
        ],
        4,
    ),
)
def test_an_older_copy_of_the_journal_sends_nothing_again(tmp_path: Path, case: Older) -> None:
    """Behaviour T16: also where no start lies between the copy and what it does not know."""
    state = case.state
    route, name = route_of(state), file_of(state)
    with held(tmp_path, routes={route: {"load_mode": case.load_mode}}) as stage:
        world = stage.world
        put_back = case.copy(world)
        tell(world, "pause", route)
        world.drop(name, route=route)
        stage.service.wait_for("job.claimed", file=name)
        if case.moment == QUEUED:
            shutil.rmtree(tmp_path / "kept", ignore_errors=True)
            put_back = case.copy(world)
        if case.restarted:
            stage.start_again()
        stage.prepare(state)
        tell(world, "resume", route)
        stage.wait_for(state)
        stage.service.kill()
        stage.release()
        put_back()
        tell(world, "resume", route)
        assert "Traceback" not in world.run().stderr
        close_orphans(world)
        world.recover()
        pushes = Counter(push.sha256 for push in stage.pigment.pushes())
        assert case.load_mode == "update" or max(pushes.values()) == 1
        world.check()
