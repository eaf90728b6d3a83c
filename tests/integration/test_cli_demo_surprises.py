import tempfile
from pathlib import Path

import pytest
from cli_fixtures import run

from pigment_watcher.cli import demo


def test_a_demo_that_does_not_end_as_planned_says_what_and_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "LIMIT_S", 2.0)
    monkeypatch.setattr(demo, "_IMPORT_S", float("inf"))

    told = run("demo")

    assert told.exit_code == 1
    assert "demo: sales-2026-07.csv: was to be imported, is not at its end" in told.stderr
    assert "demo: the stand-in did not get each of the files once and whole" in told.stderr
    assert "as planned" not in told.stdout
    assert list(tmp_path.iterdir()) == []
