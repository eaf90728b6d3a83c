"""A file whose outcome is stored, and that is to be moved to where it ended."""

import os
from pathlib import Path
from typing import Any

from journal_fixtures import new_job

from pigment_watcher.files import claims, places, reading
from pigment_watcher.model import Job, Outcome, Rules, State
from pigment_watcher.steps import archive

ROWS = b"month,amount\n2026-09,120.50\n"
ME = "0a1b2c3d4e5f"
MARK = b"by the exporter"
NOW = 1_800_000_000.0


class Bench:
    """An inbox with a claimed file whose outcome is stored."""

    def __init__(self, folder: Path) -> None:
        self.inbox = folder / "in"
        self.inbox.mkdir()
        self.done = self.inbox / "done"
        self.failed = self.inbox / "failed"

    def decided(
        self, outcome: Outcome, name: str = "a.csv", *, folder: Path | None = None, **said: Any
    ) -> Job:
        """Return a job with its outcome, its file claimed and its target planned.

        The file comes from the inbox or another folder; a job with a marker has that claimed, too.
        """
        source = (folder or self.inbox) / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(ROWS)
        found = reading.look(source)
        assert found is not None
        rules = Rules(directory=self.inbox, done=self.done, failed=self.failed)
        known = {
            "id": 1,
            "source": source,
            "fingerprint": found,
            "rules": rules,
            "outcome": outcome,
        }
        words = {"reason": "It went wrong.", "decided_at": NOW, "state": State.ARCHIVING}
        job = new_job(name, **{**known, **words, **said})
        places.make_places(self.inbox, ME, [job.id])
        if job.marker:
            source.with_name(job.marker).write_bytes(MARK)
            claims.take_marker(source.with_name(job.marker), self.path(job).parent)
        claims.take(source, self.path(job), found)
        return job.evolve(target=archive.plan(job, ME, NOW))

    def path(self, job: Job) -> Path:
        return places.path(self.inbox, ME, job.id, job.name)


def listed(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []  # noqa: PTH208
