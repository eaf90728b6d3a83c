"""What operators ask for: rows that the service acts on and answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pigment_watcher.journal.database import Database, sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing that an operator asked for; `succeeded` is None until it is answered."""

    id: int
    name: str
    arguments: Mapping[str, Any]
    asked_by: str
    asked_at: float
    succeeded: bool | None = None
    answer: str = ""


class Commands:
    """The table of commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, name: str, arguments: Mapping[str, Any], *, asked_by: str, now: float) -> int:
        """Store a command and return its ID."""
        with self._database.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO commands (asked_at, asked_by, name, arguments, answer)"
                " VALUES (?, ?, ?, ?, '')",
                (now, asked_by, name, json.dumps(dict(arguments))),
            )
        return int(cursor.lastrowid or 0)

    def unanswered(self) -> list[Command]:
        """Return the commands that wait for the service, the oldest first."""
        return self._select("WHERE done_at IS NULL ORDER BY id")

    def answer(self, command_id: int, *, succeeded: bool, answer: str, now: float) -> None:
        """Store what became of a command."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE commands SET done_at = ?, succeeded = ?, answer = ? WHERE id = ?",
                (now, int(succeeded), answer, command_id),
            )

    def get(self, command_id: int) -> Command | None:
        """Return a command by its ID."""
        return next(iter(self._select("WHERE id = ?", command_id)), None)

    def prune(self, before: float) -> None:
        """Remove commands that were answered before a time."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM commands WHERE done_at < ?", (before,))

    def _select(self, where: str, *values: object) -> list[Command]:
        with self._database.reading() as connection:
            found = connection.execute(f"SELECT * FROM commands {where}", values).fetchall()  # noqa: S608
            with sound("a command"):
                return [
                    Command(
                        id=row["id"],
                        name=row["name"],
                        arguments=json.loads(row["arguments"]),
                        asked_by=row["asked_by"],
                        asked_at=row["asked_at"],
                        succeeded=None if row["succeeded"] is None else bool(row["succeeded"]),
                        answer=row["answer"],
                    )
                    for row in found
                ]
