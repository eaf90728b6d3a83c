"""What systemd is told of the service, and the small parts that the service is made of."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest
from rig_fixtures import LANE, OTHER_LANE, ROWS, Rig, eventually, rig, route
from service_fixtures import Live, hang_up, stop

from pigment_watcher.config.secrets import Secret
from pigment_watcher.model import Condition, ConditionKind, State
from pigment_watcher.policy import poll_times
from pigment_watcher.service import service
from pigment_watcher.service.destination import destination
from pigment_watcher.service.signals import Signals, Wake
from pigment_watcher.service.status import sentence
from pigment_watcher.service.threads import Supervised
from pigment_watcher.simulator import Simulator


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


# ---------------------------------------------------------------- systemd


class Manager:
    """Reads what comes, as systemd does: its queue is short, and what finds it full is dropped."""

    def __init__(self, receiver: socket.socket) -> None:
        self.messages: list[str] = []
        self._receiver = receiver

    def read(self) -> None:
        """Read until an empty message comes."""
        while message := self._receiver.recv(4096):
            self.messages.append(message.decode())

    def told(self) -> list[str]:
        """Return what came but the pings of the watchdog, and what asks for more time."""
        often = ("WATCHDOG=", "EXTEND_TIMEOUT_USEC=")
        return [message for message in self.messages if not message.startswith(often)]


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """Lend what listens where systemd would."""
    path = os.path.relpath(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "40000")
        made = Manager(receiver)
        reader = threading.Thread(target=made.read, name="manager")
        reader.start()
        try:
            yield made
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"", path)
            reader.join()


def test_systemd_hears_ready_when_all_runs_then_its_state_and_the_stop_at_last(
    live: Live, manager: Manager
) -> None:
    live.on_job("job.finished", stop)
    live.when("service.ready", lambda: (live.inbox / "a.csv").write_text(ROWS))
    live.run(environ=os.environ)
    eventually(lambda: manager.told()[-1:] == ["STOPPING=1"])
    assert manager.told()[0] == "READY=1\nSTATUS=0 waiting, 0 in progress"
    assert "WATCHDOG=1" in manager.messages


def test_systemd_hears_of_a_reload_and_its_end(live: Live, manager: Manager) -> None:
    live.when("service.ready", hang_up)
    live.when("service.reloaded", stop)
    live.run(environ=os.environ)
    eventually(lambda: manager.told()[-1:] == ["STOPPING=1"])
    names = [message.partition("=")[0] for message in manager.told()]
    assert [name for name in names if name != "STATUS"] == [
        "READY",
        "RELOADING",
        "READY",
        "STOPPING",
    ]


def test_the_watchdog_is_not_fed_while_a_thread_is_overdue(live: Live, manager: Manager) -> None:
    """Behaviour T29."""
    pings: list[int] = []

    def hang() -> None:
        live.service._systemd.status("before")
        eventually(lambda: "STATUS=before" in manager.messages)
        live.service._heartbeats.promise("worker-7", -1.0)
        pings.append(manager.messages.count("WATCHDOG=1"))
        live.service._tick()
        live.service._systemd.status("after")
        eventually(lambda: "STATUS=after" in manager.messages)
        pings.append(manager.messages.count("WATCHDOG=1"))
        live.service._heartbeats.retire("worker-7")
        live.service._tick()
        stop()

    live.when("service.ready", hang)
    live.run(environ=os.environ)
    assert pings[0] == pings[1]
    said = [name for name in live.announced() if name.startswith("thread.")]
    assert said == ["thread.silent", "thread.heard"]


# ---------------------------------------------------------------- small parts


def test_a_reload_is_asked_for_and_a_stop_once() -> None:
    with Signals() as signals:
        assert signals.wait(0.0) is None
        hang_up()
        stop()
        hang_up()
        assert [signals.wait(1.0) for _ in range(3)] == [Wake.RELOAD, Wake.STOP, Wake.RELOAD]
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("first", "second"), [(SIGINT, SIGTERM), (SIGTERM, SIGINT), (SIGTERM, SIGTERM)]
)
def test_a_second_signal_does_what_it_did_before_we_caught_it(
    first: signal.Signals, second: signal.Signals
) -> None:
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: heard.append(number))
        for number in {first, second}
    }
    try:
        with Signals() as signals:
            signal.raise_signal(first)
            assert (heard, signals.wait(1.0)) == ([], Wake.STOP)
            signal.raise_signal(second)
            assert heard == [second]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


#: Python hears of both signals at the same moment, and takes the lower number first.
TWO_AT_ONCE = """
from signal import *
from pigment_watcher.service.signals import Signals
with Signals():
    pthread_sigmask(SIG_BLOCK, {SIGINT, SIGTERM})
    raise_signal(SIGTERM)
    raise_signal(SIGINT)
    pthread_sigmask(SIG_UNBLOCK, {SIGINT, SIGTERM})
"""


def test_two_signals_at_once_are_two() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", TWO_AT_ONCE], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (-SIGTERM, "")


def test_a_supervised_thread_keeps_its_error_and_tells_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = threading.Event()

    def fail() -> None:
        raise ValueError("a bug")

    thread = Supervised("part", fail, told.set)
    thread.start()
    assert told.wait(5.0)
    assert thread.join(5.0)
    assert (thread.name, str(thread.error)) == ("part", "a bug")
    assert "thread.died" in caplog.text


def test_a_key_is_found_by_its_name_else_the_default_one_is_taken(live: Live) -> None:
    keys = {"/own": Secret("own"), "default": Secret("common")}
    found = destination(replace(live.settings, keys=keys))
    assert [found.key(name) for name in ("/own", "default", "/gone")] == ["own", "common", "common"]
    assert found.key_names == ("/own", "default")
    keyless = destination(replace(live.settings, keys={}))
    assert (keyless.key("default"), keyless.key_names) == ("", ("default",))
    assert destination(live.settings).host == live.settings.host


SAID = [
    (ConditionKind.KEY_REFUSED, "default", "blocked: key refused"),
    (ConditionKind.CONFIGURATION_MISSING, LANE, "sales blocked: unknown configuration"),
    (ConditionKind.ROUTE_PAUSED, "sales", "sales paused"),
    (ConditionKind.HOST_UNAVAILABLE, "h", "Pigment can't be reached"),
]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Rig]:
    routes = route(tmp_path / "in"), route(tmp_path / "in", "more", OTHER_LANE)
    with rig(tmp_path, *routes) as built:
        yield built


@pytest.mark.parametrize(("kind", "subject", "words"), SAID)
def test_the_status_line_names_each_trouble_and_whom_it_stops(
    one: Rig, kind: ConditionKind, subject: str, words: str
) -> None:
    one.journal.conditions.begin(Condition(kind=kind, subject=subject, since=0.0))
    said = sentence(one.journal, one.routes, ["worker-1"])
    assert said == f"0 waiting, 0 in progress, {words}, worker-1 does not answer"


def test_the_status_line_counts_what_waits_and_what_is_in_progress(one: Rig) -> None:
    one.take_in("a.csv", "b.csv", "c.csv")
    first = one.all_jobs()[0]
    one.journal.jobs.move(first, State.PUSHING, at=0.0)
    assert sentence(one.journal, one.routes, []) == "2 waiting, 1 in progress"
