import json
import time
from pathlib import Path

import pytest
from acceptance_fixtures import configuration_id, write_config
from cli_fixtures import IMPORT_ID, a_journal, add, end, run
from disk_fixtures import filled, small_disk

from pigment_watcher.journal import ServiceLock
from pigment_watcher.model import Condition, ConditionKind, Outcome, Report, Skipped, State

HOUR_S = 3600.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, routes={"sales": {}, "costs": {}})


# ---------------------------------------------------------------- status


def test_status_without_a_journal_says_so_and_is_no_failure(config: Path) -> None:
    told = run("status", "--config", config)

    assert told.exit_code == 0
    assert told.stdout.startswith(f"No journal yet in {config.parent}/state: the service was never")


def test_status_without_a_journal_makes_nothing(config: Path) -> None:
    run("status", "--config", config)
    run("history", "--config", config)

    assert not (config.parent / "state").exists()


def test_status_tells_what_waits_and_what_ended(config: Path) -> None:
    with a_journal(config.parent) as journal:
        one, *_ = add(journal, "a.csv", "b.csv", "c.csv")
        end(journal, one, Outcome.IMPORTED)
        journal.calls.book("127.0.0.1:9", None, time.time())

    told = run("status", "--config", config)

    assert told.exit_code == 0
    assert "The service is not running." in told.stdout
    assert "Requests: 1 of 10000 in 5 min." in told.stdout
    assert "Last 24 hours: 1 imported." in told.stdout
    assert "sales  ok     2        0 " in told.stdout
    assert "a.csv, imported " in told.stdout


def test_status_tells_that_nothing_can_be_written_to_the_journal(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state", kilobytes=1000) as disk:
        config = write_config(tmp_path)
        with a_journal(tmp_path):
            pass
        assert run("status", "--config", config).exit_code == 0
        with filled(disk):
            told = run("status", "--config", config)
            as_json = run("status", "--json", "--config", config)

    assert told.exit_code == as_json.exit_code == 1
    assert "stuck: the journal: its disk is full: less than 256 KiB are free;" in told.stdout
    assert "its disk is full" in json.loads(as_json.stdout)["journal_stuck"]


def test_status_knows_a_running_service_by_its_lock(config: Path) -> None:
    with a_journal(config.parent):
        lock = ServiceLock(config.parent / "state")
        lock.take()
        told = run("status", "--config", config)
        lock.drop()

    assert "The service is running." in told.stdout


def test_status_of_a_blocked_route_says_why_and_exits_1(config: Path) -> None:
    blocked = Condition(
        kind=ConditionKind.CONFIGURATION_MISSING,
        subject=configuration_id("sales"),
        since=time.time(),
        detail="Pigment knows no such configuration",
        due_at=time.time() + 300,
    )
    with a_journal(config.parent) as journal:
        journal.conditions.begin(blocked)

    told = run("status", "--config", config)

    assert told.exit_code == 1
    assert "sales  blocked" in told.stdout
    assert "blocked: sales: Pigment knows no such configuration (since " in told.stdout
    assert "; tried again in 4 min " in told.stdout


def test_status_of_a_late_route_exits_1(config: Path) -> None:
    with a_journal(config.parent) as journal:
        add(journal, "a.csv", created_at=time.time() - 2 * HOUR_S)

    told = run("status", "--config", config)

    assert told.exit_code == 1
    assert "sales  late" in told.stdout


def test_status_shows_files_of_a_route_that_is_gone(config: Path) -> None:
    with a_journal(config.parent) as journal:
        add(journal, "a.csv", route="old")

    assert "old (no longer configured)" in run("status", "--config", config).stdout


def test_status_as_json_keeps_its_names(config: Path) -> None:
    with a_journal(config.parent) as journal:
        add(journal, "a.csv")
        journal.conditions.begin(
            Condition(kind=ConditionKind.ROUTE_PAUSED, subject="sales", since=time.time())
        )

    told = json.loads(run("status", "--config", config, "--json").stdout)

    assert (told["running"], told["healthy"]) == (False, True)
    assert told["requests"] == {"used": 0, "limit": 10_000, "per_s": 300.0}
    assert told["last_24h"]["imported"] == 0
    sales, costs = told["routes"]
    assert (sales["state"], sales["waiting"], sales["in_progress"]) == ("paused", 1, 0)
    assert (costs["state"], costs["last"], costs["oldest_waiting_s"]) == ("ok", None, None)
    assert told["troubles"][0]["cause"] == "route_paused"
    assert told["troubles"][0]["routes"] == ["sales"]


def test_status_as_json_names_the_last_file(config: Path) -> None:
    with a_journal(config.parent) as journal:
        end(journal, add(journal, "a.csv")[0], Outcome.FAILED)

    last = json.loads(run("status", "--config", config, "--json").stdout)["routes"][0]["last"]

    assert (last["job"], last["file"], last["outcome"]) == (1, "a.csv", "failed")


# ---------------------------------------------------------------- history


def test_history_lists_the_latest_first_with_the_reason(config: Path) -> None:
    with a_journal(config.parent) as journal:
        one, two = add(journal, "a.csv", "b.csv")
        end(journal, one, Outcome.IMPORTED, reason="Pigment imported the file.")
        end(journal, two, Outcome.INVALID, reason="The file is empty.")

    _, second, first = run("history", "--config", config).stdout.splitlines()

    assert second.startswith("2  ")
    assert "b.csv  1,234  invalid" in second
    assert second.endswith("The file is empty.")
    assert "a.csv  1,234  imported" in first
    assert "Pigment imported" not in first


def test_history_of_nothing_says_so(config: Path) -> None:
    assert run("history", "--config", config).stdout == "No files.\n"
    assert run("history", "--config", config, "--json").stdout == ""


def test_history_keeps_everything_that_the_contract_names(config: Path) -> None:
    with a_journal(config.parent) as journal:
        (job,) = add(journal, "a.csv", asked_by="root for anna", retry_of=7)
        end(
            journal,
            job,
            Outcome.IMPORTED_WITH_SKIPS,
            import_id=IMPORT_ID,
            sha256="ab" * 32,
            report=Report(inserted=3, skipped=1),
            attempts=2,
            reason="some rows",
        )

    told = json.loads(run("history", "--config", config, "--json").stdout)

    assert told["route"] == "sales"
    assert told["configuration_id"] == configuration_id("sales")
    assert (told["file"], told["path"]) == ("a.csv", "/srv/exports/sales/a.csv")
    assert (told["size"], told["modified"]) == (1234, "2026-09-21T14:13:20.500Z")
    assert told["owner"] == {"uid": 1000, "name": "anna"}
    assert (told["sha256"], told["import_id"]) == ("ab" * 32, IMPORT_ID)
    assert (told["outcome"], told["reason"]) == ("imported_with_skips", "some rows")
    assert told["report"] == {"inserted": 3, "skipped": 1}
    assert (told["attempts"], told["version"]) == (2, "0.1.0")
    assert (told["asked_by"], told["retry_of"], told["job"]) == ("root for anna", 7, 1)
    assert told["times"]["found"] <= told["times"]["finished"]


def test_history_of_a_span_a_route_and_a_count(config: Path) -> None:
    now = time.time()
    with a_journal(config.parent) as journal:
        add(journal, "old.csv", created_at=now - 72 * HOUR_S)
        add(journal, "a.csv", "b.csv", created_at=now - HOUR_S)
        add(journal, "c.csv", created_at=now - HOUR_S, route="costs")

    def files(*options: str) -> list[str]:
        told = run("history", "--config", config, "--json", *options).stdout.splitlines()
        return [json.loads(line)["file"] for line in told]

    assert files("--from", "2d") == ["c.csv", "b.csv", "a.csv"]
    assert files("--to", "2d") == ["old.csv"]
    assert files("--from", "2d", "--route", "sales", "--limit", "1") == ["b.csv"]


def test_history_tells_a_person_that_there_is_more(config: Path) -> None:
    with a_journal(config.parent) as journal:
        add(journal, *(f"{number}.csv" for number in range(51)))

    told = run("history", "--config", config).stdout.splitlines()

    assert len(told) == 52
    assert told[-1] == "These are the latest 50; --limit shows more."
    assert len(run("history", "--config", config, "--json").stdout.splitlines()) == 51


def test_history_shows_a_name_that_is_no_text(config: Path) -> None:
    name = b"caf\xe9\n.csv".decode("utf-8", "surrogateescape")
    with a_journal(config.parent) as journal:
        add(journal, name)

    assert r"caf\xe9\n.csv" in run("history", "--config", config).stdout
    assert (
        json.loads(run("history", "--config", config, "--json").stdout)["file"] == "caf\\xe9\n.csv"
    )


def test_a_wrong_moment_is_a_wrong_usage(config: Path) -> None:
    told = run("history", "--config", config, "--from", "soon")

    assert told.exit_code == 2
    assert "not a moment: 'soon'" in told.stderr


# ---------------------------------------------------------------- trace


def test_trace_tells_a_story_with_its_retry_from_whichever_end(config: Path) -> None:
    with a_journal(config.parent) as journal:
        (job,) = add(journal, "a.csv")
        end(journal, job, Outcome.UNSURE, reason="lost\nin the net", import_id=IMPORT_ID)
        add(journal, "a.csv", retry_of=job.id, asked_by="root for anna")

    told = run("trace", "--config", config, "1").stdout

    assert told == run("trace", "--config", config, "2").stdout
    assert told == run("trace", "--config", config, "a.csv").stdout
    assert "Job 1: a.csv, unsure\n" in told
    assert "  What happened: lost\n                 in the net\n" in told
    assert "  job.decided -> archiving\n" in told
    assert "Job 2: a.csv, queued\n" in told
    assert "  Retry of:      job 1, by root for anna\n" in told


def test_trace_tells_what_pigment_reported(config: Path) -> None:
    skips = (Skipped(reason="ParsingError", column="amount", count=2),)
    with a_journal(config.parent) as journal:
        end(
            journal,
            add(journal, "a.csv")[0],
            Outcome.IMPORTED_WITH_SKIPS,
            report=Report(inserted=1200, skipped=2, skips=skips),
        )

    told = run("trace", "--config", config, "a.csv").stdout

    assert "  Report:        1,200 inserted, 2 skipped\n" in told
    assert '                 2 in column "amount": the value could not be read' in told


def test_trace_finds_a_file_by_where_it_lies_now(config: Path) -> None:
    with a_journal(config.parent) as journal:
        end(journal, add(journal, "a.csv")[0], Outcome.FAILED)

    told = run("trace", "--config", config, "/srv/exports/sales/failed/a.csv")

    assert "Job 1: a.csv, failed" in told.stdout


def test_trace_names_earlier_files_of_the_same_name(config: Path) -> None:
    with a_journal(config.parent) as journal:
        add(journal, "a.csv")
        add(journal, "a.csv")

    told = run("trace", "--config", config, "a.csv").stdout

    assert "Job 2: a.csv" in told
    assert told.endswith("Earlier files of that name: job 1\n")


def test_trace_as_json_is_an_object_for_each_job(config: Path) -> None:
    with a_journal(config.parent) as journal:
        (job,) = add(journal, "a.csv")
        journal.jobs.move(job, State.QUEUED, at=job.created_at, event="job.claimed", detail="so")

    told = json.loads(run("trace", "--config", config, "a.csv", "--json").stdout)

    assert told["job"] == 1
    assert [step["event"] for step in told["story"]] == ["job.found", "job.claimed"]
    assert told["story"][1] | {"at": ""} == {
        "at": "",
        "event": "job.claimed",
        "from": "QUEUED",
        "to": "QUEUED",
        "detail": "so",
    }


@pytest.mark.parametrize("what", ["12", "no.csv", "²"])
def test_trace_of_what_nobody_knows_is_a_failure_with_a_hint(config: Path, what: str) -> None:
    with a_journal(config.parent):
        told = run("trace", "--config", config, what)

    assert told.exit_code == 1
    assert told.stderr == (
        f"pigment-watcher: {what}: the journal knows no such job or file;"
        " `pigment-watcher history` lists them\n"
    )


def test_trace_without_a_journal_is_a_failure(config: Path) -> None:
    told = run("trace", "--config", config, "1")

    assert told.exit_code == 1
    assert "there is no journal yet" in told.stderr


def test_status_names_what_is_not_taken(config: Path) -> None:
    odd = config.parent / "sales" / "odd.csv"
    with a_journal(config.parent) as journal:
        kind, why = ConditionKind.FILE_UNCLAIMED, "this is a named pipe and no file"
        journal.conditions.begin(Condition(kind=kind, subject=str(odd), since=0.0, detail=why))

    assert f"{odd}: {why} (since " in run("status", "--config", config).stdout
