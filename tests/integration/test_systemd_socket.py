import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pigment_watcher.listeners.systemd import Systemd


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager's end of the socket, and the variable that leads to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


@pytest.fixture
def systemd(manager: socket.socket) -> Iterator[Systemd]:
    with contextlib.closing(Systemd(os.environ)) as connected:
        yield connected


def heard(manager: socket.socket) -> bytes:
    return manager.recv(65536)


def test_ready_carries_the_status_in_one_message(manager: socket.socket, systemd: Systemd) -> None:
    systemd.ready("2 routes, nothing waits")
    assert heard(manager) == b"READY=1\nSTATUS=2 routes, nothing waits"


def test_reloading_carries_the_time_in_one_message(
    manager: socket.socket, systemd: Systemd
) -> None:
    systemd.reloading(123456789)
    assert heard(manager) == b"RELOADING=1\nMONOTONIC_USEC=123456789"


def test_stopping_status_ping_and_more_time_are_said_in_their_own_words(
    manager: socket.socket, systemd: Systemd
) -> None:
    systemd.stopping()
    systemd.status("3 files wait")
    systemd.ping()
    systemd.extend(15.0)
    assert [heard(manager) for _ in range(4)] == [
        b"STOPPING=1",
        b"STATUS=3 files wait",
        b"WATCHDOG=1",
        b"EXTEND_TIMEOUT_USEC=15000000",
    ]


def test_a_status_is_one_line_of_ascii(manager: socket.socket, systemd: Systemd) -> None:
    systemd.status("Größe 😀 \udce9\nREADY=1\r\n\x1b[2J")
    assert heard(manager) == rb"STATUS=Gr\xf6\xdfe \U0001f600 READY=1 [2J"


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0pigment-watcher-test-{os.getpid()}")
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@pigment-watcher-test-{os.getpid()}")
        with contextlib.closing(Systemd(os.environ)) as systemd:
            systemd.ping()
        assert heard(manager) == b"WATCHDOG=1"


def test_a_manager_that_does_not_read_never_holds_us(
    manager: socket.socket, systemd: Systemd
) -> None:
    for _ in range(5000):
        systemd.ping()
    assert heard(manager) == b"WATCHDOG=1"


def test_a_manager_that_went_away_does_no_harm(manager: socket.socket, systemd: Systemd) -> None:
    manager.close()
    systemd.status("nobody listens")


def test_after_its_end_nothing_is_said(manager: socket.socket, systemd: Systemd) -> None:
    systemd.close()
    systemd.ping()
    manager.settimeout(0)
    with pytest.raises(BlockingIOError):
        heard(manager)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_socket_that_is_not_there_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "none"))
    Systemd(os.environ).ready("nobody listens")


def test_outside_systemd_all_is_silent() -> None:
    systemd = Systemd({})
    systemd.ready("nobody listens")
    systemd.ping()
    assert systemd.watchdog_interval_s is None


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_PID": str(os.getpid())}, None),
    ],
)
def test_pings_come_twice_as_often_as_asked_of_this_process(
    environ: dict[str, str], interval_s: float | None
) -> None:
    assert Systemd(environ).watchdog_interval_s == interval_s
