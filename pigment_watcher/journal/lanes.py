"""What is remembered of each import configuration: how long its last imports took."""

import json

from pigment_watcher.journal.database import Database, sound
from pigment_watcher.policy import poll_times
from pigment_watcher.policy.budget import Load


class Lanes:
    """The table of lanes: one row for each configuration that was ever used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def durations(self, configuration_id: str) -> tuple[float, ...]:
        """Return how many seconds the last imports of a configuration took, the latest last."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT durations FROM lanes WHERE configuration_id = ?", (configuration_id,)
            ).fetchone()
            return () if row is None else _durations(row["durations"])

    def remember(self, configuration_id: str, seconds: float) -> None:
        """Remember what an import took, and forget the oldest one where there are enough."""
        with self._database.writing() as connection:
            latest = poll_times.remembered(self.durations(configuration_id), seconds)
            connection.execute(
                "UPDATE lanes SET durations = ? WHERE configuration_id = ?",
                (json.dumps([round(one, 3) for one in latest]), configuration_id),
            )

    def loads(self) -> list[Load]:
        """Return what each configuration has to do."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT durations,"
                " (SELECT count(*) FROM jobs j WHERE j.configuration_id = l.configuration_id"
                "  AND state = 'QUEUED') AS waiting,"
                " EXISTS (SELECT 1 FROM jobs j WHERE j.configuration_id = l.configuration_id"
                "  AND state IN ('PUSHING', 'IMPORTING')) AS is_busy"
                " FROM lanes l"
            ).fetchall()
            return [
                Load(
                    waiting=row["waiting"],
                    is_busy=bool(row["is_busy"]),
                    durations=_durations(row["durations"]),
                )
                for row in found
            ]


def _durations(text: str) -> tuple[float, ...]:
    with sound("the durations of a lane"):
        return tuple(float(one) for one in json.loads(text))
