"""The table, for the terminal and as docs/performance.md."""

import datetime as dt
import functools
import os
import platform
import tempfile
import timeit
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contestants import missing_tools
from bench.figure import Row
from bench.picture import Picture
from bench.timing import median_s

#: What was changed in the product to get there, and what limits it.
_LESSONS = Path(__file__).parent / "lessons.md"

_HEADS = ("figure", "must reach", "measured", "beside it", "holds")


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table."""
    table = Table(*_HEADS, show_lines=True)
    for row in rows:
        table.add_row(*_cells(row, "\n"))
    console.print(table)
    if missing := missing_tools():
        console.print(f"Not compared with the shell loop: no {', '.join(missing)} here.")


def write(page: Path, rows: Sequence[Row], command: str, *, quick: bool) -> None:
    """Write the page, and the picture beside it if one was made."""
    page.write_text(document(page.stem, rows, command, quick=quick), encoding="utf-8")
    if (picture := _picture(rows)) is not None:
        page.with_suffix(".svg").write_text(picture.svg(), encoding="utf-8")


def document(stem: str, rows: Sequence[Row], command: str, *, quick: bool) -> str:
    """Return the page; its picture is called as it is."""
    when = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"
    lines = [
        "# Performance",
        "",
        (
            f"Written by `{command}` on {when}, on {machine()}."
            " Each figure was measured side by side, in one run, with what somebody would write"
            " instead ([the loops](../bench/alternatives)), against a fast stand-in, whose"
            " imports run as long as said, give or take a tenth."
        ),
        "",
    ]
    if quick:
        lines += ["**Quick: these numbers only show that the bench works.**", ""]
    if missing := missing_tools():
        lines += [f"Not compared with the shell loop: no {', '.join(missing)} there.", ""]
    lines += [_line(_HEADS), _line(["---"] * len(_HEADS))]
    lines += [_line(_cells(row, "<br>")) for row in rows]
    lines += ["", "How each is measured, and by what name `--only` knows it:", ""]
    lines += [f"- `{row.figure.name}`: {row.figure.measure.__doc__}" for row in rows]
    if (picture := _picture(rows)) is not None:
        lines += ["", f"![{picture.title}]({stem}.svg)"]
    lines += ["", _LESSONS.read_text(encoding="utf-8").rstrip()]
    return "\n".join(lines) + "\n"


@functools.cache
def machine() -> str:
    """Return what it was measured on, in words; first asked before anything else runs."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB,"
        f" Linux {platform.release()}, Python {platform.python_version()}, where counting to a"
        f" million takes {_counting_s() * 1000:.0f} ms, and {_sync_s() * 1000:.1f} ms until 4 KiB"
        " are on the disk"
    )


def _counting_s() -> float:
    """Return how long a core takes for a loop: one machine is not as fast each day."""
    return min(timeit.repeat("for _ in range(1_000_000): pass", number=1, repeat=9))


def _sync_s() -> float:
    """Return how long a small write takes to be safe; of all that varies this does most."""
    with tempfile.TemporaryFile(buffering=0) as file:

        def write() -> None:
            file.write(bytes(4096))
            os.fdatasync(file.fileno())

        return median_s(write, 50)


def _picture(rows: Sequence[Row]) -> Picture | None:
    return next((row.found.picture for row in rows if row.found.picture is not None), None)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _cells(row: Row, newline: str) -> list[str]:
    beside = newline.join(f"{name}: {value}" for name, value in row.found.beside.items())
    figure = row.figure
    return [figure.what, figure.goal, row.found.measured, beside or "-", row.verdict]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
