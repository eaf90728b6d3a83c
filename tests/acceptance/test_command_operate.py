from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, ServiceProcess, command, write_config

from pigment_watcher.simulator import Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(import_s=0.1) as simulator:
        yield simulator


def test_a_failed_file_is_put_back_and_imported(tmp_path: Path, simulator: Simulator) -> None:
    config = write_config(tmp_path, simulator)
    (tmp_path / "sales" / "a.csv").write_text("x\nSIMULATE-FAIL\n", encoding="utf-8")
    with ServiceProcess(config) as service:
        service.wait_for("job.finished", file="a.csv", outcome="failed")
        failed = tmp_path / "sales" / "failed" / "a.csv"
        failed.write_text(ROWS, encoding="utf-8")

        told = command("retry", failed, "--config", config)

        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout == "job 2: a.csv is back at the head of its lane\n"
        service.wait_for("job.finished", file="a.csv", outcome="imported")
    assert "Retry of:      job 1" in command("trace", "1", "--config", config).stdout


def test_what_the_service_refuses_exits_1(tmp_path: Path, simulator: Simulator) -> None:
    config = write_config(tmp_path, simulator)
    (tmp_path / "sales" / "a.csv").write_text(ROWS, encoding="utf-8")
    with ServiceProcess(config) as service:
        service.wait_for("job.finished", file="a.csv", outcome="imported")

        told = command("retry", "a.csv", "--config", config)

    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "pigment-watcher: job 1 (a.csv) is no failed one: it is imported\n"


def test_a_paused_route_waits_until_it_is_resumed(tmp_path: Path, simulator: Simulator) -> None:
    config = write_config(tmp_path, simulator)
    with ServiceProcess(config) as service:
        service.ready()
        assert command("pause", "sales", "--config", config).returncode == 0
        (tmp_path / "sales" / "a.csv").write_text(ROWS, encoding="utf-8")
        service.wait_for("job.claimed", file="a.csv")
        status = command("status", "--config", config)
        assert ("paused" in status.stdout, status.returncode) == (True, 0)
        assert simulator.pushes() == []

        assert command("resume", "sales", "--config", config).returncode == 0

        service.wait_for("job.finished", file="a.csv", outcome="imported")
