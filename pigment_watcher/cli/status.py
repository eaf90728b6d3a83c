"""`status`: what waits, what is in progress, what is wrong; from the journal."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from pigment_watcher import journal
from pigment_watcher.cli import access, health, show
from pigment_watcher.cli.health import Health, RouteHealth, Trouble
from pigment_watcher.config import Settings
from pigment_watcher.model import ConditionKind, Job, Outcome

_TITLES = ("ROUTE", "STATE", "WAITING", "IN PROGRESS", "OLDEST", "LAST FILE")


@click.command(
    help="Tells what waits, what is in progress and what is wrong, whether the service runs or"
    f" not.\n\nExits 1 when something is blocked, lost, stuck, held, or late:"
    f" {health.LATE_AFTER_S / 60:.0f} minutes is the longest that a file should wait.",
    epilog=show.examples("pigment-watcher status", "pigment-watcher status --json | jq .healthy"),
)
@access.config_option
@access.json_option
def status(file: Path, *, as_json: bool) -> None:
    """Tell how everything is, and exit by it."""
    settings = access.load(file)
    found = _look(settings)
    if as_json:
        click.echo(json.dumps(show.plain(_for_programs(found, settings)), indent=2))
    else:
        for line in _for_people(found, settings):
            click.echo(line)
    sys.exit(0 if found.is_well else 1)


def _look(settings: Settings) -> Health:
    now = time.time()
    facts = health.Facts(now=now)
    with access.reading(settings.state_directory) as book:
        if book is not None:
            facts = health.gather(
                book,
                settings.routes,
                now=now,
                host=settings.host,
                limit_s=settings.request_limit.per_s,
                running=journal.is_held(settings.state_directory),
                journal_stuck=journal.why_stuck(settings.state_directory),
            )
    return health.judge(facts, settings.routes)


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
    yield from show.table(_TITLES, [_row(route, facts.now) for route in found.routes])
    if found.troubles or facts.journal_stuck:
        yield ""
    if facts.journal_stuck:
        yield (
            f"stuck: the journal: {facts.journal_stuck}; files wait where they are, and go on by"
            " themselves when there is room"
        )
    for trouble in found.troubles:
        yield _sentence(trouble, facts.now)


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


def _sentence(trouble: Trouble, now: float) -> str:
    condition = trouble.condition
    about = ", ".join(trouble.routes) or show.printable(condition.subject)
    if condition.kind is ConditionKind.FILE_UNCLAIMED:  # its detail is about any such file
        about += f": {show.printable(condition.subject)}"
    since = f"since {show.moment(condition.since)}"
    again = ""
    if condition.due_at is not None:
        again = f"; tried again in {show.age(condition.due_at - now)}"
    return (
        f"{trouble.word}: {about}: {show.printable(condition.detail or condition.kind.value)}"
        f" ({since}{again})"
    )


# ---------------------------------------------------------------- for programs


def _for_programs(found: Health, settings: Settings) -> dict[str, Any]:
    facts = found.facts
    return {
        "time": show.iso(facts.now),
        "running": facts.running,
        "healthy": found.is_well,
        "instance": facts.instance,
        "journal_stuck": facts.journal_stuck,
        "state_directory": str(settings.state_directory),
        "requests": {
            "used": facts.requests,
            "limit": settings.request_limit.requests,
            "per_s": settings.request_limit.per_s,
        },
        "last_24h": {outcome.value: found.ended.get(outcome, 0) for outcome in Outcome},
        "routes": [_route_object(route) for route in found.routes],
        "troubles": [_trouble_object(trouble) for trouble in found.troubles],
    }


def _route_object(health_of_route: RouteHealth) -> dict[str, Any]:
    route, last = health_of_route.route, health_of_route.last
    return {
        "route": health_of_route.name,
        "state": health_of_route.state,
        "configured": route is not None,
        "directory": None if route is None else str(route.rules.directory),
        "configuration_id": None if route is None else route.configuration_id,
        "waiting": health_of_route.waiting,
        "in_progress": health_of_route.in_progress,
        "oldest_waiting_s": health_of_route.oldest_waiting_s,
        "last_24h": {outcome.value: health_of_route.ended.get(outcome, 0) for outcome in Outcome},
        "last": last
        and {
            "job": last.id,
            "file": last.name,
            "outcome": None if last.outcome is None else last.outcome.value,
            "finished": show.iso(last.finished_at),
        },
    }


def _trouble_object(trouble: Trouble) -> dict[str, Any]:
    condition = trouble.condition
    return {
        "state": trouble.word,
        "cause": condition.kind.value,
        "subject": condition.subject,
        "routes": trouble.routes,
        "detail": condition.detail,
        "since": show.iso(condition.since),
        "next_try": show.iso(condition.due_at),
        "job": condition.job_id,
    }
