"""`duplicates: refuse`: what was imported is known by its bytes, and not imported again unasked."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from journal_fixtures import LANE, NO_TEXT, OTHER_LANE, claim_one, lead, new_job
from rig_fixtures import ROWS, Rig, reason, rig, route, statuses

from pigment_watcher.journal import NAME, Journal, database, rows
from pigment_watcher.model import (
    Condition,
    ConditionKind,
    Duplicates,
    Import,
    LoadMode,
    Outcome,
    State,
)
from pigment_watcher.policy import verdicts
from pigment_watcher.simulator import Fault, Simulator
from pigment_watcher.steps import push

REFUSE = Duplicates.REFUSE
HASH, OTHER_HASH = "ab" * 32, "cd" * 32
IMPORT_ID = "f2b03cab-ba63-4525-bd59-c597f6721973"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path)) as opened:
        yield opened


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig whose only route refuses duplicates."""
    with rig(tmp_path, route(tmp_path / "in", duplicates=REFUSE), url=pigment.url) as built:
        yield built


def decide(journal: Journal, name: str, outcome: Outcome, at: float = 5.0) -> None:
    """Let an import end, its file not moved yet."""
    job = lead(journal, claim_one(journal, name), State.IMPORTING, sha256=HASH, import_id=IMPORT_ID)
    journal.jobs.move(job, State.ARCHIVING, at=at, outcome=outcome, decided_at=at)


# ---------------------------------------------------------------- what the journal remembers


@pytest.mark.parametrize("outcome", [Outcome.IMPORTED, Outcome.IMPORTED_WITH_SKIPS])
@pytest.mark.parametrize("name", ["a.csv", NO_TEXT])
def test_an_import_is_remembered_in_the_commit_that_frees_its_lane(
    journal: Journal, outcome: Outcome, name: str
) -> None:
    """Behaviours F5, F12: the next file may hold the same bytes, wherever the first one lies."""
    decide(journal, name, outcome)

    first = Import(name=name, at=5.0, import_id=IMPORT_ID)
    assert journal.imports.first(LANE, HASH) == first
    assert journal.imports.first(OTHER_LANE, HASH) is None
    assert journal.imports.first(LANE, OTHER_HASH) is None


@pytest.mark.parametrize("outcome", set(Outcome) - {Outcome.IMPORTED, Outcome.IMPORTED_WITH_SKIPS})
def test_what_is_not_known_to_be_imported_is_not_remembered(
    journal: Journal, outcome: Outcome
) -> None:
    """Behaviours F7, F16: a file whose import came to nothing may come again."""
    decide(journal, "a.csv", outcome)

    assert journal.imports.first(LANE, HASH) is None


def test_the_first_import_stays_the_first(journal: Journal) -> None:
    """Behaviours F8, F9."""
    decide(journal, "a.csv", Outcome.IMPORTED, at=5.0)
    decide(journal, "b.csv", Outcome.IMPORTED, at=9.0)

    assert journal.imports.first(LANE, HASH) == Import(name="a.csv", at=5.0, import_id=IMPORT_ID)


def test_an_import_is_remembered_longer_than_its_job(tmp_path: Path) -> None:
    """Behaviours F14, F15: over restarts, too."""
    with closing(Journal.open(tmp_path)) as journal:
        decide(journal, "a.csv", Outcome.IMPORTED)
        (job,) = journal.jobs.unfinished()
        journal.jobs.move(job, State.DONE, at=6.0)
        assert journal.jobs.prune(before=7.0) == 1
    with closing(Journal.open(tmp_path)) as journal:
        assert journal.imports.first(LANE, HASH) is not None


def test_the_first_import_is_found_by_an_index(journal: Journal) -> None:
    sql = "EXPLAIN QUERY PLAN SELECT * FROM imported WHERE configuration_id = ? AND sha256 = ?"
    with journal._database.reading() as connection:
        (step,) = connection.execute(sql, (LANE, HASH)).fetchall()
    assert "SEARCH imported USING PRIMARY KEY" in step["detail"]


def test_an_older_journal_remembers_what_it_imported(tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    with closing(Journal.open(newer)) as journal:
        for name, outcome, at in (
            ("second.csv", Outcome.IMPORTED, 9.0),
            ("first.csv", Outcome.IMPORTED, 5.0),
            ("failed.csv", Outcome.FAILED, 1.0),
        ):
            decide(journal, name, outcome, at)
    with closing(sqlite3.connect(tmp_path / NAME)) as old:
        for script in database._migrations()[:2]:
            old.executescript(script)
        # These are not at their begin, as the trigger wants them.
        (begin,) = old.execute("SELECT sql FROM sqlite_master WHERE name = 'jobs_begin_queued'")
        old.execute("DROP TRIGGER jobs_begin_queued")
        columns = ", ".join(row[1] for row in old.execute("PRAGMA table_info(jobs)"))
        old.execute("ATTACH ? AS newer", (str(newer / NAME),))
        old.execute(f"INSERT INTO main.jobs ({columns}) SELECT {columns} FROM newer.jobs")
        old.execute(begin[0])
        old.execute("PRAGMA main.user_version = 2")
        old.commit()

    with closing(Journal.open(tmp_path)) as journal:
        first = Import(name="first.csv", at=5.0, import_id=IMPORT_ID)
        assert journal.imports.first(LANE, HASH) == first
        assert {job.even_if_imported for job in journal.jobs.history()} == {False}


def test_a_job_of_an_older_version_accepts_duplicates() -> None:
    held = json.loads(rows.rules_to_text(new_job().rules))
    del held["duplicates"]

    assert rows.rules_from_text(json.dumps(held)).duplicates is Duplicates.ACCEPT


# ---------------------------------------------------------------- what the service refuses


def test_the_same_bytes_under_another_name_are_refused_and_never_sent(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours F1, F18, T10."""
    one.take_in("a.csv")
    one.work_off()
    one.take_in("b.csv")
    assert one.work_off() == ["push"]

    assert one.outcomes() == {"a.csv": Outcome.IMPORTED, "b.csv": Outcome.INVALID}
    assert len(pigment.pushes()) == 1
    first = one.all_jobs()[0]
    told = " ".join(reason(one, "b.csv").split())
    assert first.decided_at is not None
    for fact in ("a.csv", verdicts.moment(first.decided_at), str(first.import_id)):
        assert fact in told
    assert (one.inbox / "failed" / "b.csv").read_text() == ROWS


def test_a_refused_file_costs_no_request(one: Rig, pigment: Simulator) -> None:
    one.take_in("a.csv")
    one.work_off()
    host, before = one.desk.destination.host, one.clock.now() - 60.0
    counted = one.journal.calls.count(host, before)
    one.take_in("b.csv")
    one.work_off()

    assert one.journal.calls.count(host, before) <= counted
    assert len(pigment.pushes()) == 1


def test_another_content_of_the_same_name_size_and_time_is_another_file(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours F2, T10."""
    one.put("a.csv", mtime=1_700_000_000)
    one.take_in()
    one.work_off()
    one.put("a.csv", ROWS.replace("4000", "4001"), mtime=1_700_000_000)
    one.take_in()
    one.work_off()

    assert [job.outcome for job in one.all_jobs()] == [Outcome.IMPORTED] * 2
    assert len(pigment.pushes()) == 2


def test_the_second_of_two_that_wait_is_refused_once_the_first_is_imported(one: Rig) -> None:
    one.take_in("a.csv", "b.csv")
    one.work_off()

    assert one.outcomes() == {"a.csv": Outcome.IMPORTED, "b.csv": Outcome.INVALID}


def test_another_configuration_may_have_the_same_bytes(tmp_path: Path, pigment: Simulator) -> None:
    inbox = tmp_path / "in"
    routes = (
        route(inbox, duplicates=REFUSE, files=("a*",)),
        route(inbox, "costs", OTHER_LANE, duplicates=REFUSE, files=("b*",)),
    )
    with rig(tmp_path, *routes, url=pigment.url) as one:
        one.take_in("a.csv", "b.csv")
        one.work_off()
        assert set(one.outcomes().values()) == {Outcome.IMPORTED}


def test_duplicates_are_accepted_where_nothing_is_said(tmp_path: Path, pigment: Simulator) -> None:
    """Behaviours F3, F4."""
    with rig(tmp_path, url=pigment.url) as one:
        one.take_in("a.csv", "b.csv")
        one.work_off()
        assert set(one.outcomes().values()) == {Outcome.IMPORTED}
        assert len(pigment.pushes()) == 2


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(Fault.lost_answer(), Outcome.UNSURE), (Fault.answer(400), Outcome.REFUSED)],
)
def test_what_may_not_have_been_imported_may_be_dropped_again(
    one: Rig, pigment: Simulator, fault: Fault, outcome: Outcome
) -> None:
    """Behaviour F16: unsure is not imported; whoever drops it again has looked."""
    pigment.script(fault)
    one.take_in("a.csv")
    one.work_off()
    one.take_in("b.csv")
    one.work_off()

    assert one.outcomes() == {"a.csv": outcome, "b.csv": Outcome.IMPORTED}


# ---------------------------------------------------------------- on purpose


def retry(one: Rig, what: str, **arguments: object) -> bool | None:
    """Ask for a retry, let the service act, and return whether it did."""
    succeeded, _ = one.ask("retry", what=what, **arguments)
    one.look(0.0)
    one.work_off()
    return succeeded


def test_a_duplicate_is_imported_when_that_is_asked_for(one: Rig, pigment: Simulator) -> None:
    one.take_in("a.csv", "b.csv")
    one.work_off()

    assert retry(one, "b.csv")
    assert one.outcomes()["b.csv"] is Outcome.INVALID  # nothing changed
    assert retry(one, "b.csv", even_if_imported=True)

    assert one.outcomes()["b.csv"] is Outcome.IMPORTED
    assert [job.even_if_imported for job in one.all_jobs()] == [False, False, False, True]
    assert statuses(pigment) == [200, 200]


def test_a_retry_of_what_may_have_been_imported_is_always_asked_for_on_purpose(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Where the route says that it is harmless, nobody has to say so twice."""
    harmless = route(tmp_path / "in", duplicates=REFUSE, load_mode=LoadMode.UPDATE)
    with rig(tmp_path, harmless, url=pigment.url) as one:
        one.take_in("a.csv")
        one.work_off()
        pigment.script(Fault.answer(400))
        one.put("b.csv", ROWS + "2026-10,4000,1\n")
        one.take_in()
        one.work_off()
        job = one.all_jobs()[1]
        with one.journal._database.writing() as connection:
            connection.execute("UPDATE jobs SET outcome = 'unsure' WHERE id = ?", (job.id,))
        (one.inbox / "failed" / "b.csv").write_text(ROWS)

        assert retry(one, "b.csv")
        assert one.outcomes()["b.csv"] is Outcome.IMPORTED


# ---------------------------------------------------------------- while a long file is read


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (ConditionKind.HOST_IN_DOUBT, "host"),
        (ConditionKind.KEY_REFUSED, "default"),
        (ConditionKind.ROUTE_PAUSED, "sales"),
        (ConditionKind.LANE_BUSY, LANE),
        (ConditionKind.HOST_BUSY, "host"),
        (ConditionKind.FOLDER_LOST, "in"),
    ],
)
def test_a_trouble_that_begins_while_a_file_is_read_keeps_it_back(
    one: Rig, pigment: Simulator, monkeypatch: pytest.MonkeyPatch, kind: ConditionKind, subject: str
) -> None:
    """What stops pushes stops those, too, that were about to begin."""
    one.take_in("a.csv")
    work = one.next_work()
    assert work is not None
    trouble = Condition(
        kind=kind,
        subject=str(one.inbox) if subject == "in" else subject,
        since=0.0,
        due_at=one.clock.now() + 60.0,
    )
    hash_of = push._sha256

    def slowly(*arguments: object) -> str:
        one.journal.conditions.begin(trouble)
        return hash_of(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(push, "_sha256", slowly)
    one.worker.do(work)

    assert pigment.pushes() == []
    assert one.job().state is State.QUEUED
    assert one.journal.calls.count(one.desk.destination.host, 0.0) == 0
    monkeypatch.undo()
    one.journal.conditions.end(kind, trouble.subject)
    one.work_off()
    assert one.job().outcome is Outcome.IMPORTED


def test_a_worker_that_reads_a_long_file_keeps_its_promise(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "READ_AHEAD", 8)
    promised: list[str] = []
    promise = one.heartbeats.promise

    def listen(thread: str, within_s: float) -> None:
        promised.append(thread)
        promise(thread, within_s)

    monkeypatch.setattr(one.heartbeats, "promise", listen)
    one.take_in("a.csv")
    one.work()

    assert promised.count("worker-1") >= len(ROWS) // 8


def test_a_file_that_changes_while_it_is_read_settles_again(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.take_in("a.csv")
    hash_of = push._sha256

    def change(*arguments: object) -> str:
        os.utime(one.claimed_path(one.job()), ns=(1, 1))
        return hash_of(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(push, "_sha256", change)
    one.work()

    assert one.job().state is State.QUEUED
    assert one.job().fingerprint.mtime_ns == 1
    monkeypatch.undo()
    one.work_off()
    assert one.job().outcome is Outcome.IMPORTED


def test_a_route_that_begins_to_refuse_knows_what_was_imported_before(
    tmp_path: Path, pigment: Simulator
) -> None:
    accepting = route(tmp_path / "in")
    with rig(tmp_path, accepting, url=pigment.url) as one:
        one.take_in("a.csv")
        one.work_off()
        refusing = replace(accepting, rules=replace(accepting.rules, duplicates=REFUSE))
        one.routes = (refusing,)
        one.restart()
        one.take_in("b.csv")
        one.work_off()
        assert one.outcomes()["b.csv"] is Outcome.INVALID
