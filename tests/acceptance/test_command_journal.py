import json
import subprocess
from pathlib import Path

import pytest
from acceptance_fixtures import COMMAND, ROWS, ServiceProcess, command, write_config

from pigment_watcher.simulator import Simulator


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with which one file was imported and one failed; the service has ended."""
    folder = tmp_path_factory.mktemp("journal")
    with Simulator(import_s=0.1) as simulator:
        file = write_config(folder, simulator, routes={"sales": {}, "costs": {}})
        with ServiceProcess(file) as service:
            service.ready()
            (folder / "sales" / "good.csv").write_text(ROWS, encoding="utf-8")
            (folder / "costs" / "bad.csv").write_text("a\nSIMULATE-FAIL\n", encoding="utf-8")
            service.wait_for("job.finished", file="good.csv", outcome="imported")
            service.wait_for("job.finished", file="bad.csv", outcome="failed")
            assert service.stop() == 0
    return file


def test_status_speaks_of_a_service_that_is_not_running(config: Path) -> None:
    told = command("status", "--config", config)

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("The service is not running.\n")
    assert "Last 24 hours: 1 imported, 1 failed." in told.stdout


def test_status_as_json_is_one_object(config: Path) -> None:
    told = json.loads(command("status", "--json", "--config", config).stdout)

    assert {route["route"]: route["last"]["outcome"] for route in told["routes"]} == {
        "sales": "imported",
        "costs": "failed",
    }


def test_history_is_a_line_for_each_file(config: Path) -> None:
    lines = command("history", "--json", "--config", config).stdout.splitlines()

    assert {json.loads(line)["file"] for line in lines} == {"good.csv", "bad.csv"}


def test_history_into_a_pipe_that_closes_ends_without_a_word(config: Path) -> None:
    shell = f"{' '.join(COMMAND)} history --json --config {config} | true"
    told = subprocess.run(
        ["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=30, check=False
    )

    assert told.stderr == ""


def test_trace_tells_the_way_of_a_file(config: Path) -> None:
    told = command("trace", config.parent / "sales" / "done" / "good.csv", "--config", config)

    assert told.returncode == 0
    events = ["job.found", "job.claimed", "job.pushing", "job.pushed", "job.finished"]
    places = [told.stdout.index(event) for event in events]
    assert places == sorted(places)


def test_trace_of_what_nobody_knows_exits_1(config: Path) -> None:
    told = command("trace", "no.csv", "--config", config)

    assert told.returncode == 1
    assert told.stderr.startswith("pigment-watcher: no.csv: the journal knows no such")
