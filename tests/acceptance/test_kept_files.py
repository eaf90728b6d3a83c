"""What was imported before, and what is old: the installed command, as its users meet it."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from acceptance_fixtures import ROWS, ServiceProcess, command, eventually, write_config

from pigment_watcher.simulator import Simulator


def run_once(config: Path) -> int:
    return command("run", "--once", "--config", config).returncode


def rows(config: Path) -> list[Mapping[str, Any]]:
    """Return the jobs of `history`, the oldest first."""
    told = command("history", "--json", "--config", config).stdout.splitlines()
    return [json.loads(line) for line in reversed(told)]


def test_a_file_that_is_dropped_twice_is_imported_once_unless_that_is_asked_for(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviours F1, F14, F18: over restarts, by its bytes."""
    config = write_config(tmp_path, pigment, routes={"sales": {"duplicates": "refuse"}})
    (tmp_path / "sales/a.csv").write_text(ROWS)
    assert run_once(config) == 0
    (tmp_path / "sales/b.csv").write_text(ROWS)
    assert run_once(config) == 1

    first, second = rows(config)
    assert (first["outcome"], second["outcome"]) == ("imported", "invalid")
    assert len(pigment.pushes()) == 1
    reason = (tmp_path / "sales/failed/b.csv.reason.txt").read_text()
    assert reason.startswith("NOT IMPORTED - b.csv")
    assert first["import_id"] in reason

    asked = command("retry", "--even-if-imported", "b.csv", "--config", config)
    assert asked.returncode == 0
    assert run_once(config) == 0
    assert len(pigment.pushes()) == 2
    assert rows(config)[-1]["even_if_imported"]


@pytest.mark.parametrize("name", ["a.csv", "SIMULATE.csv"])
def test_a_file_that_is_old_goes_and_its_history_tells_when(
    tmp_path: Path, pigment: Simulator, name: str
) -> None:
    text = ROWS if name == "a.csv" else f"{ROWS}SIMULATE-FAIL,1,1\n"
    said = {"keep_done": "500ms", "keep_failed": "500ms"}
    config = write_config(tmp_path, pigment, routes={"sales": said})
    (tmp_path / "sales" / name).write_text(text)
    mine = tmp_path / "sales/done/mine.csv"
    mine.parent.mkdir()
    mine.write_text(ROWS)
    run_once(config)
    (ended,) = rows(config)
    kept = Path(str(ended["target"]))
    eventually(lambda: time.time() - kept.stat().st_ctime > 0.6)
    with ServiceProcess(config) as service:
        line = service.wait_for("file.removed")
        assert service.stop() == 0

    assert (line["level"], line["file"], line["job"]) == ("info", name, 1)
    assert [path for path in kept.parent.iterdir() if path != mine] == []
    assert mine.read_text() == ROWS
    (row,) = rows(config)
    assert row["times"]["removed"] > row["times"]["finished"]
    assert "file.removed" in command("trace", "1", "--config", config).stdout
    retried = command("retry", "1", "--config", config)
    assert retried.returncode == 0  # the service is not running: it will answer
    with ServiceProcess(config) as service:
        answer = str(service.wait_for("command.retry")["answer"])
    assert "was removed on" in answer or "no failed one: it is imported" in answer
