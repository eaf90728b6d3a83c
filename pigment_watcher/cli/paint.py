"""Colours for words that are good or bad news; what is no terminal gets none of them."""

import click

from pigment_watcher.views.moods import mood

_COLOURS = {"good": "green", "warn": "yellow", "bad": "red", "open": "cyan"}


def state(title: str, cell: str) -> str:
    """Colour a cell of the column STATE."""
    return click.style(cell, fg=_COLOURS[mood(cell)]) if title == "STATE" else cell
