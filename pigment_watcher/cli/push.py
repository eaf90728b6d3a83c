"""`push`: one file, now, by hand; it moves nothing."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click

from pigment_watcher import errors
from pigment_watcher.cli import access, by_hand, interrupt, push_view, slots
from pigment_watcher.cli.group import Failure
from pigment_watcher.config import Settings
from pigment_watcher.files import reading
from pigment_watcher.model import Job, Outcome, Route, Rules, State
from pigment_watcher.policy import skips, transitions
from pigment_watcher.service.destination import connect
from pigment_watcher.views import show

_NOT_KNOWN = "NOT KNOWN WHETHER IMPORTED - look before pushing it again"


@click.command(
    help="Imports one file, now, by hand, and waits for the end of the import. The file stays"
    " where it is, and the service knows nothing of it. Rows that Pigment left out are told."
    " Exits 0 only when it was imported.",
    epilog=show.examples(
        "pigment-watcher push sales.csv --configuration-id 33d0d7d0-6125-47c4-b36a-882f4ed53b33"
    ),
)
@access.config_option
@click.option(
    "--configuration-id",
    metavar="ID",
    type=click.UUID,
    required=True,
    help="The ID of Pigment's import configuration.",
)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@interrupt.raised()
def push(file: Path, path: Path, configuration_id: UUID) -> None:
    """Push a file, follow its import, and exit by its outcome."""
    settings = access.load(file, need_keys=True)
    route = _route_of(settings, str(configuration_id))
    job = _job(path.resolve(), str(configuration_id), route)
    for remark in _remarks(settings, job):
        push_view.remark(remark)
    key = _key(settings, job)
    with slots.opened(settings, push_view.remark) as book, connect(settings) as client:
        with push_view.fitting() as view:
            import_by_hand = by_hand.ByHand(settings, client, key, slots=book, view=view)
            try:
                job = import_by_hand.run(job)
            except KeyboardInterrupt:
                raise Failure(_interrupted(import_by_hand.job or job)) from None
        if not transitions.is_good(job):
            raise Failure(_told(job))
        click.echo(f"imported: {show.printable(path)} (import {job.import_id})")
        if not job.is_plain:
            click.echo(_told(job), err=True)


def _route_of(settings: Settings, configuration_id: str) -> Route | None:
    """Return the route that feeds a configuration: its key and its rules are meant."""
    return next(
        (route for route in settings.routes if route.configuration_id == configuration_id), None
    )


def _job(path: Path, configuration_id: str, route: Route | None) -> Job:
    """Return what the policy decides about: this file, as if it were a job of the route."""
    found = reading.look(path)
    if found is None:
        what = "this is no regular file" if path.exists() else "there is no such file"
        raise errors.FileVanished(f"{path}: {what}")
    folder = path.parent
    rules = route.rules if route else Rules(directory=folder, done=folder, failed=folder)
    now = time.time()
    return Job(
        id=0,
        route=route.name if route else "",
        configuration_id=configuration_id,
        # Whoever stands before the screen decides about a second push, not the configuration.
        rules=dataclasses.replace(rules, load_mode=None),
        source=path,
        name=path.name,
        fingerprint=found,
        state=State.QUEUED,
        due_at=now,
        created_at=now,
    )


def _key(settings: Settings, job: Job) -> str:
    secret = settings.keys.get(job.rules.key)
    if secret is None:
        raise errors.RequestRefused(
            f"{settings.file}: no API key for {job.configuration_id}: every route has one of its"
            " own, and none of them feeds it; name a file in pigment.api_key_file"
        )
    return secret.reveal()


def _remarks(settings: Settings, job: Job) -> Iterator[str]:
    """Say what else may import into the same configuration."""
    for route in settings.routes:
        if job.source.parent == route.rules.directory.resolve():
            yield f"the file lies in the inbox of {route.name}: the service imports it, too"
    try:
        with access.reading(settings.state_directory) as journal:
            open_jobs = [] if journal is None else journal.jobs.unfinished()
    except errors.OperatorError:
        return  # that the journal can't be used is said when requests are to be counted
    for other in open_jobs:
        if other.configuration_id == job.configuration_id and other.state is State.IMPORTING:
            yield f"job {other.id} ({other.name}) is being imported into the same configuration"


# ---------------------------------------------------------------- how it ended


def _told(job: Job) -> str:
    """Return what the texts beside a file of this job would say."""
    parts = [_headline(job), ""]
    left_out = "\n".join(map(skips.line, job.report.skips)) if job.report else ""
    for title, body in (
        ("What happened", job.reason),
        ("What was left out", left_out),
        ("What Pigment said", job.answer),
        ("What to do now", job.advice),
    ):
        if body:
            parts += [title, *(f"  {line}" for line in body.splitlines()), ""]
    parts += [
        f"File:          {job.source}",
        f"Configuration: {job.configuration_id}",
        f"Sent:          {'never' if job.pushed_at is None else show.moment(job.pushed_at)}",
        f"Import ID:     {job.import_id or 'none'}",
    ]
    return show.lines("\n".join(parts))


def _headline(job: Job) -> str:
    headlines = {
        Outcome.UNSURE: _NOT_KNOWN,
        Outcome.IMPORTED: f"IMPORTED - {job.name}",
        Outcome.IMPORTED_WITH_SKIPS: f"IMPORTED, BUT ROWS ARE MISSING - {job.name}",
    }
    return headlines.get(job.outcome or Outcome.UNSURE, f"NOT IMPORTED - {job.name}")


def _interrupted(job: Job) -> str:
    if job.import_id is not None:
        return (
            f"interrupted: import {job.import_id} goes on in Pigment, and is no longer watched;"
            " the block's Update History tells how it ends"
        )
    if job.pushed_at is None:
        return f"interrupted: nothing of {show.printable(job.name)} was sent"
    return (
        f"{_NOT_KNOWN}\ninterrupted while {show.printable(job.name)} was being sent at"
        f" {show.moment(job.pushed_at)}; the block's Update History tells whether it arrived"
    )
