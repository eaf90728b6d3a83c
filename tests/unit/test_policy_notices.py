"""What somebody is told: which events, in which words, and how often."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_fixtures import new_job

from pigment_watcher.model import Condition, ConditionKind, Outcome
from pigment_watcher.policy import notices
from pigment_watcher.policy.notices import Happening, NoticeKind, message, of_condition, of_job


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.FAILED, NoticeKind.FAILED),
        (Outcome.REFUSED, NoticeKind.FAILED),
        (Outcome.INVALID, NoticeKind.FAILED),
        (Outcome.UNSURE, NoticeKind.UNSURE),
        (Outcome.IMPORTED_WITH_SKIPS, NoticeKind.SKIPS),
    ],
)
def test_a_file_that_ended_so_is_told_with_its_reason(outcome: Outcome, kind: NoticeKind) -> None:
    job = new_job("a.csv", outcome=outcome, reason="A column is missing.\nMore.")
    assert of_job(job) == Happening(kind, ("sales",), "a.csv: A column is missing. (job 0)")


@pytest.mark.parametrize("outcome", [Outcome.IMPORTED, Outcome.GONE, Outcome.RETURNED, None])
def test_of_other_ends_nobody_is_told(outcome: Outcome | None) -> None:
    assert of_job(new_job("a.csv", outcome=outcome)) is None


def condition(kind: ConditionKind, detail: str = "401") -> Condition:
    return Condition(kind=kind, subject="x", since=0.0, detail=detail)


def test_a_trouble_is_told_when_it_begins_and_when_it_ends() -> None:
    refused = condition(ConditionKind.KEY_REFUSED)
    assert of_condition(refused, ["sales"], began=True) == Happening(
        NoticeKind.BLOCKED, ("sales",), "key refused: 401"
    )
    assert of_condition(refused, ["sales"], began=False) == Happening(
        NoticeKind.UNBLOCKED, ("sales",), "key refused"
    )
    lost = condition(ConditionKind.FOLDER_LOST)
    found = of_condition(lost, [], began=False)
    assert found is not None
    assert found.kind is NoticeKind.FOUND


@pytest.mark.parametrize(
    ("kind", "began"),
    [
        (ConditionKind.HOST_BUSY, True),
        (ConditionKind.ROUTE_PAUSED, True),
        (ConditionKind.NOTHING_ARRIVED, False),
    ],
)
def test_what_passes_by_itself_is_not_told(kind: ConditionKind, *, began: bool) -> None:
    assert of_condition(condition(kind), ["sales"], began=began) is None


def test_a_message_groups_what_happened_and_says_where() -> None:
    some = [Happening(NoticeKind.FAILED, ("sales",), f"{number}.csv") for number in range(20)]
    some.append(Happening(NoticeKind.BLOCKED, (), "key refused"))
    told = message(some, "production", untold=3)
    assert told.title == "pigment-watcher production: 20 not imported, 1 blocked"
    lines = told.body.splitlines()
    assert lines[:2] == ["Not imported:", "- sales: 0.csv"]
    assert "- and 5 more" in lines
    assert "- all routes: key refused" in lines
    assert lines[-1].startswith("and 3 more events")
    assert message(some[:1], "").title == "pigment-watcher: 1 not imported"


def test_very_long_words_are_cut() -> None:
    told = of_job(new_job("a.csv", outcome=Outcome.FAILED, reason="x" * 10_000))
    assert told is not None
    assert len(told.text) < 500


@given(st.integers(0, 100), st.none() | st.floats(0, 1e6))
def test_messages_become_rarer_until_it_is_calm(sent: int, since_s: float | None) -> None:
    due_s = notices.due_in_s(sent, since_s)
    assert due_s in notices.GROUPED_S
    if since_s is None or since_s >= notices.CALM_S:
        assert due_s == notices.GROUPED_S[0]


def test_a_bad_night_is_a_few_messages() -> None:
    """An event each second for eight hours."""
    sent, last, due, count = 0, None, None, 0
    for second in range(8 * 3600):
        if due is None:
            since: Any = None if last is None else second - last
            due = second + notices.due_in_s(sent, since)
        if second >= due:
            sent, last, due, count = sent + 1, second, None, count + 1
    assert count <= 12
