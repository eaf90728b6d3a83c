import io

import pytest
from cli_fixtures import IMPORT_ID, a_job
from rich.console import Console

from pigment_watcher.cli import push_view
from pigment_watcher.cli.push_view import Bar, Lines

JOB = a_job(import_id=IMPORT_ID, importing_since=1.0)


def test_lines_say_each_step_and_no_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    view = Lines()
    view.pushing(JOB)
    view.sent(600)
    view.importing(JOB)
    view.polled(JOB)

    assert capsys.readouterr().out.splitlines() == [
        f"pushing sales.csv (1,234 bytes) into {JOB.configuration_id}",
        f"import {IMPORT_ID} has started",
    ]


def test_a_long_import_gives_a_sign_of_life_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = Lines()
    view._said_at -= push_view._STILL_S

    view.polled(JOB)
    view.polled(JOB)

    assert capsys.readouterr().out.count("still in progress after ") == 1


def test_a_trouble_is_said_again_only_after_it_was_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = Lines()
    for _ in range(2):
        view.trouble("no answer")
    view.polled(JOB)
    view.trouble("no answer")

    assert capsys.readouterr().err.splitlines() == ["pigment-watcher: no answer; asks again"] * 2


def test_where_there_is_no_terminal_there_is_no_bar() -> None:
    with push_view.fitting() as view:
        assert type(view) is Lines


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    with push_view.fitting() as view:
        assert type(view) is Bar


def test_the_bar_shows_the_bytes_and_then_the_import() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with Bar(console) as view:
        view.sent(0)
        view.pushing(JOB)
        view.sent(600)
        view._progress.refresh()
        sent = screen.getvalue()
        view.importing(JOB)

    assert "600 of 1,234 bytes" in sent
    assert "importing" in screen.getvalue()
