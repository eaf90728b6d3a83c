import time
from collections.abc import Iterator

import click
import pytest

from pigment_watcher.cli.moments import Moment, parse

#: 2026-11-23 10:00:00 in New York.
NOW = 1_795_446_000.0
HOUR = 3600.0


@pytest.fixture(autouse=True)
def _in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("now", 0),
        ("2026-11-23", -10),
        ("today", -10),
        ("yesterday", -34),
        ("2026-11-23 09:30", -0.5),
        ("2026-11-23T09:30:00", -0.5),
        ("2026-11-23T15:30:00Z", 0.5),
        ("90m", -1.5),
        ("2d", -48),
        ("2 d ago", -48),
        ("1w", -168),
        (" 2D ", -48),
    ],
)
def test_a_moment_is_understood_in_the_local_zone(text: str, hours: float) -> None:
    assert parse(text, NOW) == NOW + hours * HOUR


def test_the_end_of_a_day_is_the_begin_of_the_next() -> None:
    assert parse("2026-11-23", NOW, end=True) == parse("2026-11-24", NOW)
    assert parse("yesterday", NOW, end=True) == parse("today", NOW)


def test_a_day_on_which_the_clock_changes_has_another_length() -> None:
    day_s = parse("2026-11-01", NOW, end=True) - parse("2026-11-01", NOW)

    assert day_s == 25 * HOUR


def test_a_time_of_day_has_no_end_of_its_own() -> None:
    assert parse("2026-11-23 09:30", NOW, end=True) == parse("2026-11-23 09:30", NOW)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "-2d", "2y", "99999999999d"])
def test_what_means_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(text, NOW)


@pytest.mark.parametrize("text", ["soon", "9999-12-31"])
def test_a_wrong_moment_is_a_wrong_usage_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 2026-11-23"):
        Moment(end=True).convert(text, None, None)


def test_a_moment_that_is_one_already_stays() -> None:
    assert Moment().convert(NOW, None, None) == NOW
