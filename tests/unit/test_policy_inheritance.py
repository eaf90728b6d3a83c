"""What becomes of jobs that a restored journal has from an earlier instance."""

import pytest
from policy_fixtures import NOW, job

from pigment_watcher.model import LoadMode, Outcome, State
from pigment_watcher.policy import transitions
from pigment_watcher.policy.inheritance import disowned

LATER = NOW + 60.0


def test_a_file_that_was_not_taken_yet_is_found_anew() -> None:
    decision = disowned(job(state=State.QUEUED), LATER)

    assert decision is not None
    assert decision.state is State.FAILED
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.RETURNED


@pytest.mark.parametrize("load_mode", [None, *LoadMode])
@pytest.mark.parametrize(
    ("state", "then"), [(State.QUEUED, State.FAILED), (State.PUSHING, State.ARCHIVING)]
)
def test_a_file_that_was_taken_is_unsure_and_pushed_by_no_rule(
    load_mode: LoadMode | None, state: State, then: State
) -> None:
    decision = disowned(job(load_mode, state=state, claimed_at=NOW), LATER)

    assert decision is not None
    assert decision.state is then
    assert (state, then) in transitions.ALLOWED
    assert decision.verdict is not None
    assert decision.verdict.outcome is Outcome.UNSURE
    assert decision.changes == {"claimed_at": None}


@pytest.mark.parametrize("state", [State.IMPORTING, State.ARCHIVING])
def test_what_pigment_knows_is_asked_after_to_its_end_without_the_file(state: State) -> None:
    decision = disowned(job(state=state, claimed_at=NOW), LATER)

    assert decision is not None
    assert (decision.state, decision.due_at, decision.verdict) == (state, NOW, None)
    assert decision.changes == {"claimed_at": None}


@pytest.mark.parametrize("state", [State.IMPORTING, State.ARCHIVING])
def test_that_is_done_once(state: State) -> None:
    assert disowned(job(state=state), LATER) is None
