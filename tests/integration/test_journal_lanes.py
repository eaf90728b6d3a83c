"""What is remembered of each import configuration."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from journal_fixtures import LANE, OTHER_LANE, claim_one, lead

from pigment_watcher import errors
from pigment_watcher.journal import Journal, Limits
from pigment_watcher.model import Limit, State
from pigment_watcher.policy import budget, poll_times
from pigment_watcher.policy.budget import Load


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path)) as opened:
        yield opened


def test_what_the_last_imports_took_is_remembered_over_restarts(
    journal: Journal, tmp_path: Path
) -> None:
    claim_one(journal)
    for seconds in range(poll_times.REMEMBERED + 5):
        journal.lanes.remember(LANE, seconds + 0.12345)

    with closing(Journal.look(tmp_path)) as again:
        found = again.lanes.durations(LANE)
    assert found == tuple(n + 0.123 for n in range(5, poll_times.REMEMBERED + 5))


def test_nothing_is_known_of_a_configuration_without_a_past(journal: Journal) -> None:
    claim_one(journal)

    assert journal.lanes.durations(LANE) == journal.lanes.durations(OTHER_LANE) == ()


def test_a_configuration_is_loaded_by_what_waits_and_what_runs(journal: Journal) -> None:
    lead(journal, claim_one(journal), State.IMPORTING)
    claim_one(journal)
    lead(journal, claim_one(journal, configuration_id=OTHER_LANE), State.DONE)
    journal.lanes.remember(LANE, 3.0)

    idle, busy = sorted(journal.lanes.loads(), key=lambda load: load.waiting)
    assert idle == Load(waiting=0, is_busy=False)
    assert busy == Load(waiting=1, is_busy=True, durations=(3.0,))


@pytest.mark.parametrize("text", ["", "{", '["a"]', "[null]", "7"])
def test_durations_that_are_none_are_damage(journal: Journal, text: str) -> None:
    claim_one(journal)
    with journal._database.writing() as connection:
        connection.execute("UPDATE lanes SET durations = ?", (text,))

    with pytest.raises(errors.JournalDamaged, match="the durations of a lane"):
        journal.lanes.durations(LANE)


def test_what_a_request_is_worth_follows_from_what_runs_and_what_was_asked(
    journal: Journal,
) -> None:
    limits = Limits(host="pigment.app", requests=Limit(4, 300.0), pushes=Limit(290, 3600.0))
    assert journal.agenda.price(1000.0, limits) == budget.CHEAP_S
    lead(journal, claim_one(journal), State.IMPORTING)
    assert journal.agenda.price(1000.0, limits) == budget.CHEAP_S
    for _ in range(3):
        journal.calls.book("pigment.app", None, 1000.0)
    assert journal.agenda.price(1000.0, limits) == pytest.approx(budget.DEAR_S)
    assert journal.agenda.price(1301.0, limits) == budget.CHEAP_S
