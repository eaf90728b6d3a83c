"""`run`: the service, in the foreground."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from pigment_watcher.cli import access, reading
from pigment_watcher.config import Settings
from pigment_watcher.service.companions import Companion
from pigment_watcher.service.state import StateDirectory
from pigment_watcher.views import show


@click.command(
    help="Runs the service, in the foreground.\n\n"
    "SIGTERM and SIGINT stop it in order, SIGHUP reads the configuration again.",
    epilog=show.examples(
        "pigment-watcher run --config /etc/pigment-watcher/config.yaml",
        "pigment-watcher run --once --config config.yaml",
    ),
)
@access.config_option
@click.option(
    "--once",
    is_flag=True,
    help="Take the files of the first scan to their ends and exit: 0 if all were imported, 1 if"
    " one failed or the rest waits on a blocked destination.",
)
def run(file: Path, *, once: bool) -> None:
    """Run the service until a signal, or once."""
    load = partial(access.load, file, need_keys=True, probe_folders=True)
    settings = load()
    state = StateDirectory(settings.state_directory)
    state.take()
    with reading.modules():  # while the journal is looked through
        from pigment_watcher.listeners import logs  # noqa: PLC0415
        from pigment_watcher.service.service import Service  # noqa: PLC0415
    logs.configure(level=settings.log_level, format=settings.log_format)
    service = Service(
        settings,
        state=state,
        load=load,
        listeners=[logs.LogListener()],
        run_once=once,
        companions=() if once else list(_companions(settings)),
    )
    sys.exit(service.run())


def _companions(settings: Settings) -> Iterator[Companion]:
    """Make what is to run beside the work.

    What draws pages and sends mail costs time and memory: it is imported only where it is needed.
    """
    if settings.web is not None:
        from pigment_watcher.service.page import StatusPage  # noqa: PLC0415

        yield StatusPage(settings, settings.web)
    if settings.notify is not None:
        from pigment_watcher.service.notifying import Notifier  # noqa: PLC0415

        yield Notifier(settings.notify)
