"""The values that all rooms speak of."""

import dataclasses
from pathlib import Path

import pytest
from policy_fixtures import FOUND, LANE, job, rules

from pigment_watcher.model import (
    AfterFailure,
    Condition,
    ConditionEvent,
    ConditionKind,
    Fingerprint,
    ImportState,
    JobEvent,
    Listener,
    LoadMode,
    Order,
    Outcome,
    Route,
    Rules,
    ServiceEvent,
    SkippedRows,
    State,
    Verdict,
    Watch,
)


def test_a_job_is_over_in_done_and_failed_alone() -> None:
    assert [state for state in State if state.is_final] == [State.DONE, State.FAILED]


def test_the_outcomes_are_those_of_the_contract_and_one_for_files_that_went_back() -> None:
    assert {outcome.value for outcome in Outcome} == {
        "imported",
        "imported_with_skips",
        "failed",
        "refused",
        "invalid",
        "unsure",
        "gone",
        "returned",
    }


def test_the_states_of_an_import_are_pigments_own_words() -> None:
    assert {state.value for state in ImportState} == {"InProgress", "Completed", "Failed"}


def test_what_is_not_said_of_a_route_is_the_careful_choice() -> None:
    """Behaviour J7."""
    route = Route(
        name="sales",
        configuration_id=LANE,
        rules=Rules(directory=Path("in"), done=Path("done"), failed=Path("failed")),
    )

    assert (route.files, route.ignore, route.watch) == (("*.csv",), (), Watch.AUTO)
    assert route.rules.load_mode is None
    assert route.rules.order is Order.MODIFIED
    assert route.rules.after_failure is AfterFailure.CONTINUE
    assert route.rules.skipped_rows is SkippedRows.ACCEPT
    assert not route.rules.allow_empty
    assert (route.rules.quiet_s, route.scan_every_s, route.marker) == (None, None, None)
    assert (route.recursive, route.require_mount) == (False, False)


def test_a_new_job_has_nothing_behind_it() -> None:
    new = job()

    assert (new.attempts, new.polls, new.retries, new.rejections) == (0, 0, 0, 0)
    assert (new.forbidden, new.outcome, new.import_id, new.claimed_at) == (False, None, None, None)


@pytest.mark.parametrize(
    ("load_mode", "may_repeat"),
    [(LoadMode.UPDATE, True), (LoadMode.REPLACE, True), (LoadMode.APPEND, False), (None, False)],
)
def test_a_second_push_is_harmless_only_where_its_owner_said_so(
    load_mode: LoadMode | None, may_repeat: bool
) -> None:
    assert rules(load_mode=load_mode).may_repeat == may_repeat


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (FOUND._replace(ctime_ns=99), True),
        (FOUND._replace(size=99), False),
        (FOUND._replace(mtime_ns=99), False),
        (FOUND._replace(inode=99), False),
    ],
    ids=["ctime", "size", "mtime", "inode"],
)
def test_a_rename_of_our_own_changes_no_content(other: Fingerprint, same: bool) -> None:
    """Behaviour A17. Behaviour T18."""
    assert FOUND.same_content(other) == same
    assert other != FOUND


def test_a_job_has_a_verdict_once_its_outcome_is_stored() -> None:
    ended = job(outcome=Outcome.REFUSED, reason="too large", answer="no", advice="split it")

    assert job().verdict is None
    assert ended.verdict == Verdict(
        outcome=Outcome.REFUSED, reason="too large", answer="no", advice="split it"
    )


def test_a_job_is_never_changed_but_copied() -> None:
    before = job()
    after = before.evolve(state=State.IMPORTING, polls=1)

    assert (before.state, before.polls) == (State.PUSHING, 0)
    assert (after.state, after.polls, after.name) == (State.IMPORTING, 1, before.name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.polls = 2  # type: ignore[misc]


def test_an_ear_may_leave_out_what_it_does_not_care_for() -> None:
    ear = Listener()
    condition = Condition(kind=ConditionKind.HOST_BUSY, subject="pigment.app", since=0.0)

    ear.job_changed(JobEvent(name="job.claimed", job=job()))
    ear.condition_changed(ConditionEvent(condition=condition, began=True))
    ear.service_changed(ServiceEvent(name="service.started"))
