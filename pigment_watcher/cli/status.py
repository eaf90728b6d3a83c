"""`status`: what waits, what is in progress, what is wrong; from the journal."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from pigment_watcher.cli import access, interrupt, paint
from pigment_watcher.config import Settings
from pigment_watcher.model import Job, Outcome
from pigment_watcher.views import health, overview, show
from pigment_watcher.views.health import Health, RouteHealth

#: Seconds between two looks of somebody who watches.
EVERY_S = 2.0

_TITLES = ("ROUTE", "STATE", "WAITING", "IN PROGRESS", "OLDEST", "LAST FILE")
_NUMBERS = ("WAITING", "IN PROGRESS")


@click.command(
    help="Tells what waits, what is in progress and what is wrong, whether the service runs or"
    " not.\n\nExits 1 when something is blocked, lost, stuck, held, missing (expect_by) or late: a"
    " file has waited for longer than `alarm_after`.",
    epilog=show.examples(
        "pigment-watcher status",
        "pigment-watcher status --watch",
        "pigment-watcher status --json | jq .healthy",
    ),
)
@access.config_option
@access.json_option
@click.option(
    "--watch", is_flag=True, help="Show it anew every two seconds until Ctrl-C; on a terminal."
)
def status(file: Path, *, as_json: bool, watch: bool) -> None:
    """Tell how everything is, and exit by it."""
    settings = access.load(file)
    if watch:
        if as_json or not sys.stdout.isatty():
            raise click.UsageError("--watch is for people at a terminal; leave it out")
        found = _watch(settings)
    else:
        found = _look(settings)
    if as_json:
        click.echo(json.dumps(show.plain(overview.of_health(found, settings)), indent=2))
    else:
        for line in _for_people(found, settings):
            click.echo(line)
    sys.exit(0 if found.is_well else 1)


def _look(settings: Settings) -> Health:
    with access.reading(settings.state_directory) as journal:
        return overview.look(journal, settings, now=time.time())


def _watch(settings: Settings) -> Health:
    """Show it until somebody has seen enough; return what was shown last."""
    found = _look(settings)
    # What draws on a whole screen is imported for those alone who look so.
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    screen = Live(screen=True, auto_refresh=False, console=Console(highlight=False))
    with interrupt.raised(), contextlib.suppress(KeyboardInterrupt), screen:
        while True:
            shown = "\n".join([show.moment(time.time()), "", *_for_people(found, settings)])
            screen.update(Text.from_ansi(shown), refresh=True)
            time.sleep(EVERY_S)
            found = _look(settings)
    return found


# ---------------------------------------------------------------- for people


def _for_people(found: Health, settings: Settings) -> Iterator[str]:
    facts, limit = found.facts, settings.request_limit
    if facts.instance is None:
        yield (
            f"No journal yet in {show.printable(settings.state_directory)}: the service was never"
            " started with this configuration."
        )
        return
    yield f"The service {'is running' if facts.running else 'is not running'}."
    yield f"Requests: {facts.requests} of {limit.requests} in {show.age(limit.per_s)}."
    yield f"Last 24 hours: {_counts(found.ended) or 'nothing ended'}."
    yield ""
    rows = [_row(route, facts.now) for route in found.routes]
    yield from paint.table(_TITLES, rows, _NUMBERS)
    if found.troubles or facts.journal_stuck:
        yield ""
    if facts.journal_stuck:
        yield (
            f"stuck: the journal: {facts.journal_stuck}; files wait where they are, and go on by"
            " themselves when there is room"
        )
    for trouble in found.troubles:
        yield health.sentence(trouble, facts.now)


def _counts(ended: Mapping[Outcome, int]) -> str:
    return ", ".join(f"{count} {_words(outcome)}" for outcome, count in ended.items())


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def _row(route: RouteHealth, now: float) -> tuple[str, ...]:
    return (
        route.name if route.route else f"{route.name} (no longer configured)",
        route.state,
        str(route.waiting),
        str(route.in_progress),
        "-" if route.oldest_waiting_s is None else show.age(route.oldest_waiting_s),
        "-" if route.last is None else _last(route.last, now),
    )


def _last(job: Job, now: float) -> str:
    ended = _words(job.outcome) if job.outcome else "ended"
    ago = "" if job.finished_at is None else f" {show.age(now - job.finished_at)} ago"
    return f"{show.printable(job.name)}, {ended}{ago}"
