"""Times of a job that count for it, or do not: blocked, away, or by a wrong clock."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from journal_fixtures import claim_one, lead

from pigment_watcher.journal import Journal
from pigment_watcher.model import State


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("key", "since", "deadline_from", "moved_on"),
    [
        (None, 100.0, 50.0, 150.0),  # the whole hundred seconds
        (None, 100.0, 180.0, 200.0),  # only what lies after its own begin
        ("default", 100.0, 50.0, 150.0),
        ("/other", 100.0, 50.0, 50.0),
        (None, 100.0, 250.0, 250.0),  # begins in the future, by a wrong clock
    ],
)
def test_time_without_answers_does_not_count_for_a_deadline(
    journal: Journal, key: str | None, since: float, deadline_from: float, moved_on: float
) -> None:
    times = {"deadline_from": deadline_from, "missing_since": deadline_from}
    job = lead(journal, claim_one(journal), State.IMPORTING, **times)

    journal.jobs.stretch_deadlines(key, since, now=200.0)

    found = journal.jobs.get(job.id)
    assert found is not None
    assert (found.deadline_from, found.missing_since) == (moved_on, moved_on)


@pytest.mark.parametrize(
    "name", ["importing_since", "asked_at", "deadline_from", "missing_since", "rejected_at"]
)
@pytest.mark.parametrize(("at", "clamped"), [(900.0, 100.0), (50.0, 50.0), (None, None)])
def test_a_time_that_a_wrong_clock_put_into_the_future_counts_as_now(
    journal: Journal, name: str, at: float | None, clamped: float | None
) -> None:
    job = lead(journal, claim_one(journal), State.IMPORTING, **{name: at})

    journal.jobs.clamp(100.0)

    found = journal.jobs.get(job.id)
    assert found is not None
    assert getattr(found, name) == clamped


@pytest.mark.parametrize(("since", "due_at"), [(900.0, 100.0), (50.0, 990.0)])
def test_an_import_that_a_wrong_clock_planned_is_asked_after_at_once(
    journal: Journal, since: float, due_at: float
) -> None:
    lead(journal, claim_one(journal), State.IMPORTING, importing_since=since, due_at=990.0)

    journal.jobs.clamp(100.0)

    assert [job.due_at for job in journal.jobs.unfinished()] == [due_at]


def test_an_import_that_was_never_missing_is_not_so_by_a_block(journal: Journal) -> None:
    job = lead(journal, claim_one(journal), State.IMPORTING, deadline_from=50.0)

    journal.jobs.stretch_deadlines(None, 100.0, now=200.0)

    found = journal.jobs.get(job.id)
    assert found is not None
    assert found.missing_since is None
