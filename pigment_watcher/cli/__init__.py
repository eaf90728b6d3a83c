"""The command line: words for people, and exit codes."""

import importlib

from pigment_watcher.cli import interrupt


def main() -> None:
    """Run the command that this process was started as, and exit."""
    interrupt.end_quietly()  # first: reading all the modules takes a while
    importlib.import_module("pigment_watcher.cli.group").root.main(prog_name="pigment-watcher")
