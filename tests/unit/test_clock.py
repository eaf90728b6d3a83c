"""The only source of time."""

import threading
import time

import pytest

from pigment_watcher.clock import Clock


def test_it_tells_the_time_of_day_in_seconds_since_1970() -> None:
    assert Clock().now() == pytest.approx(time.time(), abs=5)


def test_it_never_goes_back() -> None:
    clock = Clock()
    times = [(clock.now(), clock.monotonic()) for _ in range(1000)]

    assert times == sorted(times)


def test_a_change_of_the_systems_clock_does_not_bend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    before = clock.now()

    monkeypatch.setattr(time, "time", lambda: before + 1e6)

    assert clock.now() == pytest.approx(before, abs=5)


def test_both_its_times_run_at_the_same_speed() -> None:
    clock = Clock()

    assert clock.now() - clock.monotonic() == pytest.approx(clock.now() - clock.monotonic(), abs=1)


def test_a_wait_ends_at_once_when_its_event_is_set() -> None:
    event = threading.Event()
    event.set()

    assert Clock().wait(event, 600)


@pytest.mark.parametrize("seconds", [0, -5, 0.001])
def test_a_wait_that_is_over_says_that_nothing_happened(seconds: float) -> None:
    assert not Clock().wait(threading.Event(), seconds)
