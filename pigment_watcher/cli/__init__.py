"""The command line: words for people, and exit codes."""

import importlib

from pigment_watcher.cli import interrupt, reading


def main() -> None:
    """Run the command that this process was started as, and exit."""
    interrupt.end_quietly()  # first: reading all the modules takes a while
    with reading.modules():
        group = importlib.import_module("pigment_watcher.cli.group")
    group.root.main(prog_name="pigment-watcher")
