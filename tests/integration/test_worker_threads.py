"""Workers as threads around one desk: real sockets, a clock that runs."""

import math
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from clock_fixtures import RunningClock
from rig_fixtures import ROWS, Rig, eventually, in_thread, names, rig, route

from pigment_watcher import errors
from pigment_watcher.journal import Work
from pigment_watcher.journal.jobs import Jobs
from pigment_watcher.model import Condition, ConditionKind, Outcome, State
from pigment_watcher.policy import poll_times
from pigment_watcher.simulator import Fault, Simulator
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


# ---------------------------------------------------------------- threads


@pytest.fixture
def live(tmp_path: Path, pigment: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Lend a rig with five lanes and a clock that runs; imports are asked after at once."""
    monkeypatch.setattr(poll_times, "UNKNOWN_S", (0.01,))
    monkeypatch.setattr(poll_times, "OVERDUE_S", (0.01, 0.01))
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
    importing = live.job()
    later = live.clock.now() + 3600.0
    importing = live.journal.jobs.move(importing, State.IMPORTING, at=0.0, due_at=later)
    pigment.script(Fault.act("hang", times=None))
    live.take_in(*(f"{lane}-a.csv" for lane in range(1, 5)))
    with working(live, 4):
        pigment.wait_for(lambda s: len(s.pushes()) == 4)  # one before, and three at once
        live.journal.jobs.move(importing, State.IMPORTING, at=0.0, due_at=live.clock.now())
        live.desk.wake()
        eventually(lambda: live.ear.named("job.finished") == ["0-a.csv"])
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
        eventually(lambda: live.desk._is_stuck)
        assert live.ear.named("job.pushing") == []
        release()
        live.desk.wake()
        eventually(lambda: live.ear.named("job.finished") == ["0-a.csv"])
    assert len(live.ear.announced("journal.busy")) == 1


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


def test_what_a_worker_died_with_is_taken_by_no_other(
    one: Rig, pigment: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody but the next start may say what of it is on the disk."""

    def unknown(*_: object, **__: object) -> None:
        raise errors.CommitUnknown("disk I/O error")

    one.take_in("a.csv")
    monkeypatch.setattr(Jobs, "move", unknown)
    with pytest.raises(errors.CommitUnknown):
        Worker(one.office, "worker-1").run()

    assert not one.desk.is_idle()
    assert not isinstance(one.desk._next(), Work)
    assert [push.size for push in pigment.pushes()] in ([], [0])
