"""The command on a real terminal: colours, a screen that renews itself, completion."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from acceptance_fixtures import COMMAND, ROWS, ServiceProcess, command, write_config

from pigment_watcher.simulator import Simulator

PATIENCE_S = 60.0
CTRL_C = b"\x03"


class Terminal:
    """A command at a terminal of its own; `said` is all that it wrote."""

    def __init__(self, *arguments: str | Path, **environ: str) -> None:
        self.said = b""
        words = [*map(str, COMMAND), *map(str, arguments)]
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, {**os.environ, "TERM": "xterm-256color", **environ})

    def wait_for(self, text: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.said:
            assert time.monotonic() < deadline, self.said
            self._read()

    def press(self, keys: bytes) -> None:
        os.write(self._end, keys)

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._end)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        if not select.select([self._end], [], [], 1.0)[0]:
            return True
        try:
            some = os.read(self._end, 65536)
        except OSError:  # what Linux says of a terminal that nobody is at any more
            return False
        self.said += some
        return bool(some)


@pytest.fixture
def config(tmp_path: Path, pigment: Simulator) -> Path:
    """Lend the configuration of a service that has carried one file."""
    written = write_config(tmp_path, pigment)
    with ServiceProcess(written) as service:
        service.ready()
        (tmp_path / "sales" / "a.csv").write_text(ROWS)
        service.wait_for("job.finished")
        assert service.stop() == 0
    return written


def test_good_news_is_green_on_a_terminal_and_plain_everywhere_else(config: Path) -> None:
    coloured = Terminal("status", "--config", config)
    assert coloured.end() == 0
    assert b"\x1b[32mok\x1b[0m" in coloured.said
    plain = Terminal("history", "--config", config, NO_COLOR="1")
    assert plain.end() == 0
    assert b"imported" in plain.said
    assert b"\x1b[3" not in plain.said
    assert "\x1b" not in command("status", "--config", config).stdout


def test_a_table_fits_the_terminal_and_cuts_nothing_off(
    config: Path, tmp_path: Path, pigment: Simulator
) -> None:
    long = "x" * 150 + ".csv"
    with ServiceProcess(config) as service:
        service.ready()
        (tmp_path / "sales" / long).write_text(ROWS)
        service.wait_for("job.finished", file=long)
        assert service.stop() == 0
    for told in ("history", "status"):
        narrow = Terminal(told, "--config", config, COLUMNS="70", NO_COLOR="1")
        assert narrow.end() == 0
        assert max(map(len, narrow.said.decode().splitlines())) <= 70
        assert narrow.said.count(b"x") == 150
    assert f"  {long}  " in command("history", "--config", config).stdout


def test_who_watches_sees_what_changes_until_ctrl_c(
    config: Path, tmp_path: Path, pigment: Simulator
) -> None:
    watching = Terminal("status", "--watch", "--config", config)
    watching.wait_for(b"is not running")
    with ServiceProcess(config) as service:
        service.ready()
        watching.wait_for(b"The service is running")
        (tmp_path / "sales" / "later.csv").write_text(ROWS)
        watching.wait_for(b"later.csv, ")
        watching.press(CTRL_C)
        assert watching.end() == 0
        assert service.stop() == 0
    assert b"Traceback" not in watching.said


def test_nobody_watches_through_a_pipe(config: Path) -> None:
    ended = command("status", "--watch", "--config", config)
    assert ended.returncode == 2
    assert "--watch is for people at a terminal" in ended.stderr


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    program = tmp_path / "pigment-watcher"
    words = " ".join(f"'{word}'" for word in COMMAND)
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(pigment-watcher completion bash)"; COMP_WORDS=(pigment-watcher {words});'
        " COMP_CWORD={place}; _pigment_watcher_completion pigment-watcher; echo ${{COMPREPLY[*]}}"
    )
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for typed, place, wanted in (("sta", 1, "status"), ("status --wa", 2, "--watch")):
        ended = subprocess.run(
            [bash, "-c", script.format(words=typed, place=place)],
            capture_output=True,
            text=True,
            check=True,
            env=environ,
        )
        assert ended.stdout.split() == [wanted]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    assert "_PIGMENT_WATCHER_COMPLETE" in command("completion", shell).stdout
