"""What people see at a terminal: tables that fit it, with colours; all else gets plain columns."""

import sys
from collections.abc import Collection, Sequence

import click

from pigment_watcher.views import show
from pigment_watcher.views.moods import mood

_COLOURS = {"good": "green", "warn": "yellow", "bad": "red", "open": "cyan"}


def table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[str] = ()
) -> list[str]:
    """Return the lines of a table; the column STATE is coloured by whether it is good news.

    `numbers` are the titles of columns that hold nothing else.
    """
    return _drawn(titles, rows, numbers) if sys.stdout.isatty() else show.table(titles, rows)


def state(words: str) -> str:
    """Return a state or an outcome in its colour, which click takes off for what is no terminal."""
    return click.style(words, fg=_COLOURS[mood(words)])


def _drawn(
    titles: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[str]
) -> list[str]:
    # What draws is imported for those alone who sit at a terminal.
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for title in titles:
        # A long name goes on below itself: nothing is cut off.
        is_number = title in numbers
        drawn.add_column(title, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        cells = zip(titles, row, strict=True)
        # Spans, not styles of whole cells: the blanks beside a word are none of its colour.
        drawn.add_row(*(Text.assemble((cell, _style(title, cell))) for title, cell in cells))
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(drawn)
    return [line.rstrip() for line in captured.get().strip("\n").split("\n")]


def _style(title: str, cell: str) -> str:
    return _COLOURS[mood(cell)] if title == "STATE" else ""
