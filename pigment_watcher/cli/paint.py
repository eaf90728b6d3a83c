"""Colours for words that are good or bad news; what is no terminal gets none of them."""

import click

_GOOD = frozenset({"ok", "imported"})
_WORTH_KNOWING = frozenset(
    {"paused", "retrying", "waiting", "imported with skips", "gone", "returned"}
)
_UNDER_WAY = frozenset({"queued", "pushing", "importing", "archiving"})


def state(title: str, cell: str) -> str:
    """Colour a cell of the column STATE."""
    if title != "STATE":
        return cell
    if cell in _UNDER_WAY:
        return click.style(cell, fg="cyan")
    if cell in _GOOD:
        return click.style(cell, fg="green")
    return click.style(cell, fg="yellow" if cell in _WORTH_KNOWING else "red")
