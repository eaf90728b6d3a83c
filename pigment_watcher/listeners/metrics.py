"""Counts what happens, and shows it as Prometheus reads it."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from pigment_watcher.model import Job, JobEvent, Listener, Outcome

#: What the page says of its form.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# When each series began is a series of its own otherwise, and says nothing that a restart does not.
disable_created_metrics()  # type: ignore[no-untyped-call]

_PREFIX = "pigment_watcher_"
#: From what is instant to a night, in seconds.
_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 43200)
#: From a few rows to what takes an hour.
_BYTES = tuple(10.0**power for power in range(3, 11))
#: What the rows of a report are called here.
_ROWS = ("inserted", "updated", "deleted", "skipped")


class Metrics(Listener):
    """Counters and histograms of what was heard since the start; gauges are set as they are asked.

    Labels are routes, outcomes, states and causes: none grows with the files.
    """

    def __init__(self, version: str, routes: Iterable[str]) -> None:
        registry = self._registry = CollectorRegistry()
        self._asking = threading.Lock()
        self._files = Counter(
            f"{_PREFIX}files", "Files that ended.", ["route", "outcome"], registry=registry
        )
        self._bytes = Histogram(
            f"{_PREFIX}sent_bytes", "Sizes of the files that Pigment took.", ["route"],
            buckets=_BYTES, registry=registry,
        )  # fmt: skip
        self._rows = Counter(
            f"{_PREFIX}rows", "Rows by what Pigment's report says of them.", ["route", "result"],
            registry=registry,
        )  # fmt: skip
        self._waited = _seconds(registry, "wait", "From a file's being found to its push.")
        self._pushed = _seconds(registry, "push", "From a push's begin to Pigment's answer.")
        self._imported = _seconds(registry, "import", "From Pigment's answer to the import's end.")
        self._total = _seconds(registry, "file", "From a file's being found to its last place.")
        self._gauges = _Gauges(registry)
        build = Gauge(f"{_PREFIX}build_info", "The program.", ["version"], registry=registry)
        build.labels(version).set(1)
        for route in routes:  # zero is a figure, too: what is missing can't be alarmed on
            for outcome in Outcome:
                self._files.labels(route, outcome.value)
            self._bytes.labels(route)

    def job_changed(self, event: JobEvent) -> None:
        """Count a file that has ended."""
        job = event.job
        if event.name != "job.finished" or job.outcome is None:
            return
        self._files.labels(job.route, job.outcome.value).inc()
        if job.importing_since is not None:
            self._bytes.labels(job.route).observe(job.bytes_sent or 0)
        counts = {} if job.report is None else job.report.counts
        for result in _ROWS:
            if counts.get(result):
                self._rows.labels(job.route, result).inc(counts[result])
        self._observe(job)

    def page(self, overview: Mapping[str, Any]) -> bytes:
        """Return everything in Prometheus's text format; `overview` is what the journal tells."""
        with self._asking:
            self._gauges.set(overview)
            return generate_latest(self._registry)

    def _observe(self, job: Job) -> None:
        for histogram, begin, end in (
            (self._waited, job.created_at, job.pushed_at),
            (self._pushed, job.pushed_at, job.importing_since),
            (self._imported, job.importing_since, job.decided_at),
            (self._total, job.created_at, job.finished_at),
        ):
            if begin is not None and end is not None:
                histogram.labels(job.route).observe(max(0.0, end - begin))


class _Gauges:
    """How everything is at the moment when it is asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"{_PREFIX}{name}", text, labels, registry=registry)

        self._waiting = gauge("waiting_files", "Files that wait to be pushed.", "route")
        self._in_progress = gauge("in_progress_files", "Files on their way.", "route")
        self._oldest = gauge(
            "oldest_waiting_seconds", "Age of the oldest file that waits; 0: none.", "route"
        )
        self._scanned = gauge(
            "last_scan_age_seconds", "Since a route's folder was looked through last.", "route"
        )
        self._state = gauge(
            "route_state", "1 for the state that a route is in; ok is one of them.",
            "route", "state",
        )  # fmt: skip
        self._healthy = gauge("healthy", "1 if nothing is blocked, lost, stuck, held or late.")
        self._used = gauge("requests_used", "Requests that count against the limit now.")
        self._limit = gauge("requests_limit", "Requests that are allowed in one span.")
        self._left = gauge("requests_left", "Requests that are left of these now.")

    def set(self, overview: Mapping[str, Any]) -> None:
        """Take over what the journal tells."""
        for gauge in (self._waiting, self._in_progress, self._oldest, self._scanned, self._state):
            gauge.clear()  # a route may be gone
        for route in overview["routes"]:
            name = route["route"]
            self._waiting.labels(name).set(route["waiting"])
            self._in_progress.labels(name).set(route["in_progress"])
            self._oldest.labels(name).set(route["oldest_waiting_s"] or 0.0)
            if route["last_scan_s"] is not None:
                self._scanned.labels(name).set(route["last_scan_s"])
            self._state.labels(name, route["state"]).set(1)
        self._healthy.set(overview["healthy"])
        used, limit = overview["requests"]["used"], overview["requests"]["limit"]
        self._used.set(used)
        self._limit.set(limit)
        self._left.set(max(0, limit - used))


def _seconds(registry: CollectorRegistry, name: str, text: str) -> Histogram:
    return Histogram(
        f"{_PREFIX}{name}_seconds", text, ["route"], buckets=_SECONDS, registry=registry
    )
