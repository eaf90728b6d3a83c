import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acceptance_fixtures import ROWS, configuration_id, eventually, write_config
from cli_fixtures import a_journal, add, run
from click.testing import Result

from pigment_watcher.journal import Journal
from pigment_watcher.model import Condition, ConditionKind, State
from pigment_watcher.policy import delays, poll_times, reports
from pigment_watcher.simulator import Fault, Simulator

LANE = configuration_id("sales")


@pytest.fixture(autouse=True)
def _polls_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll_times, "UNKNOWN_S", (0.01,))
    monkeypatch.setattr(poll_times, "OVERDUE_S", (0.01, 0.05))
    monkeypatch.setattr(delays, "POLL_RETRY_S", (0.01, 0.05))
    monkeypatch.setattr(reports, "DOUBT_S", 0.01)
    monkeypatch.setattr(delays, "CONDITION_S", dict.fromkeys(delays.CONDITION_S, (0.01, 0.05)))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(import_s=0.05) as simulator:
        yield simulator


def pushing(
    folder: Path, simulator: Simulator, content: str = ROWS, lane: str = LANE, **pigment: Any
) -> Result:
    """Push a file of this content by hand."""
    config = write_config(folder, simulator, **pigment)
    file = folder / "by-hand.csv"
    file.write_text(content, encoding="utf-8")
    return run("push", file, "--configuration-id", lane, "--config", config)


def test_a_file_is_imported_and_stays_where_it_is(tmp_path: Path, simulator: Simulator) -> None:
    told = pushing(tmp_path, simulator)

    (push,) = simulator.pushes()
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        f"pushing by-hand.csv (60 bytes) into {LANE}",
        f"import {push.import_id} has started",
        f"imported: {tmp_path}/by-hand.csv (import {push.import_id})",
    ]
    assert (tmp_path / "by-hand.csv").read_text(encoding="utf-8") == ROWS


def test_an_import_that_fails_is_told_as_a_reason_would(
    tmp_path: Path, simulator: Simulator
) -> None:
    told = pushing(tmp_path, simulator, "a,b\n1,SIMULATE-FAIL\n")

    assert told.exit_code == 1
    assert told.stderr.count("pigment-watcher: NOT IMPORTED - by-hand.csv\n") == 1
    assert "What happened\n  Pigment received the file, and its import failed.\n" in told.stderr
    assert "What to do now\n  Open the block in Pigment" in told.stderr
    assert f"Import ID:     {simulator.pushes()[0].import_id}" in told.stderr


def test_rows_that_were_left_out_are_told(tmp_path: Path, simulator: Simulator) -> None:
    told = pushing(tmp_path, simulator, "a,b\n1,SIMULATE-SKIP\n")

    assert told.exit_code == 0
    assert told.stdout.endswith(f"(import {simulator.pushes()[0].import_id})\n")
    assert "IMPORTED, BUT ROWS ARE MISSING - by-hand.csv\n" in told.stderr
    assert 'What was left out\n  1 in column "b": the item is not in its list' in told.stderr


def test_rows_that_were_left_out_are_a_failure_where_the_route_says_so(
    tmp_path: Path, simulator: Simulator
) -> None:
    config = write_config(tmp_path, simulator, routes={"sales": {"skipped_rows": "fail"}})
    (tmp_path / "a.csv").write_text("a,b\n1,SIMULATE-SKIP\n", encoding="utf-8")

    told = run("push", tmp_path / "a.csv", "--configuration-id", LANE, "--config", config)

    assert told.exit_code == 1
    assert "IMPORTED, BUT ROWS ARE MISSING - a.csv" in told.stderr


@pytest.mark.parametrize(
    ("wanted", "known", "polls"),
    [
        ("auto", False, 4),
        ("auto", True, 1),
        (False, False, 1),
    ],
)
def test_a_host_without_reports_is_asked_by_the_older_call(
    tmp_path: Path, wanted: object, known: bool, polls: int
) -> None:
    with Simulator(import_s=0.0, has_v1=False) as simulator:
        host = simulator.url.removeprefix("http://")
        due_at = time.time() + (60 if known else -60)
        none = Condition(kind=ConditionKind.NO_REPORTS, subject=host, since=0.0, due_at=due_at)
        with a_journal(tmp_path) as journal:
            journal.conditions.begin(none)

        told = pushing(tmp_path, simulator, detailed_report=wanted)

        assert told.exit_code == 0
        assert ("Its report could not be read" in told.stderr) == (polls > 1)
        assert len(simulator.calls()) == 1 + polls


def test_a_refused_file_is_told_with_pigments_own_words(
    tmp_path: Path, simulator: Simulator
) -> None:
    told = pushing(tmp_path, simulator, "a,b\n1,SIMULATE-400\n")

    assert told.exit_code == 1
    assert "What Pigment said\n  The file says SIMULATE-400\n" in told.stderr
    assert "Import ID:     none" in told.stderr


def test_a_file_that_is_no_csv_is_never_sent(tmp_path: Path, simulator: Simulator) -> None:
    told = pushing(tmp_path, simulator, "a,b\n")

    assert told.exit_code == 1
    assert "The file holds a header and no rows." in told.stderr
    assert "Sent:          never" in told.stderr
    assert simulator.calls() == []


def test_a_route_that_allows_empty_files_allows_them_here(
    tmp_path: Path, simulator: Simulator
) -> None:
    config = write_config(tmp_path, simulator, routes={"sales": {"allow_empty": True}})
    (tmp_path / "empty.csv").touch()

    told = run("push", tmp_path / "empty.csv", "--configuration-id", LANE, "--config", config)

    assert told.exit_code == 0
    assert simulator.pushes()[0].size == 0


def test_a_lost_answer_is_not_known(tmp_path: Path, simulator: Simulator) -> None:
    simulator.script(Fault.lost_answer())

    told = pushing(tmp_path, simulator)

    assert told.exit_code == 1
    assert "NOT KNOWN WHETHER IMPORTED - look before pushing it again\n" in told.stderr
    assert len(simulator.pushes()) == 1


def test_a_lost_answer_is_not_known_whatever_the_route_says(
    tmp_path: Path, simulator: Simulator
) -> None:
    config = write_config(tmp_path, simulator, routes={"sales": {"load_mode": "update"}})
    (tmp_path / "a.csv").write_text(ROWS, encoding="utf-8")
    simulator.script(Fault.answer(500))

    told = run("push", tmp_path / "a.csv", "--configuration-id", LANE, "--config", config)

    assert "NOT KNOWN WHETHER IMPORTED" in told.stderr
    assert len(simulator.pushes()) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "Pigment refused the API key (401): put a valid key in its place"),
        (404, f"Pigment knows no import configuration {LANE}"),
        (429, "the server answered 429"),
        (503, "the server answered 503"),
        (308, "the server redirects (308)"),
    ],
)
def test_a_destination_that_takes_nothing_is_told_with_its_cause(
    tmp_path: Path, simulator: Simulator, status: int, words: str
) -> None:
    simulator.script(Fault.answer(status))

    told = pushing(tmp_path, simulator)

    assert told.exit_code == 1
    assert f"pigment-watcher: by-hand.csv: nothing was imported: {words}" in told.stderr


def test_a_push_that_was_forbidden_although_the_key_is_fine_was_the_files_fault(
    tmp_path: Path, simulator: Simulator
) -> None:
    simulator.script(Fault.answer(403, body=b"<b>blocked</b>"))

    told = pushing(tmp_path, simulator)

    assert "so a proxy or firewall disliked this file" in told.stderr


def test_a_push_that_was_forbidden_because_of_the_key_says_so(
    tmp_path: Path, simulator: Simulator
) -> None:
    simulator.script(Fault.answer(403), Fault.answer(403, on="probe"))

    told = pushing(tmp_path, simulator)

    assert "nothing was imported: the server answered 403" in told.stderr


def test_a_status_call_that_fails_is_told_once_and_asked_again(
    tmp_path: Path, simulator: Simulator
) -> None:
    simulator.script(Fault.answer(503, on="status", times=3))

    told = pushing(tmp_path, simulator)

    assert told.exit_code == 0
    assert told.stderr.count("the server answered 503; asks again") == 1


def test_after_a_trouble_it_takes_its_time(
    tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(delays, "POLL_RETRY_S", (5.0, 5.0))
    monkeypatch.setattr(time, "sleep", slept.append)
    simulator.script(Fault.answer(401, on="status"))

    told = pushing(tmp_path, simulator)

    assert told.exit_code == 0
    assert max(slept) > 3.0


def test_a_missing_file_is_told(tmp_path: Path, simulator: Simulator) -> None:
    config = write_config(tmp_path, simulator)

    missing = run("push", tmp_path / "a.csv", "--configuration-id", LANE, "--config", config)
    folder = run("push", tmp_path, "--configuration-id", LANE, "--config", config)

    assert missing.stderr == f"pigment-watcher: {tmp_path}/a.csv: there is no such file\n"
    assert folder.stderr == f"pigment-watcher: {tmp_path}: this is no regular file\n"


def test_what_is_no_configuration_id_is_a_wrong_usage(tmp_path: Path, simulator: Simulator) -> None:
    told = pushing(tmp_path, simulator, lane="33d0")

    assert told.exit_code == 2
    assert "'33d0' is not a valid UUID" in told.stderr


def test_a_key_that_is_missing_is_a_bad_configuration(tmp_path: Path, simulator: Simulator) -> None:
    told = pushing(tmp_path, simulator, api_key_file=str(tmp_path / "no-key"))

    assert told.exit_code == 78
    assert "no API key" in told.stderr


def test_a_configuration_of_no_route_needs_the_key_of_all(
    tmp_path: Path, simulator: Simulator
) -> None:
    key_file = str(tmp_path / "api-key")
    config = write_config(
        tmp_path,
        simulator,
        routes={"sales": {"api_key_file": key_file}},
        api_key_file=None,
    )
    (tmp_path / "a.csv").write_text(ROWS, encoding="utf-8")
    file, other = tmp_path / "a.csv", configuration_id("other")

    refused = run("push", file, "--configuration-id", other, "--config", config)
    taken = run("push", file, "--configuration-id", LANE, "--config", config)

    assert f"no API key for {other}" in refused.stderr
    assert (refused.exit_code, taken.exit_code) == (1, 0)


# ---------------------------------------------------------------- beside the service


def test_requests_are_counted_where_the_service_counts_its_own(
    tmp_path: Path, simulator: Simulator
) -> None:
    with a_journal(tmp_path) as journal:
        told = pushing(tmp_path, simulator)
        counted = journal.calls.count(simulator.url.removeprefix("http://"), 0.0)

    assert told.stderr == ""
    assert counted == len(simulator.calls())


def test_without_a_journal_it_goes_on_and_says_so(tmp_path: Path, simulator: Simulator) -> None:
    told = pushing(tmp_path, simulator)

    assert told.exit_code == 0
    assert "requests are not counted for the limits: " in told.stderr
    assert not (tmp_path / "state").exists()


def test_it_waits_for_a_slot_and_says_so(tmp_path: Path, simulator: Simulator) -> None:
    host = simulator.url.removeprefix("http://")
    with a_journal(tmp_path) as journal:
        journal.calls.book(host, LANE, time.time())
        began = time.monotonic()
        told = pushing(tmp_path, simulator, push_limit={"requests": 1, "per": "1s"})

    assert told.exit_code == 0
    assert told.stderr.count("the limits allow the next request at ") == 1
    assert time.monotonic() - began > 0.5


def test_a_journal_that_can_no_longer_be_written_does_not_end_an_import(
    tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_journal(tmp_path) as journal:
        lock_after_push(journal, simulator, monkeypatch)
        told = pushing(tmp_path, simulator)

    assert told.exit_code == 0
    assert told.stderr.count("requests are no longer counted: ") == 1


def lock_after_push(
    journal: Journal, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hold the journal from the moment when the push came."""
    monkeypatch.setattr("pigment_watcher.journal.database.BUSY_TIMEOUT_S", 0.05)

    def hold() -> None:
        simulator.wait_for(lambda one: bool(one.pushes()))
        with journal.writing():
            journal.commands.prune(0.0)
            simulator.wait_for(lambda one: one.imports()[0].state == "Completed")
            eventually(lambda: any(call.method == "GET" for call in simulator.calls()))

    threading.Thread(target=hold, daemon=True).start()


def test_a_file_that_the_service_imports_as_well_is_remarked(
    tmp_path: Path, simulator: Simulator
) -> None:
    config = write_config(tmp_path, simulator)
    file = tmp_path / "sales" / "a.csv"
    file.write_text(ROWS, encoding="utf-8")

    told = run("push", file, "--configuration-id", LANE, "--config", config)

    assert "the file lies in the inbox of sales: the service imports it, too" in told.stderr


def test_an_import_of_the_service_into_the_same_place_is_remarked(
    tmp_path: Path, simulator: Simulator
) -> None:
    with a_journal(tmp_path) as journal:
        (job,) = add(journal, "other.csv")
        pushed = journal.jobs.move(job, State.PUSHING, at=1.0)
        journal.jobs.move(pushed, State.IMPORTING, at=1.0)

        told = pushing(tmp_path, simulator)

    assert "job 1 (other.csv) is being imported into the same configuration" in told.stderr


def test_a_damaged_journal_is_no_reason_not_to_push(tmp_path: Path, simulator: Simulator) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.db").write_bytes(b"no database at all" * 100)

    told = pushing(tmp_path, simulator)

    assert told.exit_code == 0
    assert told.stderr.count("requests are not counted for the limits: ") == 1


# ---------------------------------------------------------------- Ctrl-C


def interrupt() -> None:
    """Do what Ctrl-C does: wake the main thread from whatever it waits for."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def interrupt_when(simulator: Simulator, moment: Any) -> None:
    def wait() -> None:
        simulator.wait_for(moment)
        interrupt()

    threading.Thread(target=wait, daemon=True).start()


def test_ctrl_c_while_the_import_runs_leaves_its_id(tmp_path: Path) -> None:
    with Simulator(import_s=float("inf")) as simulator:
        interrupt_when(simulator, lambda one: any(call.method == "GET" for call in one.calls()))
        told = pushing(tmp_path, simulator)
        import_id = simulator.pushes()[0].import_id

    assert told.exit_code == 1
    assert f"interrupted: import {import_id} goes on in Pigment" in told.stderr


def test_ctrl_c_while_the_file_is_sent_is_not_known(tmp_path: Path, simulator: Simulator) -> None:
    simulator.script(Fault.slow(2.0))
    interrupt_when(simulator, lambda one: bool(one.pushes()))

    told = pushing(tmp_path, simulator)

    assert told.exit_code == 1
    assert "NOT KNOWN WHETHER IMPORTED" in told.stderr
    assert "interrupted while by-hand.csv was being sent" in told.stderr


def test_ctrl_c_while_it_waits_for_a_slot_has_sent_nothing(
    tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_ctrl_c(_: float) -> None:
        raise KeyboardInterrupt

    host = simulator.url.removeprefix("http://")
    with a_journal(tmp_path) as journal:
        journal.calls.book(host, LANE, time.time())
        monkeypatch.setattr(time, "sleep", press_ctrl_c)
        told = pushing(tmp_path, simulator, push_limit={"requests": 1, "per": "1h"})

    assert told.exit_code == 1
    assert "interrupted: nothing of by-hand.csv was sent" in told.stderr
