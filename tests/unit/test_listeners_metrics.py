"""The figures for Prometheus."""

import re
from typing import Any

import pytest
from journal_fixtures import new_job

from pigment_watcher.listeners.metrics import Metrics
from pigment_watcher.model import JobEvent, Outcome, Report, State

OVERVIEW: dict[str, Any] = {
    "routes": [
        {"route": "sales", "state": "blocked", "waiting": 3, "in_progress": 1,
         "oldest_waiting_s": 12.5, "last_scan_s": 1.5},
        {"route": "costs", "state": "ok", "waiting": 0, "in_progress": 0,
         "oldest_waiting_s": None, "last_scan_s": None},
    ],
    "healthy": False,
    "requests": {"used": 7, "limit": 400},
}  # fmt: skip


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2", ["sales", "costs"])


def figures(metrics: Metrics) -> dict[str, float]:
    """Return each series' value by its name and labels."""
    lines = metrics.page(OVERVIEW).decode().splitlines()
    return {
        line.rpartition(" ")[0].removeprefix("pigment_watcher_"): float(line.rpartition(" ")[2])
        for line in lines
        if not line.startswith("#")
    }


def ended(metrics: Metrics, outcome: Outcome, **said: Any) -> None:
    job = new_job("a.csv", state=State.DONE, outcome=outcome, created_at=100.0, **said)
    metrics.job_changed(JobEvent(name="job.finished", job=job))


def test_every_route_begins_with_zeros(metrics: Metrics) -> None:
    found = figures(metrics)
    assert found['files_total{outcome="imported",route="costs"}'] == 0
    assert found['sent_bytes_sum{route="sales"}'] == 0
    assert found['build_info{version="1.2"}'] == 1


def test_an_imported_file_counts_with_its_bytes_rows_and_times(metrics: Metrics) -> None:
    times = {"pushed_at": 103.0, "importing_since": 104.0, "decided_at": 110.0}
    report = Report(inserted=5, skipped=2)
    ended(metrics, Outcome.IMPORTED_WITH_SKIPS, bytes_sent=999, report=report, finished_at=111.0,
          **times)  # fmt: skip
    found = figures(metrics)
    assert found['files_total{outcome="imported_with_skips",route="sales"}'] == 1
    assert found['sent_bytes_sum{route="sales"}'] == 999
    assert found['rows_total{result="inserted",route="sales"}'] == 5
    assert found['rows_total{result="skipped",route="sales"}'] == 2
    for name, seconds in (("wait", 3.0), ("push", 1.0), ("import", 6.0), ("file", 11.0)):
        assert found[f'{name}_seconds_sum{{route="sales"}}'] == seconds


def test_a_file_that_was_never_pushed_sent_nothing(metrics: Metrics) -> None:
    ended(metrics, Outcome.INVALID, finished_at=101.0, bytes_sent=5)
    found = figures(metrics)
    assert found['files_total{outcome="invalid",route="sales"}'] == 1
    assert found['sent_bytes_sum{route="sales"}'] == 0
    assert 'push_seconds_sum{route="sales"}' not in found


def test_a_step_that_is_no_end_counts_nothing(metrics: Metrics) -> None:
    before = figures(metrics)
    metrics.job_changed(JobEvent(name="job.pushed", job=new_job("a.csv")))
    assert figures(metrics) == before


def test_gauges_tell_how_everything_is_when_they_are_asked(metrics: Metrics) -> None:
    found = figures(metrics)
    assert found['waiting_files{route="sales"}'] == 3
    assert found['oldest_waiting_seconds{route="sales"}'] == 12.5
    assert found['oldest_waiting_seconds{route="costs"}'] == 0
    assert found['last_scan_age_seconds{route="sales"}'] == 1.5
    assert 'last_scan_age_seconds{route="costs"}' not in found
    assert found['route_state{route="sales",state="blocked"}'] == 1
    assert (found["healthy"], found["requests_used"], found["requests_limit"]) == (0, 7, 400)
    assert found["requests_left"] == 393


def test_a_route_that_is_gone_is_shown_no_more(metrics: Metrics) -> None:
    metrics.page(OVERVIEW)
    text = metrics.page({**OVERVIEW, "routes": []}).decode()
    assert not re.search(r"_waiting_files\{", text)
