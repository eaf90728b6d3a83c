"""When something is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigment_watcher.model import ConditionKind
from pigment_watcher.policy import delays

SPANS = (
    delays.PUSH_RETRY_S,
    delays.POLL_RETRY_S,
    delays.ARCHIVE_RETRY_S,
    *delays.CONDITION_S.values(),
)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(st.sampled_from(SPANS), st.integers(0, 10**6), CHANCES)
def test_a_delay_is_never_past_its_cap_nor_far_below_its_begin(
    span: tuple[float, float], tries: int, chance: float
) -> None:
    delay = delays.growing(span, tries, chance)

    assert span[0] * (1 - delays.SPREAD) <= delay <= span[1] * (1 + 1e-9)


@given(st.sampled_from(SPANS), st.integers(0, 100), CHANCES)
def test_a_delay_never_shrinks_from_one_trial_to_the_next(
    span: tuple[float, float], tries: int, chance: float
) -> None:
    assert delays.growing(span, tries, chance) <= delays.growing(span, tries + 1, chance)


@given(st.sampled_from(SPANS), st.integers(0, 100))
def test_chance_spreads_a_delay_at_its_cap_too(span: tuple[float, float], tries: int) -> None:
    soonest, latest = (delays.growing(span, tries, chance) for chance in (0.0, 1.0))

    assert latest == pytest.approx(soonest * 1.5)


def test_a_delay_doubles_until_its_cap() -> None:
    waits = [delays.growing((2.0, 300.0), tries, 0.5) for tries in range(9)]

    assert waits == [2, 4, 8, 16, 32, 64, 128, 250, 250]


def test_trials_begin_soon_and_end_up_minutes_apart() -> None:
    assert delays.PUSH_RETRY_S == delays.ARCHIVE_RETRY_S == (2, 300)
    assert delays.POLL_RETRY_S == (2, 60)


@pytest.mark.parametrize(
    ("kind", "first", "most"),
    [
        (ConditionKind.HOST_IN_DOUBT, 5, 300),
        (ConditionKind.WRONG_URL, 30, 300),
        (ConditionKind.KEY_REFUSED, 30, 300),
        (ConditionKind.KEY_IN_DOUBT, 5, 300),
    ],
)
def test_a_block_is_probed_as_the_contract_says(
    kind: ConditionKind, first: float, most: float
) -> None:
    assert delays.before_probe(kind, 0, 0.5) == first
    assert delays.before_probe(kind, 1000, 1.0) == pytest.approx(most)


def test_a_missing_configuration_is_tried_after_minutes_and_then_hourly() -> None:
    kind = ConditionKind.CONFIGURATION_MISSING

    assert delays.before_probe(kind, 0, 0.5) == pytest.approx(300, rel=0.2)
    assert delays.before_probe(kind, 1000, 1.0) == pytest.approx(3600)


@pytest.mark.parametrize(
    ("told", "counts"), [(-5, 1), (0, 1), (0.2, 1), (1, 1), (77, 77), (86400, 86400), (1e12, 86400)]
)
def test_a_retry_after_is_believed_within_reason(told: float, counts: float) -> None:
    """Behaviour T21."""
    assert delays.told(told) == counts
