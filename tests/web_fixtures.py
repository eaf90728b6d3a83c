"""A journal with a past, and the page that shows it, on a real socket."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from config_fixtures import load, route
from journal_fixtures import OTHER_LANE, claim_one, lead, new_job

from pigment_watcher.config import Settings
from pigment_watcher.journal import Journal
from pigment_watcher.listeners import metrics
from pigment_watcher.model import Condition, ConditionKind, Outcome, Report, State
from pigment_watcher.views.reader import Reader
from pigment_watcher.web import Server, Source

#: The moment at which everybody looks.
NOW = 1_790_000_000.0
#: What a name may be that means harm.
HOSTILE = '<img src=x onerror="alert(1)">\u202egnp.csv'


def settings(folder: Path, *top: str) -> Settings:
    """Return settings with two routes and what `top` says besides."""
    routes = route("sales") + route("costs", directory="costs", configuration_id=OTHER_LANE)
    said = "".join(f"{line}\n" for line in top)
    return load(folder, f"state_directory: {folder / 'state'}\n{said}routes:\n{routes}")


def begin(folder: Path) -> Journal:
    """Open the journal of these settings; it is empty yet."""
    (folder / "state").mkdir(exist_ok=True)
    return Journal.open(folder / "state")


def fill(journal: Journal) -> None:
    """Store a file of each kind: imported, refused, with skipped rows, in progress, waiting."""
    for name, outcome, ago in (
        ("september.csv", Outcome.IMPORTED, 7200.0),
        (HOSTILE, Outcome.REFUSED, 600.0),
        ("july.csv", Outcome.IMPORTED_WITH_SKIPS, 300.0),
    ):
        begun = NOW - ago
        words = {} if outcome is Outcome.IMPORTED else {"reason": f"Why: {name}", "advice": "Look."}
        job = claim_one(journal, name, created_at=begun)
        report = Report(inserted=7, skipped=2) if "skips" in outcome.value else None
        job = lead(journal, job, State.ARCHIVING, outcome=outcome, report=report, **words)
        is_done = outcome in (Outcome.IMPORTED, Outcome.IMPORTED_WITH_SKIPS)
        journal.jobs.move(job, State.DONE if is_done else State.FAILED, at=begun + 12.0)
    running = claim_one(journal, "running.csv", created_at=NOW - 60.0)
    lead(
        journal,
        running,
        State.IMPORTING,
        pushed_at=NOW - 50.0,
        importing_since=NOW - 49.0,
        import_id="8b1d3a5e-7c2f-4f60-9a1b-2c3d4e5f6071",
    )
    journal.jobs.add([new_job("waits.csv", created_at=NOW - 30.0)])


def block(journal: Journal) -> None:
    """Let the key be refused."""
    kind = ConditionKind.KEY_REFUSED
    condition = Condition(kind=kind, subject="default", since=NOW - 90.0, detail="401: <no>")
    journal.conditions.begin(condition)


@dataclass
class Site:
    """A page that is being served."""

    url: str
    silent: list[str]
    server: Server

    def get(self, path: str, **said: object) -> requests.Response:
        """Ask for a page."""
        return requests.get(self.url + path, timeout=30.0, **said)  # type: ignore[arg-type]


@contextmanager
def site(
    told: Settings,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    now: float = NOW,
    environment: str = "",
) -> Iterator[Site]:
    """Serve the page of some settings' journal while the block runs."""
    silent: list[str] = []

    def overdue() -> Sequence[str]:
        return silent

    source = Source(
        reader=Reader(lambda: told, lambda: now),
        silent=overdue,
        scanned=lambda: {"sales": 1.5},
        metrics=metrics.Metrics("1.2", [one.name for one in told.routes]).page,
        metrics_type=metrics.CONTENT_TYPE,
        version="1.2",
        environment=environment,
    )
    server = Server(host, 0, token, source)
    thread = threading.Thread(target=server.run, name="web")
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.port}", silent, server)
    finally:
        server.close()
        thread.join()
