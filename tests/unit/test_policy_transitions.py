"""Which steps a job may make."""

import sqlite3
from importlib import resources

import pytest
from policy_fixtures import job, rules

from pigment_watcher.model import Outcome, SkippedRows, State
from pigment_watcher.policy import transitions


def test_the_journal_holds_the_same_table_of_steps() -> None:
    folder = resources.files("pigment_watcher.journal") / "migrations"
    with sqlite3.connect(":memory:") as connection:
        for script in sorted(folder.iterdir(), key=lambda file: file.name):
            if script.name.endswith(".sql"):
                connection.executescript(script.read_text(encoding="utf-8"))
        rows = connection.execute("SELECT from_state, to_state FROM transitions").fetchall()
    connection.close()

    assert {(State(before), State(after)) for before, after in rows} == transitions.ALLOWED


@pytest.mark.parametrize("state", list(State))
def test_exactly_the_final_states_have_no_way_out(state: State) -> None:
    ways_out = {after for before, after in transitions.ALLOWED if before is state}

    assert state.is_final == (not ways_out)


def test_an_import_that_began_is_never_pushed_again() -> None:
    reachable = {State.IMPORTING}
    for _ in State:
        reachable |= {after for before, after in transitions.ALLOWED if before in reachable}

    assert reachable == {State.IMPORTING, State.ARCHIVING, State.DONE, State.FAILED}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_what_was_imported_ends_in_done(outcome: Outcome) -> None:
    is_good = outcome in {Outcome.IMPORTED, Outcome.IMPORTED_WITH_SKIPS}
    ended = job(outcome=outcome)

    assert transitions.is_good(ended) == is_good
    assert transitions.final_state(ended) is (State.DONE if is_good else State.FAILED)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_route_may_count_rows_that_were_left_out_as_a_failure(outcome: Outcome) -> None:
    ended = job(outcome=outcome, rules=rules(skipped_rows=SkippedRows.FAIL))

    assert transitions.is_good(ended) == (outcome is Outcome.IMPORTED)


def test_a_retry_must_be_meant_where_rows_may_be_there_already() -> None:
    assert {Outcome.UNSURE, Outcome.IMPORTED_WITH_SKIPS} == transitions.MAYBE_IMPORTED
