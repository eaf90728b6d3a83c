"""When a running import is asked after: pure functions, their properties, and whole simulations."""

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from policy_fixtures import IMPORT, NOW, importing

from pigment_watcher.model import ImportState, ImportStatus
from pigment_watcher.policy import budget, poll_times
from pigment_watcher.policy.poll_times import measured, next_poll, remembered

SECONDS = st.floats(0, 1e5, allow_nan=False)
PAST = st.lists(SECONDS, max_size=poll_times.REMEMBERED)
PRICES = st.floats(budget.CHEAP_S, budget.DEAR_S)


# ---------------------------------------------------------------- the next call


@given(SECONDS, PAST, PRICES)
def test_the_next_call_lies_ahead_and_within_reach(
    elapsed_s: float, past: list[float], price_s: float
) -> None:
    poll = next_poll(elapsed_s, past, price_s)

    last = max(past, default=poll_times.UNKNOWN_S[-1])
    assert elapsed_s + 0.01 <= poll.after_s <= elapsed_s + 600.001
    assert poll.after_s <= max(last * 1.03 + 0.03, elapsed_s + 300.001)


@given(st.lists(SECONDS, min_size=1, max_size=poll_times.REMEMBERED), PRICES)
def test_a_call_is_not_made_again_where_its_due_time_was_rounded_down(
    past: list[float], price_s: float
) -> None:
    first = next_poll(0.0, past, price_s).after_s

    assert next_poll(first - 1e-6, past, price_s).after_s > first + 0.009


@given(PAST, PRICES)
def test_any_import_is_asked_after_only_so_often(past: list[float], price_s: float) -> None:
    """An import that never ends: a call for each lesson, or all ten minutes, then each minute."""
    elapsed_s, calls = 0.0, 0
    while elapsed_s < 86_400:
        elapsed_s, calls = next_poll(elapsed_s, past, price_s).after_s, calls + 1

    assert calls <= max(len(past), len(poll_times.UNKNOWN_S)) + 86_400 / 60 + 200


@given(st.lists(st.floats(0, 500), min_size=1, max_size=poll_times.REMEMBERED), PRICES)
@example([193.0, 196.0, 195.0], 1.0)  # a call for the first end comes when the last was seen
def test_the_plan_finds_every_end_that_was_seen_before(past: list[float], price_s: float) -> None:
    last_end = max(past) + min(0.02 + 0.03 * max(past), 3.0)
    elapsed_s, early, calls = 0.0, False, 0
    while last_end > elapsed_s + 0.01:  # nearer, it is no call of its own
        poll = next_poll(elapsed_s, past, price_s)
        elapsed_s, early, calls = poll.after_s, poll.is_early, calls + 1

    assert elapsed_s <= last_end
    assert not early
    assert calls <= len(past)


@given(st.lists(st.floats(0, 500), min_size=1, max_size=8), PRICES)
def test_no_other_plan_is_cheaper(past: list[float], price_s: float) -> None:
    ends = [one + min(0.02 + 0.03 * one, 3.0) for one in sorted(past)]
    first = next_poll(0.0, past, price_s).after_s

    best = min(_cost(ends, price_s, plan) for plan in range(2 ** (len(ends) - 1)))
    of_first = [
        _cost(ends, price_s, plan)
        for plan in range(2 ** (len(ends) - 1))
        if _calls(ends, plan)[0] == first
    ]
    assert min(of_first) == pytest.approx(best)


def _calls(ends: list[float], plan: int) -> list[float]:
    """Return when is asked by a plan, whose bits say after which of the ends; always the last."""
    return [end for place, end in enumerate(ends[:-1]) if plan >> place & 1] + ends[-1:]


def _cost(ends: list[float], price_s: float, plan: int) -> float:
    calls = _calls(ends, plan)
    return sum(
        min(call for call in calls if call >= end)
        - end
        + price_s * (1 + sum(call < end for call in calls))
        for end in ends
    )


def test_a_call_that_will_find_the_import_running_is_early() -> None:
    past = [1.0, 50.0, 50.0, 50.0]

    assert next_poll(0.0, past, budget.CHEAP_S).is_early
    assert not next_poll(2.0, past, budget.CHEAP_S).is_early
    assert next_poll(60.0, past, budget.CHEAP_S).is_early


def test_no_import_is_left_alone_for_longer_than_ten_minutes() -> None:
    poll = next_poll(5.0, [7200.0], budget.CHEAP_S)

    assert (poll.after_s, poll.is_early) == (605.0, True)


def test_past_all_that_is_known_the_waits_grow_up_to_a_minute() -> None:
    waits = [next_poll(at, [1.0], budget.CHEAP_S).after_s - at for at in (1.06, 10, 100, 1000)]

    assert waits == pytest.approx([0.5, 2.5, 25, 60])


def test_where_requests_are_dear_the_waits_are_longer() -> None:
    waits = [next_poll(at, [1.0], budget.DEAR_S).after_s - at for at in (1.06, 100, 10_000)]

    assert waits == pytest.approx([15, 25, 300])


# ---------------------------------------------------------------- what is learnt


def status(created: str | None, completed: str | None) -> ImportStatus:
    return ImportStatus(
        import_id=IMPORT,
        state=ImportState.COMPLETED,
        created_at=created,
        completed_at=completed,
    )


@pytest.mark.parametrize(
    ("created", "completed", "took"),
    [
        ("2023-10-04T16:17:07.739855Z", "2023-10-04T16:17:37.739855Z", 30),
        ("2023-10-04T16:17:07.7398559Z", "2023-10-04T18:17:37.7398559+02:00", 30),
        # It went on 20 seconds after it began, and is over after 60.
        ("2023-10-04T16:17:07Z", "2023-10-04T16:17:08Z", 20),
        ("2023-10-04T16:17:07Z", "2023-10-05T16:17:07Z", 60),
        ("2023-10-04T16:17:07Z", "2023-10-03T16:17:07Z", 20),
        # One time with a zone and one without can't be compared.
        ("2023-10-04T16:17:07Z", "2023-10-04T16:17:37", 40),
        ("2023-10-04T16:17:07Z", None, 40),
        (None, "2023-10-04T16:17:07Z", 40),
        ("soon", "later", 40),
    ],
)
def test_pigments_times_are_believed_within_what_was_seen(
    created: str | None, completed: str | None, took: float
) -> None:
    job = importing(importing_since=NOW - 60, asked_at=NOW - 40)

    assert measured(job, status(created, completed), NOW) == pytest.approx(took)


def test_without_its_times_an_import_found_over_at_once_counts_for_half_the_wait() -> None:
    assert measured(importing(importing_since=NOW - 60), status(None, None), NOW) == 30


def test_a_clock_set_back_makes_no_import_shorter_than_nothing() -> None:
    job = importing(importing_since=NOW + 60, asked_at=NOW + 80)

    assert measured(job, status(None, None), NOW) == 0


def test_nothing_is_learnt_where_the_begin_is_not_known() -> None:
    assert measured(importing(importing_since=None), status(None, None), NOW) is None


def test_the_oldest_lesson_is_forgotten_first() -> None:
    past: tuple[float, ...] = ()
    for seconds in range(100):
        past = remembered(past, float(seconds))

    assert past == tuple(float(one) for one in range(70, 100))


# ---------------------------------------------------------------- simulations


@dataclass
class Run:
    """What a few hundred imports of one configuration came to."""

    calls_each: float
    median_wait_s: float


def simulate(duration: Callable[[random.Random], float], price_s: float) -> Run:
    chance = random.Random(7)
    past: tuple[float, ...] = ()
    calls, waits = 0, []
    for _ in range(300):
        ends_s, elapsed_s = duration(chance), 0.0
        while True:
            elapsed_s, calls = next_poll(elapsed_s, past, price_s).after_s, calls + 1
            if elapsed_s >= ends_s:
                break
        waits.append(elapsed_s - ends_s)
        past = remembered(past, ends_s)
    return Run(calls / len(waits), statistics.median(waits))


DURATIONS: dict[str, Callable[[random.Random], float]] = {
    "at once": lambda _: 0.0,
    "always three seconds": lambda _: 3.0,
    "about five seconds": lambda chance: chance.gauss(5, 0.5),
    "about half a minute": lambda chance: chance.uniform(27, 30),
    "two kinds of files": lambda chance: chance.choice([2.0, 25.0]) + chance.random(),
    "like a log-normal": lambda chance: min(30.0, chance.lognormvariate(1.5, 1)),
}


@pytest.mark.parametrize("kind", DURATIONS)
def test_with_room_in_the_budget_the_median_end_is_noticed_within_a_second(kind: str) -> None:
    run = simulate(DURATIONS[kind], budget.CHEAP_S)

    assert run.median_wait_s <= 1.0
    assert run.calls_each <= 6


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        ("at once", 1.05),
        ("always three seconds", 1.05),
        ("about five seconds", 1.1),
        ("about half a minute", 1.1),
        ("two kinds of files", 1.6),
        ("like a log-normal", 1.5),
    ],
)
def test_when_requests_are_scarce_an_import_is_asked_after_about_once(
    kind: str, calls: float
) -> None:
    assert simulate(DURATIONS[kind], budget.DEAR_S).calls_each <= calls


def test_an_import_that_grew_slower_for_good_is_learnt_soon() -> None:
    past: tuple[float, ...] = (2.0,) * poll_times.REMEMBERED
    for _ in range(poll_times.REMEMBERED):
        past = remembered(past, 40.0)

    assert next_poll(0.0, past, budget.CHEAP_S).after_s == pytest.approx(40, rel=0.05)
