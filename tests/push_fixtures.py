"""A claimed file, pushed as a worker does it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journal_fixtures import new_job

from pigment_watcher import errors
from pigment_watcher.files import claims, places, reading
from pigment_watcher.model import Accepted, Job, Rules
from pigment_watcher.pigment import Client
from pigment_watcher.running import Run, directly
from pigment_watcher.simulator import DEMO_KEY, Simulator
from pigment_watcher.steps import push

ROWS = b"month,account,amount\n2026-09,4000,120.50\n"
ME = "0a1b2c3d4e5f"


@dataclass
class Bench:
    """A claimed file and what is needed to push it; remembers what it was told."""

    folder: Path
    url: str
    told: list[str | int] = field(default_factory=list)
    on_progress: Callable[[int], None] = lambda _: None

    def claimed(self, name: str = "a.csv", content: bytes = ROWS, **rules: Any) -> Job:
        """Drop a file and claim it."""
        source = self.folder / name
        source.write_bytes(content)
        found = reading.look(source)
        assert found is not None
        known = Rules(directory=self.folder, done=self.folder, failed=self.folder, **rules)
        job = new_job(name, id=1, source=source, fingerprint=found, rules=known)
        places.make_places(self.folder, ME, [job.id])
        claims.take(source, self.path(job), found)
        return job

    def path(self, job: Job) -> Path:
        return places.path(self.folder, ME, job.id, job.name)

    def push(
        self, job: Job, run: Run = directly, *, exclusive: bool = False, **changes: Any
    ) -> push.Pushed | push.Invalid | push.NotReady:
        with Client(self.url, connect_timeout_s=2.0, answer_timeout_s=5.0) as client:
            known: dict[str, Any] = {
                "client": client,
                "api_key": DEMO_KEY,
                "before_body": lambda: self.told.append("begin"),
                "progress": self._progress,
            }
            sending = push.Sending(**{**known, **changes})
            return push.push(job, ME, sending, run, exclusive=exclusive)

    def _progress(self, sent: int) -> None:
        self.told.append(sent)
        self.on_progress(sent)


def answer_of(result: object) -> Accepted | errors.DestinationError:
    assert isinstance(result, push.Pushed)
    return result.answer


def sent(pigment: Simulator) -> list[str]:
    """Return the hashes of all bodies that came."""
    return [one.sha256 for one in pigment.pushes()]
