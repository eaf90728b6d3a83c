"""The group of all commands: loads the one that is asked for, and turns errors into exit codes."""

import errno
import importlib
import os
from typing import IO, Any

import click

from pigment_watcher import __version__, errors
from pigment_watcher.cli import reading
from pigment_watcher.views import show

#: What each command does, and the module of this package that holds it. Only the module of the
#: command at hand is imported, so that `--help` and `--version` do not wait for all the others.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "Runs the service, in the foreground."),
    "check": ("check", "Checks a configuration file and what it names."),
    "status": ("status", "Tells what waits, what is in progress and what is wrong."),
    "history": ("history", "Lists the files of the past and how they ended."),
    "trace": ("history", "Tells the story of one file."),
    "retry": ("operate", "Puts files of failed/ back at the head of their queue."),
    "pause": ("operate", "Keeps the files of a route back."),
    "resume": ("operate", "Lets a paused or held route go on."),
    "accept-drive": ("operate", "Takes a route's folders where they lie now."),
    "close-orphans": ("operate", "Ends what a dead service left in processing/."),
    "backup": ("backup", "Writes a copy of the journal."),
    "push": ("push", "Imports one file, now, by hand."),
    "systemd-dropin": ("systemd_dropin", "Prints what the unit must be allowed."),
    "completion": ("completion", "Prints what a shell reads to complete commands."),
    "demo": ("demo", "Shows files going through, with a stand-in for Pigment."),
    "simulate": ("simulate", "Runs the stand-in for Pigment alone."),
}

#: What somebody can act on; anything else is a bug and shows its traceback.
_FOR_SOMEBODY = (
    errors.FileError,
    errors.DestinationError,
    errors.OperatorError,
    errors.ThreadDied,
)


class Failure(click.ClickException):
    """Something failed: ends a command with a message on stderr."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Say what happened."""
        click.echo(f"pigment-watcher: {self.format_message()}", file=file, err=True)


class BadConfiguration(Failure):
    """The configuration is bad, as sysexits.h numbers it."""

    exit_code = 78

    def show(self, file: IO[Any] | None = None) -> None:
        """Say each problem as `file:line: ...`, which editors can follow."""
        click.echo(self.format_message(), file=file, err=True)


class Group(click.Group):
    """Finds commands in their modules when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names, in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command by its name."""
        if cmd_name not in COMMANDS:
            return None
        with reading.modules():
            module = importlib.import_module(f"pigment_watcher.cli.{COMMANDS[cmd_name][0]}")
        found: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return found

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever somebody can act on ends as a message."""
        try:
            return super().invoke(ctx)
        except errors.ConfigError as error:
            raise BadConfiguration(show.lines(str(error))) from error
        except _FOR_SOMEBODY as error:
            raise Failure(show.lines(str(error))) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # click ends quietly
            where = f"{error.filename}: " if error.filename else ""
            raise Failure(show.lines(f"{where}{error.strerror or error}")) from error


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Carries CSV files from folders into Pigment, once and in order.",
    epilog=show.examples(
        "pigment-watcher demo                        see it work, without Pigment",
        "pigment-watcher check --config config.yaml  check a configuration",
        "pigment-watcher COMMAND --help              more about a command",
    ),
)
@click.version_option(__version__, message="pigment-watcher %(version)s")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Stand for all commands."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org; what is no terminal gets none anyway
        ctx.color = False
