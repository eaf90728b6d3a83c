"""What is to be done next: in order, nothing overtaken, nothing through a closed gate."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from journal_fixtures import LANE, NO_TEXT, OTHER_LANE, RULES, claim, claim_one, lead, new_job

from pigment_watcher.journal import PROBED, Journal, Limits, Work
from pigment_watcher.model import Condition, ConditionKind, Job, Limit, Order, State

HOST = "pigment.app"
LIMITS = Limits(host=HOST, requests=Limit(400, 300.0), pushes=Limit(290, 3600.0))
NOW = 1000.0
LATER = 1060.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path)) as opened:
        yield opened


def at_once(journal: Journal, now: float = NOW, limits: Limits = LIMITS, **said: Any) -> Work:
    """Return what is due, which there must be."""
    work = journal.agenda.next(now, limits, **said)
    assert isinstance(work, Work), work
    return work


def pushed(journal: Journal, **said: Any) -> str:
    """Return the name of the file that is pushed next."""
    work = at_once(journal, **said)
    assert (work.step, work.condition) == ("push", None)
    assert work.job is not None
    return work.job.name


def drain(journal: Journal, count: int) -> list[str]:
    """Push one file after the other and return their names in this order."""
    found = []
    for _ in range(count):
        job = at_once(journal).job
        assert job is not None
        found.append(job.name)
        lead(journal, job, State.ARCHIVING, due_at=9e9)
    return found


def importing(journal: Journal, name: str = "i.csv", **said: Any) -> Job:
    changes = {"due_at": said.pop("due_at", 0.0)}
    return lead(journal, claim_one(journal, name, **said), State.IMPORTING, **changes)


def trouble(journal: Journal, kind: ConditionKind, subject: str, **said: Any) -> Condition:
    condition = Condition(kind=kind, subject=subject, since=0.0, **said)
    journal.conditions.begin(condition)
    return condition


# ---------------------------------------------------------------- order


def test_nothing_waits(journal: Journal) -> None:
    assert journal.agenda.next(NOW, LIMITS) is None


def test_the_oldest_file_goes_first_then_the_name_decides(journal: Journal) -> None:
    """Behaviour E2."""
    claim(
        journal,
        new_job("young.csv", mtime_ns=9),
        new_job("b.csv", mtime_ns=5),
        new_job("a.csv", mtime_ns=5),
        new_job("future.csv", mtime_ns=2**70),
        new_job("1970.csv", mtime_ns=-1),
    )
    assert drain(journal, 5) == ["1970.csv", "a.csv", "b.csv", "young.csv", "future.csv"]


def test_by_name_means_by_the_bytes_of_the_name(journal: Journal) -> None:
    """Behaviour E1."""
    rules = replace(RULES, order=Order.NAME)
    names = ["b.csv", NO_TEXT, "B.csv", "a.csv", "é.csv"]
    claim(journal, *(new_job(name, mtime_ns=9 - n, rules=rules) for n, name in enumerate(names)))
    assert drain(journal, 5) == ["B.csv", "a.csv", "b.csv", NO_TEXT, "é.csv"]


def test_of_equal_files_the_one_that_came_first_goes_first(journal: Journal) -> None:
    first, second = claim(journal, new_job(), new_job())

    assert at_once(journal).job == first
    lead(journal, first, State.ARCHIVING, due_at=9e9)
    assert at_once(journal).job == second


def test_a_retry_goes_first(journal: Journal) -> None:
    claim_one(journal, "old.csv", mtime_ns=1)
    claim_one(journal, "again.csv", mtime_ns=9, priority=0)

    assert pushed(journal) == "again.csv"


def test_nothing_overtakes_a_head_that_waits(journal: Journal) -> None:
    claim_one(journal, "head.csv", mtime_ns=1, due_at=LATER)
    claim_one(journal, "next.csv", mtime_ns=2)

    assert journal.agenda.next(NOW, LIMITS) == LATER
    assert pushed(journal, now=LATER) == "head.csv"


def test_nothing_overtakes_a_head_that_is_not_claimed_yet(journal: Journal) -> None:
    journal.jobs.add([new_job("head.csv", mtime_ns=1)])
    claim_one(journal, "next.csv", mtime_ns=2)

    assert journal.agenda.next(NOW, LIMITS) is None


@pytest.mark.parametrize("state", [State.PUSHING, State.IMPORTING])
def test_one_import_at_a_time_per_configuration(journal: Journal, state: State) -> None:
    lead(journal, claim_one(journal, "busy.csv"), state, due_at=LATER)
    claim_one(journal, "next.csv")
    claim_one(journal, "other.csv", configuration_id=OTHER_LANE)

    assert pushed(journal) == "other.csv"
    other = journal.jobs.of_file("other.csv")[0]
    assert not isinstance(journal.agenda.next(NOW, LIMITS, in_hands={other.id}), Work)


@pytest.mark.parametrize("state", [State.ARCHIVING, State.DONE, State.FAILED])
def test_a_lane_is_free_when_the_outcome_is_stored(journal: Journal, state: State) -> None:
    lead(journal, claim_one(journal, "ended.csv"), state, due_at=LATER)
    claim_one(journal, "next.csv", mtime_ns=2)

    assert pushed(journal) == "next.csv"


def test_all_routes_of_a_configuration_stand_in_one_lane(journal: Journal) -> None:
    claim_one(journal, "b.csv", route="sales", mtime_ns=2)
    claim_one(journal, "a.csv", route="costs", mtime_ns=1)

    assert drain(journal, 2) == ["a.csv", "b.csv"]


def test_what_is_due_longest_is_done_first(journal: Journal) -> None:
    importing(journal, due_at=3.0)
    claim_one(journal, configuration_id=OTHER_LANE, due_at=2.0)
    lead(journal, claim_one(journal, configuration_id="x"), State.ARCHIVING, due_at=1.0)
    trouble(journal, ConditionKind.KEY_REFUSED, "/other/key", due_at=4.0)
    done: list[str] = []
    hands: set[int] = set()
    probing: set[str] = set()
    while isinstance(
        work := journal.agenda.next(NOW, LIMITS, in_hands=hands, probing=probing), Work
    ):
        done.append(work.step)
        hands |= {work.job.id} if work.job else set()
        probing |= {work.condition.subject} if work.condition else set()

    assert (done, work) == (["archive", "push", "poll", "probe"], None)


# ---------------------------------------------------------------- several workers


def test_a_head_in_a_workers_hands_is_not_given_twice_nor_overtaken(journal: Journal) -> None:
    head = claim_one(journal, "head.csv", mtime_ns=1)
    claim_one(journal, "next.csv", mtime_ns=2)

    assert journal.agenda.next(NOW, LIMITS, in_hands={head.id}) is None


@pytest.mark.parametrize("state", [State.IMPORTING, State.ARCHIVING])
def test_what_other_workers_have_does_not_hide_what_is_left(journal: Journal, state: State) -> None:
    jobs = [
        lead(journal, claim_one(journal, configuration_id=str(n)), state, due_at=float(n))
        for n in range(4)
    ]
    hands = {job.id for job in jobs[:3]}

    assert at_once(journal, in_hands=hands).job == jobs[3]
    assert journal.agenda.next(NOW, LIMITS, in_hands={*hands, jobs[3].id}) is None


def test_polls_go_on_while_no_worker_may_push(journal: Journal) -> None:
    claim_one(journal, "first.csv")
    polled = importing(journal, configuration_id=OTHER_LANE, due_at=5.0)

    assert at_once(journal, may_push=False).job == polled
    assert journal.agenda.next(NOW, LIMITS, may_push=False, in_hands={polled.id}) is None


def test_a_call_that_comes_too_early_lets_what_is_due_within_a_minute_go_first(
    journal: Journal,
) -> None:
    claimed = claim_one(journal, "early.csv", configuration_id=OTHER_LANE)
    early = lead(journal, claimed, State.IMPORTING, due_at=NOW - 100, is_early=True)
    other = importing(journal, due_at=NOW - 41)
    assert at_once(journal).job == other

    journal.jobs.move(other, State.IMPORTING, at=NOW, due_at=NOW - 39)
    assert at_once(journal).job == early


def test_the_next_due_time_is_the_earliest_of_all(journal: Journal) -> None:
    importing(journal, due_at=NOW + 30)
    claim_one(journal, configuration_id=OTHER_LANE, due_at=NOW + 20)
    trouble(journal, ConditionKind.KEY_REFUSED, "/other/key", due_at=NOW + 25)
    assert journal.agenda.next(NOW, LIMITS) == NOW + 20

    lead(journal, claim_one(journal, configuration_id="x"), State.ARCHIVING, due_at=NOW + 10)
    assert journal.agenda.next(NOW, LIMITS) == NOW + 10


# ---------------------------------------------------------------- gates


def everything(journal: Journal) -> None:
    """Have something to push and something to poll, of two configurations."""
    claim_one(journal, "push.csv")
    importing(journal, "poll.csv", configuration_id=OTHER_LANE, route="costs")


def possible(journal: Journal, now: float = NOW) -> set[str]:
    """Return all steps that are due."""
    return {work.step for work in every(journal, now)}


def every(journal: Journal, now: float = NOW) -> list[Work]:
    """Return all that is due."""
    found: list[Work] = []
    hands: set[int] = set()
    probing: set[str] = set()
    while True:
        work = journal.agenda.next(now, LIMITS, in_hands=hands, probing=probing)
        if not isinstance(work, Work):
            return found
        found.append(work)
        hands |= {work.job.id} if work.job else set()
        probing |= {work.condition.subject} if work.condition else set()


@pytest.mark.parametrize(
    ("kind", "subject", "left"),
    [
        (ConditionKind.HOST_IN_DOUBT, HOST, {"poll"}),
        (ConditionKind.WRONG_URL, HOST, set()),
        (ConditionKind.KEY_REFUSED, "default", set()),
        (ConditionKind.KEY_REFUSED, "/other/key", {"push", "poll"}),
        (ConditionKind.KEY_IN_DOUBT, "default", set()),
        (ConditionKind.HOST_BUSY, HOST, set()),
        (ConditionKind.LANE_BUSY, LANE, {"poll"}),
        (ConditionKind.LANE_BUSY, OTHER_LANE, {"push", "poll"}),
        (ConditionKind.CONFIGURATION_MISSING, LANE, {"poll"}),
        (ConditionKind.LANE_HELD, LANE, {"poll"}),
        (ConditionKind.LANE_HELD, OTHER_LANE, {"push", "poll"}),
        (ConditionKind.ROUTE_PAUSED, "sales", {"poll"}),
        (ConditionKind.ROUTE_PAUSED, "costs", {"push", "poll"}),
        (ConditionKind.HOST_UNAVAILABLE, HOST, {"push", "poll"}),
        (ConditionKind.FOLDER_LOST, str(RULES.directory), {"poll"}),
        (ConditionKind.FOLDER_LOST, "/srv/other", {"push", "poll"}),
    ],
)
def test_a_trouble_stops_what_it_is_about_and_no_more(
    journal: Journal, kind: ConditionKind, subject: str, left: set[str]
) -> None:
    """Behaviour T21."""
    everything(journal)
    assert possible(journal) == {"push", "poll"}

    trouble(journal, kind, subject, due_at=LATER, job_id=77)

    assert possible(journal) == left


def test_a_paused_route_claims_but_does_not_push(journal: Journal) -> None:
    """Behaviour L1."""
    trouble(journal, ConditionKind.ROUTE_PAUSED, "sales")
    claim_one(journal, "one.csv")
    assert journal.agenda.next(NOW, LIMITS) is None

    journal.conditions.end(ConditionKind.ROUTE_PAUSED, "sales")
    assert pushed(journal) == "one.csv"


@pytest.mark.parametrize("kind", sorted(PROBED, key=str))
def test_what_blocks_is_probed_when_due(journal: Journal, kind: ConditionKind) -> None:
    condition = trouble(journal, kind, "x", due_at=LATER, attempts=3)

    assert journal.agenda.next(NOW, LIMITS) == LATER
    work = at_once(journal, now=LATER)
    assert (work.step, work.job, work.condition) == ("probe", None, condition)
    assert journal.agenda.next(LATER, LIMITS, probing={"x"}) is None


def test_a_condition_without_a_due_time_is_probed_at_once(journal: Journal) -> None:
    trouble(journal, ConditionKind.KEY_REFUSED, "default")

    assert at_once(journal).step == "probe"


def test_finished_files_are_moved_whatever_is_closed(journal: Journal) -> None:
    """Behaviour T20."""
    for kind in PROBED | {ConditionKind.HOST_BUSY}:
        trouble(journal, kind, "default", due_at=LATER)
    moved = lead(journal, claim_one(journal), State.ARCHIVING)
    limits = replace(LIMITS, requests=Limit(1, 300.0))
    journal.calls.book(HOST, None, NOW)

    work = at_once(journal, limits=limits)

    assert (work.step, work.job, work.is_request) == ("archive", moved, False)


@pytest.mark.parametrize("kind", [ConditionKind.LANE_BUSY, ConditionKind.CONFIGURATION_MISSING])
def test_a_lane_that_waits_is_pushed_again_at_its_time(
    journal: Journal, kind: ConditionKind
) -> None:
    claim_one(journal, "head.csv")
    trouble(journal, kind, LANE, due_at=LATER)

    assert journal.agenda.next(NOW, LIMITS) == LATER
    assert pushed(journal, now=LATER) == "head.csv"


def test_of_two_waits_the_longer_counts(journal: Journal) -> None:
    claim_one(journal, due_at=NOW + 5)
    trouble(journal, ConditionKind.LANE_BUSY, LANE, due_at=LATER)
    trouble(journal, ConditionKind.CONFIGURATION_MISSING, LANE, due_at=NOW + 1)
    trouble(journal, ConditionKind.HOST_BUSY, HOST, due_at=NOW + 2)

    assert journal.agenda.next(NOW, LIMITS) == LATER


def test_a_busy_host_is_asked_nothing_before_its_time(journal: Journal) -> None:
    everything(journal)
    trouble(journal, ConditionKind.HOST_BUSY, HOST, due_at=LATER)
    trouble(journal, ConditionKind.KEY_REFUSED, "/other/key")

    assert journal.agenda.next(NOW, LIMITS) == LATER
    assert possible(journal, LATER) == {"push", "poll", "probe"}


def test_a_held_lane_takes_the_retry_of_what_holds_it_and_nothing_else(journal: Journal) -> None:
    claim_one(journal, "behind.csv")
    trouble(journal, ConditionKind.LANE_HELD, LANE, job_id=7)
    assert journal.agenda.next(NOW, LIMITS) is None

    claim_one(journal, "again.csv", priority=0, retry_of=7)
    assert pushed(journal) == "again.csv"


def test_a_retry_of_something_else_waits_in_a_held_lane(journal: Journal) -> None:
    trouble(journal, ConditionKind.LANE_HELD, LANE, job_id=7)
    claim_one(journal, "again.csv", priority=0, retry_of=6)

    assert journal.agenda.next(NOW, LIMITS) is None


def test_in_a_held_lane_the_right_retry_overtakes_that_of_another_file(journal: Journal) -> None:
    """Else nothing but `resume` could ever free the lane."""
    claim_one(journal, "another.csv", priority=0, retry_of=6)
    claim_one(journal, "right.csv", priority=0, retry_of=7)
    trouble(journal, ConditionKind.LANE_HELD, LANE, job_id=7)

    assert pushed(journal) == "right.csv"


# ---------------------------------------------------------------- limits


def test_a_push_is_a_request_of_its_lane_and_a_move_is_none(journal: Journal) -> None:
    everything(journal)
    lead(journal, claim_one(journal, configuration_id="x"), State.ARCHIVING)
    trouble(journal, ConditionKind.KEY_REFUSED, "/other/key")
    found = {work.step: work for work in every(journal)}

    assert {step for step, work in found.items() if work.is_request} == {"push", "poll", "probe"}
    assert found["push"].lane == LANE
    assert found["poll"].lane is found["probe"].lane is found["archive"].lane is None


def test_what_was_handed_out_and_is_not_counted_yet_takes_its_slot_all_the_same(
    journal: Journal,
) -> None:
    limits = replace(LIMITS, requests=Limit(3, 300.0))
    journal.calls.book(HOST, None, NOW - 100)
    claim_one(journal, "a.csv")

    assert journal.agenda.next(NOW, limits, reserved=2) == NOW + 200
    assert journal.agenda.next(NOW, limits, reserved=3) == NOW + 1
    assert pushed(journal, limits=limits, reserved=1) == "a.csv"


def test_no_request_leaves_before_the_window_slid_on(journal: Journal) -> None:
    limits = replace(LIMITS, requests=Limit(2, 300.0))
    for at in (NOW - 200, NOW - 100):
        journal.calls.book(HOST, None, at)
    claim_one(journal, "a.csv")

    assert journal.agenda.next(NOW, limits) == NOW + 100
    assert pushed(journal, now=NOW + 100, limits=limits) == "a.csv"


def test_a_lane_that_used_its_pushes_up_stops_no_other(journal: Journal) -> None:
    limits = replace(LIMITS, pushes=Limit(1, 3600.0))
    journal.calls.book(HOST, LANE, NOW - 600)
    claim_one(journal, "full.csv", due_at=-1.0)
    importing(journal, "poll.csv", configuration_id=OTHER_LANE)
    polled = at_once(journal, limits=limits)
    assert polled.step == "poll"

    assert polled.job is not None
    assert journal.agenda.next(NOW, limits, in_hands={polled.job.id}) == NOW + 3000


# ---------------------------------------------------------------- ten thousand


def fill(journal: Journal, count: int) -> None:
    """Let so many queued files wait behind one."""
    job = claim_one(journal, "head.csv", mtime_ns=-1)
    with journal._database.writing() as connection:
        columns = [row["name"] for row in connection.execute("PRAGMA table_info(jobs)")]
        values = {name: name for name in columns} | {"id": "NULL", "sort_modified": "i"}
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            f" INSERT INTO jobs SELECT {', '.join(values.values())} FROM jobs, n WHERE id = ?",
            (count, job.id),
        )


def instructions(journal: Journal) -> int:
    """Return how much SQLite works to find the next deed, in its own instructions."""
    ticks = 0

    def tick() -> int:
        nonlocal ticks
        ticks += 1
        return 0

    with journal._database.reading() as connection:
        connection.set_progress_handler(tick, 1)
        try:
            assert pushed(journal) == "head.csv"
        finally:
            connection.set_progress_handler(None, 1)
    return ticks


def test_ten_thousand_waiting_files_cost_no_more_than_ten(tmp_path: Path) -> None:
    """Behaviour T11."""
    found = []
    for count in (10, 10_000):
        (tmp_path / str(count)).mkdir()
        with closing(Journal.open(tmp_path / str(count))) as journal:
            fill(journal, count)
            found.append(instructions(journal))

    few, many = found
    assert many < few * 1.2


def test_every_question_about_jobs_is_answered_by_an_index(journal: Journal) -> None:
    everything(journal)
    asked: list[str] = []
    with journal._database.reading() as connection:
        connection.set_trace_callback(asked.append)
        at_once(journal)
        connection.set_trace_callback(None)
        plans = [
            row["detail"]
            for sql in asked
            if sql.startswith("SELECT")
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
        ]

    jobs = [step for step in plans if step.startswith(("SCAN j", "SEARCH j"))]
    assert {step.partition(" USING ")[2] for step in jobs} == {
        "INDEX jobs_archiving",
        "INDEX jobs_polls (is_early=?)",
        "INDEX jobs_busy (configuration_id=?)",
        "INDEX jobs_queue (configuration_id=?)",
        "INTEGER PRIMARY KEY (rowid=?)",
    }
    assert not [step for step in plans if "calls" in step and "COVERING INDEX" not in step]
