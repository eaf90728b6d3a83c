"""What is said of each event: its line's name, level and fields."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from logs_fixtures import logging_restored

from pigment_watcher.listeners import logs
from pigment_watcher.model import (
    Condition,
    ConditionEvent,
    ConditionKind,
    Fingerprint,
    Job,
    JobEvent,
    Outcome,
    Report,
    Rules,
    ServiceEvent,
    Skipped,
    State,
)

JOB = Job(
    id=7,
    route="sales",
    configuration_id="33d0d7d0-6125-47c4-b36a-882f4ed53b33",
    rules=Rules(directory=Path("/in"), done=Path("/in/done"), failed=Path("/in/failed")),
    name="january.csv",
    source=Path("/in/january.csv"),
    fingerprint=Fingerprint(size=1234, mtime_ns=0, ctime_ns=0, inode=1),
    state=State.QUEUED,
    due_at=0.0,
    created_at=1000.0,
)
FINISHED = JOB.evolve(
    state=State.DONE,
    outcome=Outcome.IMPORTED,
    import_id="f2b0",
    finished_at=1012.5,
    bytes_sent=1234,
)


class Said:
    """The lines that were written, read as JSON."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def only(self) -> dict[str, Any]:
        (line,) = self.lines
        del line["timestamp"]
        return line


@pytest.fixture
def said() -> Iterator[Said]:
    with logging_restored():
        written = Said()
        logs.configure(level="debug", format="json", stream=written.stream)
        yield written


def condition(kind: ConditionKind, subject: str = "pigment.app:443", **more: Any) -> Condition:
    return Condition(kind=kind, subject=subject, since=0.0, **more)


def began(about: Condition, *routes: str) -> ConditionEvent:
    return ConditionEvent(condition=about, began=True, routes=routes)


def ended(about: Condition, seconds: float) -> ConditionEvent:
    return ConditionEvent(condition=about, began=False, seconds=seconds, routes=("sales",))


def test_a_claimed_file_is_said_with_its_size(said: Said) -> None:
    logs.LogListener().job_changed(JobEvent(name="job.claimed", job=JOB))
    assert said.only() == {
        "event": "job.claimed",
        "level": "info",
        "route": "sales",
        "file": "january.csv",
        "job": 7,
        "bytes": 1234,
    }


def test_a_step_that_moved_no_bytes_names_none(said: Said) -> None:
    logs.LogListener().job_changed(JobEvent(name="job.delayed", job=JOB, detail="503"))
    assert said.only() == {
        "event": "job.delayed",
        "level": "info",
        "route": "sales",
        "file": "january.csv",
        "job": 7,
        "detail": "503",
    }


def test_an_imported_file_is_one_info_line_with_all_that_matters(said: Said) -> None:
    job = FINISHED.evolve(reason="Pigment said Completed")
    logs.LogListener().job_changed(JobEvent(name="job.finished", job=job))
    assert said.only() == {
        "event": "job.finished",
        "level": "info",
        "route": "sales",
        "file": "january.csv",
        "job": 7,
        "import_id": "f2b0",
        "outcome": "imported",
        "seconds": 12.5,
        "bytes": 1234,
    }


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (Outcome.IMPORTED, "info"),
        (Outcome.IMPORTED_WITH_SKIPS, "warning"),
        (Outcome.FAILED, "error"),
        (Outcome.REFUSED, "error"),
        (Outcome.INVALID, "error"),
        (Outcome.UNSURE, "error"),
        (Outcome.GONE, "warning"),
        (Outcome.RETURNED, "warning"),
    ],
)
def test_an_end_is_as_loud_as_its_outcome(said: Said, outcome: Outcome, level: str) -> None:
    job = FINISHED.evolve(outcome=outcome)
    logs.LogListener().job_changed(JobEvent(name="job.finished", job=job))
    assert (said.only()["level"], said.only()["outcome"]) == (level, outcome.value)


def test_an_end_says_what_pigment_reported_in_numbers_and_no_content(said: Said) -> None:
    skips = (Skipped(reason="ParsingError", samples=("secret",)),)
    report = Report(inserted=3, skipped=2, created=1, skips=skips)
    job = FINISHED.evolve(outcome=Outcome.IMPORTED_WITH_SKIPS, report=report)
    logs.LogListener().job_changed(JobEvent(name="job.finished", job=job))
    line = said.only()
    assert (line["inserted"], line["skipped"], line["created"]) == (3, 2, 1)
    assert "updated" not in line
    assert "secret" not in str(line)


def test_an_imported_file_says_why_only_if_something_is_left_to_do(said: Said) -> None:
    job = FINISHED.evolve(reason="Its report could not be read.", advice="Look.")
    logs.LogListener().job_changed(JobEvent(name="job.finished", job=job))
    assert said.only()["reason"] == "Its report could not be read."


def test_rows_that_were_left_out_are_an_error_where_they_count_as_a_failure(said: Said) -> None:
    job = FINISHED.evolve(outcome=Outcome.IMPORTED_WITH_SKIPS, state=State.FAILED)
    logs.LogListener().job_changed(JobEvent(name="job.finished", job=job))
    assert said.only()["level"] == "error"


def test_what_is_not_imported_says_why(said: Said) -> None:
    job = FINISHED.evolve(outcome=Outcome.INVALID, reason="the file is empty")
    logs.LogListener().job_changed(JobEvent(name="job.finished", job=job))
    assert said.only()["reason"] == "the file is empty"


def test_a_failed_file_is_an_error_only_when_it_is_over(said: Said) -> None:
    job = FINISHED.evolve(outcome=Outcome.FAILED, finished_at=None, reason="bad")
    logs.LogListener().job_changed(JobEvent(name="job.archiving", job=job, detail="once more"))
    line = said.only()
    assert (line["level"], line["detail"]) == ("info", "once more")
    assert not {"seconds", "reason"} & set(line)


@pytest.mark.parametrize(
    ("kind", "level", "start", "end"),
    [
        ("host_in_doubt", "warning", "route.blocked", "route.unblocked"),
        ("wrong_url", "error", "route.blocked", "route.unblocked"),
        ("host_unavailable", "warning", "destination.unavailable", "destination.available"),
        ("host_busy", "warning", "route.blocked", "route.unblocked"),
        ("key_refused", "error", "route.blocked", "route.unblocked"),
        ("configuration_missing", "error", "route.blocked", "route.unblocked"),
        ("lane_busy", "warning", "route.blocked", "route.unblocked"),
        ("lane_held", "error", "route.blocked", "route.unblocked"),
        ("route_paused", "info", "route.blocked", "route.unblocked"),
        ("folder_lost", "error", "route.lost", "route.found"),
        ("claim_stuck", "error", "route.claims_stuck", "route.claims_freed"),
        ("file_unreadable", "warning", "file.unreadable", "file.readable"),
        ("orphans", "warning", "processing.orphans", "processing.clear"),
        ("archive_stuck", "error", "job.archive_stuck", "job.archive_freed"),
    ],
)
def test_a_condition_is_one_line_at_its_start_and_one_at_its_end(
    said: Said, *, kind: str, level: str, start: str, end: str
) -> None:
    about = condition(ConditionKind(kind))
    logs.LogListener().condition_changed(began(about))
    logs.LogListener().condition_changed(ended(about, 61.25))
    assert [(line["level"], line["event"]) for line in said.lines] == [
        (level, start),
        ("info", end),
    ]
    assert [line.get("seconds") for line in said.lines] == [None, 61.25]


def test_a_key_in_doubt_is_said_to_nobody_but_the_debugger(said: Said) -> None:
    about = condition(ConditionKind.KEY_IN_DOUBT, "default")
    logs.LogListener().condition_changed(began(about))
    logs.LogListener().condition_changed(ended(about, 1.0))
    assert [line["level"] for line in said.lines] == ["debug", "debug"]


def test_a_file_that_no_route_takes_is_said_once(said: Said) -> None:
    about = condition(ConditionKind.FILE_UNCLAIMED, "/in/notes.txt")
    logs.LogListener().condition_changed(began(about, "sales"))
    logs.LogListener().condition_changed(ended(about, 1.0))
    assert said.only() == {
        "event": "file.unclaimed",
        "level": "warning",
        "cause": "file_unclaimed",
        "subject": "/in/notes.txt",
        "route": "sales",
        "file": "notes.txt",
    }


def test_there_are_words_for_every_condition_and_every_outcome(said: Said) -> None:
    for kind in ConditionKind:
        logs.LogListener().condition_changed(began(condition(kind)))
    assert len(said.lines) == len(ConditionKind)
    assert set(logs._OUTCOMES) == set(Outcome)


def test_a_condition_without_routes_names_none(said: Said) -> None:
    logs.LogListener().condition_changed(began(condition(ConditionKind.FOLDER_LOST, "elsewhere")))
    assert not {"route", "routes"} & set(said.only())


def test_a_condition_names_all_routes_that_it_stops(said: Said) -> None:
    about = condition(ConditionKind.KEY_REFUSED, "default", detail="401: expired", job_id=3)
    logs.LogListener().condition_changed(began(about, "sales", "lists"))
    assert said.only() == {
        "event": "route.blocked",
        "level": "error",
        "cause": "key_refused",
        "subject": "default",
        "routes": ["sales", "lists"],
        "job": 3,
        "detail": "401: expired",
    }


def test_an_event_of_the_service_keeps_its_level_and_fields(said: Said) -> None:
    event = ServiceEvent(
        name="service.started", level="warning", fields={"routes": 2, "state": Path("/var/lib")}
    )
    logs.LogListener().service_changed(event)
    assert said.only() == {
        "event": "service.started",
        "level": "warning",
        "routes": 2,
        "state": "/var/lib",
    }


def test_a_name_that_is_no_utf8_shows_its_bytes(said: Said) -> None:
    job = JOB.evolve(name="caf\udce9.csv")
    logs.LogListener().job_changed(JobEvent(name="job.claimed", job=job))
    assert said.only()["file"] == r"caf\xe9.csv"


def test_half_a_character_in_an_answer_does_not_spoil_the_line(said: Said) -> None:
    job = FINISHED.evolve(outcome=Outcome.FAILED, reason="row 3: \ud83d")
    logs.LogListener().job_changed(JobEvent(name="job.finished", job=job))
    assert said.only()["reason"] == r"row 3: \ud83d"
