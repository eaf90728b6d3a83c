"""How a push by hand looks: a progress bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pigment_watcher.model import Job
from pigment_watcher.views import show

#: Seconds between two lines about an import that goes on.
_STILL_S = 30.0


class View(Protocol):
    """What is told of a push while it goes on."""

    def pushing(self, job: Job) -> None:
        """The file is about to be sent."""

    def sent(self, count: int) -> None:
        """So many bytes were sent until now."""

    def importing(self, job: Job) -> None:
        """Pigment has it: the import ID is known."""

    def polled(self, job: Job) -> None:
        """Pigment was asked, and answered."""

    def trouble(self, text: str) -> None:
        """Pigment could not be asked; it is asked again."""


def remark(text: str) -> None:
    """Say something that stops nothing, on stderr."""
    click.echo(f"pigment-watcher: {show.printable(text)}", err=True)


@contextlib.contextmanager
def fitting() -> Iterator[View]:
    """Lend the view that fits where stdout goes."""
    if not sys.stdout.isatty():
        yield Lines()
        return
    with Bar(Console()) as view:
        yield view


class Lines:
    """A line for each step."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()
        self._trouble = ""

    def pushing(self, job: Job) -> None:
        """Say what is sent where."""
        click.echo(_pushing(job))

    def sent(self, count: int) -> None:
        """Say nothing: a file of lines is not for that."""

    def importing(self, job: Job) -> None:
        """Say the import ID at once: it is all that leads back to the import."""
        click.echo(_importing(job))
        self._said_at = time.monotonic()

    def polled(self, job: Job) -> None:
        """Say now and then that it goes on."""
        self._trouble = ""
        if time.monotonic() - self._said_at >= _STILL_S:
            self._said_at = time.monotonic()
            since = job.importing_since or time.time()
            click.echo(f"still in progress after {show.age(time.time() - since)}")

    def trouble(self, text: str) -> None:
        """Say a trouble when it begins."""
        if text != self._trouble:
            remark(f"{text}; asks again")
        self._trouble = text


class Bar(Lines):
    """A bar for the bytes, then the time that the import takes; lines stay above it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[sent]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._pushing: TaskID | None = None
        self._size = 0

    def __enter__(self) -> Self:
        """Draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the screen."""
        self._progress.stop()

    def pushing(self, job: Job) -> None:
        """Begin the bar."""
        super().pushing(job)
        self._size = job.fingerprint.size
        self._pushing = self._progress.add_task("pushing", total=self._size, sent="")

    def sent(self, count: int) -> None:
        """Move the bar."""
        if self._pushing is not None:
            told = f"{count:,} of {show.size(self._size)}"
            self._progress.update(self._pushing, completed=count, sent=told)

    def importing(self, job: Job) -> None:
        """Say the import ID, and show that time goes on: how far Pigment is, nobody knows."""
        super().importing(job)
        self._progress.add_task("importing", total=None, sent="")


def _pushing(job: Job) -> str:
    return (
        f"pushing {show.printable(job.name)} ({show.size(job.fingerprint.size)}) into"
        f" {job.configuration_id}"
    )


def _importing(job: Job) -> str:
    return f"import {job.import_id} has started"
