"""What systemd hears, read from a real datagram socket."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, ServiceProcess, write_config
from systemd_fixtures import Manager, manager_at

from pigment_watcher.simulator import Simulator


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with manager_at(tmp_path / "notify") as manager:
        yield manager


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=0.2) as simulator:
        yield simulator


def test_ready_comes_once_every_folder_was_scanned_and_stopping_at_the_end(
    tmp_path: Path, pigment: Simulator, manager: Manager
) -> None:
    config = write_config(tmp_path, pigment)
    with ServiceProcess(config, environ=manager.environ) as service:
        ready = manager.wait_for("READY=1")
        assert "STATUS=0 waiting, 0 in progress" in ready
        assert service.stop() == 0
        manager.wait_for("STOPPING=1")


def test_the_status_counts_what_waits_and_names_what_is_blocked(
    tmp_path: Path, pigment: Simulator, manager: Manager
) -> None:
    config = write_config(tmp_path, pigment)
    (tmp_path / "api-key").write_text("NotTheKeyOfAnybody")
    with ServiceProcess(config, environ=manager.environ):
        manager.wait_for("READY=1")
        (tmp_path / "sales/a.csv").write_text(ROWS)
        assert "1 waiting" in manager.wait_for("blocked: key refused")


def test_the_watchdog_is_fed_at_half_its_interval(
    tmp_path: Path, pigment: Simulator, manager: Manager
) -> None:
    config = write_config(tmp_path, pigment)
    environ = {**manager.environ, "WATCHDOG_USEC": "1000000"}
    with ServiceProcess(config, environ=environ):
        manager.wait_for("READY=1")
        for _ in range(3):
            manager.wait_for("WATCHDOG=1")


def test_a_reload_is_told_from_its_begin_to_its_end(
    tmp_path: Path, pigment: Simulator, manager: Manager
) -> None:

    config = write_config(tmp_path, pigment)
    with ServiceProcess(config, environ=manager.environ) as service:
        manager.wait_for("READY=1")
        service.signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in manager.wait_for("RELOADING=1")
        manager.wait_for("READY=1")


def test_a_folder_that_is_lost_does_not_keep_the_service_from_being_ready(
    tmp_path: Path, pigment: Simulator, manager: Manager
) -> None:
    config = write_config(tmp_path, pigment, routes={"sales": {}, "costs": {}})
    with ServiceProcess(config, environ=manager.environ) as service:
        manager.wait_for("READY=1")
        assert service.stop() == 0
    (tmp_path / "costs").rename(tmp_path / "elsewhere")  # as when a share is not mounted
    with ServiceProcess(config, environ=manager.environ) as service:
        assert "costs folder lost" in manager.wait_for("READY=1")
        service.wait_for("route.lost", route="costs")
