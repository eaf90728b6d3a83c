"""`history` and `trace`: what became of files, from the journal."""

import itertools
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from pigment_watcher.cli import access, paint
from pigment_watcher.cli.moments import Moment
from pigment_watcher.journal import Journal, Step
from pigment_watcher.model import Job, Report
from pigment_watcher.policy import skips
from pigment_watcher.views import reader, records, show

#: How many files a person is shown who does not say how many.
_FOR_A_PERSON = 50
#: How many files are read at a time.
_PAGE = 500

_TITLES = ("JOB", "FOUND", "ROUTE", "FILE", "SIZE", "STATE", "TOOK", "REMARK")
_NUMBERS = ("JOB", "SIZE")


@click.command(
    help="Lists files and how they ended, the latest first.\n\n"
    "A moment is a date, a date with a time, how long ago (90m, 6h, 2d, 1w), 'today',"
    " 'yesterday' or 'now', in the local zone. A date after --to counts as its end.",
    epilog=show.examples(
        "pigment-watcher history --route sales --limit 10",
        "pigment-watcher history --from 2026-11-01 --to 2026-11-30 --json > november.jsonl",
    ),
)
@access.config_option
@access.json_option
@click.option("--from", "since", type=Moment(), help="Files that were found then or later.")
@click.option("--to", "until", type=Moment(end=True), help="Files that were found before.")
@click.option("--route", metavar="NAME", help="Files of this route alone.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"At most so many; {_FOR_A_PERSON} if not said, with --json all of them.",
)
def history(
    file: Path,
    *,
    as_json: bool,
    since: float | None,
    until: float | None,
    route: str | None,
    limit: int | None,
) -> None:
    """List what the journal keeps, an object or a row for each file."""
    settings = access.load(file)
    most = limit or (None if as_json else _FOR_A_PERSON)
    with access.reading(settings.state_directory) as journal:
        asked = partial(_found, journal, since=since, until=until, route=route)
        if as_json:
            for job in itertools.islice(asked(), most):
                click.echo(json.dumps(show.plain(records.of_job(job))))
            return
        jobs = list(itertools.islice(asked(), most))
    if not jobs:
        click.echo("No files.")
        return
    for line in paint.table(_TITLES, [_row(job) for job in jobs], _NUMBERS):
        click.echo(line)
    if limit is None and len(jobs) == most:
        click.echo(f"These are the latest {most}; --limit shows more.")


def _found(
    journal: Journal | None, *, since: float | None, until: float | None, route: str | None
) -> Iterator[Job]:
    """Read page by page: years of files are not held in memory."""
    last: int | None = None
    while journal is not None:
        page = journal.jobs.history(
            since=since, until=until, route=route, before_id=last, most=_PAGE
        )
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].id


def _row(job: Job) -> tuple[str, ...]:
    return (
        str(job.id),
        show.moment(job.created_at),
        job.route,
        show.printable(job.name),
        f"{job.fingerprint.size:,}",
        _state(job),
        "-" if job.finished_at is None else show.age(job.finished_at - job.created_at),
        "" if job.is_plain else show.printable(job.reason),
    )


def _state(job: Job) -> str:
    return (job.outcome.value if job.outcome else job.state.value.lower()).replace("_", " ")


# ---------------------------------------------------------------- trace


@click.command(
    help="Tells the story of one file: what happened when, why it ended as it did, and its"
    " retries. WHAT is a job's number, a file's name or its path, before or after the import.",
    epilog=show.examples(
        "pigment-watcher trace 17", "pigment-watcher trace /srv/exports/sales/failed/sales.csv"
    ),
)
@access.config_option
@access.json_option
@click.argument("what", metavar="JOB|FILE")
def trace(file: Path, what: str, *, as_json: bool) -> None:
    """Tell the story of a job and of the retries that belong to it."""
    settings = access.load(file)
    with access.existing(settings.state_directory) as journal:
        found = access.jobs_meant(journal, what)
        stories = reader.stories(journal, found[0].id)
    if as_json:
        for job, story in stories:
            click.echo(json.dumps(show.plain(records.of_story(job, story))))
        return
    for job, story in stories:
        for line in _told(job, story):
            click.echo(line)
    others = sorted({job.id for job in found} - {job.id for job, _ in stories}, reverse=True)
    if others:
        click.echo(f"Earlier files of that name: job {', '.join(map(str, others))}")


def _told(job: Job, story: Sequence[Step]) -> Iterator[str]:
    yield f"Job {job.id}: {show.printable(job.name)}, {paint.state(_state(job))}"
    for name, value in _facts(job):
        first, *rest = show.lines(value).split("\n")
        yield f"  {name + ':':<15}{first}"
        yield from (f"  {'':<15}{line}" for line in rest)
    yield ""
    for step in story:
        detail = f": {show.printable(step.detail)}" if step.detail else ""
        change = "" if step.from_state is step.to_state else f" -> {step.to_state.value.lower()}"
        yield f"  {show.moment(step.at)}  {step.name or 'step'}{change}{detail}"
    yield ""


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    facts = (
        ("Route", f"{job.route}, configuration {job.configuration_id}"),
        ("Dropped as", str(job.source)),
        ("Size", show.size(job.fingerprint.size)),
        ("Modified", show.moment(job.fingerprint.mtime_ns / 1e9)),
        (
            "Owner",
            f"{job.owner_name or '?'} ({job.owner_uid})" if job.owner_uid is not None else "",
        ),
        ("Retry of", "" if job.retry_of is None else f"job {job.retry_of}, by {job.asked_by}"),
        ("Import ID", job.import_id or ""),
        ("SHA-256", job.sha256 or ""),
        ("Attempts", str(job.attempts) if job.attempts > 1 else ""),
        ("Now at", "" if job.target is None or job.removed_at else str(job.target)),
        ("Removed", "" if job.removed_at is None else show.moment(job.removed_at)),
        ("Report", "" if job.report is None else _counts(job.report)),
        ("What happened", job.reason),
        ("Pigment said", job.answer),
        ("What to do", job.advice),
    )
    return ((name, value) for name, value in facts if value)


def _counts(report: Report) -> str:
    lines = [", ".join(f"{count:,} {name}" for name, count in report.counts.items())]
    lines += map(skips.line, report.skips)
    return "\n".join(filter(None, lines))
