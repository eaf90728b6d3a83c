"""What an import left out, from the wire to the file beside the file; a real socket."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kill_fixtures import Fuse, Killed
from report_fixtures import SKIPS, at, report_text
from rig_fixtures import Rig, reason

from pigment_watcher.model import AfterFailure, ConditionKind, Outcome, SkippedRows, State
from pigment_watcher.service import once
from pigment_watcher.simulator import Simulator


@pytest.fixture
def old() -> Iterator[Simulator]:
    """Lend a stand-in that knows nothing under v1."""
    with Simulator(import_s=0.0, has_v1=False) as simulator:
        yield simulator


# ---------------------------------------------------------------- what was left out


def test_a_file_with_rows_that_were_left_out_lies_in_done_with_its_report(
    tmp_path: Path, pigment: Simulator
) -> None:
    with at(pigment, tmp_path) as one:
        one.put("a.csv", SKIPS)
        one.take_in()
        assert one.work_off() == ["push", "poll"]

        job = one.job()
        assert (job.outcome, job.state) == (Outcome.IMPORTED_WITH_SKIPS, State.DONE)
        assert one.files("done", "failed") == {"done": ["a.csv", "a.csv.report.txt"], "failed": []}
        assert 'in column "account"' in report_text(one, "done")
        assert "For example: 6777 SIMULATE-SKIP" in report_text(one, "done")
        assert job.report is not None
        assert job.report.counts == {
            "inserted": 1,
            "updated": 0,
            "deleted": 0,
            "skipped": 1,
        }


def test_a_file_of_which_nothing_was_left_out_has_no_report_even_if_items_were_created(
    tmp_path: Path, pigment: Simulator
) -> None:
    with at(pigment, tmp_path) as one:
        one.put("a.csv", "a,b\n1,SIMULATE-CREATE\n2,SIMULATE-CREATE\n")
        one.take_in()
        one.work_off()

        assert one.job().outcome is Outcome.IMPORTED
        assert one.files("done") == {"done": ["a.csv"]}
        report = one.job().report
        assert report is not None
        assert report.counts == {
            "inserted": 2,
            "updated": 0,
            "deleted": 0,
            "skipped": 0,
            "created": 2,
        }


@pytest.mark.parametrize("report", [None, 7, "x", [], {}, {"summary": {"skippedCount": "many"}}])
def test_a_report_without_sense_does_not_keep_a_file_from_being_imported(
    tmp_path: Path, pigment: Simulator, report: object
) -> None:
    pigment.tell(report)
    with at(pigment, tmp_path) as one:
        one.take_in("a.csv")
        assert one.work_off() == ["push", "poll"]
        assert one.job().outcome is Outcome.IMPORTED


# ---------------------------------------------------------------- skipped_rows: fail


def test_a_route_may_count_rows_that_were_left_out_as_a_failure(
    tmp_path: Path, pigment: Simulator
) -> None:
    rules: dict[str, Any] = {"skipped_rows": SkippedRows.FAIL, "after_failure": AfterFailure.HOLD}
    with at(pigment, tmp_path, **rules) as one:
        one.put("a.csv", SKIPS, mtime=1.0)
        one.take_in("b.csv")
        one.work_off()

        assert one.states() == {"a.csv": State.FAILED, "b.csv": State.QUEUED}
        assert one.all_jobs()[0].outcome is Outcome.IMPORTED_WITH_SKIPS
        assert one.files("done", "failed") == {
            "done": [],
            "failed": ["a.csv", "a.csv.reason.txt", "a.csv.report.txt"],
        }
        assert reason(one).startswith("IMPORTED, BUT ROWS ARE MISSING - a.csv\n")
        assert "counts that as a failure" in " ".join(reason(one).split())
        assert "6777 SIMULATE-SKIP" in report_text(one, "failed")
        assert one.ear.told(ConditionKind.LANE_HELD) == [True]


def test_bytes_that_were_imported_with_skips_are_known_as_imported_whatever_the_route_says(
    tmp_path: Path, pigment: Simulator
) -> None:
    with at(pigment, tmp_path, skipped_rows=SkippedRows.FAIL) as one:
        one.put("a.csv", SKIPS)
        one.take_in()
        one.work_off()

        job = one.job()
        assert job.sha256 is not None
        assert one.journal.imports.first(job.configuration_id, job.sha256) is not None


def test_where_no_report_can_be_had_nobody_can_say_that_no_row_is_missing(
    tmp_path: Path, old: Simulator
) -> None:
    with at(old, tmp_path, skipped_rows=SkippedRows.FAIL) as one:
        one.take_in("a.csv")
        one.work_off()

        assert one.job().outcome is Outcome.UNSURE
        assert "nobody knows whether every row was loaded" in " ".join(reason(one).split())


# ---------------------------------------------------------------- afterwards


def test_a_file_that_counts_as_failed_is_put_back_only_if_that_is_meant(
    tmp_path: Path, pigment: Simulator
) -> None:
    with at(pigment, tmp_path, skipped_rows=SkippedRows.FAIL) as one:
        one.put("a.csv", SKIPS)
        one.take_in()
        one.work_off()
        assert not one.ask("retry", what="1")[0]
        assert one.ask("retry", what="1", even_if_imported=True)[0]
        one.look(0.0)
        one.work_off()

        again = one.all_jobs()[-1]
        assert (again.outcome, again.state) == (Outcome.IMPORTED_WITH_SKIPS, State.FAILED)
        (name,) = {name for name in one.files("failed")["failed"] if name.endswith("csv")}
        assert name != "a.csv"
        assert {f"{name}.reason.txt", f"{name}.report.txt"} <= {*one.files("failed")["failed"]}
        assert reason(one).startswith("PUT BACK")


@pytest.mark.parametrize("rows", list(SkippedRows))
def test_a_run_over_the_first_files_ends_by_what_the_route_says_of_rows_left_out(
    tmp_path: Path, pigment: Simulator, rows: SkippedRows
) -> None:
    with at(pigment, tmp_path, skipped_rows=rows) as one:
        one.put("a.csv", SKIPS)
        one.take_in()
        one.work_off()

        assert once.exit_code(one.recorder, 0.0) == (rows is SkippedRows.FAIL)


def test_the_name_of_a_report_is_not_free_for_another_file(
    tmp_path: Path, pigment: Simulator
) -> None:
    with at(pigment, tmp_path) as one:
        (one.inbox / "done").mkdir()
        (one.inbox / "done" / "a.csv.report.txt").write_text("somebody's")
        one.put("a.csv", SKIPS)
        one.take_in()
        one.work_off()

        assert (one.inbox / "done" / "a.csv.report.txt").read_text() == "somebody's"
        target = one.job().target
        assert target is not None
        assert target.name.startswith("a-20")
        assert target.with_name(f"{target.name}.report.txt").exists()


# ---------------------------------------------------------------- after a crash


@pytest.mark.parametrize("rows", list(SkippedRows))
def test_a_kill_at_any_write_point_leaves_the_file_with_its_texts(
    tmp_path: Path, pigment: Simulator, rows: SkippedRows
) -> None:
    """Behaviour T1."""
    texts = {
        SkippedRows.ACCEPT: {"done": ["a.csv", "a.csv.report.txt"], "failed": []},
        SkippedRows.FAIL: {
            "done": [],
            "failed": ["a.csv", "a.csv.reason.txt", "a.csv.report.txt"],
        },
    }
    for points in itertools.count(1):
        folder = tmp_path / str(points)
        folder.mkdir()
        with at(pigment, folder, skipped_rows=rows) as one:
            one.put("a.csv", SKIPS)
            one.take_in()
            one.work()
            is_killed = killed(one, points)
            one.restart()
            one.work_off()

            assert one.files("done", "failed") == texts[rows], points
            assert one.job().outcome is Outcome.IMPORTED_WITH_SKIPS
            assert one.job().state.is_final
        if not is_killed:
            break
    assert len(pigment.pushes()) == points > 18


def killed(one: Rig, points: int) -> bool:
    """Work on until so many write points have passed; return whether there were so many."""
    fuse = Fuse()
    fuse.set(points)
    with fuse.lit():
        try:
            one.work_off()
        except Killed:
            return True
    return False


def test_what_was_left_out_is_still_known_when_the_file_is_moved_after_a_restart(
    tmp_path: Path, pigment: Simulator
) -> None:
    with at(pigment, tmp_path) as one:
        one.put("a.csv", SKIPS)
        one.take_in()
        one.work()
        (one.inbox / "done").write_text("in the way of a folder")
        one.work()
        assert one.job().state is State.ARCHIVING
        (one.inbox / "done").unlink()
        one.restart()
        one.work_off()

        assert one.files("done") == {"done": ["a.csv", "a.csv.report.txt"]}
        assert "6777 SIMULATE-SKIP" in report_text(one, "done")
