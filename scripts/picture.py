"""Draws docs/demo.svg: what `pigment-watcher demo` prints, as a picture for the README."""

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 84
#: The lines of the run itself; folders and reason file stand in the README's text.
SHOWN = re.compile(r"^\s*\d+\.\d s  ")
COLOURS = (("imported", "green"), ("failed", "red"), ("invalid", "red"), ("progress", "yellow"))


def main() -> None:
    """Run the demo, keep its steps, and write the picture."""
    ran = subprocess.run(
        [sys.executable, "-m", "pigment_watcher", "demo"],
        capture_output=True,
        text=True,
        check=True,
    )
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text("$ pigment-watcher demo", style="bold"))
    for line in filter(SHOWN.match, ran.stdout.splitlines()):
        console.print(Text(line, style=_colour(line)))
    console.save_svg(str(Path("docs/demo.svg")), title="pigment-watcher demo")


def _colour(line: str) -> str:
    return next((colour for word, colour in COLOURS if word in line), "default")


if __name__ == "__main__":
    main()
