"""The installed program, made careless about power cuts: careless_program.py DESIGN ARGUMENT...

Wrong designs on purpose: what looks for lost files must find them.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pigment_watcher import cli
from pigment_watcher.files import moves
from pigment_watcher.journal import database


def sync_journal_less() -> None:
    """Let SQLite sync as is usual: not after it has truncated its rollback journal."""
    execute = database._Connection.execute

    def careless(connection: database._Connection, sql: str, parameters: Any = ()) -> Any:
        return execute(
            connection, sql.replace("synchronous = FULL", "synchronous = NORMAL"), parameters
        )

    database._Connection.execute = careless  # type: ignore[method-assign]


def sync_no_folder() -> None:
    """Trust that a rename is on the disk at once."""
    moves.sync = _do_nothing


def _do_nothing(folder: Path) -> None:
    """Sync nothing."""


DESIGNS: dict[str, Callable[[], None]] = {
    "journal": sync_journal_less,
    "folders": sync_no_folder,
}

if __name__ == "__main__":
    DESIGNS[sys.argv.pop(1)]()
    cli.main()
