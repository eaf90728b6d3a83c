"""What operators ask for: rows in the journal that the service acts on."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pigment_watcher import errors, journal
from pigment_watcher.cli import access
from pigment_watcher.config import Settings
from pigment_watcher.journal import Journal
from pigment_watcher.views import show

#: Seconds for which a running service's answer is waited for, and between two looks for it.
ANSWER_S = 10.0
_LOOK_S = 0.1

_LATER = "the service is not running: it will be done at its next start"


@click.command(
    help="Puts files of failed/ back at the head of their queue, as new jobs. Each is meant by"
    " its job's number, its name or its path.",
    epilog=show.examples(
        "pigment-watcher retry 17",
        "pigment-watcher retry /srv/exports/sales/failed/*.csv",
        "pigment-watcher retry --even-if-imported 18   after a look at the Update History",
    ),
)
@access.config_option
@click.option(
    "--even-if-imported",
    is_flag=True,
    help="Also what may have been imported, where a second import is not known to be harmless.",
)
@click.argument("what", metavar="JOB|FILE...", nargs=-1, required=True)
def retry(file: Path, what: tuple[str, ...], *, even_if_imported: bool) -> None:
    """Ask for retries."""
    settings = access.load(file)
    with access.writing(settings.state_directory) as book:
        done = [_retry(settings, book, one, even_if_imported=even_if_imported) for one in what]
    sys.exit(0 if all(done) else 1)


@click.command(
    help="Keeps the files of a route back: they are claimed and not pushed, until `resume`. It"
    " stays so over restarts.",
    epilog=show.examples("pigment-watcher pause sales"),
)
@access.config_option
@click.argument("route")
def pause(file: Path, route: str) -> None:
    """Ask for a route to be paused."""
    _about_route(file, "pause", route)


@click.command(
    help="Lets a route go on that was paused, or is held behind a failure.",
    epilog=show.examples("pigment-watcher resume sales"),
)
@access.config_option
@click.argument("route")
def resume(file: Path, route: str) -> None:
    """Ask for a route to go on."""
    _about_route(file, "resume", route)


@click.command(
    help="Takes the folders of a route where they lie now. The service remembers on which drive a"
    " folder lay, so that one whose share is away is not taken for an empty one; say this after a"
    " folder was moved to another drive for good. Never say it while a share is away.",
    epilog=show.examples("pigment-watcher accept-drive sales"),
)
@access.config_option
@click.argument("route")
def accept_drive(file: Path, route: str) -> None:
    """Ask for a route's folders to be taken as they are."""
    _about_route(file, "accept-drive", route)


@click.command(
    help="Ends the files that a lost journal or a dead service left in processing/INSTANCE, as"
    " unsure: nobody knows whether they were imported. A live instance is refused.",
    epilog=show.examples("pigment-watcher close-orphans 7f0161035645"),
)
@access.config_option
@click.argument("instance")
def close_orphans(file: Path, instance: str) -> None:
    """Ask for the files of an instance to be ended."""
    settings = access.load(file)
    with access.writing(settings.state_directory) as book:
        done = _ask(settings, book, "close-orphans", {"instance": instance})
    sys.exit(0 if done else 1)


def _about_route(file: Path, name: str, route: str) -> None:
    settings = access.load(file)
    names = [known.name for known in settings.routes]
    if route not in names:
        raise errors.RequestRefused(f"{route}: no such route; there are: {', '.join(names)}")
    with access.writing(settings.state_directory) as book:
        done = _ask(settings, book, name, {"route": route})
    sys.exit(0 if done else 1)


def _retry(settings: Settings, book: Journal, what: str, *, even_if_imported: bool) -> bool:
    """Ask for one of several retries; that it is refused does not keep the others from theirs."""
    # The service stands in another folder: a path must mean the same file there.
    meant = str(Path(what).absolute()) if os.path.lexists(what) else what
    try:
        access.jobs_meant(book, meant)
    except errors.RequestRefused as error:
        click.echo(f"pigment-watcher: {show.printable(error)}", err=True)
        return False
    arguments = {"what": meant, "even_if_imported": even_if_imported}
    return _ask(settings, book, "retry", arguments)


def _ask(settings: Settings, book: Journal, name: str, arguments: Mapping[str, Any]) -> bool:
    """Store what is asked for, wait for the service's answer and say it."""
    number = book.commands.ask(name, arguments, asked_by=access.who_asks(), now=time.time())
    if not journal.is_held(settings.state_directory):
        click.echo(_LATER)
        return True
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        command = book.commands.get(number)
        if command is not None and command.succeeded is not None:
            prefix = "" if command.succeeded else "pigment-watcher: "
            click.echo(prefix + show.printable(command.answer), err=not command.succeeded)
            return command.succeeded
        time.sleep(_LOOK_S)
    click.echo(
        f"pigment-watcher: the service has not answered within {ANSWER_S:.0f} s; it will do it as"
        " soon as it can: see its log",
        err=True,
    )
    return False
