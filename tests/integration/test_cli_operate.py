import json
import os
import pwd
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acceptance_fixtures import eventually, write_config
from cli_fixtures import a_journal, add, end, run

from pigment_watcher.cli import access, operate
from pigment_watcher.journal import Journal, ServiceLock
from pigment_watcher.model import Outcome

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@contextmanager
def a_service(config: Path, *, succeeded: bool) -> Iterator[None]:
    """Hold the lock and answer one command, as a service would."""
    lock = ServiceLock(config.parent / "state")
    lock.take()
    with a_journal(config.parent) as journal:
        thread = threading.Thread(target=answer_one, args=(journal,), kwargs={"ok": succeeded})
        thread.start()
        yield
        thread.join()
    lock.drop()


def answer_one(journal: Journal, *, ok: bool) -> None:
    eventually(lambda: bool(journal.commands.unanswered()))
    (command,) = journal.commands.unanswered()
    journal.commands.answer(command.id, succeeded=ok, answer="it is\nso", now=1.0)


def test_a_running_service_answers(config: Path) -> None:
    with a_journal(config.parent), a_service(config, succeeded=True):
        told = run("pause", "sales", "--config", config)

    assert (told.exit_code, told.stdout, told.stderr) == (0, "it is\\nso\n", "")


def test_a_running_service_refuses(config: Path) -> None:
    with a_journal(config.parent), a_service(config, succeeded=False):
        told = run("resume", "sales", "--config", config)

    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "pigment-watcher: it is\\nso\n"


def test_a_service_that_says_nothing_is_not_waited_for_for_ever(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "ANSWER_S", 0.0)
    with a_journal(config.parent):
        lock = ServiceLock(config.parent / "state")
        lock.take()
        told = run("pause", "sales", "--config", config)
        lock.drop()

    assert told.exit_code == 1
    assert "has not answered within 0 s; it will do it as soon as it can" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "name", "stored"),
    [
        (["pause", "sales"], "pause", {"route": "sales"}),
        (["resume", "sales"], "resume", {"route": "sales"}),
        (["close-orphans", "7f01"], "close-orphans", {"instance": "7f01"}),
        (["accept-drive", "sales"], "accept-drive", {"route": "sales"}),
        (["retry", "1"], "retry", {"what": "1", "even_if_imported": False}),
        (
            ["retry", "--even-if-imported", "a.csv"],
            "retry",
            {"what": "a.csv", "even_if_imported": True},
        ),
    ],
)
def test_what_is_asked_for_waits_for_the_next_start(
    config: Path, arguments: list[str], name: str, stored: dict[str, object]
) -> None:
    with a_journal(config.parent) as journal:
        end(journal, add(journal, "a.csv")[0], Outcome.FAILED)
        told = run(*arguments, "--config", config)
        (command,) = journal.commands.unanswered()

    assert told.exit_code == 0
    assert told.stdout == "the service is not running: it will be done at its next start\n"
    assert (command.name, command.arguments, command.asked_by) == (name, stored, ME)


@pytest.mark.parametrize(("succeeded", "code"), [(True, 0), (False, 1)])
def test_programs_get_the_answer_as_json(config: Path, *, succeeded: bool, code: int) -> None:
    with a_journal(config.parent), a_service(config, succeeded=succeeded):
        told = run("pause", "sales", "--json", "--config", config)

    answer = {"request": "pause", "route": "sales", "done": succeeded, "answer": "it is\nso"}
    assert (told.exit_code, told.stderr) == (code, "")
    assert json.loads(told.stdout) == answer


def test_programs_get_an_object_for_each_retry(config: Path) -> None:
    with a_journal(config.parent) as journal:
        end(journal, add(journal, "a.csv")[0], Outcome.FAILED)
        told = run("retry", "b.csv", "a.csv", "--json", "--config", config)

    refused, later = map(json.loads, told.stdout.splitlines())
    assert told.exit_code == 1
    assert (refused["what"], refused["done"]) == ("b.csv", False)
    assert "the journal knows no such job or file" in refused["answer"]
    assert (later["what"], later["done"]) == ("a.csv", None)


def test_a_path_means_the_same_file_to_the_service(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    Path("a.csv").touch()
    with a_journal(config.parent) as journal:
        add(journal, "a.csv", source=config.parent / "a.csv")
        run("retry", "a.csv", "--config", config)
        (command,) = journal.commands.unanswered()

    assert command.arguments["what"] == f"{config.parent}/a.csv"


def test_one_unknown_file_does_not_keep_the_others_from_their_retry(config: Path) -> None:
    with a_journal(config.parent) as journal:
        end(journal, add(journal, "a.csv")[0], Outcome.FAILED)
        told = run("retry", "b.csv", "a.csv", "--config", config)
        (command,) = journal.commands.unanswered()

    assert told.exit_code == 1
    assert "b.csv: the journal knows no such job or file" in told.stderr
    assert command.arguments["what"] == "a.csv"


@pytest.mark.parametrize("name", ["pause", "resume", "accept-drive"])
def test_an_unknown_route_is_refused_with_those_there_are(config: Path, name: str) -> None:
    told = run(name, "slaes", "--config", config)

    assert told.exit_code == 1
    assert told.stderr == "pigment-watcher: slaes: no such route; there are: sales\n"


@pytest.mark.parametrize(
    "arguments",
    [["pause", "sales"], ["retry", "1"], ["close-orphans", "7"], ["accept-drive", "sales"]],
)
def test_no_command_begins_a_journal(config: Path, arguments: list[str]) -> None:
    told = run(*arguments, "--config", config)

    assert told.exit_code == 1
    assert "there is no journal yet" in told.stderr
    assert not (config.parent / "state").exists()


def test_who_asks_by_sudo_is_kept() -> None:
    assert access.who_asks({}) == ME
    assert access.who_asks({"SUDO_USER": "anna"}) == f"{ME} for anna"


def test_who_has_no_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)

    assert access.who_asks({}) == "uid 4000000000"
