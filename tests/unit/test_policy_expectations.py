"""By when a file should have come, and whether it did."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigment_watcher.model import ExpectBy
from pigment_watcher.policy.expectations import times, why_missing

BERLIN = "Europe/Berlin"
WEEKDAYS = frozenset(range(5))
AT_SIX = ExpectBy(6, 0, WEEKDAYS, BERLIN)


def at(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def missing(now: str, last: str | None, known: str = "2026-01-01") -> str | None:
    """Say what is missing at a moment, when the last file was imported at another."""
    return why_missing(
        AT_SIX, at(now), known_since=at(known), last_imported=None if last is None else at(last)
    )


def test_a_file_that_came_in_the_night_is_in_time() -> None:
    assert missing("2026-11-25T06:01", "2026-11-25T05:59") is None


def test_nothing_by_the_time_is_said_with_both_moments() -> None:
    assert missing("2026-11-25T06:00", "2026-11-24T05:59") == (
        "expected by Wed 2026-11-25 06:00 CET, and nothing was imported since"
        " Tue 2026-11-24 06:00 CET"
    )
    assert missing("2026-11-25T06:00", None) is not None


def test_before_the_time_nothing_is_missing() -> None:
    assert missing("2026-11-25T05:59", "2026-11-24T05:00") is None


def test_a_file_that_comes_late_ends_the_alarm() -> None:
    assert missing("2026-11-25T09:00", "2026-11-25T08:55") is None


def test_over_the_weekend_what_came_since_friday_counts() -> None:
    assert missing("2026-11-30T06:00", "2026-11-28T12:00") is None
    assert missing("2026-11-30T06:00", "2026-11-27T05:00") is not None
    assert missing("2026-11-29T12:00", "2026-11-27T05:00") is None  # in time on Friday
    assert missing("2026-11-29T12:00", "2026-11-26T05:00") is not None  # since Friday


def test_a_time_that_passed_before_it_was_expected_is_no_alarm() -> None:
    assert missing("2026-11-25T12:00", None, known="2026-11-25T07:00") is None
    assert missing("2026-11-26T06:00", None, known="2026-11-25T07:00") is not None


@pytest.mark.parametrize(
    ("now", "by"),
    [
        ("2026-03-30T00:00", "2026-03-29T02:30"),  # a time that the change of clocks leaves out
        ("2026-10-26T00:00", "2026-10-25T02:30"),  # one that comes twice: the first of them
    ],
)
def test_a_change_of_clocks_loses_no_day(now: str, by: str) -> None:
    expected = ExpectBy(2, 30, zone=BERLIN)
    before, last = times(expected, at(now))
    assert last == at(by)
    assert 22 * 3600 < last - before < 26 * 3600


@given(
    st.floats(1.6e9, 2.0e9),
    st.integers(0, 23),
    st.integers(0, 59),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from([None, "UTC", BERLIN, "America/New_York", "Pacific/Chatham"]),
)
def test_two_times_lie_behind_on_the_days_that_are_said(
    now: float, hour: int, minute: int, days: frozenset[int], zone: str | None
) -> None:
    before, by = times(ExpectBy(hour, minute, days, zone), now)
    assert before < by <= now
    assert now - by <= 7 * 86400 + 7200
    told = datetime.fromtimestamp(by, None if zone is None else ZoneInfo(zone))
    assert told.weekday() in days
