"""Reads the journal for those who look from outside, beside the service."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pigment_watcher.config import Settings
from pigment_watcher.journal import Ends, Journal, Step
from pigment_watcher.model import Job, Outcome
from pigment_watcher.views import overview, records, show
from pigment_watcher.views.health import Health

#: So many of the files that are in progress are told of; each configuration imports one at a time.
IN_PROGRESS = 100
#: Spans over which ends are counted, by name: how many of them, and their length in seconds.
SPANS: Mapping[str, tuple[int, float]] = {"day": (24, 3600.0), "month": (30, 86400.0)}

Record = dict[str, Any]


class Reader:
    """Asks the journal anew each time; safe to use from any thread.

    What it returns is an object of JSON. Raises JournalError.
    """

    def __init__(
        self, settings: Callable[[], Settings], now: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._now = now

    def health(self) -> Health:
        """Return how everything is."""
        with self._journal() as journal:
            return overview.look(journal, self._settings(), now=self._now())

    def overview(self) -> Record:
        """Return how everything is, and what is in progress."""
        settings = self._settings()
        with self._journal() as journal:
            found = overview.look(journal, settings, now=self._now())
            jobs = journal.jobs.in_progress(IN_PROGRESS)
        told = overview.of_health(found, settings)
        told["in_progress"] = [
            {**records.of_job(job), **_stage(job, found.facts.now)} for job in jobs
        ]
        return _plain(told)

    def files(
        self,
        *,
        named: str = "",
        route: str | None = None,
        outcome: Outcome | None = None,
        before: int | None = None,
        most: int = 50,
    ) -> list[Record]:
        """Return files, the latest first; `before` is the last job of the page before."""
        with self._journal() as journal:
            jobs = journal.jobs.history(
                named=named, route=route, outcome=outcome, before_id=before, most=most
            )
        return [_plain(records.of_job(job)) for job in jobs]

    def stories(self, job_id: int) -> list[Record]:
        """Return a file and its retries, the first one first, each with what happened to it.

        Empty if there is no such job.
        """
        with self._journal() as journal:
            return [_plain(records.of_story(*told)) for told in stories(journal, job_id)]

    def ends(self, span: str) -> list[Record]:
        """Return how many files ended in each part of the last day or month, the oldest first."""
        count, length_s = SPANS[span]
        begin = self._now() - count * length_s
        with self._journal() as journal:
            found = journal.jobs.ends(begin, length_s)
        return [
            _span(begin + number * length_s, [one for one in found if one.span == number])
            for number in range(count)
        ]

    @contextlib.contextmanager
    def _journal(self) -> Iterator[Journal]:
        with contextlib.closing(Journal.look(self._settings().state_directory)) as journal:
            yield journal


def stories(journal: Journal, job_id: int) -> list[tuple[Job, Sequence[Step]]]:
    """Return a job, what it is a retry of, and its retries, each with its story."""
    job = journal.jobs.get(job_id)
    if job is None:
        return []
    return [(one, journal.jobs.story(one.id)) for one in chain(journal, job)]


def chain(journal: Journal, job: Job) -> list[Job]:
    """Return the job, what it is a retry of, and its retries, the first one first."""
    first = job
    while first.retry_of is not None and (before := journal.jobs.get(first.retry_of)) is not None:
        first = before
    links = [first]
    for link in links:  # grows while it is walked
        links += journal.jobs.retries_of(link.id)
    return links


def _span(begin: float, ends: Sequence[Ends]) -> Record:
    count = sum(one.count for one in ends)
    return {
        "from": show.iso(begin),
        "files": {one.outcome.value: one.count for one in ends},
        "mean_s": round(sum(one.seconds for one in ends) / count, 3) if count else None,
        "longest_s": round(max(one.longest_s for one in ends), 3) if count else None,
    }


def _stage(job: Job, now: float) -> Record:
    """Return since when, and for how many seconds, a file has been where it stands."""
    since = job.decided_at or job.importing_since or job.pushed_at or job.created_at
    return {"stage_since": show.iso(since), "stage_s": round(max(0.0, now - since), 3)}


def _plain(record: Record) -> Record:
    plain: Record = show.plain(record)
    return plain
