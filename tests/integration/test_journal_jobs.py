"""The jobs: stored whole, moved only as allowed, found again."""

import itertools
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from journal_fixtures import (
    INBOX,
    LANE,
    NO_TEXT,
    OTHER_LANE,
    RULES,
    claim,
    claim_one,
    end,
    lead,
    names,
    new_job,
)

from pigment_watcher import errors
from pigment_watcher.journal import Journal
from pigment_watcher.journal.jobs import Waiting
from pigment_watcher.model import (
    AfterFailure,
    Duplicates,
    Fingerprint,
    LoadMode,
    Order,
    Outcome,
    Report,
    Rules,
    Skipped,
    SkippedRows,
    State,
)
from pigment_watcher.policy import transitions

REPORT = Report(
    inserted=3,
    skipped=2,
    created=0,
    skips=(Skipped(reason="ParsingError", column="Betr\u00e4ge", samples=("1,5", "x")),),
    more_kinds=1,
)
STEPS = list(itertools.permutations(State, 2))
ILLEGAL = [step for step in STEPS if step not in transitions.ALLOWED]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path)) as opened:
        yield opened


def update(journal: Journal, sql: str, *values: object) -> None:
    with journal._database.writing() as connection:
        connection.execute(sql, values)


# ---------------------------------------------------------------- stored whole


def test_all_that_is_known_of_a_file_travels_with_its_job(tmp_path: Path) -> None:
    """Behaviour O1."""
    job = new_job(
        owner_uid=1000,
        owner_name="ann",
        report=REPORT,
        target=INBOX / "done/a.csv",
        outcome=Outcome.IMPORTED,
        asks_plainly=True,
        report_denials=2,
        forbidden=True,
        even_if_imported=True,
        removed_at=9.5,
        import_id="f2b03cab-ba63-4525-bd59-c597f6721973",
        sha256="ab" * 32,
        bytes_sent=8,
        retry_of=7,
        asked_by="root (bob)",
        version="1.0",
        rejected_at=2.5,
    )
    with closing(Journal.open(tmp_path)) as journal:
        (stored,) = journal.jobs.add([job])
    with closing(Journal.open(tmp_path)) as journal:
        assert journal.jobs.get(stored.id) == job.evolve(id=stored.id)


def test_a_job_keeps_the_rules_it_began_under(journal: Journal) -> None:
    rules = Rules(
        directory=Path("/srv/caf\udce9"),
        done=Path("/mnt/done"),
        failed=Path("/mnt/failed"),
        load_mode=LoadMode.REPLACE,
        order=Order.NAME,
        after_failure=AfterFailure.HOLD,
        skipped_rows=SkippedRows.FAIL,
        allow_empty=True,
        duplicates=Duplicates.REFUSE,
        quiet_s=0.5,
        key="/etc/other-key",
    )
    (stored,) = journal.jobs.add([new_job(rules=rules)])

    assert journal.jobs.history()[0].rules == rules == stored.rules


@pytest.mark.parametrize("name", [NO_TEXT, "a\nb.csv", "n" * 255, "-rf", "trailing. "])
def test_a_name_is_any_bytes(journal: Journal, name: str) -> None:
    """Behaviour T14."""
    (stored,) = journal.jobs.add([new_job(name)])

    assert journal.jobs.get(stored.id) == stored
    assert journal.jobs.of_file(name) == [stored]


@pytest.mark.parametrize("far", [2**64 - 1, 32_503_680_000 * 10**9, -(2**70)])
def test_numbers_beyond_sqlites_integers_are_kept(journal: Journal, far: int) -> None:
    """A file may say that it is from the year 3000, and a network drive gives any inode."""
    print_ = Fingerprint(size=2**62, mtime_ns=far, ctime_ns=far, inode=2**64 - 1)
    (stored,) = journal.jobs.add([new_job(fingerprint=print_)])

    assert journal.jobs.history() == [stored]


def test_a_job_that_is_unknown_is_none(journal: Journal) -> None:
    assert journal.jobs.get(1) is None


def test_a_number_is_never_given_twice(journal: Journal) -> None:
    """A job's folder is named after it."""
    old = end(journal, "a.csv", at=1.0)
    journal.jobs.prune(before=2.0)

    assert claim(journal, new_job())[0].id == old.id + 1


# ---------------------------------------------------------------- transitions


@pytest.mark.parametrize("state", State)
def test_every_allowed_step_is_taken(journal: Journal, state: State) -> None:
    for to in State:
        if (state, to) in transitions.ALLOWED:
            job = lead(journal, claim_one(journal), state)
            moved = journal.jobs.move(job, to, at=5.0)
            assert journal.jobs.get(job.id) == moved
            assert moved.state is to


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_an_illegal_step_is_refused_and_changes_nothing(
    journal: Journal, before: State, after: State
) -> None:
    job = lead(journal, claim_one(journal), before)

    with pytest.raises(errors.IllegalTransition):
        journal.jobs.move(job, after, at=9.0, reason="changed")

    assert journal.jobs.get(job.id) == job
    assert all(step.at != 9.0 for step in journal.jobs.story(job.id))


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_the_database_itself_refuses_an_illegal_step(
    journal: Journal, before: State, after: State
) -> None:
    job = lead(journal, claim_one(journal), before)

    with pytest.raises(errors.IllegalTransition, match="no such step"):
        update(journal, "UPDATE jobs SET state = ? WHERE id = ?", after.value, job.id)


def test_a_job_begins_queued(journal: Journal) -> None:
    with pytest.raises(errors.IllegalTransition, match="a job begins in QUEUED"):
        journal.jobs.add([new_job(), new_job(state=State.IMPORTING)])
    assert journal.jobs.history() == []


@pytest.mark.parametrize("believed", State)
def test_a_job_that_is_in_another_state_is_not_moved(journal: Journal, believed: State) -> None:
    """No row changed is an error, never a shrug."""
    for actual in State:
        if actual is believed:
            continue
        job = lead(journal, claim_one(journal), actual)
        with pytest.raises(errors.IllegalTransition, match=f"job {job.id} is not in"):
            journal.jobs.move(job.evolve(state=believed), actual, at=9.0, reason="changed")
        assert journal.jobs.get(job.id) == job


def test_of_many_who_move_a_job_at_once_one_succeeds(journal: Journal) -> None:
    """Behaviour M1."""
    job = claim_one(journal)
    together = threading.Barrier(6)
    outcomes: list[int | None] = []

    def push() -> None:
        together.wait()
        try:
            outcomes.append(journal.jobs.move(job, State.PUSHING, at=1.0).attempts)
        except errors.IllegalTransition:
            outcomes.append(None)

    threads = [threading.Thread(target=push) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes, key=str) == [0, *[None] * 5]
    assert len(journal.jobs.story(job.id)) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.UNSURE, "reason": "r", "answer": "a", "advice": "b"},
        {"fingerprint": Fingerprint(1, 2, 3, 4), "due_at": 4.5},
        {"rules": RULES, "source": Path("/x"), "name": "y", "target": Path("/z")},
        {"forbidden": True, "report": REPORT},
        {"asks_plainly": True, "report_denials": 1},
        {"target": None, "outcome": None, "report": None, "import_id": None},
    ],
)
def test_a_change_is_stored_as_it_is_returned(journal: Journal, changes: dict[str, Any]) -> None:
    job = claim_one(journal)

    moved = journal.jobs.move(job, State.ARCHIVING, at=1.0, **changes)

    assert moved == job.evolve(state=State.ARCHIVING, **changes)
    assert journal.jobs.get(job.id) == moved


@pytest.mark.parametrize("changes", [{"colour": "red"}, {"target": "no path"}, {"outcome": "bad"}])
def test_a_field_that_no_job_has_is_a_mistake(journal: Journal, changes: dict[str, Any]) -> None:
    job = claim_one(journal)

    with pytest.raises(TypeError, match="a job has no field"):
        journal.jobs.move(job, State.ARCHIVING, at=1.0, **changes)


def test_the_end_is_timed_unless_a_time_is_said(journal: Journal) -> None:
    one, other = claim(journal, new_job(), new_job())

    assert journal.jobs.move(one, State.FAILED, at=3.0).finished_at == 3.0
    assert journal.jobs.move(other, State.FAILED, at=3.0, finished_at=2.0).finished_at == 2.0


def test_every_step_is_kept_in_the_jobs_story(journal: Journal) -> None:
    (job,) = journal.jobs.add([new_job()], event="job.retried")
    (job,) = journal.jobs.claimed([job], at=1.0)
    job = journal.jobs.move(job, State.QUEUED, at=2.0, retries=1)
    job = journal.jobs.move(job, State.QUEUED, at=3.0, event="job.changed", detail=NO_TEXT)
    journal.jobs.move(job, State.FAILED, at=4.0)

    told = [(s.at, s.from_state, s.to_state, s.name, s.detail) for s in journal.jobs.story(job.id)]
    assert told == [
        (0.0, State.QUEUED, State.QUEUED, "job.retried", ""),
        (1.0, State.QUEUED, State.QUEUED, "job.claimed", ""),
        (3.0, State.QUEUED, State.QUEUED, "job.changed", r"caf\udce9.csv"),
        (4.0, State.QUEUED, State.FAILED, "", ""),
    ]


def test_claims_are_stored_all_or_none(journal: Journal) -> None:
    one, other = journal.jobs.add([new_job(), new_job()])
    lead(journal, other, State.FAILED)

    with pytest.raises(errors.IllegalTransition):
        journal.jobs.claimed([one, other], at=1.0)

    assert journal.jobs.unclaimed() == [one]


# ---------------------------------------------------------------- changes to many


def test_the_suspicion_against_forbidden_files_of_a_key_is_taken_back(journal: Journal) -> None:
    mine = new_job(forbidden=True)
    other = new_job(forbidden=True, rules=replace(RULES, key="/k"))
    claim(journal, mine, other)

    journal.jobs.clear_forbidden("default")

    assert [job.forbidden for job in journal.jobs.unfinished()] == [False, True]


@pytest.mark.parametrize(("lane", "due"), [(None, [5.0, 5.0, 1.0]), (LANE, [5.0, 9.0, 1.0])])
def test_what_waits_is_tried_at_once(journal: Journal, lane: str | None, due: list[float]) -> None:
    jobs = [new_job(due_at=9.0), new_job(due_at=9.0, configuration_id=OTHER_LANE)]
    claim(journal, *jobs, new_job(due_at=1.0))
    end(journal, "ended.csv", at=1.0, due_at=9.0)

    journal.jobs.hasten(5.0, lane)

    assert sorted(job.due_at for job in journal.jobs.history()) == sorted([*due, 9.0])


@pytest.mark.parametrize(
    ("retries", "planned", "due_at"), [(0, 9.0, 9.0), (1, 9.0, 5.0), (0, 4e9, 5.0)]
)
def test_an_import_that_answers_is_asked_after_no_sooner_unless_that_is_out_of_reach(
    journal: Journal, retries: int, planned: float, due_at: float
) -> None:
    lead(journal, claim_one(journal), State.IMPORTING, due_at=planned, retries=retries)

    journal.jobs.hasten(5.0)

    assert [job.due_at for job in journal.jobs.unfinished()] == [due_at]


def test_old_ends_are_removed_with_their_story_and_nothing_else(journal: Journal) -> None:
    old, young = end(journal, "old.csv", at=1.0), end(journal, "young.csv", at=5.0)
    (open_,) = claim(journal, new_job("open.csv"))

    assert journal.jobs.prune(before=5.0) == 1

    assert journal.jobs.history() == [open_, young]
    assert journal.jobs.story(old.id) == []
    assert len(journal.jobs.story(young.id)) == 4


def test_a_clean_up_goes_step_by_step(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pigment_watcher.journal.jobs.PRUNE_AT_ONCE", 2)
    for name in ("a.csv", "b.csv", "c.csv"):
        end(journal, name, at=1.0)

    assert [journal.jobs.prune(before=2.0) for _ in range(3)] == [2, 1, 0]


# ---------------------------------------------------------------- questions


def test_the_open_jobs_are_found_in_the_order_they_came(journal: Journal) -> None:
    """Behaviour L6."""
    jobs = claim(journal, new_job("b.csv"), new_job("a.csv", route="z"), new_job("c.csv"))
    lead(journal, jobs[2], State.IMPORTING)
    end(journal, "d.csv", at=1.0)
    journal.jobs.add([new_job("e.csv")])

    assert names(journal.jobs.unfinished()) == ["b.csv", "a.csv", "c.csv", "e.csv"]
    assert names(journal.jobs.unclaimed()) == ["e.csv"]


def test_the_open_jobs_are_found_without_a_walk_through_the_finished(journal: Journal) -> None:
    said: list[str] = []
    with journal._database.reading() as connection:
        connection.set_trace_callback(said.append)
        journal.jobs.unfinished()
        journal.jobs.unclaimed()
        connection.set_trace_callback(None)
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchone()[3] for sql in said]

    assert plans == ["SCAN jobs USING INDEX jobs_open", "SCAN jobs USING INDEX jobs_queue"]


def test_the_keys_of_a_queue_are_what_orders_it(journal: Journal) -> None:
    by_name = replace(RULES, order=Order.NAME)
    claim(
        journal,
        new_job(NO_TEXT, mtime_ns=7),
        new_job("named.csv", mtime_ns=8, rules=by_name),
        new_job("far.csv", mtime_ns=2**70),
        new_job("other.csv", configuration_id=OTHER_LANE),
    )
    end(journal, "done.csv", at=1.0)

    assert sorted(journal.jobs.queue_keys(LANE)) == [
        (0, b"named.csv"),
        (7, b"caf\xe9.csv"),
        (2**63 - 1, b"far.csv"),
    ]
    assert journal.jobs.has_waiting(OTHER_LANE)
    assert not journal.jobs.has_waiting("no such lane")


def test_it_is_known_whether_another_push_was_taken_meanwhile(journal: Journal) -> None:
    mine, other = claim(journal, new_job(), new_job(configuration_id=OTHER_LANE))
    lead(journal, other, State.IMPORTING, importing_since=5.0)

    assert not journal.jobs.others_taken(mine)
    assert journal.jobs.others_taken(mine.evolve(rejected_at=5.0))
    assert not journal.jobs.others_taken(mine.evolve(rejected_at=5.1))
    assert not journal.jobs.others_taken(other.evolve(rejected_at=1.0))


def test_an_import_is_known_as_that_of_another_job(journal: Journal) -> None:
    mine, other = claim(journal, new_job(), new_job(configuration_id=OTHER_LANE))
    lead(journal, other, State.IMPORTING, import_id="f2b03cab-ba63-4525-bd59-c597f6721973")

    assert journal.jobs.is_of_another("f2b03cab-ba63-4525-bd59-c597f6721973", mine)
    assert journal.jobs.is_of_another("F2B03CAB-BA63-4525-BD59-C597F6721973", mine)
    assert not journal.jobs.is_of_another("f2b03cab-ba63-4525-bd59-c597f6721973", other)
    assert not journal.jobs.is_of_another("33d0d7d0-6125-47c4-b36a-882f4ed53b33", mine)


def test_what_waits_is_counted_by_route_and_state(journal: Journal) -> None:
    jobs = [new_job(created_at=3.0), new_job(created_at=2.0), new_job(created_at=1.0)]
    lead(journal, claim(journal, *jobs)[2], State.IMPORTING)
    end(journal, "done.csv", at=1.0)

    assert sorted(journal.jobs.waiting(), key=lambda group: group.state.value) == [
        Waiting("sales", State.IMPORTING, 1, 1.0),
        Waiting("sales", State.QUEUED, 2, 2.0),
    ]


def test_ends_are_counted_by_route_and_outcome(journal: Journal) -> None:
    for at in (1.0, 2.0, 3.0):
        end(journal, "a.csv", at=at)
    end(journal, "b.csv", at=2.0, route="costs")
    lead(journal, claim_one(journal), State.FAILED)

    assert journal.jobs.ended(since=2.0) == {
        ("sales", Outcome.IMPORTED): 2,
        ("costs", Outcome.IMPORTED): 1,
    }
    assert journal.jobs.ended(since=1.0, until=2.0) == {("sales", Outcome.IMPORTED): 1}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["d", "c", "b", "a"]),
        ({"since": 2.0}, ["d", "c", "b"]),
        ({"until": 3.0}, ["b", "a"]),
        ({"since": 2.0, "until": 3.0}, ["b"]),
        ({"most": 2}, ["d", "c"]),
        ({"route": "costs"}, ["d"]),
    ],
)
def test_the_history_is_told_latest_first(
    journal: Journal, asked: dict[str, Any], found: list[str]
) -> None:
    claim(journal, *(new_job(name, created_at=at) for name, at in (("a", 1.0), ("b", 2.0))))
    claim(journal, new_job("c", created_at=3.0), new_job("d", created_at=4.0, route="costs"))

    assert names(journal.jobs.history(**asked)) == found


def test_the_last_end_of_a_route_is_known(journal: Journal) -> None:
    end(journal, "late.csv", at=9.0)
    end(journal, "early.csv", at=1.0)
    end(journal, "other.csv", at=10.0, route="costs")
    claim(journal, new_job("open.csv"))

    last = journal.jobs.last_ended("sales")
    assert last is not None
    assert last.name == "late.csv"
    assert journal.jobs.last_ended("none") is None


def test_a_file_is_found_by_its_name_its_source_and_where_it_ended(journal: Journal) -> None:
    ended = INBOX / "failed/a-20261123-101502.csv"
    one, other = claim(journal, new_job(target=ended), new_job(source=Path("/elsewhere/a.csv")))
    claim(journal, new_job("b.csv"))

    assert journal.jobs.of_file("a.csv") == [other, one]
    assert journal.jobs.of_file(str(INBOX / "a.csv")) == [one]
    assert journal.jobs.of_file(str(ended)) == [one]
    assert journal.jobs.of_file("c.csv") == []


def test_the_retries_of_a_job_are_known(journal: Journal) -> None:
    """Behaviour T24."""
    claim(journal, new_job())
    again = claim(journal, new_job(retry_of=1), new_job(retry_of=1))

    assert journal.jobs.retries_of(1) == again
    assert journal.jobs.retries_of(2) == []


def test_the_journal_and_the_policy_allow_the_same_steps(journal: Journal) -> None:
    with journal._database.reading() as connection:
        found = connection.execute("SELECT from_state, to_state FROM transitions").fetchall()

    assert {(State(row[0]), State(row[1])) for row in found} == transitions.ALLOWED
    assert isinstance(found[0], sqlite3.Row)
