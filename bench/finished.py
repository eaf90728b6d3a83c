"""A journal full of jobs that ended long ago."""

import time

from bench.world import World
from pigment_watcher.journal import Journal
from pigment_watcher.model import Fingerprint, Job, Outcome, Rules, State

#: Jobs of one commit.
_BATCH = 5_000
#: The oldest job ended so long ago; the others are spread over the time since.
_SPAN_S = 100 * 86_400.0


def finish(world: World, count: int) -> None:
    """Write jobs that were imported into the journal of a world's service."""
    state = world.folder / "state"
    state.mkdir(mode=0o700)
    journal = Journal.open(state)
    try:
        for start in range(0, count, _BATCH):
            with journal.writing():
                for number in range(start, min(start + _BATCH, count)):
                    at = time.time() - _SPAN_S * (count - number) / count
                    _finish_one(journal, world, number, at)
    finally:
        journal.close()


def _finish_one(journal: Journal, world: World, number: int, at: float) -> None:
    job = journal.jobs.claimed(journal.jobs.add([_job(world, number, at)]), at)[0]
    move = journal.jobs.move
    job = move(job, State.PUSHING, at=at, event="job.pushing", pushed_at=at, attempts=1)
    job = move(
        job,
        State.IMPORTING,
        at=at,
        importing_since=at,
        import_id=f"{number:032x}",
        sha256=f"{number:064x}",
        bytes_sent=2000,
    )
    job = move(
        job,
        State.ARCHIVING,
        at=at + 3,
        decided_at=at + 3,
        outcome=Outcome.IMPORTED,
        target=job.rules.done / job.name,
    )
    move(job, State.DONE, at=at + 3)


def _job(world: World, number: int, at: float) -> Job:
    inbox = world.inboxes[0]
    name = f"file-{number:06}.csv"
    when = int(at * 1e9)
    return Job(
        id=0,
        route="route-0",
        configuration_id=inbox.name,
        rules=Rules(directory=inbox, done=inbox / "done", failed=inbox / "failed"),
        source=inbox / name,
        name=name,
        fingerprint=Fingerprint(size=2000, mtime_ns=when, ctime_ns=when, inode=number),
        state=State.QUEUED,
        due_at=at,
        created_at=at,
    )
