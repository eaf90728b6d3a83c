"""The command line: words for people, and exit codes."""

from pigment_watcher.cli.group import root


def main() -> None:
    """Run the command that this process was started as, and exit."""
    root.main(prog_name="pigment-watcher")
