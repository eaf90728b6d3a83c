"""A file's way with a worker, from its push to its place; real sockets, time by hand."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rig_fixtures import ROWS, Rig, names, reason, rig, statuses, without_rights

from pigment_watcher.files import moves
from pigment_watcher.model import ConditionKind, JobEvent, Outcome, State
from pigment_watcher.policy import budget
from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator
from pigment_watcher.steps import archive


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    """Lend a stand-in whose imports are over at once."""
    with Simulator(import_s=0.0) as simulator:
        yield simulator


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig with one route, of which nobody said what a second push would do."""
    with rig(tmp_path, url=pigment.url) as built:
        yield built


# ---------------------------------------------------------------- good ways


def test_a_file_is_pushed_polled_and_moved_with_the_same_bytes(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours G1, G14, C14, C16."""
    one.take_in("a.csv")
    assert one.work_off() == ["push", "poll"]
    (push,) = pigment.pushes()
    job = one.job()
    assert (job.state, job.outcome) == (State.DONE, Outcome.IMPORTED)
    assert (job.import_id, job.sha256, job.bytes_sent) == (push.import_id, push.sha256, len(ROWS))
    assert (one.inbox / "done" / "a.csv").read_text() == ROWS
    assert one.files("done", "failed", ".") == {"done": ["a.csv"], "failed": [], ".": []}
    assert [event.name for event in one.ear.jobs] == [
        "job.claimed",
        "job.pushing",
        "job.pushed",
        "job.decided",
        "job.finished",
    ]


def test_a_failed_import_lies_in_failed_with_its_reason_and_the_good_ones_in_done(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours H1, H6, H8, T25."""
    one.put("a.csv", "SIMULATE-FAIL\n1\n")
    one.take_in("b.csv")
    one.work_off()
    assert one.files("done", "failed") == {
        "done": ["b.csv"],
        "failed": ["a.csv", "a.csv.reason.txt"],
    }
    assert (one.inbox / "failed" / "a.csv").read_text() == "SIMULATE-FAIL\n1\n"
    text = reason(one)
    assert text.startswith("NOT IMPORTED - a.csv\n")
    assert "Update History" in text
    assert pigment.imports()[0].id in text
    assert DEMO_KEY not in text


def test_the_next_of_a_lane_waits_for_the_import_before_it(tmp_path: Path) -> None:
    """Behaviour E2."""
    with Simulator(import_s=math.inf) as pigment, rig(tmp_path, url=pigment.url) as one:
        one.put("late.csv", mtime=1_700_000_001)
        one.put("early.csv", mtime=1_700_000_000)
        one.take_in()
        assert one.work(most=5) == ["push"] + ["poll"] * 4
        pigment.finish(pigment.imports()[0].id)
        assert one.work(most=2) == ["poll", "push"]
        pushed = [job.name for job in one.all_jobs() if job.sha256]
        assert (pushed[0], len(pigment.pushes())) == ("early.csv", 2)


def test_an_empty_file_is_invalid_and_never_pushed_and_costs_no_request(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours A7, D21, H6."""
    one.put("a.csv", "")
    one.take_in("b.csv")
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.INVALID, "b.csv": Outcome.IMPORTED}
    assert len(pigment.pushes()) == 1
    assert one.journal.calls.count(one.desk.destination.host, 0.0) == 2


# ---------------------------------------------------------------- what becomes of an import


def test_an_import_that_runs_longer_than_its_deadline_is_unsure_with_its_id(
    tmp_path: Path,
) -> None:
    """Behaviour T23."""
    with Simulator(import_s=math.inf) as pigment, rig(tmp_path, url=pigment.url) as one:
        one.take_in("a.csv")
        began = one.clock.now()
        one.work_off()
        assert one.job().outcome is Outcome.UNSURE
        assert one.clock.now() > began + 600
        assert f"Import ID:     {pigment.imports()[0].id}" in reason(one)
        assert len(pigment.pushes()) == 1


def test_an_import_that_pigment_does_not_know_for_five_minutes_is_unsure(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404, on="status", times=None))
    one.take_in("a.csv")
    began = one.clock.now()
    one.work_off()
    assert one.job().outcome is Outcome.UNSURE
    assert 300 <= one.clock.now() - began < 400
    assert str(one.job().import_id) in reason(one)


def test_minutes_without_an_answer_do_not_count_towards_an_unknown_import(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(
        Fault.answer(404, on="status", times=3),
        Fault.answer(502, on="status", times=10),
        Fault.answer(404, on="status", times=3),
    )
    one.take_in("a.csv")
    one.work_off()
    assert one.job().outcome is Outcome.IMPORTED


@pytest.mark.parametrize("status", [400, 403, 404, 408, 429, 500, 503, 302])
def test_a_status_call_that_fails_is_asked_again_for_the_import_runs(
    one: Rig, pigment: Simulator, status: int
) -> None:
    pigment.script(Fault.answer(status, on="status"))
    one.take_in("a.csv")
    one.work_off()
    assert (one.job().outcome, statuses(pigment)) == (Outcome.IMPORTED, [200])


# ---------------------------------------------------------------- the file itself


def test_a_file_that_changed_before_it_was_sent_settles_again(one: Rig, pigment: Simulator) -> None:
    """Behaviour T9."""
    one.take_in("a.csv")
    one.claimed_path(one.job()).write_text(ROWS * 2)
    began = one.clock.now()
    assert one.work_off() == ["push", "push", "poll"]
    assert one.clock.now() >= began + 2.0
    (push,) = pigment.pushes()
    assert (push.size, one.job().fingerprint.size) == (2 * len(ROWS), 2 * len(ROWS))


def test_a_claimed_file_that_vanished_is_gone_and_costs_no_request(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviour H9."""
    one.take_in("a.csv")
    one.claimed_path(one.job()).unlink()
    one.work_off()
    assert (one.job().state, one.job().outcome) == (State.FAILED, Outcome.GONE)
    assert one.journal.calls.count(one.desk.destination.host, 0.0) == 0


def test_a_file_that_changes_while_it_is_sent_is_unsure(one: Rig, pigment: Simulator) -> None:
    """Behaviour T8."""
    one.take_in("a.csv")
    path = one.claimed_path(one.job())

    def append(event: JobEvent) -> None:
        if event.name == "job.pushing":
            path.write_text(ROWS + "more\n")

    one.ear.on_job = append
    one.work_off()
    assert one.job().outcome is Outcome.UNSURE
    assert "changed while it was being sent" in reason(one)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_claimed_file_that_can_not_be_read_waits_and_that_is_said_once(
    tmp_path: Path, pigment: Simulator, what: str
) -> None:
    """Behaviours T4, D18."""
    with without_rights(), rig(tmp_path, url=pigment.url) as one:
        one.take_in("a.csv")
        locked = one.inbox / "processing" if what == "folder" else one.claimed_path(one.job())
        locked.chmod(0)
        one.work(most=3)
        assert one.states() == {"a.csv": State.QUEUED}
        assert one.ear.told(ConditionKind.FILE_UNREADABLE) == [True]
        assert one.journal.calls.count(one.desk.destination.host, 0.0) == 0
        locked.chmod(0o700)
        one.work_off()
        assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
        assert one.ear.told(ConditionKind.FILE_UNREADABLE) == [True, False]


def test_a_file_that_was_changed_after_it_was_imported_is_unsure_and_not_in_done(
    one: Rig, pigment: Simulator
) -> None:
    one.take_in("a.csv")
    path = one.claimed_path(one.job())

    def append(event: JobEvent) -> None:
        if event.name == "job.decided" and event.job.outcome is Outcome.IMPORTED:
            path.write_text(ROWS + "more\n")

    one.ear.on_job = append
    one.work_off()
    assert (one.job().state, one.job().outcome) == (State.FAILED, Outcome.UNSURE)
    assert "is not what was imported" in reason(one)
    assert one.files("done", "failed") == {"done": [], "failed": ["a.csv", "a.csv.reason.txt"]}
    assert len(pigment.pushes()) == 1


# ---------------------------------------------------------------- the move at the end


def test_a_file_that_can_not_be_moved_keeps_its_outcome_and_is_not_imported_again(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours T2, G13, H7."""
    obstacle = one.inbox / "done"
    obstacle.write_text("in the way")
    one.take_in("a.csv", "b.csv")
    one.work(most=12)
    job = one.all_jobs()[0]
    assert (job.state, job.outcome) == (State.ARCHIVING, Outcome.IMPORTED)
    assert one.claimed_path(job).read_text() == ROWS
    assert one.ear.told(ConditionKind.ARCHIVE_STUCK) == [True]
    obstacle.unlink()
    one.work_off()
    assert (names(one.inbox / "done"), len(pigment.pushes())) == (["a.csv", "b.csv"], 2)
    assert one.ear.told(ConditionKind.ARCHIVE_STUCK) == [True, False]


def test_a_name_that_was_taken_after_it_was_planned_gives_way(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behaviour G2."""
    real = archive.plan
    taken = one.inbox / "done" / "a.csv"

    def plan_late(*arguments: object) -> Path:
        planned = real(*arguments)  # type: ignore[arg-type]
        taken.touch()
        return planned

    monkeypatch.setattr(archive, "plan", plan_late)
    one.take_in("a.csv")
    one.work_off()
    (moved,) = set(names(one.inbox / "done")) - {"a.csv"}
    assert (taken.read_text(), (one.inbox / "done" / moved).read_text()) == ("", ROWS)
    assert one.job().target == one.inbox / "done" / moved


def test_a_drive_that_fails_at_the_move_is_tried_again(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(moves, "move", fail)
    one.take_in("a.csv")
    one.work(most=4)
    assert one.job().state is State.ARCHIVING
    monkeypatch.undo()
    one.work_off()
    assert one.job().state is State.DONE


# ---------------------------------------------------------------- a journal that is busy


@pytest.mark.parametrize("exclusively", [False, True])
def test_an_import_id_that_comes_while_the_journal_is_busy_is_stored_late_and_not_lost(
    one: Rig, pigment: Simulator, exclusively: bool
) -> None:
    """An import ID exists nowhere else. Behaviour T30."""
    one.take_in("a.csv")
    release: list[Callable[[], None]] = []

    def lock(event: JobEvent) -> None:
        if event.name == "job.pushing":
            release.append(one.lock_journal(exclusively=exclusively))

    one.ear.on_job = lock
    one.ear.on_service = lambda event: release[0]()
    one.work()
    assert one.job().import_id == pigment.imports()[0].id
    assert [event.name for event in one.ear.services] == ["journal.busy"]
    one.work_off()
    assert (one.job().outcome, len(pigment.pushes())) == (Outcome.IMPORTED, 1)


def test_no_byte_leaves_while_the_intent_can_not_be_stored(one: Rig, pigment: Simulator) -> None:
    """Behaviour F5."""
    one.take_in("a.csv")
    release: list[Callable[[], None]] = []
    one.on_connect = lambda: release.append(one.lock_journal())

    def go_on(_: object) -> None:
        assert not any(push.size for push in pigment.pushes())
        release[0]()

    one.ear.on_service = go_on
    one.ear.on_job = lambda event: one.desk.stop() if event.name == "job.pushed" else None
    one.worker.run()
    assert [push.size for push in pigment.pushes() if push.size] == [len(ROWS)]
    assert len(one.ear.announced("journal.busy")) == 1


def test_a_worker_that_can_not_store_gives_up_when_the_service_does(
    one: Rig, pigment: Simulator
) -> None:
    """The next start finds out."""
    one.take_in("a.csv")
    release: list[Callable[[], None]] = []

    def lock(event: JobEvent) -> None:
        if event.name == "job.pushing":
            release.append(one.lock_journal())

    one.ear.on_job = lock

    def stop(_: object) -> None:
        one.desk.stop()
        one.give_up.set()

    one.ear.on_service = stop
    one.worker.run()
    release[0]()
    assert one.job().state is State.PUSHING


# ---------------------------------------------------------------- when it is asked after


def test_how_long_imports_take_is_learnt_from_their_ends(one: Rig, pigment: Simulator) -> None:
    one.take_in("a.csv", "b.csv")
    assert one.work_off() == ["push", "poll", "push", "poll"]

    first, second = one.all_jobs()
    assert one.journal.lanes.durations(first.configuration_id) == (0.0, 0.0)
    assert len(pigment.calls()) == 4
    waits = [(job.decided_at or 0.0) - (job.importing_since or 0.0) for job in (first, second)]
    assert waits == [pytest.approx(1.18, abs=0.01), pytest.approx(0.02, abs=0.001)]


def test_what_a_request_is_worth_is_found_out_once_a_second(one: Rig) -> None:
    one.take_in(*(f"{n}.csv" for n in range(100)))
    assert one.desk.price() == budget.CHEAP_S
    calls, now = one.journal.calls, one.clock.now()
    with one.journal.writing():
        for _ in range(one.desk.destination.limits.requests.requests):
            calls.book(one.desk.destination.host, None, now)

    one.clock.advance(0.9)
    assert one.desk.price() == budget.CHEAP_S
    one.clock.advance(0.2)
    assert one.desk.price() == budget.DEAR_S


def test_a_request_counts_from_when_it_is_made(one: Rig, pigment: Simulator) -> None:
    host, calls = one.desk.destination.host, one.journal.calls
    one.take_in("a.csv")
    pigment.stop()
    assert one.work() == ["push"]
    assert calls.count(host, 0.0) == 0
    pigment.start()
    one.work_off()
    assert calls.count(host, 0.0) == len(pigment.calls()) == 2
