"""What Pigment left out of an import, as people and programs see it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess, command, write_config

from pigment_watcher.simulator import Simulator

SKIPS = "month,account,amount\n2026-09,4000,1\n2026-09,6777 SIMULATE-SKIP-ParsingError,2\n"


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=0.1) as simulator:
        yield simulator


def test_a_file_with_skipped_rows_is_told_in_every_place(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment)
    (tmp_path / "sales" / "a.csv").write_text(SKIPS)
    with ServiceProcess(config) as service:
        line = service.wait_for("job.finished", outcome="imported_with_skips")
        assert service.stop() == 0

    assert (line["level"], line["inserted"], line["skipped"]) == ("warning", 1, 1)
    assert line["reason"] == "Pigment imported the file and left 1 row out."
    report = (tmp_path / "sales" / "done" / "a.csv.report.txt").read_bytes()
    assert b'1. 1 in column "account": the value could not be read' in report
    assert report.count(b"\r\n") == report.count(b"\n")
    (told,) = map(json.loads, command("history", "--config", config, "--json").stdout.splitlines())
    assert (told["outcome"], told["report"]["skipped"]) == ("imported_with_skips", 1)
    assert "left 1 row out" in command("history", "--config", config).stdout
    assert "1 skipped" in command("trace", "--config", config, "a.csv").stdout
    status = command("status", "--config", config)
    assert status.returncode == 0
    assert "Last 24 hours: 1 imported with skips." in status.stdout


def test_a_run_over_the_first_files_fails_where_skipped_rows_do(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment, routes={"sales": {"skipped_rows": "fail"}})
    (tmp_path / "sales" / "a.csv").write_text(SKIPS)

    assert command("run", "--once", "--config", config).returncode == 1
    failed = tmp_path / "sales" / "failed"
    names = sorted(path.name for path in failed.iterdir())
    assert names == ["a.csv", "a.csv.reason.txt", "a.csv.report.txt"]


def test_a_host_without_reports_is_told_once_and_remembered_over_a_restart(
    tmp_path: Path,
) -> None:
    with Simulator(import_s=0.0, has_v1=False) as old:
        config = write_config(tmp_path, old)
        for name in ("a.csv", "b.csv"):
            (tmp_path / "sales" / name).write_text(SKIPS.replace("6777", name))
            with ServiceProcess(config) as service:
                service.wait_for("job.finished", outcome="imported")
                told = len(service.events("destination.no_reports"))
                assert service.stop() == 0
            assert told == (name == "a.csv")

        assert [call.path.startswith("/api/v1/") for call in old.calls()] == [
            *(False, True, False, True, False),
            *(False, False),
        ]
        status = command("status", "--config", config)
        assert status.returncode == 0
        assert "remark: sales: Pigment's status under v1 can't be had here" in status.stdout
