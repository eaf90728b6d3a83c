"""The one pen: the journal first, the listeners after the commit."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from clock_fixtures import BEGIN, FakeClock
from journal_fixtures import INBOX, LANE, NO_TEXT, OTHER_LANE, RULES, claim_one, lead, new_job
from rig_fixtures import Ear, route

from pigment_watcher import errors, recorder
from pigment_watcher.journal import NAME, Journal
from pigment_watcher.model import (
    AfterFailure,
    ConditionKind,
    Job,
    JobEvent,
    Outcome,
    State,
    Verdict,
)
from pigment_watcher.policy.decisions import Begin, Decision, End
from pigment_watcher.recorder import Recorder

HOST = "pigment.app"
HOLD = replace(RULES, after_failure=AfterFailure.HOLD)
HELD = ConditionKind.LANE_HELD


class Listening(Ear):
    """Looks, while it is told, what the disk holds."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.found: list[State] = []

    def job_changed(self, event: JobEvent) -> None:
        super().job_changed(event)
        with closing(Journal.look(self._folder)) as reader:
            self.found += [job.state for job in reader.jobs.history()]


class Desk:
    """A recorder on a journal of its own."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal.open(folder)
        self.ear = Listening(folder)
        self.clock = FakeClock()
        self.recorder = Recorder(self.journal, self.ear, self.clock)
        costs = route(Path("/srv/costs"), "costs", OTHER_LANE, key="/k")
        self.recorder.set_routes([route(INBOX), costs])

    def decide(self, job: Job, state: State, outcome: Outcome | None = None) -> Job:
        verdict = Verdict(outcome=outcome) if outcome else None
        return self.recorder.decide(job, Decision(state=state, due_at=BEGIN, verdict=verdict))

    def held_by(self, lane: str = LANE) -> int | None:
        found = self.journal.conditions.get(HELD, lane)
        return None if found is None else found.job_id


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def begin(kind: ConditionKind, subject: str = HOST, due_at: float | None = None) -> Begin:
    return Begin(kind=kind, subject=subject, detail="why", due_at=due_at)


# ---------------------------------------------------------------- decisions


def test_a_decision_is_stored_whole_and_then_told(desk: Desk) -> None:
    job = lead(desk.journal, claim_one(desk.journal), State.PUSHING)
    decision = Decision(
        state=State.IMPORTING,
        due_at=BEGIN + 1,
        event="job.pushed",
        detail="so it was",
        changes={"import_id": LANE, "polls": 0},
        begins=(begin(ConditionKind.HOST_UNAVAILABLE),),
    )
    moved = desk.recorder.decide(job, decision)

    assert desk.journal.jobs.get(job.id) == moved
    assert (moved.state, moved.due_at, moved.import_id) == (State.IMPORTING, BEGIN + 1, LANE)
    assert desk.ear.jobs == [JobEvent(name="job.pushed", job=moved, detail="so it was")]
    assert desk.ear.found == [State.IMPORTING]
    assert desk.ear.told(ConditionKind.HOST_UNAVAILABLE) == [True]


@pytest.mark.parametrize(("began", "learnt"), [(BEGIN, (7.0,)), (BEGIN - 1, ()), (None, ())])
def test_how_long_an_import_took_is_learnt_unless_it_began_before_this_start(
    desk: Desk, began: float | None, learnt: tuple[float, ...]
) -> None:
    job = lead(desk.journal, claim_one(desk.journal), State.IMPORTING, importing_since=began)
    verdict = Verdict(outcome=Outcome.IMPORTED)

    desk.recorder.decide(
        job, Decision(state=State.ARCHIVING, due_at=BEGIN, verdict=verdict, took_s=7.0)
    )

    assert desk.journal.lanes.durations(LANE) == learnt


def test_a_decision_without_an_event_is_stored_in_silence(desk: Desk) -> None:
    desk.decide(lead(desk.journal, claim_one(desk.journal), State.IMPORTING), State.IMPORTING)
    assert desk.ear.jobs == []


def test_a_decision_that_is_not_stored_is_not_told(desk: Desk) -> None:
    """Neither the step nor the trouble."""
    job = claim_one(desk.journal)
    lead(desk.journal, job, State.FAILED)
    decision = Decision(
        state=State.ARCHIVING,
        due_at=BEGIN,
        event="job.decided",
        ends=(End(ConditionKind.HOST_BUSY, HOST),),
        begins=(begin(ConditionKind.HOST_UNAVAILABLE),),
    )
    with pytest.raises(errors.IllegalTransition):
        desk.recorder.decide(job, decision)

    assert (desk.ear.jobs, desk.ear.conditions) == ([], [])
    assert desk.journal.conditions.all() == []


def test_a_verdict_is_stored_with_its_words_and_time(desk: Desk) -> None:
    """Behaviour H8."""
    verdict = Verdict(outcome=Outcome.REFUSED, reason="r", answer="said", advice="do")
    job = claim_one(desk.journal, retries=3)
    moved = desk.recorder.decide(
        job, Decision(state=State.ARCHIVING, due_at=BEGIN, verdict=verdict)
    )

    assert moved.verdict == verdict
    assert (moved.decided_at, moved.retries, moved.finished_at) == (BEGIN, 0, None)


def test_an_earlier_answer_stays_where_the_verdict_has_none(desk: Desk) -> None:
    job = claim_one(desk.journal, answer="said before")
    assert desk.decide(job, State.ARCHIVING, Outcome.FAILED).answer == "said before"


def test_a_decision_that_ends_a_job_times_its_end(desk: Desk) -> None:
    moved = desk.decide(claim_one(desk.journal), State.FAILED, Outcome.GONE)
    assert moved.finished_at == BEGIN


def test_the_end_of_a_job_is_one_line(desk: Desk) -> None:
    job = lead(desk.journal, claim_one(desk.journal), State.ARCHIVING, outcome=Outcome.IMPORTED)
    done = desk.recorder.finish(job, State.DONE, "a remark")

    assert desk.ear.jobs == [JobEvent(name="job.finished", job=done, detail="a remark")]
    assert (done.finished_at, desk.ear.found) == (BEGIN, [State.DONE])
    assert desk.journal.jobs.story(job.id)[-1].detail == "a remark"


def test_what_the_service_does_is_told(desk: Desk) -> None:
    desk.recorder.announce("service.ready", routes=2)
    assert desk.ear.announced("service.ready") == [{"routes": 2}]
    assert desk.recorder.now() == BEGIN


# ---------------------------------------------------------------- holding


@pytest.mark.parametrize(
    "outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.INVALID, Outcome.UNSURE]
)
def test_a_file_that_ends_in_failed_holds_its_lane_where_that_is_asked(
    desk: Desk, outcome: Outcome
) -> None:
    job = desk.decide(claim_one(desk.journal, NO_TEXT, rules=HOLD), State.ARCHIVING, outcome)

    assert desk.held_by() == job.id
    assert desk.ear.told(HELD) == [True]
    assert desk.ear.conditions[0].routes == ("sales",)


@pytest.mark.parametrize("outcome", [Outcome.IMPORTED, Outcome.RETURNED])
def test_other_ends_hold_nothing(desk: Desk, outcome: Outcome) -> None:
    desk.decide(claim_one(desk.journal, rules=HOLD), State.ARCHIVING, outcome)
    assert desk.held_by() is None


def test_a_file_that_is_gone_holds_nothing(desk: Desk) -> None:
    """It is not in failed/, so no retry could ever free the lane."""
    desk.decide(claim_one(desk.journal, rules=HOLD), State.FAILED, Outcome.GONE)
    assert desk.held_by() is None


def test_nothing_is_held_where_that_is_not_asked(desk: Desk) -> None:
    desk.decide(claim_one(desk.journal), State.ARCHIVING, Outcome.FAILED)
    assert desk.held_by() is None


def retry(desk: Desk, failed: Job, outcome: Outcome) -> Job:
    again = claim_one(desk.journal, rules=HOLD, retry_of=failed.id, priority=0)
    return desk.decide(again, State.ARCHIVING, outcome)


def test_a_retry_that_succeeds_frees_the_lane(desk: Desk) -> None:
    failed = desk.decide(claim_one(desk.journal, rules=HOLD), State.ARCHIVING, Outcome.FAILED)
    retry(desk, failed, Outcome.IMPORTED)

    assert desk.held_by() is None
    assert desk.ear.told(HELD) == [True, False]


def test_a_retry_that_fails_takes_the_hold_over(desk: Desk) -> None:
    """So that its own retry may free the lane. Behaviour H4."""
    failed = desk.decide(claim_one(desk.journal, rules=HOLD), State.ARCHIVING, Outcome.FAILED)
    again = retry(desk, failed, Outcome.REFUSED)
    assert desk.held_by() == again.id
    assert desk.ear.told(HELD) == [True]

    retry(desk, again, Outcome.IMPORTED)
    assert desk.held_by() is None


def test_another_success_does_not_free_a_held_lane(desk: Desk) -> None:
    failed = desk.decide(claim_one(desk.journal, rules=HOLD), State.ARCHIVING, Outcome.FAILED)
    desk.decide(claim_one(desk.journal, rules=HOLD), State.ARCHIVING, Outcome.IMPORTED)
    assert desk.held_by() == failed.id


# ---------------------------------------------------------------- conditions


def test_a_trouble_is_told_when_it_begins_and_when_it_ends(desk: Desk) -> None:
    """Behaviour P2."""
    kind = ConditionKind.KEY_REFUSED
    for _ in range(3):
        desk.recorder.begin(begin(kind, "/k", due_at=BEGIN + 30), job_id=4)
        desk.clock.advance(10.0)
    desk.recorder.end(kind, "/k")
    desk.recorder.end(kind, "/k")

    assert desk.ear.told(kind) == [True, False]
    began, ended = desk.ear.conditions
    assert (began.routes, ended.routes) == (("costs",), ("costs",))
    assert (began.condition.since, ended.seconds) == (BEGIN, 30.0)
    assert (began.condition.due_at, began.condition.job_id) == (BEGIN + 30, 4)


def test_a_trouble_that_ended_in_the_last_moment_is_not_told_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may end it between the look and the deed."""
    kind = ConditionKind.HOST_BUSY
    desk.recorder.begin(begin(kind))
    get = desk.journal.conditions.get

    def get_and_lose(kind: ConditionKind, subject: str) -> object:
        monkeypatch.undo()
        found = get(kind, subject)
        desk.journal.conditions.end(kind, subject)
        return found

    monkeypatch.setattr(desk.journal.conditions, "get", get_and_lose)
    desk.recorder.end(kind, HOST)

    assert desk.ear.told(kind) == [True]


@pytest.mark.parametrize(
    ("kind", "subject", "counts"),
    [
        (ConditionKind.HOST_BUSY, HOST, False),
        (ConditionKind.HOST_UNAVAILABLE, HOST, False),
        (ConditionKind.WRONG_URL, HOST, False),
        (ConditionKind.KEY_REFUSED, "default", False),
        (ConditionKind.KEY_REFUSED, "/k", True),
        (ConditionKind.HOST_IN_DOUBT, HOST, True),
        (ConditionKind.LANE_BUSY, LANE, True),
    ],
)
def test_time_in_which_nothing_could_be_asked_does_not_count(
    desk: Desk, kind: ConditionKind, subject: str, counts: bool
) -> None:
    """Behaviour T23."""
    job = claim_one(desk.journal)
    job = lead(desk.journal, job, State.IMPORTING, deadline_from=BEGIN)
    desk.recorder.begin(begin(kind, subject))
    desk.clock.advance(100.0)
    desk.recorder.end(kind, subject)

    found = desk.journal.jobs.get(job.id)
    assert found is not None
    assert found.deadline_from == BEGIN + (0.0 if counts else 100.0)


def test_what_an_answer_ends_is_ended_in_the_same_commit(desk: Desk) -> None:
    desk.recorder.begin(begin(ConditionKind.HOST_BUSY))
    job = lead(desk.journal, claim_one(desk.journal), State.IMPORTING)
    ends = (End(ConditionKind.HOST_BUSY, HOST), End(ConditionKind.KEY_REFUSED, "default"))
    desk.recorder.decide(job, Decision(state=State.IMPORTING, due_at=BEGIN, ends=ends))

    assert desk.journal.conditions.all() == []
    assert desk.ear.told(ConditionKind.HOST_BUSY) == [True, False]
    assert desk.ear.told(ConditionKind.KEY_REFUSED) == []


LANES = [ConditionKind.CONFIGURATION_MISSING, ConditionKind.LANE_BUSY]


@pytest.mark.parametrize("kind", LANES)
def test_what_only_a_push_could_end_ends_when_nothing_is_left_to_push(
    desk: Desk, kind: ConditionKind
) -> None:
    one, other = claim_one(desk.journal, "one.csv"), claim_one(desk.journal, "other.csv")
    desk.recorder.begin(begin(kind, LANE))

    desk.decide(one, State.ARCHIVING, Outcome.RETURNED)
    assert desk.ear.told(kind) == [True]
    desk.decide(other, State.FAILED, Outcome.GONE)
    assert desk.ear.told(kind) == [True, False]


@pytest.mark.parametrize("kind", LANES)
def test_a_lane_with_an_import_in_progress_is_not_forgotten(
    desk: Desk, kind: ConditionKind
) -> None:
    job = lead(desk.journal, claim_one(desk.journal), State.IMPORTING)
    desk.recorder.begin(begin(kind, LANE))
    desk.decide(job, State.IMPORTING)

    assert desk.ear.told(kind) == [True]


def test_a_file_that_could_not_be_read_is_so_no_more_when_it_left(desk: Desk) -> None:
    kind, job = ConditionKind.FILE_UNREADABLE, claim_one(desk.journal)
    desk.recorder.begin(begin(kind, str(job.source)))
    desk.decide(job, State.QUEUED)
    assert desk.ear.told(kind) == [True]

    desk.decide(job, State.FAILED, Outcome.GONE)
    assert desk.ear.told(kind) == [True, False]


# ---------------------------------------------------------------- the journal itself


def test_a_journal_that_can_not_be_used_is_said_once_and_once_again_when_it_can(
    desk: Desk, tmp_path: Path
) -> None:
    """Behaviour T30: it can, when nobody has found otherwise for a while, and a trial says so."""
    desk.journal._database._connection.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(errors.JournalBusy):
                desk.recorder.begin(begin(HELD, LANE))
        desk.recorder.look_after_journal()
        desk.clock.advance(recorder.CALM_S)
        with pytest.raises(errors.JournalBusy):
            desk.recorder.look_after_journal()
    desk.recorder.begin(begin(HELD, LANE))
    desk.recorder.look_after_journal()
    assert [event.name for event in desk.ear.services] == ["journal.busy"]
    desk.clock.advance(recorder.CALM_S)
    for _ in range(2):
        desk.recorder.look_after_journal()
    assert [event.name for event in desk.ear.services] == ["journal.busy", "journal.writable"]


# ---------------------------------------------------------------- surroundings


def test_a_decision_knows_what_is_around_it(desk: Desk) -> None:
    job = claim_one(desk.journal, rejected_at=BEGIN - 5)
    around = desk.recorder.surroundings(job, HOST, 60.0)

    assert (around.now, around.host, around.import_deadline_s) == (BEGIN, HOST, 60.0)
    assert 0 <= around.chance < 1
    assert (around.others_taken, around.others_told_too_many, around.misses) == (False, False, 0)


def test_it_knows_of_pushes_that_were_taken_and_of_misses(desk: Desk) -> None:
    job = claim_one(desk.journal, rejected_at=BEGIN - 5)
    (other,) = desk.journal.jobs.add([new_job(configuration_id=OTHER_LANE)])
    lead(desk.journal, other, State.IMPORTING, importing_since=BEGIN)
    for _ in range(2):
        desk.recorder.begin(begin(ConditionKind.CONFIGURATION_MISSING, LANE))
    around = desk.recorder.surroundings(job, HOST, 60.0)

    assert (around.others_taken, around.misses) == (True, 2)


@pytest.mark.parametrize(
    ("lane", "due_at", "told"),
    [
        (OTHER_LANE, BEGIN + 1, True),
        (OTHER_LANE, BEGIN, False),
        (OTHER_LANE, None, False),
        (LANE, BEGIN + 1, False),
    ],
)
def test_it_knows_whether_another_lane_still_waits(
    desk: Desk, lane: str, due_at: float | None, told: bool
) -> None:
    desk.recorder.begin(begin(ConditionKind.LANE_BUSY, lane, due_at))
    around = desk.recorder.surroundings(claim_one(desk.journal), HOST, 60.0)
    assert around.others_told_too_many is told
