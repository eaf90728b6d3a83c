"""Jobs, and the ways they go, for tests of what is stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pigment_watcher.journal import Journal
from pigment_watcher.model import Fingerprint, Job, Outcome, Rules, State

LANE = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
OTHER_LANE = "5a2f3c1e-9d57-4b0e-8a43-0f6b1c2d3e4f"
INBOX = Path("/srv/exports/sales")
RULES = Rules(directory=INBOX, done=INBOX / "done", failed=INBOX / "failed")
#: A name that is no UTF-8, as Python shows it.
NO_TEXT = "caf\udce9.csv"

#: The steps that bring a queued job into each state.
WAYS: dict[State, tuple[State, ...]] = {
    State.QUEUED: (),
    State.PUSHING: (State.PUSHING,),
    State.IMPORTING: (State.PUSHING, State.IMPORTING),
    State.ARCHIVING: (State.ARCHIVING,),
    State.DONE: (State.ARCHIVING, State.DONE),
    State.FAILED: (State.FAILED,),
}


def new_job(name: str = "a.csv", *, mtime_ns: int = 1, **said: Any) -> Job:
    """Return a job that is not stored yet; `said` are other fields of it."""
    known: dict[str, Any] = {
        "id": 0,
        "route": "sales",
        "configuration_id": LANE,
        "rules": RULES,
        "source": INBOX / name,
        "name": name,
        "fingerprint": Fingerprint(size=8, mtime_ns=mtime_ns, ctime_ns=mtime_ns, inode=5),
        "state": State.QUEUED,
        "due_at": 0.0,
        "created_at": 0.0,
    }
    return Job(**{**known, **said})


def claim(journal: Journal, *jobs: Job) -> list[Job]:
    """Store jobs whose files count as claimed."""
    return journal.jobs.claimed(journal.jobs.add(jobs), 0.0)


def claim_one(journal: Journal, name: str = "a.csv", **said: Any) -> Job:
    """Store one job whose file counts as claimed."""
    return claim(journal, new_job(name, **said))[0]


def lead(journal: Journal, job: Job, to: State, **changes: Any) -> Job:
    """Lead a queued job into a state, and change fields with its last step."""
    way = WAYS[to]
    for state in way[:-1]:
        job = journal.jobs.move(job, state, at=0.0)
    return journal.jobs.move(job, to, at=0.0, **changes) if way else job


def end(journal: Journal, name: str, at: float, **said: Any) -> Job:
    """Store a job that ended at a time as imported."""
    job = lead(journal, claim_one(journal, name, **said), State.ARCHIVING, outcome=Outcome.IMPORTED)
    return journal.jobs.move(job, State.DONE, at=at)


def names(jobs: Sequence[Job]) -> list[str]:
    """Return what the jobs' files are called."""
    return [job.name for job in jobs]
