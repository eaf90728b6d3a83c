"""A copy of the journal: how it is made, and what a service does that starts with it."""

import math
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from acceptance_fixtures import write_config
from cli_fixtures import a_journal, add, run
from journal_fixtures import RULES, new_job
from rig_fixtures import ROWS, Rig, names, rig, route

from pigment_watcher import errors
from pigment_watcher.files import moves
from pigment_watcher.journal import NAME, Journal, ServiceLock, backup, database
from pigment_watcher.model import AfterFailure, ConditionKind, Outcome, State
from pigment_watcher.simulator import Fault, Simulator

# ---------------------------------------------------------------- the command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


def entries(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("is_running", [False, True])
def test_a_backup_holds_every_job_and_is_its_owners_alone(
    tmp_path: Path, config: Path, is_running: bool
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    lock = ServiceLock(tmp_path / "state")
    with a_journal(tmp_path) as journal:
        if is_running:
            lock.take()
        jobs = add(journal, "a.csv", "b.csv")
        told = run("backup", kept / NAME, "--config", config)
        lock.drop()

    assert (told.exit_code, told.stderr) == (0, "")
    size = (kept / NAME).stat().st_size
    assert told.stdout == f"{kept / NAME}: the journal as it is now, {size:,} bytes\n"
    assert stat.S_IMODE((kept / NAME).stat().st_mode) == 0o600
    assert entries(kept) == [NAME]
    with closing(Journal.open(kept)) as copy:
        assert copy.jobs.unfinished() == jobs


def test_a_file_that_is_there_is_refused_and_left(tmp_path: Path, config: Path) -> None:
    target = tmp_path / "backup.db"
    target.write_text("yesterday's")
    with a_journal(tmp_path):
        told = run("backup", target, "--config", config)

    assert told.exit_code == 1
    assert "backup.db: exists already; name a file that does not" in told.stderr
    assert target.read_text() == "yesterday's"


def test_a_file_that_comes_meanwhile_is_not_overwritten(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "kept" / "backup.db"
    target.parent.mkdir()
    copy_to = Journal.copy_to

    def and_another(self: Journal, file: Path) -> None:
        copy_to(self, file)
        target.write_text("another's")

    monkeypatch.setattr(Journal, "copy_to", and_another)
    with a_journal(tmp_path):
        told = run("backup", target, "--config", config)

    assert (told.exit_code, target.read_text()) == (1, "another's")
    assert entries(target.parent) == ["backup.db"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, config: Path) -> None:
    with a_journal(tmp_path):
        told = run("backup", tmp_path / "nowhere" / "backup.db", "--config", config)

    assert told.exit_code == 1
    assert f"{tmp_path}/nowhere: No such file or directory" in told.stderr


def test_where_there_is_no_journal_there_is_no_backup(tmp_path: Path, config: Path) -> None:
    told = run("backup", tmp_path / "backup.db", "--config", config)

    assert told.exit_code == 1
    assert "there is no journal yet" in told.stderr


def test_a_copy_that_is_damaged_never_gets_its_name(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(file: Path, _: object) -> None:
        raise database._damaged(file, "page 3: not as it was")

    monkeypatch.setattr(backup, "check", find)
    kept = tmp_path / "kept"
    kept.mkdir()
    with a_journal(tmp_path):
        told = run("backup", kept / "backup.db", "--config", config)

    assert told.exit_code == 1
    assert "page 3: not as it was" in told.stderr
    assert entries(kept) == []


def test_a_copy_for_which_there_is_no_room_leaves_nothing(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> None:
        raise errors.JournalBusy("backup.db: database or disk is full")

    monkeypatch.setattr(backup, "write", fill)
    kept = tmp_path / "kept"
    kept.mkdir()
    with a_journal(tmp_path):
        told = run("backup", kept / "backup.db", "--config", config)

    assert told.exit_code == 1
    assert "disk is full" in told.stderr
    assert entries(kept) == []


# ---------------------------------------------------------------- what a copy is


def test_a_copy_is_as_the_journal_was_at_one_moment(tmp_path: Path) -> None:
    """What a writer has not committed is not in it, and the journal is left as it was."""
    (tmp_path / "copy").mkdir()
    with closing(Journal.open(tmp_path)) as journal:
        journal.identity.count_start()
        (job,) = journal.jobs.add([new_job()])
        before = (tmp_path / NAME).read_bytes()
        with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("DELETE FROM jobs")
            journal.copy_to(tmp_path / "copy" / NAME)
            writer.execute("ROLLBACK")
        assert (tmp_path / NAME).read_bytes() == before
    with closing(Journal.open(tmp_path / "copy")) as copy:
        assert copy.jobs.history() == [job]


def test_a_copy_as_a_journal_is_another_instance(tmp_path: Path) -> None:
    """Behaviour T17."""
    (tmp_path / "copy").mkdir()
    with closing(Journal.open(tmp_path)) as journal:
        for _ in range(3):
            journal.identity.count_start()
        (job,) = journal.jobs.add([new_job(rules=RULES)])
        journal.copy_to(tmp_path / "copy" / NAME)
        instance = journal.identity.instance
        assert (journal.identity.starts, journal.identity.inherited) == (3, 0)
    with closing(Journal.open(tmp_path / "copy")) as copy:
        assert copy.identity.count_start() == 1
        assert copy.identity.instance not in {"", instance}
        assert copy.identity.inherited == job.id
        (later,) = copy.jobs.add([new_job()])
        assert later.id > copy.identity.inherited


# ---------------------------------------------------------------- a start with a copy


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=math.inf) as simulator:
        yield simulator


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    with rig(tmp_path, url=pigment.url) as built:
        built.recover()
        yield built


def save(one: Rig) -> Path:
    """Make a backup and return where it is."""
    copy = one.folder / "backup.db"
    one.journal.copy_to(copy)
    return copy


def restore(one: Rig, copy: Path) -> None:
    """Put a backup in the journal's place and start with it."""
    one.journal.close()
    shutil.copy(copy, one.folder / "state" / NAME)
    one.journal = Journal.open(one.folder / "state")
    one.restart()


def test_a_file_that_was_queued_is_unsure_and_left_to_whoever_has_it(
    one: Rig, pigment: Simulator
) -> None:
    one.take_in("a.csv")
    left, copy = one.claimed_path(one.job()), save(one)
    restore(one, copy)
    assert one.work_off() == []

    job = one.job()
    assert (job.state, job.outcome, job.target) == (State.FAILED, Outcome.UNSURE, None)
    assert one.ear.named("job.finished") == ["a.csv"]
    assert left.read_text() == ROWS
    assert pigment.pushes() == []
    assert one.condition(ConditionKind.ORPHANS) is not None


def test_a_file_that_was_being_sent_is_unsure_whatever_its_route_says(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.lost_answer())
    one.take_in("a.csv")
    job = one.journal.jobs.move(one.job(), State.PUSHING, at=one.clock.now(), pushed_at=1.0)
    left, copy = one.claimed_path(job), save(one)
    restore(one, copy)
    assert one.work_off() == []

    assert one.outcomes() == {"a.csv": Outcome.UNSURE}
    assert one.job().state is State.FAILED
    assert left.read_text() == ROWS
    assert pigment.pushes() == []
    assert one.condition(ConditionKind.HOST_IN_DOUBT) is None


@pytest.mark.parametrize("went_on", [True, False], ids=["moved since", "left where it was"])
def test_an_import_that_runs_is_asked_after_and_closes_its_lane_until_it_ends(
    one: Rig, pigment: Simulator, went_on: bool
) -> None:
    one.take_in("a.csv")
    one.work()
    left, copy = one.claimed_path(one.job()), save(one)
    if went_on:
        (one.inbox / "done").mkdir()
        left.rename(one.inbox / "done" / "a.csv")
    restore(one, copy)
    one.take_in("b.csv")
    assert one.work(3) == ["poll"] * 3
    assert len(pigment.pushes()) == 1
    (started,) = pigment.imports()
    pigment.finish(started.id)
    one.work(2)

    first, second = one.all_jobs()
    assert (first.outcome, first.state) == (Outcome.IMPORTED, State.DONE)
    assert second.state is State.IMPORTING
    assert len(pigment.pushes()) == 2
    assert left.exists() != went_on


def test_what_was_decided_is_finished_where_it_is_by_now(one: Rig) -> None:
    target = one.inbox / "failed" / "a.csv"
    one.take_in("a.csv")
    one.journal.jobs.move(
        one.job(), State.ARCHIVING, at=one.clock.now(), outcome=Outcome.REFUSED, target=target
    )
    left, copy = one.claimed_path(one.job()), save(one)
    target.parent.mkdir()
    moves.rename(left, target)
    restore(one, copy)
    assert one.work_off() == ["archive"]

    job = one.job()
    assert (job.state, job.outcome, job.target) == (State.FAILED, Outcome.REFUSED, target)
    assert target.read_text() == ROWS


def test_a_file_that_was_still_in_its_inbox_is_taken_anew(one: Rig, pigment: Simulator) -> None:
    path = one.put("a.csv")
    one.take_in()
    job = one.job()
    one.claimed_path(job).rename(path)
    one.journal._database._connection.execute("UPDATE jobs SET claimed_at = NULL")
    restore(one, save(one))
    one.take_in()
    one.work()

    assert [job.outcome for job in one.all_jobs()] == [Outcome.RETURNED, None]
    assert len(pigment.pushes()) == 1


def test_a_share_that_is_away_at_the_first_start_is_found_at_the_next(one: Rig) -> None:
    """Nothing of an earlier instance is looked for in our own place."""
    one.take_in("a.csv", "b.csv")
    one.work()
    copy = save(one)
    unmounted = one.folder / "unmounted"
    one.inbox.rename(unmounted)
    one.journal.close()
    shutil.copy(copy, one.folder / "state" / NAME)
    one.journal = Journal.open(one.folder / "state")
    one.close()
    one._open(one._destination())
    one.recovery.run()
    unmounted.rename(one.inbox)
    one.restart()

    assert one.condition(ConditionKind.FOLDER_LOST) is None
    assert one.condition(ConditionKind.ORPHANS) is not None


def test_a_second_start_changes_nothing(one: Rig) -> None:
    one.take_in("a.csv", "b.csv")
    one.work()
    restore(one, save(one))
    before = one.all_jobs()
    stories = [one.journal.jobs.story(job.id) for job in before]
    one.restart()

    assert [job.evolve(due_at=0.0) for job in one.all_jobs()] == [
        job.evolve(due_at=0.0) for job in before
    ]
    assert [one.journal.jobs.story(job.id) for job in before] == stories


def test_what_came_after_the_restore_is_ours(one: Rig, pigment: Simulator) -> None:
    restore(one, save(one))
    one.take_in("a.csv")
    one.restart()
    assert one.work() == ["push"]
    assert len(pigment.pushes()) == 1


def test_a_lane_is_held_behind_what_is_unsure_where_the_route_says_so(
    tmp_path: Path, pigment: Simulator
) -> None:
    held = route(tmp_path / "in", after_failure=AfterFailure.HOLD)
    with rig(tmp_path, held, url=pigment.url) as one:
        one.recover()
        one.take_in("a.csv")
        restore(one, save(one))
        assert one.condition(ConditionKind.LANE_HELD) is not None


def test_a_retry_of_what_is_not_ours_is_refused_with_the_remedy(one: Rig) -> None:
    one.take_in("a.csv")
    restore(one, save(one))
    assert "may have been imported" in one.ask("retry", what="1")[1]
    succeeded, answer = one.ask("retry", what="1", even_if_imported=True)
    assert not succeeded
    assert answer == "job 1: its file is in no folder of ours; drop it into the inbox instead"


def test_what_the_old_instance_left_is_ended_when_that_is_asked_for(
    one: Rig, pigment: Simulator
) -> None:
    one.take_in("a.csv", "b.csv")
    one.work()
    old = one.instance
    restore(one, save(one))
    (one.inbox / "processing" / old / "starts").unlink()

    assert one.ask("close-orphans", instance=old)[0]
    one.work(5)
    assert [name for name in names(one.inbox / "failed") if name.endswith(".csv")] == [
        "a.csv",
        "b.csv",
    ]
    assert len(pigment.pushes()) == 1
