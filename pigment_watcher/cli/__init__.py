"""The command line: words for people, and exit codes."""

from typing import NoReturn

from pigment_watcher.cli.group import group


def main() -> NoReturn:
    """Run the command that this process was started as, and exit."""
    group.main(prog_name="pigment-watcher")
    raise AssertionError("click exits by itself")
