"""What a worker makes of the destination's answers: real sockets and files, time by hand."""

import itertools
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from clock_fixtures import RunningClock
from rig_fixtures import (
    LANE,
    OTHER_LANE,
    ROWS,
    Rig,
    eventually,
    in_thread,
    names,
    rig,
    route,
    without_rights,
)

from pigment_watcher.files import moves
from pigment_watcher.model import Condition, ConditionKind, JobEvent, LoadMode, Outcome, State
from pigment_watcher.policy import delays
from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator
from pigment_watcher.steps import archive
from pigment_watcher.worker import Worker


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


@pytest.fixture
def repeatable(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig whose files may be pushed again."""
    with rig(tmp_path, route(tmp_path / "in", load_mode=LoadMode.UPDATE), url=pigment.url) as built:
        yield built


@pytest.fixture
def two(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig with two lanes on one inbox: b*.csv goes to the other one."""
    inbox = tmp_path / "in"
    routes = (
        route(inbox, "second", OTHER_LANE, files=("b*.csv",), load_mode=LoadMode.UPDATE),
        route(inbox, load_mode=LoadMode.UPDATE),
    )
    with rig(tmp_path, *routes, url=pigment.url) as built:
        yield built


def statuses(pigment: Simulator) -> list[int | None]:
    """Return what the pushes were answered, in order."""
    return [push.status for push in pigment.pushes()]


def reason(one: Rig, name: str = "a.csv") -> str:
    return (one.inbox / "failed" / f"{name}.reason.txt").read_text("utf-8-sig")


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


# ---------------------------------------------------------------- the key


def test_a_refused_key_blocks_what_uses_it_and_is_probed_until_it_works(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviour T20."""
    one.keys["default"] = "wrongKey"
    one.take_in("a.csv", "b.csv")
    assert one.work(most=4) == ["push", "probe", "probe", "probe"]
    blocked = one.condition(ConditionKind.KEY_REFUSED)
    assert blocked is not None
    assert "put a valid key in its place and reload" in blocked.detail
    assert set(one.states().values()) == {State.QUEUED}
    one.keys["default"] = DEMO_KEY
    one.work_off()
    assert set(one.outcomes().values()) == {Outcome.IMPORTED}
    assert statuses(pigment) == [401, 200, 200]
    assert one.ear.told(ConditionKind.KEY_REFUSED) == [True, False]
    assert names(one.inbox / "failed") == []


def test_the_probes_of_a_refused_key_grow_rarer_up_to_five_minutes(one: Rig) -> None:
    one.keys["default"] = "wrongKey"
    one.take_in("a.csv")
    one.work()
    times = []
    for _ in range(8):
        one.work()
        times.append(one.clock.now())
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert 200 <= gaps[-1] <= 300


def test_a_key_that_is_not_at_hand_blocks_like_a_refused_one_and_ends_no_worker(
    one: Rig, pigment: Simulator
) -> None:
    """A route may go whose running imports still need its key."""
    one.take_in("a.csv")
    one.keys.clear()
    assert one.work(most=2) == ["push", "probe"]
    assert one.ear.told(ConditionKind.KEY_REFUSED) == [True]
    one.keys["default"] = DEMO_KEY
    assert one.work(most=2) == ["probe", "push"]
    one.keys.clear()
    assert one.work(most=2) == ["poll", "probe"]
    one.keys["default"] = DEMO_KEY
    one.work_off()
    assert (one.job().outcome, statuses(pigment)) == (Outcome.IMPORTED, [200])


def test_an_import_is_waited_for_while_its_key_is_refused_however_long(one: Rig) -> None:
    one.take_in("a.csv")
    one.work()
    one.keys["default"] = "wrongKey"
    began = one.clock.now()
    while one.clock.now() < began + 3600:
        one.work()
    one.keys["default"] = DEMO_KEY
    one.work_off()
    assert one.job().outcome is Outcome.IMPORTED


def test_a_file_that_is_forbidden_while_the_key_works_is_refused(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviour H6."""
    pigment.script(Fault.answer(403, body=b"blocked by policy 7"))
    one.take_in("a.csv", "b.csv")
    assert one.work(most=2) == ["push", "probe"]
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.REFUSED, "b.csv": Outcome.IMPORTED}
    assert "a proxy or firewall disliked this file" in reason(one)
    assert "blocked by policy 7" in reason(one)


@pytest.mark.parametrize("status", [401, 403])
def test_a_file_that_is_forbidden_because_of_the_key_waits_for_the_key(
    one: Rig, pigment: Simulator, status: int
) -> None:
    pigment.script(Fault.answer(403), Fault.answer(status, on="probe"))
    one.take_in("a.csv")
    assert one.work(most=2) == ["push", "probe"]
    assert one.condition(ConditionKind.KEY_IN_DOUBT) is None
    assert one.condition(ConditionKind.KEY_REFUSED) is not None
    one.work_off()
    assert (one.job().outcome, statuses(pigment)) == (Outcome.IMPORTED, [403, 200])


def test_a_doubt_about_the_host_is_probed_with_a_key_that_is_not_known_to_be_bad(
    tmp_path: Path, pigment: Simulator
) -> None:
    inbox = tmp_path / "in"
    routes = (
        route(inbox, "second", OTHER_LANE, files=("b*.csv",), key="bad"),
        route(inbox),
    )
    with rig(tmp_path, *routes, url=pigment.url) as mixed:
        mixed.keys = {"bad": "wrongKey", "default": DEMO_KEY}
        mixed.restart()
        pigment.script(Fault.answer(500, configuration_id=LANE))
        mixed.take_in("a.csv", "b.csv")
        mixed.work(most=8)
        assert mixed.ear.told(ConditionKind.HOST_IN_DOUBT) == [True, False]
        assert mixed.ear.told(ConditionKind.KEY_REFUSED) == [True]


def test_a_doubt_is_probed_even_if_every_key_is_known_to_be_bad(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(401), Fault.answer(500))
    one.take_in("a.csv", "b.csv")
    assert one.work(most=3) == ["push", "probe", "push"]
    pigment.script(Fault.answer(401, on="probe", times=2))
    assert one.work(most=2) == ["probe", "probe"]
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.UNSURE, "b.csv": Outcome.IMPORTED}


# ---------------------------------------------------------------- lanes that wait


def test_an_unknown_configuration_blocks_its_lane_alone_and_is_tried_with_the_same_file(
    two: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404, configuration_id=LANE, times=2))
    two.take_in("a1.csv", "a2.csv", "b.csv")
    two.work_off()
    assert set(two.outcomes().values()) == {Outcome.IMPORTED}
    assert two.ear.told(ConditionKind.CONFIGURATION_MISSING) == [True, False]
    assert two.ear.named("job.finished") == ["b.csv", "a1.csv", "a2.csv"]
    refused = [push.at for push in pigment.pushes() if push.status == 404]
    assert len(refused) == 2
    assert "correct configuration_id of the route" in two.ear.conditions[0].condition.detail


def test_an_unknown_configuration_is_tried_ever_more_rarely_up_to_an_hour(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404, times=None))
    one.take_in("a.csv")
    times = []
    for _ in range(7):
        one.work()
        times.append(one.clock.now())
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert 200 <= gaps[0] <= 360
    assert 2400 <= gaps[-1] <= 3600


def test_one_lane_that_is_told_too_many_waits_alone_and_as_long_as_it_was_told(
    two: Rig, pigment: Simulator
) -> None:
    """Behaviour T21."""
    pigment.script(Fault.busy(retry_after="120", configuration_id=LANE))
    two.take_in("a.csv", "b.csv")
    began = two.clock.now()
    two.work(most=3)
    assert two.outcomes() == {"a.csv": None, "b.csv": Outcome.IMPORTED}
    assert two.clock.now() < began + 60
    two.work()
    assert began + 120 <= two.clock.now() < began + 121
    two.work_off()
    assert two.outcomes()["a.csv"] is Outcome.IMPORTED


def test_two_lanes_that_are_told_too_many_show_that_it_is_the_host(
    two: Rig, pigment: Simulator
) -> None:
    """Behaviour T21."""
    pigment.script(Fault.busy(times=2))
    two.take_in("a.csv", "b.csv")
    began = two.clock.now()
    two.work(most=2)
    assert two.ear.told(ConditionKind.LANE_BUSY) == [True, True]
    assert two.ear.told(ConditionKind.HOST_BUSY) == [True]
    two.work()
    assert two.clock.now() >= began + 300
    two.work_off()
    assert set(two.outcomes().values()) == {Outcome.IMPORTED}
    assert two.ear.told(ConditionKind.HOST_BUSY) == [True, False]


def test_a_status_call_that_is_told_too_many_is_asked_again_later(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.busy(on="status", retry_after="60"))
    one.take_in("a.csv")
    assert one.work_off() == ["push", "poll", "poll"]
    assert one.job().outcome is Outcome.IMPORTED


# ---------------------------------------------------------------- nothing was sent


def test_a_host_that_can_not_be_reached_is_tried_again_without_end(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours T20, I9."""
    pigment.stop()
    one.take_in("a.csv")
    began = one.clock.now()
    assert one.work(most=12) == ["push"] * 12
    assert one.clock.now() > began + 600
    assert one.ear.told(ConditionKind.HOST_UNAVAILABLE) == [True]
    pigment.start()
    one.work_off()
    assert (one.job().outcome, one.job().attempts) == (Outcome.IMPORTED, 1)
    assert one.ear.told(ConditionKind.HOST_UNAVAILABLE) == [True, False]


def test_a_host_that_takes_nothing_now_is_tried_again_whatever_the_load_mode(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviours H4, T20."""
    pigment.script(Fault.answer(503, times=12))
    one.take_in("a.csv")
    one.work_off()
    assert statuses(pigment) == [503] * 12 + [200]
    assert one.job().outcome is Outcome.IMPORTED


def test_a_redirect_is_not_followed_and_blocks_as_a_wrong_url(one: Rig, pigment: Simulator) -> None:
    pigment.script(Fault.answer(308, headers={"Location": "http://127.0.0.1:9/elsewhere"}))
    one.take_in("a.csv")
    one.work()
    blocked = one.condition(ConditionKind.WRONG_URL)
    assert blocked is not None
    assert "http://127.0.0.1:9/elsewhere" in blocked.detail
    assert one.work_off() == ["probe", "push", "poll"]
    assert one.job().outcome is Outcome.IMPORTED


# ---------------------------------------------------------------- not known

LOST = [
    Fault.lost_answer(),
    Fault.act("reset_after_body"),
    Fault.act("garbage"),
    Fault.act("cut_answer"),
    Fault.answer(500),
    Fault.answer(502, body=b"<html>bad gateway</html>"),
    Fault.answer(408),
    Fault.answer(302, headers={"Location": "/login"}),
    Fault.answer(200, body=b"thank you"),
]


@pytest.mark.parametrize("lost", LOST, ids=lambda fault: fault.action or str(fault.status))
def test_a_file_whose_answer_was_lost_is_unsure_and_nothing_is_pushed_before_a_probe(
    one: Rig, pigment: Simulator, lost: Fault
) -> None:
    """Behaviour T22."""
    pigment.script(lost, Fault.answer(502, on="probe", times=2))
    one.take_in("a.csv", "b.csv")
    assert one.work(most=4) == ["push", "probe", "probe", "probe"]
    assert len(pigment.pushes()) == 1
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.UNSURE, "b.csv": Outcome.IMPORTED}
    assert reason(one).startswith("NOT KNOWN WHETHER IMPORTED - look before dropping it again\n")
    assert one.ear.told(ConditionKind.HOST_IN_DOUBT) == [True, False]


@pytest.mark.parametrize("lost", LOST, ids=lambda fault: fault.action or str(fault.status))
def test_a_file_whose_answer_was_lost_is_pushed_again_where_that_does_no_harm(
    repeatable: Rig, pigment: Simulator, lost: Fault
) -> None:
    pigment.script(lost)
    repeatable.take_in("a.csv")
    assert repeatable.work_off() == ["push", "probe", "push", "poll"]
    assert repeatable.job().outcome is Outcome.IMPORTED


def test_an_outage_makes_as_many_doubtful_files_as_were_on_the_wire(
    two: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(500, times=None), Fault.answer(500, on="probe", times=None))
    two.take_in("a1.csv", "a2.csv", "b1.csv", "b2.csv")
    two.work(most=20)
    assert len(pigment.pushes()) == 1


def test_polls_go_on_while_a_host_is_in_doubt(two: Rig, pigment: Simulator) -> None:
    pigment.script(Fault.answer(500, configuration_id=LANE))
    pigment.script(Fault.answer(500, on="probe", times=None))
    two.take_in("b.csv")
    assert two.work() == ["push"]
    two.take_in("a.csv")
    while two.outcomes()["b.csv"] is None:
        two.work()
    assert two.condition(ConditionKind.HOST_IN_DOUBT) is None  # an answered poll ends it, too


def test_a_file_that_alone_is_answered_with_errors_is_failed_while_others_are_taken(
    two: Rig, pigment: Simulator
) -> None:
    """Behaviour H5."""
    two.put("a.csv", "SIMULATE-503\n1\n")
    for number in range(60):
        two.take_in(f"b{number}.csv")
        two.work(most=3)
    two.work_off()
    outcomes = two.outcomes()
    assert (outcomes.pop("a.csv"), set(outcomes.values())) == (Outcome.FAILED, {Outcome.IMPORTED})
    assert statuses(pigment).count(503) == 10
    assert "answered this file with an error 10 times" in reason(two)


def test_a_file_is_not_failed_while_no_other_was_taken(one: Rig, pigment: Simulator) -> None:
    """Behaviour T20."""
    one.put("a.csv", "SIMULATE-503\n1\n")
    one.take_in()
    one.work(most=25)
    assert (one.job().state, statuses(pigment)) == (State.QUEUED, [503] * 25)


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
    assert {event.name for event in one.ear.services} == {"journal.busy", "journal.writable"}
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


# ---------------------------------------------------------------- threads


@pytest.fixture
def live(tmp_path: Path, pigment: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Lend a rig with five lanes and a clock that runs; imports are asked after at once."""
    monkeypatch.setattr(delays, "POLL_S", (0.01, 0.01))
    routes = [
        route(tmp_path / "in", f"r{n}", str(uuid.UUID(int=n + 1)), files=(f"{n}-*",))
        for n in range(5)
    ]
    with rig(tmp_path, *routes, url=pigment.url, clock=RunningClock()) as built:
        yield built


@contextmanager
def working(one: Rig, count: int) -> Iterator[None]:
    """Let so many workers work; they end promptly."""
    desk = one.desk
    desk._pushes_at_most = max(1, count - 1)
    with ExitStack() as stack:
        for number in range(count):
            worker = Worker(one.office, f"worker-{number}")
            stack.enter_context(in_thread(worker.run, stop=desk.stop))
        yield
        stopped_at = time.monotonic()
    assert time.monotonic() - stopped_at < 3.0
    assert desk.is_idle()
    assert one.heartbeats._due == {}


@pytest.mark.parametrize("count", [1, 4])
def test_workers_carry_every_file_once_and_end_promptly(
    live: Rig, pigment: Simulator, count: int
) -> None:
    """Behaviours C1, C2, L4."""
    wanted = [f"{lane}-{number}.csv" for lane in range(5) for number in range(4)]
    for name in wanted:
        live.put(name, ROWS + name)
    live.take_in()
    with working(live, count):
        eventually(lambda: len(live.ear.named("job.finished")) == len(wanted), 20.0)
    assert names(live.inbox / "done") == wanted
    assert len({push.sha256 for push in pigment.pushes()}) == len(pigment.pushes()) == len(wanted)


def test_polls_go_on_beside_uploads_that_hang(live: Rig, pigment: Simulator) -> None:
    live.take_in("0-a.csv")
    live.work()
    pigment.script(Fault.act("hang", times=None))
    live.take_in(*(f"{lane}-a.csv" for lane in range(1, 5)))
    with working(live, 4):
        pigment.wait_for(lambda s: len(s.pushes()) == 4)
        eventually(lambda: live.ear.named("job.finished") == ["0-a.csv"])
        assert len(pigment.pushes()) == 4  # one before, and three at once
        live.desk.stop()
        live.desk.abort()


def test_a_cut_push_ends_as_a_lost_answer_and_the_worker_with_it(
    live: Rig, pigment: Simulator
) -> None:
    """Behaviour L4."""
    pigment.script(Fault.act("hang_after_body"))
    live.take_in("0-a.csv")
    with working(live, 1):
        pigment.wait_for(lambda s: len(s.pushes()) == 1)
        live.desk.stop()
        live.desk.abort()
    assert live.job().outcome is Outcome.UNSURE


def test_a_worker_that_waits_is_woken_by_a_new_file(live: Rig) -> None:
    with working(live, 2):
        eventually(lambda: live.desk._alarm < math.inf)
        live.take_in("0-a.csv")
        eventually(lambda: live.ear.named("job.finished") == ["0-a.csv"])


def test_a_worker_waits_while_nothing_can_be_booked(live: Rig) -> None:
    live.take_in("0-a.csv")
    release = live.lock_journal()
    with working(live, 1):
        eventually(lambda: live.desk._alarm < math.inf)
        assert live.ear.named("job.pushing") == []
        release()
        live.desk.wake()
        eventually(lambda: live.ear.named("job.finished") == ["0-a.csv"])


def test_a_second_worker_takes_over_what_is_due_before_the_first_one_wakes(
    live: Rig, pigment: Simulator
) -> None:
    with working(live, 1):
        eventually(lambda: live.desk._alarm < math.inf)
        live.journal.conditions.begin(
            Condition(
                kind=ConditionKind.HOST_IN_DOUBT,
                subject=live.desk.destination.host,
                since=live.clock.now(),
                due_at=live.clock.now() + 0.2,
            )
        )
        with working(live, 1):
            eventually(lambda: len(pigment.calls()) == 1, 2.0)
            eventually(lambda: live.ear.told(ConditionKind.HOST_IN_DOUBT) == [False])


def test_a_destination_that_changed_gets_a_client_of_its_own(one: Rig, pigment: Simulator) -> None:
    connected: list[str] = []
    one.on_connect = lambda: connected.append("again")
    one.take_in("a.csv", "b.csv")
    one.work(most=2)
    one.desk.redirect(replace(one.desk.destination))
    one.work_off()
    assert connected == ["again", "again"]


def test_a_reserved_job_is_handed_to_nobody(one: Rig) -> None:
    one.take_in("a.csv")
    job = one.job()
    beats: list[float] = []
    with one.desk.reserving(job.id) as free, one.desk.reserving(job.id) as twice:
        assert (free, twice) == (True, False)
        assert not one.desk.is_idle()
        taker = threading.Thread(target=one.desk.take, args=(beats.append,))
        taker.start()
        eventually(lambda: len(beats) == 1)
        assert taker.is_alive()
    taker.join(5.0)
    assert not taker.is_alive()
