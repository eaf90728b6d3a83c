"""What commands need before they begin: the configuration, the journal, and who asks."""

import contextlib
import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from pigment_watcher import config, errors
from pigment_watcher.config import Settings
from pigment_watcher.drives import Drives
from pigment_watcher.journal import NAME as JOURNAL_NAME
from pigment_watcher.journal import Journal
from pigment_watcher.model import Job
from pigment_watcher.mounts import Mount
from pigment_watcher.running import Run

DEFAULT_CONFIG = Path("/etc/pigment-watcher/config.yaml")

config_option = click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, readable=False),
    default=DEFAULT_CONFIG,
    envvar="PIGMENT_WATCHER_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def load(file: Path, *, need_keys: bool = False, probe_folders: bool = False) -> Settings:
    """Return the settings of a configuration file. Raises ConfigError."""
    try:
        with _touching() as run_for:
            return config.load(
                file,
                need_keys=need_keys,
                known=known_drives,
                run_for=run_for,
                probe_folders=probe_folders,
            )
    except errors.ConfigError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            remedy = "write one (config.example.yaml shows every key), or name another: --config"
            raise errors.ConfigError([f"{error}; {remedy}"]) from error
        raise


@contextlib.contextmanager
def _touching() -> Iterator[Callable[[Path], Run]]:
    """Lend what makes the calls on a folder: another process, where the drive may hang."""
    drives = Drives({}, remember=lambda _: None, home=lambda folder: folder)
    try:
        yield lambda folder: drives.of(folder).look()
    finally:
        drives.close()


def known_drives(state_directory: Path) -> Mapping[Path, Mount]:
    """Return what folders lay on at an earlier start, as far as the journal can be read."""
    try:
        with reading(state_directory) as journal:
            return {} if journal is None else journal.identity.known_drives()
    except errors.OperatorError:
        return {}


@contextlib.contextmanager
def reading(state_directory: Path) -> Iterator[Journal | None]:
    """Lend the journal for looking at it, None if there is none yet. Raises JournalError."""
    if not _is_there(state_directory):
        yield None
        return
    journal = Journal.look(state_directory)
    try:
        yield journal
    finally:
        journal.close()


@contextlib.contextmanager
def existing(state_directory: Path) -> Iterator[Journal]:
    """Lend a journal that must be there, for looking at it. Raises JournalError, RequestRefused."""
    with reading(state_directory) as journal:
        if journal is None:
            raise _no_journal(state_directory)
        yield journal


@contextlib.contextmanager
def writing(state_directory: Path) -> Iterator[Journal]:
    """Lend a journal that must be there, for adding to it beside the service.

    Raises JournalError, RequestRefused.
    """
    if not _is_there(state_directory, os.R_OK | os.W_OK):
        raise _no_journal(state_directory)
    # One of an older version is refused by this look: to change its tables is for the service.
    Journal.look(state_directory).close()
    journal = Journal.open(state_directory)
    try:
        yield journal
    finally:
        journal.close()


def jobs_meant(journal: Journal, what: str) -> list[Job]:
    """Return the jobs that a number, a name or a path means, the latest first.

    Raises RequestRefused if there is none.
    """
    job = journal.jobs.get(int(what)) if what.isascii() and what.isdecimal() else None
    found = [job] if job is not None else journal.jobs.of_file(what)
    if not found:
        raise errors.RequestRefused(
            f"{what}: the journal knows no such job or file; `pigment-watcher history` lists them"
        )
    return found


def who_asks(environ: Mapping[str, str] = os.environ) -> str:
    """Return the name of the user who runs this process, and for whom by sudo."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    behind = environ.get("SUDO_USER")
    return f"{name} for {behind}" if behind else name


def _is_there(state_directory: Path, rights: int = os.R_OK) -> bool:
    """Return whether there is a journal, and refuse one that this user may not use."""
    file = state_directory / JOURNAL_NAME
    try:
        file.stat()
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise _forbidden(file, state_directory) from error
    if not os.access(file, rights):
        raise _forbidden(file, state_directory)
    return True


def _forbidden(file: Path, state_directory: Path) -> errors.RequestRefused:
    try:
        owner = state_directory.owner()
    except (OSError, KeyError):
        owner = "the service's user"
    return errors.RequestRefused(
        f"{file}: permission denied: ask as the service's user, such as by sudo -u {owner}"
    )


def _no_journal(state_directory: Path) -> errors.RequestRefused:
    return errors.RequestRefused(
        f"{state_directory}: there is no journal yet; the service makes it at its first start"
    )
