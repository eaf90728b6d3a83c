"""`check`: is the configuration good, are its folders usable, and does Pigment take its keys."""

import sys
from pathlib import Path

import click

from pigment_watcher import errors
from pigment_watcher.cli import access, slots
from pigment_watcher.config import Settings
from pigment_watcher.model import LoadMode, Route
from pigment_watcher.mounts import Mount
from pigment_watcher.pigment import Client
from pigment_watcher.policy import manners
from pigment_watcher.service.destination import connect
from pigment_watcher.views import show

_MEANS = {
    LoadMode.UPDATE: "update: rows are overwritten, so a push whose answer is lost is repeated",
    LoadMode.REPLACE: "replace: it is cleared first, so a push whose answer is lost is repeated",
    LoadMode.APPEND: "append: a file whose push got no answer waits in failed/ for a person",
    None: "not said, counts as append: a file whose push got no answer waits in failed/",
}


@click.command(
    help="Checks a configuration file and what it names: every problem is told at once, with its"
    " line. The folders are tried by making and removing a file in them.",
    epilog=show.examples(
        "pigment-watcher check --config config.yaml", "pigment-watcher check --online"
    ),
)
@access.config_option
@click.option(
    "--online", is_flag=True, help="Ask Pigment, too, whether it takes the keys; nothing is pushed."
)
def check(file: Path, *, online: bool) -> None:
    """Check the configuration, and the keys if so wanted."""
    settings = access.load(file, need_keys=online, probe_folders=True)
    for remark in settings.remarks:
        click.echo(f"{show.printable(remark)} (remark)")
    for route in settings.routes:
        for line in _told(route, settings.drives.get(route.rules.directory)):
            click.echo(show.printable(line))
    count = len(settings.routes)
    click.echo(f"{count} {'route' if count == 1 else 'routes'}, no problems")
    if online and not _keys_work(settings):
        sys.exit(1)


def _told(route: Route, mount: Mount | None) -> list[str]:
    """Return what a route means, on the drive that its inbox lies on; None if that is lost."""
    deep = ", in sub-folders, too" if route.recursive else ""
    return [
        f"{route.name}: {route.rules.directory} -> {route.configuration_id}",
        f"  files: {', '.join(route.files)}{deep}",
        *(_lost() if mount is None else _watched(route, mount)),
        f"  load_mode {_MEANS[route.rules.load_mode]}",
    ]


def _lost() -> list[str]:
    return ["  lost: it will be watched as soon as it is back"]


def _watched(route: Route, mount: Mount) -> list[str]:
    manner = manners.manner(route, is_local=mount.is_local)
    every = show.age(manner.scan_every_s)
    watch = f"events, and a look every {every}" if manner.by_events else f"polling, every {every}"
    source = "" if mount.is_local else f" {mount.source}"
    complete = f"unchanged for {show.age(manner.quiet_s)}"
    if mount.is_local:
        complete += " and open for writing nowhere"
    if route.marker is not None:
        complete += f", and {route.marker} stands beside it"
    return [
        f"  on {mount.kind}{source} on {mount.point}, watched by {watch}",
        f"  complete: {complete}",
    ]


def _keys_work(settings: Settings) -> bool:
    """Probe every key, say what came of it, and return whether all are taken."""
    with slots.opened(settings, _remark) as book, connect(settings) as client:
        taken = [_key_works(settings, client, book, name) for name in settings.keys]
    return all(taken)


def _key_works(settings: Settings, client: Client, book: slots.Slots, name: str) -> bool:
    book.take()
    try:
        client.probe(api_key=settings.keys[name].reveal())
    except errors.DestinationError as error:
        click.echo(f"pigment-watcher: key {name}: {show.printable(_why(error))}", err=True)
        return False
    click.echo(f"key {show.printable(name)}: accepted by {settings.url}")
    return True


def _why(error: errors.DestinationError) -> str:
    match error:
        case errors.ServerSaid(status=401 | 403):
            return f"refused: {error}; put a valid key in its place"
        case errors.ServerSaid(location=str(location)):
            return f"{error}; it redirects to {location}: correct pigment.url"
        case errors.ServerSaid():
            return f"{error}; try again later, or correct pigment.url"
        case _:
            return f"{error}; correct pigment.url, the proxy or the network"


def _remark(text: str) -> None:
    click.echo(f"pigment-watcher: {show.printable(text)}", err=True)
