"""`run`: the service, in the foreground."""

import sys
from functools import partial
from pathlib import Path

import click

from pigment_watcher.cli import access, show
from pigment_watcher.listeners import logs
from pigment_watcher.service import Service


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
    logs.configure(level=settings.log_level, format=settings.log_format)
    service = Service(settings, load=load, listeners=[logs.LogListener()], run_once=once)
    sys.exit(service.run())
