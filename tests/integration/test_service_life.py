"""The service from its start to its stop, in this process: real threads, signals and sockets."""

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from rig_fixtures import OTHER_LANE, ROWS, names, route
from service_fixtures import Live, hang_up, our_threads, stop

from pigment_watcher import errors, observer, recorder
from pigment_watcher.config import Settings
from pigment_watcher.intake import Intake, loop
from pigment_watcher.journal import NAME, ServiceLock
from pigment_watcher.model import ConditionKind, Outcome, Watch
from pigment_watcher.mounts import Mount
from pigment_watcher.policy import poll_times
from pigment_watcher.service import service
from pigment_watcher.simulator import Fault, Simulator
from pigment_watcher.worker import loop as worker


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=0.0) as simulator:
        yield simulator


@pytest.fixture
def live(tmp_path: Path, pigment: Simulator, monkeypatch: pytest.MonkeyPatch) -> Live:
    """Lend a quick service that is not started."""
    monkeypatch.setattr(service, "TICK_S", 0.02)
    monkeypatch.setattr(poll_times, "UNKNOWN_S", (0.01,))
    monkeypatch.setattr(poll_times, "OVERDUE_S", (0.01, 0.01))
    return Live(tmp_path, pigment.url)


# ---------------------------------------------------------------- start and stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_carries_a_file_and_stops_with_zero_when_it_is_asked_to(
    live: Live, number: signal.Signals
) -> None:
    """Behaviours J8, L4."""
    (live.inbox / "a.csv").write_text(ROWS)
    live.on_job("job.finished", lambda: os.kill(os.getpid(), number))
    assert live.run() == 0
    assert (live.inbox / "done" / "a.csv").read_text() == ROWS
    assert live.announced() == [
        "service.started",
        "service.ready",
        "service.stopping",
        "service.stopped",
    ]
    ServiceLock(live.settings.state_directory).take()


def test_a_file_that_comes_while_it_runs_is_noticed_by_its_event(live: Live) -> None:
    """Behaviour K1."""
    live.when("service.ready", lambda: (live.inbox / "a.csv").write_text(ROWS))
    live.on_job("job.finished", stop)
    assert live.run() == 0


def test_starts_and_stops_leave_no_thread_and_no_descriptor(live: Live) -> None:
    """Behaviour L3."""
    live.when("service.ready", stop)
    live.run()
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for _ in range(4):
        live.when("service.ready", stop)
        live.run()
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


def test_a_stop_is_prompt_where_nothing_is_under_way(live: Live) -> None:
    """Behaviour L4."""
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        stop()

    live.when("service.ready", ask)
    live.run()
    assert time.monotonic() - asked[0] < 2.0


def test_a_stop_leaves_what_waits_for_the_next_start(live: Live, pigment: Simulator) -> None:
    """Behaviours L5, L6."""
    live.settings = replace(live.settings, workers=1)
    for name in ("a.csv", "b.csv", "c.csv"):
        (live.inbox / name).write_text(ROWS + name)
    live.on_job("job.pushed", stop)
    live.run()
    live.ear.on_job = lambda _: None
    assert live.run(run_once=True) == 0
    assert names(live.inbox / "done") == ["a.csv", "b.csv", "c.csv"]
    assert len(pigment.pushes()) == 3


def test_a_call_that_hangs_is_cut_after_the_grace(live: Live, pigment: Simulator) -> None:
    pigment.script(Fault.act("hang_after_body"))
    live.settings = replace(live.settings, stop_grace_s=0.1, answer_timeout_s=60.0)
    (live.inbox / "a.csv").write_text(ROWS)

    def stop_when_it_hangs() -> None:
        pigment.wait_for(lambda s: len(s.pushes()) == 1)
        stop()

    live.on_job("job.pushing", threading.Thread(target=stop_when_it_hangs).start)
    assert live.run() == 0
    assert live.ear.jobs[-1].job.outcome is Outcome.UNSURE
    assert names(live.inbox / "failed") == ["a.csv", "a.csv.reason.txt"]


def test_what_can_not_be_stored_at_the_stop_is_left_to_the_next_start(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AFTER_CUT_S", 0.1)
    live.settings = replace(live.settings, stop_grace_s=0.1)
    locks: list[Callable[[], None]] = []

    def lock() -> None:
        live.service._journal._database._connection.execute("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(
            live.settings.state_directory / "journal.db",
            isolation_level=None,
            check_same_thread=False,
        )
        other.execute("BEGIN IMMEDIATE")
        locks.append(other.close)
        stop()

    live.on_job("job.pushing", lock)
    (live.inbox / "a.csv").write_text(ROWS)
    assert live.run() == 0
    locks[0]()
    live.ear.on_job = lambda _: None
    assert live.run(run_once=True) == 1
    assert live.ear.jobs[-1].job.outcome is Outcome.UNSURE


def test_a_second_service_is_refused_and_the_first_one_is_not_disturbed(live: Live) -> None:
    """Behaviour T15."""
    lock = ServiceLock(live.settings.state_directory)
    lock.take()
    with pytest.raises(errors.AlreadyRunning):
        live.run()
    lock.drop()
    assert live.announced() == []


def test_a_journal_that_can_not_be_opened_ends_the_start_and_frees_the_lock(live: Live) -> None:
    """Behaviour T16."""
    (live.settings.state_directory / "journal.db").write_text("no journal at all" * 100)
    with pytest.raises(errors.JournalDamaged):
        live.run()
    ServiceLock(live.settings.state_directory).take()


def test_a_start_that_fails_half_way_closes_what_it_opened(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise errors.JournalBusy("disk full")

    monkeypatch.setattr(service, "begin_instance", fail)
    with pytest.raises(errors.JournalBusy):
        live.run()
    with pytest.raises(sqlite3.ProgrammingError):
        live.service._journal.identity.starts  # noqa: B018  # it is closed


def test_a_thread_that_dies_stops_the_service_loudly(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Behaviour T29."""

    def fail(_: Intake) -> float:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Intake, "round", fail)
    with pytest.raises(errors.ThreadDied, match="intake: a bug"):
        live.run()
    assert live.announced()[-1] == "service.stopped"
    assert [record.message for record in caplog.records] == ["thread.died"]


def test_what_a_thread_died_of_is_told_in_words_where_somebody_can_act(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Behaviour T16: a disk may damage the journal while the service runs."""

    def fail(_: Intake) -> float:
        raise errors.JournalDamaged("journal.db: the journal is damaged; move it aside")

    monkeypatch.setattr(Intake, "round", fail)
    with pytest.raises(errors.ThreadDied, match=r"intake: .*: the journal is damaged; move"):
        live.run()
    (record,) = caplog.records
    assert record.message == "thread.died"
    assert not record.exc_info
    assert record.__dict__["detail"].endswith("move it aside")


def test_a_folder_that_is_missing_at_the_start_is_lost_and_no_reason_to_end(live: Live) -> None:
    live.inbox.rmdir()
    live.when("service.ready", stop)
    assert live.run() == 0
    assert live.ear.told(ConditionKind.FOLDER_LOST) == [True]


def test_remarks_of_the_configuration_are_said_at_the_start(live: Live) -> None:
    live.settings = replace(live.settings, remarks=("config.yaml:3: load_mode: not said",))
    live.when("service.ready", stop)
    live.run()
    assert live.ear.announced("config.remark") == [{"detail": "config.yaml:3: load_mode: not said"}]


# ---------------------------------------------------------------- once


@pytest.mark.parametrize(("text", "code"), [(ROWS, 0), ("SIMULATE-FAIL\n1\n", 1)])
def test_a_run_over_the_first_files_ends_by_itself_and_tells_how(
    live: Live, text: str, code: int
) -> None:
    """Behaviour J9."""
    (live.inbox / "a.csv").write_text(text)
    assert live.run(run_once=True) == code
    assert names(live.inbox) == []


# ---------------------------------------------------------------- reload


def test_a_reload_takes_over_what_changed(live: Live, tmp_path: Path, pigment: Simulator) -> None:
    """Behaviour T26."""
    new = tmp_path / "new"
    new.mkdir()
    (new / "b.csv").write_text(ROWS)
    changed = route(new, "more", OTHER_LANE, quiet_s=0.02)

    def change() -> None:
        live.settings = replace(live.settings, routes=(*live.settings.routes, changed), workers=9)
        hang_up()

    live.when("service.ready", change)
    live.on_job("job.finished", stop)
    assert live.run() == 0
    assert names(new / "done") == ["b.csv"]
    assert live.ear.announced("service.reloaded") == [{"routes": 2}]
    assert live.ear.announced("service.restart_needed") == [{"settings": ["workers"]}]


def test_a_bad_configuration_is_reported_and_the_old_one_goes_on(live: Live) -> None:
    """Behaviour T26."""

    def spoil() -> Settings:
        raise errors.ConfigError(["config.yaml:1: routes: is empty"])

    def reload() -> None:
        live.loaded = spoil
        hang_up()

    live.when("service.ready", reload)
    live.when("service.reload_failed", lambda: (live.inbox / "a.csv").write_text(ROWS))
    live.on_job("job.finished", stop)
    assert live.run() == 0
    (said,) = live.ear.announced("service.reload_failed")
    assert said["problems"] == ("config.yaml:1: routes: is empty",)


def test_a_reload_that_finds_the_journal_busy_is_done_when_it_is_not(live: Live) -> None:
    tries: list[int] = []

    def load() -> Settings:
        tries.append(len(tries))
        if len(tries) < 3:
            raise errors.JournalBusy("disk full")
        return live.settings

    live.loaded = load
    live.when("service.ready", hang_up)
    live.when("service.reloaded", stop)
    assert live.run() == 0
    assert len(tries) == 3


@pytest.mark.parametrize("when", ["job.pushing", "job.push_postponed"])
def test_files_of_a_route_that_went_are_put_back_even_if_they_were_on_their_way(
    live: Live, pigment: Simulator, when: str
) -> None:
    pigment.script(Fault(status=503, delay_s=0.3, times=None))
    polled = replace(live.settings.routes[0], watch=Watch.POLLING)
    live.settings = replace(live.settings, routes=(polled,))

    def drop() -> None:
        live.settings = replace(live.settings, routes=())
        hang_up()

    (live.inbox / "a.csv").write_text(ROWS)
    actions = {when: drop, "job.finished": stop}
    live.ear.on_job = lambda event: actions.pop(event.name, lambda: None)()
    assert live.run() == 0
    assert (names(live.inbox), live.ear.jobs[-1].job.outcome) == (["a.csv"], Outcome.RETURNED)


# ---------------------------------------------------------------- the main thread's duties


def test_what_was_asked_for_while_it_was_down_comes_before_any_work(live: Live) -> None:
    """Behaviour L1: a pause must not come too late for what waits already."""
    with closing(live.journal()) as journal:
        journal.commands.ask("pause", {"route": "sales"}, asked_by="ada", now=0.0)
    at_work: list[str] = []
    live.when("command.pause", lambda: at_work.extend(our_threads()))
    (live.inbox / "a.csv").write_text(ROWS)
    live.on_job("job.claimed", stop)
    assert live.run() == 0
    assert [name for name in at_work if name.startswith("worker")] == []
    assert live.ear.named("job.pushing") == []


def test_an_operators_command_is_acted_on_while_it_runs(live: Live) -> None:
    def ask() -> None:
        journal = live.journal()
        journal.commands.ask("pause", {"route": "sales"}, asked_by="ada", now=0.0)
        journal.close()

    live.when("service.ready", ask)
    live.when("command.pause", stop)
    assert live.run() == 0
    assert live.ear.told(ConditionKind.ROUTE_PAUSED) == [True]


def test_a_folder_on_another_drive_than_before_is_left_alone_until_that_is_accepted(
    live: Live,
) -> None:
    journal = live.journal()
    share = Mount("nfs4", "server:/exports", live.inbox)
    journal.identity.remember_drives({live.inbox: share})
    journal.close()
    (live.inbox / "a.csv").write_text(ROWS)
    left: list[list[str]] = []

    def ask() -> None:
        left.append(names(live.inbox))
        journal = live.journal()
        journal.commands.ask("accept-drive", {"route": "sales"}, asked_by="ada", now=0.0)
        journal.close()

    live.on_trouble(ConditionKind.FOLDER_LOST, ask)
    live.on_job("job.finished", stop)
    assert live.run() == 0
    assert left == [["a.csv"]]
    assert names(live.inbox / "done") == ["a.csv"]
    assert live.ear.told(ConditionKind.FOLDER_LOST) == [True, False]


@pytest.mark.parametrize("exclusively", [False, True])
def test_a_busy_journal_is_waited_out_and_said_once_though_all_find_it_busy(
    live: Live, monkeypatch: pytest.MonkeyPatch, exclusively: bool
) -> None:
    """Behaviour T30."""
    for module, name in ((loop, "LONGEST_WAIT_S"), (worker, "STORE_AGAIN_S"), (recorder, "CALM_S")):
        monkeypatch.setattr(module, name, 0.05)
    concerned = {"intake", "worker"} | ({"MainThread"} if exclusively else set())
    others: list[sqlite3.Connection] = []
    real = recorder.Recorder._busy

    def hear(self: recorder.Recorder, error: errors.JournalBusy) -> None:
        real(self, error)
        concerned.discard(threading.current_thread().name.partition("-")[0])
        if not concerned:
            others[0].close()

    def hold() -> None:
        (live.inbox / "b.csv").write_text(ROWS)
        live.service._journal._database._connection.execute("PRAGMA busy_timeout = 0")
        file = live.settings.state_directory / NAME
        others.append(sqlite3.connect(file, isolation_level=None, check_same_thread=False))
        others[0].execute("BEGIN EXCLUSIVE" if exclusively else "BEGIN IMMEDIATE")

    monkeypatch.setattr(recorder.Recorder, "_busy", hear)
    (live.inbox / "a.csv").write_text(ROWS)
    live.on_job("job.pushing", hold)
    live.when("journal.writable", stop)
    assert live.run() == 0
    assert live.announced().count("journal.busy") == 1
    assert live.announced().count("journal.writable") == 1


def test_an_observer_that_went_deaf_is_replaced_and_that_is_said_once(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behaviour T29."""
    monkeypatch.setattr(loop, "EARS_CHECK_S", 0.0)

    def replace_folder() -> None:
        shutil.rmtree(live.inbox)
        live.inbox.mkdir()

    live.when("service.ready", replace_folder)
    live.when("observer.rebuilt", lambda: (live.inbox / "a.csv").write_text(ROWS))
    live.on_job("job.finished", stop)
    assert live.run() == 0
    assert live.announced().count("observer.rebuilt") == 1


def test_an_observer_that_can_not_be_had_is_said_once_and_files_are_found_by_the_clock(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(observer, "_PromptObserver", none_left)
    monkeypatch.setattr(loop, "EARS_CHECK_S", 0.0)
    often = replace(live.settings.routes[0], scan_every_s=0.05)
    live.settings = replace(live.settings, routes=(often,))
    live.when("observer.rebuilt", lambda: (live.inbox / "a.csv").write_text(ROWS))
    live.on_job("job.finished", stop)
    assert live.run() == 0
    assert live.announced().count("observer.rebuilt") == 1


def test_a_folder_that_is_polled_asks_no_kernel_for_events(live: Live) -> None:
    """Behaviour K2."""
    polled = replace(live.settings.routes[0], watch=Watch.POLLING, scan_every_s=0.05)
    live.settings = replace(live.settings, routes=(polled,))
    live.when("service.ready", lambda: (live.inbox / "a.csv").write_text(ROWS))
    live.on_job("job.finished", stop)
    assert live.run() == 0
    (intake,) = live.service._intakes._all()
    assert vars(intake)["_ears"]._wanted == {}


def test_an_old_file_is_removed_before_its_job_is_forgotten(live: Live) -> None:
    (live.inbox / "a.csv").write_text(ROWS)
    live.run(run_once=True)
    journal = live.journal()
    journal._database._connection.execute("UPDATE jobs SET finished_at = 1")
    journal.close()
    (only,) = live.settings.routes
    live.settings = replace(live.settings, routes=(replace(only, keep_done_s=60.0),))
    live.on_job("file.removed", stop)
    assert live.run() == 0
    assert names(live.inbox / "done") == []


def test_what_is_old_is_forgotten(live: Live) -> None:
    (live.inbox / "a.csv").write_text(ROWS)
    live.run(run_once=True)
    journal = live.journal()
    journal.commands.ask("pause", {"route": "sales"}, asked_by="ada", now=0.0)
    journal.commands.answer(1, succeeded=True, answer="", now=0.0)
    old = "UPDATE jobs SET finished_at = 0; UPDATE calls SET at = 0"
    journal._database._connection.executescript(old)
    journal.close()
    live.when("service.ready", stop)
    live.run()
    journal = live.journal()
    assert journal.jobs.history() == []
    assert journal.calls.count(live.settings.host, -1.0) == 0
    assert journal.commands.get(1) is None
    journal.close()
