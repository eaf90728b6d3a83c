"""The service as its users meet it: files go in, and each ends where it should."""

import hashlib
import itertools
import math
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import (
    PATIENCE_S,
    ROWS,
    ServiceProcess,
    command,
    configuration_id,
    eventually,
    write_config,
)

from pigment_watcher.simulator import Fault, Simulator


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=0.2) as simulator:
        yield simulator


def drop(inbox: Path, name: str, text: str = ROWS) -> Path:
    """Put a complete file into an inbox by one rename."""
    part = inbox.parent / f".{name[:20]}.dropping"
    part.write_text(text, encoding="utf-8")
    return part.rename(inbox / name)


def test_a_dropped_file_ends_in_done_with_the_same_bytes_and_name(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviour G1."""
    with ServiceProcess(write_config(tmp_path, pigment)) as service:
        service.ready()
        drop(tmp_path / "sales", "september.csv")
        line = service.wait_for("job.finished", file="september.csv")
        assert line["outcome"] == "imported"
        assert (tmp_path / "sales/done/september.csv").read_text() == ROWS
        assert not (tmp_path / "sales/september.csv").exists()
        assert service.stop() == 0
    (push,) = pigment.pushes()
    assert push.sha256 == hashlib.sha256(ROWS.encode()).hexdigest()
    assert (push.content_type, push.legacy, push.size) == ("text/csv", False, len(ROWS))


def test_files_present_at_the_start_are_taken_in_the_order_of_their_age(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviours J8, E2."""
    config = write_config(tmp_path, pigment)
    for age, name in enumerate(["c.csv", "a.csv", "b.csv"], start=1):
        path = drop(tmp_path / "sales", name, ROWS + name)
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    with ServiceProcess(config) as service:
        for name in ("b.csv", "a.csv", "c.csv"):
            service.wait_for("job.finished", file=name, outcome="imported")
        finished = [line["file"] for line in service.events("job.finished")]
        assert finished == ["b.csv", "a.csv", "c.csv"]


def test_one_import_at_a_time_runs_in_each_configuration(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment, routes={"sales": {}, "costs": {}})
    for name in ("1.csv", "2.csv", "3.csv"):
        drop(tmp_path / "sales", name)
        drop(tmp_path / "costs", name)
    with ServiceProcess(config) as service:
        eventually(lambda: len(service.events("job.finished")) == 6)
    imports = sorted(pigment.imports(), key=lambda found: found.created)
    for lane in {found.configuration_id for found in imports}:
        of_lane = [found for found in imports if found.configuration_id == lane]
        for first, second in itertools.pairwise(of_lane):
            assert first.completes <= second.created
    assert len({found.configuration_id for found in imports[:2]}) == 2  # side by side


def test_a_file_that_is_still_written_is_waited_for(tmp_path: Path, pigment: Simulator) -> None:
    """Behaviour A1."""
    with ServiceProcess(write_config(tmp_path, pigment)) as service:
        service.ready()
        written = threading.Event()
        with (tmp_path / "sales/slow.csv").open("w") as file:
            for number in range(12):
                file.write(f"{number},4000,1.00\n")
                file.flush()
                written.wait(0.1)  # a slow writer, slower in all than the quiet period
        service.wait_for("job.finished", file="slow.csv", outcome="imported")
    (push,) = pigment.pushes()
    assert push.size == (tmp_path / "sales/done/slow.csv").stat().st_size > 12 * 10


def test_a_copy_and_a_move_from_elsewhere_are_taken(tmp_path: Path, pigment: Simulator) -> None:
    """Behaviour K1."""
    with ServiceProcess(write_config(tmp_path, pigment)) as service:
        service.ready()
        (tmp_path / "export.csv").write_text(ROWS)
        shutil.copy(tmp_path / "export.csv", tmp_path / "sales/copied.csv")
        shutil.move(tmp_path / "export.csv", tmp_path / "sales/moved.csv")
        service.wait_for("job.finished", file="copied.csv", outcome="imported")
        service.wait_for("job.finished", file="moved.csv", outcome="imported")


def test_a_failed_import_ends_in_failed_with_a_reason_and_others_go_on(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviours H1, H8."""
    config = write_config(tmp_path, pigment)
    drop(tmp_path / "sales", "bad.csv", ROWS + "SIMULATE-FAIL,4000,1\n")
    drop(tmp_path / "sales", "good.csv")
    with ServiceProcess(config) as service:
        line = service.wait_for("job.finished", file="bad.csv")
        service.wait_for("job.finished", file="good.csv", outcome="imported")
    assert (line["outcome"], line["level"]) == ("failed", "error")
    reason = (tmp_path / "sales/failed/bad.csv.reason.txt").read_bytes()
    assert reason.startswith(b"NOT IMPORTED - bad.csv\r\n")
    assert line["import_id"].encode() in reason
    assert b"Update History" in reason
    assert (tmp_path / "sales/failed/bad.csv").exists()


def test_a_name_already_taken_in_done_gets_a_suffix_and_nothing_is_overwritten(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviour G2, as the contract has it."""
    config = write_config(tmp_path, pigment)
    done = tmp_path / "sales/done"
    done.mkdir()
    (done / "sales.csv").write_text("what was there before\n")
    with ServiceProcess(config) as service:
        drop(tmp_path / "sales", "sales.csv")
        service.wait_for("job.finished", outcome="imported")
    assert (done / "sales.csv").read_text() == "what was there before\n"
    (other,) = done.glob("sales-*.csv")
    assert other.read_text() == ROWS


def test_what_is_no_csv_is_refused_before_anything_is_pushed(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment)
    inbox = tmp_path / "sales"
    (inbox / "workbook.csv").write_bytes(b"PK\x03\x04....xl/workbook.xml")
    (inbox / "packed.csv").write_bytes(b"\x1f\x8b\x08....")
    (inbox / "header.csv").write_text("month,account,amount\n")
    (inbox / "nothing.csv").touch()
    (inbox / "torn.csv").write_bytes(ROWS.encode() + b"\x00" * 512)
    with ServiceProcess(config) as service:
        eventually(lambda: len(service.events("job.finished", outcome="invalid")) == 5)
    assert pigment.pushes() == []
    reason = (inbox / "failed/workbook.csv.reason.txt").read_text()
    assert "Save As > CSV" in reason
    assert "not finished" in (inbox / "failed/torn.csv.reason.txt").read_text()


def test_what_is_no_file_is_left_alone_and_said_once(tmp_path: Path, pigment: Simulator) -> None:
    """Behaviours D4, P2."""
    config = write_config(tmp_path, pigment, routes={"sales": {"scan_every": "500ms"}})
    inbox = tmp_path / "sales"
    (inbox / "folder.csv").mkdir()
    (inbox / "link.csv").symlink_to("/etc/hostname")
    os.mkfifo(inbox / "pipe.csv")
    with ServiceProcess(config) as service:
        service.ready()
        for name in ("folder.csv", "link.csv", "pipe.csv"):
            service.wait_for("file.unclaimed", file=name)
        drop(inbox, "real.csv")
        service.wait_for("job.finished", file="real.csv", outcome="imported")
        assert len(service.events("file.unclaimed")) == 3
    assert (inbox / "link.csv").is_symlink()
    assert {push.size for push in pigment.pushes()} == {len(ROWS)}


@pytest.mark.parametrize("name", [b"line\nbreak.csv", b"not-utf8-\xff.csv", b"-rf.csv"])
def test_a_strange_name_is_imported_and_kept(
    tmp_path: Path, pigment: Simulator, name: bytes
) -> None:
    config = write_config(tmp_path, pigment)
    drop(tmp_path / "sales", os.fsdecode(name))
    with ServiceProcess(config) as service:
        service.wait_for("job.finished", outcome="imported")
    assert [os.fsencode(path.name) for path in (tmp_path / "sales/done").iterdir()] == [name]


def test_hundreds_of_imports_are_in_progress_on_four_workers(tmp_path: Path) -> None:
    names = [f"r{number}" for number in range(300)]
    inbox = str(tmp_path / "all")
    routes = {
        name: {
            "directory": inbox,
            "files": f"{name}-*.csv",
            "configuration_id": configuration_id(name),
        }
        for name in names
    }
    with Simulator(import_s=math.inf) as pigment:
        config = write_config(tmp_path, pigment, routes=routes)
        for name in names:
            drop(tmp_path / "all", f"{name}-export.csv")
        with ServiceProcess(config) as service:
            pigment.wait_for(lambda simulator: len(simulator.imports()) == 300, timeout_s=80)
            for found in pigment.imports():
                pigment.finish(found.id)
            eventually(lambda: len(service.events("job.finished")) == 300, timeout_s=60)
            assert len(service.events("job.finished", outcome="imported")) == 300


# ---------------------------------------------------------------- stop and reload


def test_sigterm_leaves_an_import_in_progress_for_the_next_start(tmp_path: Path) -> None:
    """Behaviour L6."""
    with Simulator(import_s=math.inf) as pigment:
        config = write_config(tmp_path, pigment)
        drop(tmp_path / "sales", "long.csv")
        with ServiceProcess(config) as service:
            service.wait_for("job.pushed")
            assert service.stop() == 0
        (started,) = pigment.imports()
        with ServiceProcess(config) as service:
            service.ready()
            pigment.finish(started.id)
            line = service.wait_for("job.finished", outcome="imported")
        assert line["import_id"] == started.id
        assert len(pigment.pushes()) == 1


def test_a_push_that_outlasts_the_grace_time_is_cut_and_is_unsure(
    tmp_path: Path, pigment: Simulator
) -> None:
    pigment.script(Fault.act("hang_after_body"))
    config = write_config(tmp_path, pigment, top={"stop_grace": "500ms"}, answer_timeout="1m")
    drop(tmp_path / "sales", "stuck.csv")
    with ServiceProcess(config) as service:
        service.wait_for("job.pushing")
        assert service.stop() == 0
        service.wait_for("job.finished", outcome="unsure")
    reason = (tmp_path / "sales/failed/stuck.csv.reason.txt").read_text()
    assert reason.splitlines()[0] == "NOT KNOWN WHETHER IMPORTED - look before dropping it again"


def test_sighup_takes_over_added_removed_and_changed_routes(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment, routes={"sales": {}, "old": {}})
    with ServiceProcess(config) as service:
        service.ready()
        write_config(tmp_path, pigment, routes={"sales": {"files": "*.txt"}, "new": {}})
        service.signal(signal.SIGHUP)
        service.wait_for("service.reloaded")
        drop(tmp_path / "sales", "now.txt")
        drop(tmp_path / "new", "fresh.csv")
        drop(tmp_path / "old", "late.csv")
        service.wait_for("job.finished", file="now.txt", outcome="imported")
        service.wait_for("job.finished", file="fresh.csv", outcome="imported")
        assert service.stop() == 0
    assert (tmp_path / "old/late.csv").exists()


def test_what_is_queued_returns_to_its_inbox_when_its_route_goes(tmp_path: Path) -> None:
    with Simulator(import_s=math.inf) as pigment:
        config = write_config(tmp_path, pigment, routes={"sales": {}, "other": {}})
        for name in ("1.csv", "2.csv"):
            drop(tmp_path / "sales", name)
        with ServiceProcess(config) as service:
            service.wait_for("job.pushed")
            service.wait_for("job.claimed", file="2.csv")
            write_config(tmp_path, pigment, routes={"other": {}})
            service.signal(signal.SIGHUP)
            service.wait_for("job.finished", file="2.csv", outcome="returned")
            assert (tmp_path / "sales/2.csv").read_text() == ROWS
            pigment.finish(pigment.imports()[0].id)
            service.wait_for("job.finished", file="1.csv", outcome="imported")
    assert (tmp_path / "sales/done/1.csv").exists()


def test_a_bad_file_at_reload_leaves_the_old_configuration_running(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviour T26."""
    config = write_config(tmp_path, pigment)
    with ServiceProcess(config) as service:
        service.ready()
        config.write_text("routes: {sales: {directory: /nowhere}}\n")
        service.signal(signal.SIGHUP)
        line = service.wait_for("service.reload_failed")
        assert any("routes.sales.configuration_id" in said for said in line["problems"])
        drop(tmp_path / "sales", "still.csv")
        service.wait_for("job.finished", file="still.csv", outcome="imported")


def test_a_key_corrected_while_the_wrong_one_is_being_refused_is_tried_at_once(
    tmp_path: Path, pigment: Simulator
) -> None:
    """The late refusal of the replaced key puts nothing off."""
    config = write_config(tmp_path, pigment)
    key = tmp_path / "api-key"
    right = key.read_text()
    key.write_text("NotTheRightKey")
    with ServiceProcess(config) as service:
        service.ready()
        drop(tmp_path / "sales", "a.csv")
        service.wait_for("route.blocked", cause="key_refused")
        pigment.script(Fault.slow(3.0, on="probe"))
        asked = len(pigment.calls())
        service.signal(signal.SIGHUP)
        pigment.wait_for(lambda it: len(it.calls()) > asked, PATIENCE_S)
        before = len(service.lines)
        key.write_text(right)
        service.signal(signal.SIGHUP)
        service.wait_for("service.reloaded", after=before)
        assert service.wait_for("job.finished", 25.0, file="a.csv")["outcome"] == "imported"


# ---------------------------------------------------------------- start


def test_a_second_service_on_the_same_state_directory_refuses(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviour T15."""
    config = write_config(tmp_path, pigment)
    with ServiceProcess(config) as service:
        service.ready()
        second = command("run", "--config", config)
    assert second.returncode == 1
    assert "another pigment-watcher runs" in second.stderr
    assert "Traceback" not in second.stderr


def test_every_problem_of_a_configuration_is_said_at_once_with_exit_code_78(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviours J1, J4."""
    config = write_config(
        tmp_path, pigment, routes={"sales": {"quite": "2s"}, "costs": {"configuration_id": "33d0"}}
    )
    shutil.rmtree(tmp_path / "costs")
    ended = command("run", "--config", config)
    assert ended.returncode == 78
    for said in ("routes.sales.quite", "did you mean", "not a UUID: '33d0'", "costs"):
        assert said in ended.stderr
    assert f"{config}:" in ended.stderr


def test_once_ends_with_0_when_all_was_imported_and_with_1_when_one_failed(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviour J9."""
    config = write_config(tmp_path, pigment)
    drop(tmp_path / "sales", "good.csv")
    assert command("run", "--once", "--config", config).returncode == 0
    drop(tmp_path / "sales", "bad.csv", ROWS + "SIMULATE-FAIL\n")
    assert command("run", "--once", "--config", config).returncode == 1
    assert (tmp_path / "sales/done/good.csv").exists()


def test_once_ends_with_1_when_the_rest_waits_on_a_refused_key(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment)
    (tmp_path / "api-key").write_text("NotTheKeyOfAnybody")
    drop(tmp_path / "sales", "waits.csv")
    ended = command("run", "--once", "--config", config)
    assert ended.returncode == 1
    assert "NotTheKeyOfAnybody" not in ended.stderr
    assert not (tmp_path / "sales/failed").exists()


def test_a_missing_state_directory_is_made_for_the_service_alone(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment)
    assert command("check", "--config", config).returncode == 0
    assert not (tmp_path / "state").exists()  # whoever checks may be another user
    assert command("run", "--once", "--config", config).returncode == 0
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


# ---------------------------------------------------------------- operators


def test_a_paused_route_claims_and_does_not_push_while_others_go_on(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviours L1, L2, as the contract has them."""
    config = write_config(tmp_path, pigment, routes={"sales": {}, "costs": {}})
    with ServiceProcess(config) as service:
        service.ready()
        assert command("pause", "sales", "--config", config).returncode == 0
        drop(tmp_path / "sales", "kept.csv")
        drop(tmp_path / "costs", "goes.csv")
        service.wait_for("job.claimed", file="kept.csv")
        service.wait_for("job.finished", file="goes.csv", outcome="imported")
        assert {push.configuration_id for push in pigment.pushes()} == {configuration_id("costs")}
    with ServiceProcess(config) as service:  # kept over a restart
        service.ready()
        assert command("status", "--config", config).returncode == 0
        assert command("resume", "sales", "--config", config).returncode == 0
        service.wait_for("job.finished", file="kept.csv", outcome="imported")


def test_a_failed_file_that_is_retried_goes_first_and_is_tied_to_the_old_job(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment)
    pigment.script(Fault.answer(400, body=b"the block is locked"))
    drop(tmp_path / "sales", "a.csv")
    with ServiceProcess(config) as service:
        service.wait_for("job.finished", file="a.csv", outcome="refused")
        failed = tmp_path / "sales/failed/a.csv"
        assert command("retry", failed, "--config", config).returncode == 0
        service.wait_for("job.finished", file="a.csv", outcome="imported")
    assert (tmp_path / "sales/done/a.csv").read_text() == ROWS
    assert failed.with_name("a.csv.reason.txt").read_text().startswith("PUT BACK")
    told = command("trace", "1", "--config", config).stdout
    assert "Job 1" in told
    assert "Job 2" in told


def test_what_a_dead_service_left_is_reported_and_closed_when_asked(
    tmp_path: Path, pigment: Simulator
) -> None:
    config = write_config(tmp_path, pigment)
    left = tmp_path / "sales/processing/0123456789ab/7/old.csv"
    left.parent.mkdir(parents=True)
    left.write_text(ROWS)
    with ServiceProcess(config) as service:
        service.wait_for("processing.orphans")
        assert command("close-orphans", "0123456789ab", "--config", config).returncode == 0
        service.wait_for("job.finished", timeout_s=3.0, file="old.csv", outcome="unsure")
    assert (tmp_path / "sales/failed/old.csv").read_text() == ROWS
    assert pigment.pushes() == []
