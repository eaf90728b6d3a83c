"""Where lines go: files, a terminal, the journal; and what comes from elsewhere."""

import io
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from logs_fixtures import logging_restored

from pigment_watcher.listeners import logs
from pigment_watcher.model import ServiceEvent


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    with logging_restored():
        yield


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """A real one: what is written to the stream can be read from the descriptor."""
    screen, line = os.openpty()
    with os.fdopen(line, "w", encoding="utf-8") as stream:
        yield screen, stream
    os.close(screen)


def say(name: str = "service.started", level: str = "info", **fields: object) -> None:
    logs.LogListener().service_changed(ServiceEvent(name=name, level=level, fields=fields))


def only(stream: io.StringIO) -> Any:
    (line,) = stream.getvalue().splitlines()
    return json.loads(line)


def shown(terminal: tuple[int, TextIO]) -> str:
    return os.read(terminal[0], 65536).decode()


def fail(message: str, api_key: str = "pgm_s3cret") -> None:
    raise ValueError(message)


def journal(path: Path) -> dict[str, str]:
    found = path.stat()
    return {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}


def test_without_a_terminal_auto_means_json_with_the_time_in_utc() -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="auto", stream=stream)
    say()
    line = only(stream)
    assert list(line) == ["timestamp", "level", "event"]
    assert line["timestamp"].endswith("Z")


def test_on_a_terminal_auto_means_coloured_console(terminal: tuple[int, TextIO]) -> None:
    logs.configure(level="info", format="auto", stream=terminal[1], environ={})
    say(routes=3)
    text = shown(terminal)
    assert "service.started" in text
    assert "\x1b[" in text
    assert "{" not in text


def test_no_color_is_honoured(terminal: tuple[int, TextIO]) -> None:
    logs.configure(level="info", format="auto", stream=terminal[1], environ={"NO_COLOR": "1"})
    say(routes=3)
    assert "\x1b" not in shown(terminal)


def test_a_file_name_gives_no_orders_to_a_terminal(terminal: tuple[int, TextIO]) -> None:
    logs.configure(level="info", format="auto", stream=terminal[1], environ={"NO_COLOR": "1"})
    say(file="\x1b]0;owned\x07.csv")
    text = shown(terminal)
    assert r"\u001b]0;owned\u0007.csv" in text
    assert "\x1b" not in text


def test_a_message_on_a_console_is_one_line() -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="console", stream=stream)
    logging.getLogger("x").warning("said\nservice.stopped")
    assert r"said\u000aservice.stopped" in stream.getvalue()


def test_a_traceback_stays_readable_on_a_console() -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="console", stream=stream)
    try:
        fail("bad\x1b[2J")
    except ValueError:
        logging.getLogger("x").exception("broken")
    assert "\nTraceback (most recent call last):\n" in stream.getvalue()
    assert stream.getvalue().endswith("ValueError: bad\\u001b[2J\n")


def test_json_can_be_asked_for_on_a_terminal(terminal: tuple[int, TextIO]) -> None:
    logs.configure(level="info", format="json", stream=terminal[1], environ={})
    say()
    assert json.loads(shown(terminal))["event"] == "service.started"


def test_the_journal_gets_priorities_and_no_time(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("w", encoding="utf-8") as stream:
        logs.configure(level="debug", format="auto", stream=stream, environ=journal(path))
        for level in ("debug", "info", "warning", "error", "critical"):
            say("service.tested", level)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert json.loads(lines[0][3:]) == {"level": "debug", "event": "service.tested"}


def test_each_line_of_a_traceback_in_the_journal_has_its_priority(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("w", encoding="utf-8") as stream:
        logs.configure(level="info", format="console", stream=stream, environ=journal(path))
        logging.getLogger("x").error("broken", exc_info=ValueError("bad"))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 1
    assert {line[:3] for line in lines} == {"<3>"}


def test_a_stream_that_is_not_the_journal_is_not_written_for_it(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    with (tmp_path / "redirected").open("w", encoding="utf-8") as stream:
        environ = journal(tmp_path / "journal")
        logs.configure(level="info", format="auto", stream=stream, environ=environ)
        say()
    assert (tmp_path / "redirected").read_text(encoding="utf-8").startswith("{")


def test_lines_below_the_level_are_left_out_until_it_is_changed() -> None:
    stream = io.StringIO()
    logs.configure(level="warning", format="json", stream=stream)
    say()
    logs.configure(level="info", format="json", stream=stream)
    say("service.reloaded")
    assert only(stream)["event"] == "service.reloaded"


def test_a_librarys_line_looks_like_ours() -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="json", stream=stream)
    logging.getLogger("urllib3").warning("pool of %s is full", "pigment.app", extra={"size": 10})
    line = only(stream)
    del line["timestamp"]
    assert line == {
        "level": "warning",
        "event": "pool of pigment.app is full",
        "logger": "urllib3",
        "size": 10,
    }


def test_a_warning_of_python_is_a_line() -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="json", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    assert (only(stream)["level"], only(stream)["logger"]) == ("warning", "py.warnings")


@pytest.mark.parametrize("output", ["json", "console"])
def test_neither_a_key_nor_a_variable_of_a_traceback_is_shown(output: str) -> None:
    stream = io.StringIO()
    logs.configure(level="debug", format=output, stream=stream)
    header = {"Authorization": "Bearer pgm_s3cret"}
    try:
        fail(f"sent {header}")
    except ValueError:
        logging.getLogger("x").exception("asked with %r", header)
    assert stream.getvalue().count("{'Authorization': 'Bearer <hidden>'}") == 2
    assert "s3cret" not in stream.getvalue()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_logged_by_its_name() -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="json", stream=stream)

    def die() -> None:
        raise ValueError("no more")

    thread = threading.Thread(target=die, name="worker-1")
    thread.start()
    thread.join()
    line = only(stream)
    assert (line["event"], line["level"], line["thread"]) == ("thread.died", "critical", "worker-1")
    assert "ValueError: no more" in line["exception"]


def test_a_thread_that_leaves_by_itself_is_not_said_to_have_died() -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="json", stream=stream)
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert stream.getvalue() == ""


def test_an_uncaught_exception_of_the_process_is_a_line() -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="json", stream=stream)
    error = ValueError("no more")
    sys.excepthook(ValueError, error, None)
    assert (only(stream)["event"], only(stream)["level"]) == ("process.died", "critical")


def test_an_interrupt_is_left_to_python(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    logs.configure(level="info", format="json", stream=stream)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert stream.getvalue() == ""
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_stderr_is_where_lines_go(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="info", format="json")
    say()
    assert json.loads(capsys.readouterr().err)["event"] == "service.started"
