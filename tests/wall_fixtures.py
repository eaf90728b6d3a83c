"""A wall clock that a test moves under a program, while all other clocks go on."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("wall_clock.c")


class Wall:
    """The wall clock of every program that is started with `environ`."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.environ = {"LD_PRELOAD": str(library), "WALL_SHIFT": str(file)}
        self.shift(0.0)

    def shift(self, seconds: float) -> None:
        """Show a time that is so far from the real one."""
        part = self._file.with_suffix(".part")
        part.write_text(str(round(seconds)), encoding="ascii")
        part.replace(self._file)

    def show(self, moment: float) -> None:
        """Show a time, given in seconds since 1970."""
        self.shift(moment - time.time())


def build(folder: Path) -> Path:
    """Compile what moves the clock; skips where there is no compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no gcc to compile the clock that can be moved")
    library = folder / "wall_clock.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library
