import io
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_fixtures import a_job
from rich.console import Console

from pigment_watcher import content
from pigment_watcher.cli import demo, demo_files, demo_view
from pigment_watcher.cli.demo_files import Sample
from pigment_watcher.model import (
    Condition,
    ConditionEvent,
    ConditionKind,
    JobEvent,
    Outcome,
    ServiceEvent,
)

ONE = Sample(route="sales", name="a.csv", content=b"x,y\n1,2\n")
TWO = Sample(route="sales", name="b.csv", content=b"x,y\n", ends=Outcome.INVALID)


def event(name: str, file: str, outcome: Outcome | None = None, **changes: Any) -> JobEvent:
    return JobEvent(name=name, job=a_job(file, outcome=outcome, **changes))


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Signals that this process would have got."""
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _pid, number: sent.append(number))
    return iter([sent])


# ---------------------------------------------------------------- the files


@pytest.mark.parametrize("sample", demo_files.samples(), ids=lambda sample: sample.name)
def test_our_own_checks_find_exactly_what_is_planned_as_invalid(sample: Sample) -> None:
    bytes_of = sample.content
    found = content.refusal(
        content.Sample(
            size=len(bytes_of),
            head=bytes_of,
            tail=bytes_of[-4096:],
            read_at=lambda at: bytes_of[at:],
        ),
        allow_empty=False,
    )

    assert (found is None) == sample.is_sent


def test_the_demo_shows_every_kind_of_end() -> None:
    samples = demo_files.samples()

    assert {sample.ends for sample in samples} == {
        Outcome.IMPORTED,
        Outcome.IMPORTED_WITH_SKIPS,
        Outcome.FAILED,
        Outcome.INVALID,
    }
    assert {sample.route for sample in samples} == set(demo._ROUTES)
    assert sum(sample.slow for sample in samples) == 1


def test_no_two_files_of_the_demo_are_alike() -> None:
    samples = demo_files.samples()

    assert len({sample.name for sample in samples}) == len(samples)
    assert len({sample.content for sample in samples}) == len(samples)


# ---------------------------------------------------------------- its end


def test_the_service_is_asked_to_stop_once_all_have_ended(signals: Iterator[list[int]]) -> None:
    sent = next(signals)
    ending = demo.Ending([ONE, TWO])
    ending.job_changed(event("job.finished", "a.csv", Outcome.IMPORTED))
    ending.job_changed(event("job.decided", "b.csv", Outcome.INVALID))
    assert sent == []

    for _ in range(2):
        ending.job_changed(event("job.finished", "b.csv", Outcome.INVALID))

    assert sent == [signal.SIGTERM]
    assert ending.surprises() == []


def test_who_stops_it_by_hand_gets_no_second_signal(signals: Iterator[list[int]]) -> None:
    ending = demo.Ending([ONE])
    ending.service_changed(ServiceEvent(name="service.ready"))
    ending.service_changed(ServiceEvent(name="service.stopping"))

    ending.job_changed(event("job.finished", "a.csv", Outcome.IMPORTED))

    assert next(signals) == []


def test_a_demo_that_takes_too_long_is_ended(signals: Iterator[list[int]]) -> None:
    sent = next(signals)
    ending = demo.Ending([ONE])

    with ending.limited(0.0):
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()

    assert sent == [signal.SIGTERM]
    assert ending.surprises() == ["a.csv: was to be imported, is not at its end"]


def test_an_end_that_was_not_planned_is_a_surprise(signals: Iterator[list[int]]) -> None:
    ending = demo.Ending([ONE])
    ending.job_changed(event("job.finished", "a.csv", Outcome.UNSURE))

    assert ending.surprises() == ["a.csv: was to be imported, is unsure"]


def test_a_proxy_of_this_machine_is_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    with demo._no_proxy():
        assert os.environ["NO_PROXY"] == "*"

    assert os.environ["NO_PROXY"] == "example.com"


def test_no_trace_is_left_where_there_was_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    with demo._no_proxy():
        pass

    assert "NO_PROXY" not in os.environ


def test_a_slow_writer_ends_when_it_is_told_to(tmp_path: Path) -> None:
    slow = Sample(route="sales", name="s.csv", content=b"x\n" * 1000, slow=True)
    (tmp_path / "sales").mkdir()

    with demo._writing(tmp_path, [slow]):
        pass

    assert (tmp_path / "sales" / "s.csv").stat().st_size < 2000


# ---------------------------------------------------------------- the view


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (event("job.claimed", "a.csv"), "a.csv                  claimed"),
        (event("job.pushed", "a.csv"), "a.csv                  import in progress"),
        (
            event("job.finished", "a.csv", Outcome.IMPORTED, target=Path("/x/done/a.csv")),
            "a.csv                  imported -> done/",
        ),
        (event("job.finished", "a.csv", Outcome.GONE), "a.csv                  gone"),
    ],
)
def test_without_a_terminal_each_step_is_a_line(
    told: JobEvent, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    demo_view.Show().job_changed(told)

    assert capsys.readouterr().out == f"  0.0 s  {shown}\n"


def test_a_step_that_nobody_needs_to_see_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    demo_view.Show().job_changed(event("job.decided", "a.csv", Outcome.IMPORTED))

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("began", "word"), [(True, "trouble"), (False, "over")])
def test_a_trouble_is_shown(capsys: pytest.CaptureFixture[str], word: str, *, began: bool) -> None:
    lost = Condition(kind=ConditionKind.FOLDER_LOST, subject="/x", since=0.0, detail="gone")
    demo_view.Show().condition_changed(ConditionEvent(condition=lost, began=began))

    assert capsys.readouterr().out == f"{word}: /x: gone\n"


def test_on_a_terminal_the_files_are_rows_that_change() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    live = demo_view.LiveShow([ONE, TWO], console)
    live.job_changed(event("job.finished", "b.csv", Outcome.UNSURE))
    live.job_changed(event("job.pushing", "new.csv"))
    live.say("[bold]a line")

    console.print(live)

    told = screen.getvalue()
    assert "lies there" in told
    assert "unsure" in told
    assert "new.csv" in told
    assert "[bold]a line" in told


def test_on_a_terminal_the_show_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    with demo_view.fitting([ONE]) as view:
        assert type(view) is demo_view.LiveShow


def test_the_tree_leaves_out_what_the_service_keeps(tmp_path: Path) -> None:
    for name in ("done/a.csv", "failed/b.csv", "processing/7f/starts"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()

    assert list(demo_view.tree(tmp_path)) == ["done/", "  a.csv", "failed/", "  b.csv"]
