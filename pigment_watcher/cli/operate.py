"""What operators ask for: rows in the journal that the service acts on."""

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a request; it is neither done nor refused as long as nobody has answered."""

    request: str
    arguments: Mapping[str, Any]
    done: bool | None
    text: str
    is_bad: bool = False

    @property
    def told(self) -> dict[str, Any]:
        """The answer as an object of JSON; the names of its fields are relied on from outside."""
        return {"request": self.request, **self.arguments, "done": self.done, "answer": self.text}


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
@access.json_option
@click.option(
    "--even-if-imported",
    is_flag=True,
    help="Also what may have been imported, where a second import is not known to be harmless.",
)
@click.argument("what", metavar="JOB|FILE...", nargs=-1, required=True)
def retry(file: Path, what: tuple[str, ...], *, even_if_imported: bool, as_json: bool) -> None:
    """Ask for retries."""
    settings = access.load(file)
    with access.writing(settings.state_directory) as book:
        answers = (_retry(settings, book, one, even_if_imported=even_if_imported) for one in what)
        code = _say(answers, as_json=as_json)
    sys.exit(code)


@click.command(
    help="Keeps the files of a route back: they are claimed and not pushed, until `resume`. It"
    " stays so over restarts.",
    epilog=show.examples("pigment-watcher pause sales"),
)
@access.config_option
@access.json_option
@click.argument("route")
def pause(file: Path, route: str, *, as_json: bool) -> None:
    """Ask for a route to be paused."""
    _about_route(file, "pause", route, as_json=as_json)


@click.command(
    help="Lets a route go on that was paused, or is held behind a failure.",
    epilog=show.examples("pigment-watcher resume sales"),
)
@access.config_option
@access.json_option
@click.argument("route")
def resume(file: Path, route: str, *, as_json: bool) -> None:
    """Ask for a route to go on."""
    _about_route(file, "resume", route, as_json=as_json)


@click.command(
    help="Takes the folders of a route where they lie now. The service remembers on which drive a"
    " folder lay, so that one whose share is away is not taken for an empty one; say this after a"
    " folder was moved to another drive for good. Never say it while a share is away.",
    epilog=show.examples("pigment-watcher accept-drive sales"),
)
@access.config_option
@access.json_option
@click.argument("route")
def accept_drive(file: Path, route: str, *, as_json: bool) -> None:
    """Ask for a route's folders to be taken as they are."""
    _about_route(file, "accept-drive", route, as_json=as_json)


@click.command(
    help="Ends the files that a lost journal or a dead service left in processing/INSTANCE, as"
    " unsure: nobody knows whether they were imported. A live instance is refused.",
    epilog=show.examples("pigment-watcher close-orphans 7f0161035645"),
)
@access.config_option
@access.json_option
@click.argument("instance")
def close_orphans(file: Path, instance: str, *, as_json: bool) -> None:
    """Ask for the files of an instance to be ended."""
    settings = access.load(file)
    with access.writing(settings.state_directory) as book:
        answer = _ask(settings, book, "close-orphans", {"instance": instance})
    sys.exit(_say([answer], as_json=as_json))


def _about_route(file: Path, name: str, route: str, *, as_json: bool) -> None:
    settings = access.load(file)
    names = [known.name for known in settings.routes]
    if route not in names:
        raise errors.RequestRefused(f"{route}: no such route; there are: {', '.join(names)}")
    with access.writing(settings.state_directory) as book:
        answer = _ask(settings, book, name, {"route": route})
    sys.exit(_say([answer], as_json=as_json))


def _retry(settings: Settings, book: Journal, what: str, *, even_if_imported: bool) -> _Answer:
    """Ask for one of several retries; that it is refused does not keep the others from theirs."""
    # The service stands in another folder: a path must mean the same file there.
    meant = str(Path(what).absolute()) if os.path.lexists(what) else what
    arguments = {"what": meant, "even_if_imported": even_if_imported}
    try:
        access.jobs_meant(book, meant)
    except errors.RequestRefused as error:
        return _Answer("retry", arguments, done=False, text=str(error))
    return _ask(settings, book, "retry", arguments)


def _ask(settings: Settings, book: Journal, name: str, arguments: Mapping[str, Any]) -> _Answer:
    """Store what is asked for, and return the service's answer when it comes."""
    number = book.commands.ask(name, arguments, asked_by=access.who_asks(), now=time.time())
    if not journal.is_held(settings.state_directory):
        return _Answer(name, arguments, done=None, text=_LATER)
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        command = book.commands.get(number)
        if command is not None and command.succeeded is not None:
            return _Answer(name, arguments, done=command.succeeded, text=command.answer)
        time.sleep(_LOOK_S)
    silent = (
        f"the service has not answered within {ANSWER_S:.0f} s; it will do it as soon as it can:"
        " see its log"
    )
    return _Answer(name, arguments, done=None, text=silent, is_bad=True)


def _say(answers: Iterable[_Answer], *, as_json: bool) -> int:
    """Say each answer as it comes, and return the exit code."""
    code = 0
    for answer in answers:
        is_bad = answer.is_bad or answer.done is False
        code = max(code, int(is_bad))
        if as_json:
            click.echo(json.dumps(show.plain(answer.told)))
        else:
            prefix = "pigment-watcher: " if is_bad else ""
            click.echo(prefix + show.printable(answer.text), err=is_bad)
    return code
