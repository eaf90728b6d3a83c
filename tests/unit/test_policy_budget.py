"""When the next request is allowed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pigment_watcher.model import Limit
from pigment_watcher.policy import budget

NOW = 1000.0
LIMIT = Limit(requests=3, per_s=60.0)


def oldest_that_counts(calls: list[float], limit: Limit) -> float | None:
    return calls[-limit.requests] if len(calls) >= limit.requests else None


def test_the_first_requests_are_free() -> None:
    assert budget.free_at(None, LIMIT, NOW) == NOW


def test_one_too_many_waits_until_the_oldest_is_out_of_sight() -> None:
    assert budget.free_at(NOW - 10, LIMIT, NOW) == NOW + 50


def test_what_is_out_of_sight_does_not_count() -> None:
    assert budget.free_at(NOW - 61, LIMIT, NOW) == NOW


def test_a_call_from_the_future_counts_as_made_now() -> None:
    assert budget.free_at(NOW + 1e6, LIMIT, NOW) == NOW + 60


@settings(deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 100),
    st.lists(st.integers(0, 50), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more_requests_than_the_limit(
    requests: int, per_s: int, pauses: list[int]
) -> None:
    limit = Limit(requests=requests, per_s=float(per_s))
    calls: list[float] = []
    now = 0.0
    for pause in pauses:
        now = budget.free_at(oldest_that_counts(calls, limit), limit, now + pause)
        calls.append(now)

    for begin in calls:
        assert sum(begin <= call < begin + per_s for call in calls) <= requests


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_slot_is_free_within_one_period_and_never_in_the_past(oldest: float, now: float) -> None:
    assert now <= budget.free_at(oldest, LIMIT, now) <= now + LIMIT.per_s
