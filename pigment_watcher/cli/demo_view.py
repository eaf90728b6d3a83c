"""How the demo looks: a table that lives on a terminal, a line for each step elsewhere."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from pigment_watcher.cli.demo_files import Sample
from pigment_watcher.model import ConditionEvent, JobEvent, Listener, Outcome
from pigment_watcher.views import show

_STEPS = {
    "job.claimed": "claimed",
    "job.changed": "changed, waits again",
    "job.pushing": "being sent",
    "job.pushed": "import in progress",
    "job.push_postponed": "tried again later",
    "job.status_failed": "asked again later",
}
_COLOURS = {
    Outcome.IMPORTED: "green",
    Outcome.IMPORTED_WITH_SKIPS: "yellow",
    Outcome.INVALID: "yellow",
    Outcome.FAILED: "red",
}


class Show(Listener):
    """Shows each step of each file."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def condition_changed(self, event: ConditionEvent) -> None:
        """Show a trouble; a demo should have none."""
        word = "trouble" if event.began else "over"
        self.say(f"{word}: {event.condition.subject}: {event.condition.detail}")

    def job_changed(self, event: JobEvent) -> None:
        """Show a step."""
        step = _step(event)
        if step:
            self.step(event.job.name, step, event.job.outcome)

    def say(self, text: str) -> None:
        """Show a line."""
        click.echo(show.printable(text))

    def step(self, name: str, step: str, outcome: Outcome | None) -> None:  # noqa: ARG002
        """Show what a file does now."""
        self.say(f"{self.elapsed_s():5.1f} s  {name:<22} {step}")

    def elapsed_s(self) -> float:
        """Return the seconds since the begin."""
        return time.monotonic() - self._began


class LiveShow(Show):
    """Shows the files as a table; any thread may change a row."""

    def __init__(self, samples: Sequence[Sample], console: Console) -> None:
        super().__init__()
        self._console = console
        # Guards the rows: workers write them while the screen is drawn.
        self._lock = threading.Lock()
        self._rows = {
            sample.name: (sample.route, "still being written" if sample.slow else "lies there", "")
            for sample in samples
        }
        self._colours: dict[str, str] = {}

    def __rich__(self) -> Table:
        """Return the table as it is now."""
        table = Table(title="Files on their way", title_justify="left")
        for title in ("file", "route", "now", "after"):
            table.add_column(title, justify="right" if title == "after" else "left")
        with self._lock:
            for name, cells in self._rows.items():
                table.add_row(name, *cells, style=self._colours.get(name, ""))
        return table

    def say(self, text: str) -> None:
        """Show a line above the table."""
        self._console.print(show.printable(text), markup=False, highlight=False)

    def step(self, name: str, step: str, outcome: Outcome | None) -> None:
        """Change the row of a file."""
        with self._lock:
            route = self._rows.get(name, ("", "", ""))[0]
            self._rows[name] = (route, step, f"{self.elapsed_s():.1f} s")
            if outcome is not None:
                self._colours[name] = _COLOURS.get(outcome, "red")


@contextlib.contextmanager
def fitting(samples: Sequence[Sample]) -> Iterator[Show]:
    """Lend the show that fits where stdout goes."""
    if not sys.stdout.isatty():
        yield Show()
        return
    console = Console()
    live = LiveShow(samples, console)
    with Live(live, console=console, refresh_per_second=10):
        yield live


def tree(folder: Path, depth: int = 0) -> Iterator[str]:
    """Return a line for each entry of a folder; what the service keeps there is left out."""
    entries = sorted(entry for entry in folder.iterdir() if entry.name != "processing")
    for entry in entries:
        yield f"{'  ' * depth}{entry.name}{'/' if entry.is_dir() else ''}"
        if entry.is_dir():
            yield from tree(entry, depth + 1)


def _step(event: JobEvent) -> str:
    job = event.job
    if event.name != "job.finished" or job.outcome is None:
        return _STEPS.get(event.name, "")
    where = f" -> {job.target.parent.name}/" if job.target else ""
    return f"{job.outcome.value}{where}"
