"""`python -m bench`: measure, print one table, write the page."""

import argparse
import shlex
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from bench import figures, page
from bench.figure import Figure, Found, Row, Scale
from bench.world import NotInTimeError

_PAGE = Path("docs/performance.md")


def main() -> None:
    """Measure what is asked for; exit 1 if a figure does not hold."""
    said = _parser().parse_args()
    # Whoever ends the bench ends all that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    chosen = [figure for figure in figures.ALL if not said.only or figure.name in said.only]
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(f"On {page.machine()}.")
    rows = []
    for figure in chosen:
        began = time.monotonic()
        row = Row(figure, _measured(figure, Scale(said.quick)))
        beside = "".join(f"; {name}: {value}" for name, value in row.found.beside.items())
        took_s = time.monotonic() - began
        console.print(f"{figure.name}: {row.found.measured}{beside} ({took_s:.0f} s)")
        rows.append(row)
    page.show(rows, console)
    target = said.page or (None if said.only or said.quick else _PAGE)
    if target is not None:
        page.write(target, rows, _command(), quick=said.quick)
    if any(row.found.holds is False for row in rows):
        sys.exit(1)


def _measured(figure: Figure, scale: Scale) -> Found:
    """Measure; what takes for ever does not hold, and the others are measured all the same."""
    try:
        return figure.measure(scale)
    except NotInTimeError as error:
        return Found(str(error), holds=False)


def _command() -> str:
    return shlex.join(["python", "-m", "bench", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    names = [figure.name for figure in figures.ALL]
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="NAME", help=f"of: {', '.join(names)}"
    )
    parser.add_argument("--quick", action="store_true", help="small numbers: does the bench work?")
    parser.add_argument(
        "--page", type=Path, help=f"write the page there; {_PAGE} if all figures are measured"
    )
    return parser


if __name__ == "__main__":
    main()
