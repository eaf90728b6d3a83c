import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def bench(*arguments: str | Path) -> tuple[int, str]:
    """Run the bench to its end; SIGTERM lets it end all that it started."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=100.0)
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
    return process.returncode, said


def test_a_quick_bench_writes_a_row_for_each_figure_asked_for(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    names = ("version", "share", "small-files")

    code, said = bench("--quick", "--page", page, "--only", *names)

    verdicts = [
        line.strip("| ").split(" | ")[-1]
        for line in page.read_text().splitlines()
        if line.startswith("|")
    ][2:]
    assert len(verdicts) == len(names)
    # How fast a machine is that runs tests says nothing: only that what is said is consistent.
    assert set(verdicts) <= {"yes", "no", "not compared"}
    assert code == ("no" in verdicts), said
    assert page.with_suffix(".svg").exists()
