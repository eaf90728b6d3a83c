"""When the next request is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigment_watcher.model import Limit
from pigment_watcher.policy import budget
from pigment_watcher.policy.budget import Load

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


# ---------------------------------------------------------------- what a request is worth

WINDOW = Limit(requests=400, per_s=300.0)
LOADS = st.lists(
    st.builds(
        Load,
        waiting=st.integers(0, 1000),
        is_busy=st.booleans(),
        durations=st.lists(st.floats(0, 1000), max_size=5).map(tuple),
    ),
    max_size=50,
)


def busy(lanes: int, waiting: int = 0, takes_s: float = 5.0) -> list[Load]:
    return [Load(waiting=waiting, is_busy=True, durations=(takes_s,))] * lanes


@given(LOADS, st.integers(0, 1000))
def test_a_price_lies_between_cheap_and_dear(loads: list[Load], used: int) -> None:
    price_s = budget.price(loads, WINDOW, used)

    assert budget.CHEAP_S <= price_s <= budget.DEAR_S * (1 + 1e-9)


@given(LOADS, st.integers(0, 500), st.integers(0, 500))
def test_a_request_is_never_cheaper_after_more_were_made(
    loads: list[Load], used: int, more: int
) -> None:
    assert budget.price(loads, WINDOW, used) <= budget.price(loads, WINDOW, used + more)


@given(LOADS, LOADS)
def test_a_request_is_never_cheaper_where_more_is_to_do(
    loads: list[Load], more: list[Load]
) -> None:
    assert budget.price(loads, WINDOW, 0) <= budget.price(loads + more, WINDOW, 0)


@pytest.mark.parametrize(
    ("loads", "used", "price_s"),
    [
        ([], 0, budget.CHEAP_S),
        # Nothing waits, and what runs leaves plenty.
        (busy(20), 300, budget.CHEAP_S),
        # One configuration takes 60 imports in five minutes, however many files wait.
        (busy(1, waiting=10_000), 0, budget.CHEAP_S),
        (busy(1, waiting=10_000), 390, budget.CHEAP_S),
        # Twenty of them would take 2,400 requests.
        (busy(20, waiting=100), 0, budget.DEAR_S),
        # What is left is used up by what runs.
        (busy(20), 380, budget.DEAR_S),
        (busy(1), 400, budget.DEAR_S),
        # Three of them would take 360, so that little is left.
        (busy(3, waiting=1000), 0, 9.587),
    ],
)
def test_requests_are_dear_when_the_files_that_wait_could_use_up_the_limit(
    loads: list[Load], used: int, price_s: float
) -> None:
    assert budget.price(loads, WINDOW, used) == pytest.approx(price_s, rel=0.001)


def test_a_configuration_without_a_past_counts_for_a_usual_import() -> None:
    unknown = [Load(waiting=100, is_busy=False)]

    assert budget.price(unknown * 3, WINDOW, 0) == budget.price(busy(3, waiting=100), WINDOW, 0)
