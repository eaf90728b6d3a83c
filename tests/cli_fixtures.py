"""Commands run in this process, and journals for them to look at."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from acceptance_fixtures import configuration_id
from click.testing import CliRunner, Result

from pigment_watcher.cli.group import root
from pigment_watcher.journal import Journal
from pigment_watcher.model import Fingerprint, Job, Outcome, Route, Rules, State

INBOX = Path("/srv/exports/sales")
RULES = Rules(directory=INBOX, done=INBOX / "done", failed=INBOX / "failed")
IMPORT_ID = "f2b03cab-ba63-4525-bd59-c597f6721973"


def run(*arguments: str | Path) -> Result:
    """Run a command here; what it raises and nobody may see comes out."""
    return CliRunner().invoke(root, list(map(str, arguments)), catch_exceptions=False)


def a_route(name: str = "sales") -> Route:
    """Return a route as `write_config` configures it, as far as it matters."""
    return Route(name=name, configuration_id=configuration_id(name), rules=RULES)


def a_job(name: str = "sales.csv", **changes: Any) -> Job:
    """Return a job that waits."""
    now = time.time()
    job = Job(
        id=0,
        route="sales",
        configuration_id=configuration_id("sales"),
        rules=RULES,
        source=INBOX / name,
        name=name,
        fingerprint=Fingerprint(size=1234, mtime_ns=1_790_000_000_500_000_000, ctime_ns=1, inode=1),
        state=State.QUEUED,
        due_at=now,
        created_at=now,
        owner_uid=1000,
        owner_name="anna",
        version="0.1.0",
    )
    return job.evolve(**changes)


@contextmanager
def a_journal(folder: Path) -> Iterator[Journal]:
    """Lend the journal that `write_config` names, made where it is missing."""
    (folder / "state").mkdir(exist_ok=True)
    journal = Journal.open(folder / "state")
    try:
        if not journal.identity.instance:
            journal.identity.mint()
        yield journal
    finally:
        journal.close()


def add(journal: Journal, *names: str, **changes: Any) -> list[Job]:
    """Add jobs that wait."""
    return journal.jobs.add([a_job(name, **changes) for name in names])


def end(journal: Journal, job: Job, outcome: Outcome, **changes: Any) -> Job:
    """Let a job that waits end."""
    now = time.time()
    good = outcome is Outcome.IMPORTED
    folder = RULES.done if good else RULES.failed
    decided = journal.jobs.move(
        job,
        State.ARCHIVING,
        at=now,
        event="job.decided",
        **{"outcome": outcome, "target": folder / job.name, "decided_at": now, **changes},
    )
    return journal.jobs.move(
        decided, State.DONE if good else State.FAILED, at=now, event="job.finished"
    )
