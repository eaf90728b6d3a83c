"""`backup`: a copy of the journal, while the service runs or not."""

import os
from pathlib import Path

import click

from pigment_watcher import errors
from pigment_watcher.cli import access, interrupt
from pigment_watcher.files import moves
from pigment_watcher.journal import Journal
from pigment_watcher.views import show


@click.command(
    help="Writes a copy of the journal to FILE, while the service runs or not. The copy is whole,"
    " checked, and readable by its owner alone; a FILE that is there already is refused. A service"
    " that is started with it begins a new instance, which touches no file that the old one had"
    " claimed.",
    epilog=show.examples(
        "pigment-watcher backup /var/backups/pigment-watcher.db",
        "pigment-watcher backup /var/backups/journal-$(date +%F).db   from cron, one a day",
    ),
)
@access.config_option
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@interrupt.raised()
def backup(file: Path, target: Path) -> None:
    """Copy the journal, under another name until the copy is whole."""
    settings = access.load(file)
    target = target.absolute()
    with access.existing(settings.state_directory) as journal, moves.translated(target.parent):
        if moves.is_there(target):
            raise errors.NameTaken(f"{target}: exists already; name a file that does not")
        _write(journal, target)
        size = target.stat().st_size
    click.echo(f"{show.printable(target)}: the journal as it is now, {show.size(size)}")


def _write(journal: Journal, target: Path) -> None:
    part = target.with_name(moves.part_name(f"pigment-watcher-backup-{os.getpid()}"))
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        journal.copy_to(part)
        os.fsync(descriptor)
        moves.rename(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    moves.sync(target.parent)
