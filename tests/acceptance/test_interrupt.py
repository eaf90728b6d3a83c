"""Ctrl-C at any moment ends a command quietly, and what has to be tidied up is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acceptance_fixtures import COMMAND, ROWS, ServiceProcess, write_config

from pigment_watcher.simulator import Fault, Simulator

#: What Python reads, early and late.
MODULES = (
    "click",
    "yaml",
    "pydantic",
    "requests",
    "watchdog.observers",
    "pigment_watcher.service.service",
)


@contextmanager
def started(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Start a program whose stderr is read here, and end it."""
    process = subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE, text=True)
    with process:
        yield process
        process.kill()


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Press Ctrl-C; return the exit code, and what was said of it."""
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20.0)[1]
    return process.returncode, "".join(
        line for line in said.splitlines(keepends=True) if not line.startswith("import time:")
    )


@pytest.mark.parametrize("module", MODULES)
def test_a_service_that_is_still_reading_its_modules_ends_without_a_word(
    tmp_path: Path, module: str
) -> None:
    python, *rest = COMMAND
    config = write_config(tmp_path)
    with started(python, "-X", "importtime", *rest, "run", "--config", config) as process:
        assert process.stderr is not None
        assert any(line.split()[-1] == module for line in process.stderr)
        code, said = interrupted(process)
    # It may have come as far as to stop in order.
    assert (code, said) == (-signal.SIGINT, "") or (code, "Traceback" in said) == (0, False)


def test_a_service_that_is_still_reading_its_configuration_ends_without_a_word(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    with started(*COMMAND, "run", "--config", config) as process, config.open("w"):
        assert interrupted(process) == (-signal.SIGINT, "")


def test_a_second_ctrl_c_kills_a_service_without_a_word(tmp_path: Path, pigment: Simulator) -> None:
    config = write_config(tmp_path, pigment, top={"stop_grace": "10m"})
    pigment.script(Fault.slow(60.0))
    (tmp_path / "sales" / "a.csv").write_text(ROWS)
    with ServiceProcess(config) as service:
        service.wait_for("job.pushing")
        service.signal(signal.SIGINT)
        service.wait_for("service.stopping")
        service.signal(signal.SIGINT)
        assert service.wait() == -signal.SIGINT
        assert all("text" not in line for line in service.lines)


def test_what_a_shell_script_starts_in_the_background_ignores_ctrl_c(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen([*COMMAND, "check", "--config", str(config)])
    finally:
        signal.signal(signal.SIGINT, before)
    with process, config.open("w"):
        process.send_signal(signal.SIGINT)
    assert process.returncode == 78


def test_a_demo_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-u", *COMMAND[1:], "demo"], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert list(tmp_path.iterdir()) == []
