"""Moving a finished file to where it ended, its reason beside it, after any crash."""

import errno
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from archive_fixtures import MARK, ME, NOW, ROWS, Bench, listed
from disk_fixtures import free_bytes, small_disk
from journal_fixtures import NO_TEXT
from running_fixtures import Crossing

from pigment_watcher import errors, reasons
from pigment_watcher.files import moves, places
from pigment_watcher.model import Job, Outcome
from pigment_watcher.steps import archive

GOOD = [Outcome.IMPORTED, Outcome.IMPORTED_WITH_SKIPS]
BAD = [Outcome.FAILED, Outcome.REFUSED, Outcome.INVALID, Outcome.UNSURE]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def reason_of(job: Job) -> Path:
    assert job.target is not None
    return Path(f"{job.target}.reason.txt")


# ---------------------------------------------------------------- where a file goes


@pytest.mark.parametrize("outcome", GOOD)
def test_an_imported_file_goes_to_done_with_its_bytes_and_name(
    bench: Bench, outcome: Outcome
) -> None:
    """Behaviour G1, G14."""
    job = bench.decided(outcome)
    assert archive.archive(job, ME) == ""

    assert (bench.done / "a.csv").read_bytes() == ROWS
    report = ["a.csv.report.txt"] if outcome is Outcome.IMPORTED_WITH_SKIPS else []
    assert (listed(bench.done), listed(bench.failed)) == (["a.csv", *report], [])
    assert listed(bench.inbox) == ["done", "processing"]
    assert not bench.path(job).parent.exists()


@pytest.mark.parametrize("outcome", BAD)
def test_any_other_file_goes_to_failed_with_its_reason(bench: Bench, outcome: Outcome) -> None:
    """Behaviour H1, H8, T25."""
    job = bench.decided(outcome)
    assert archive.archive(job, ME) == ""

    assert listed(bench.failed) == ["a.csv", "a.csv.reason.txt"]
    assert (bench.failed / "a.csv").read_bytes() == ROWS
    assert reason_of(job).read_bytes() == reasons.text(job)
    assert b"It went wrong." in reason_of(job).read_bytes()


def test_a_file_that_is_put_back_has_no_reason(bench: Bench) -> None:
    job = bench.decided(Outcome.RETURNED)
    assert archive.archive(job, ME) == ""

    assert listed(bench.inbox) == ["a.csv", "processing"]


def test_a_retried_file_that_is_put_back_lies_beside_its_reason_again(bench: Bench) -> None:
    job = bench.decided(Outcome.RETURNED, folder=bench.failed)
    (bench.failed / "a.csv.reason.txt").write_bytes(b"The first time it went wrong.")
    archive.archive(job.evolve(target=archive.plan(job, ME, NOW)), ME)

    assert listed(bench.failed) == ["a.csv", "a.csv.reason.txt"]


def test_a_file_that_is_put_back_makes_way_for_a_newer_one(bench: Bench) -> None:
    """Behaviour T31."""
    job = bench.decided(Outcome.RETURNED)
    (bench.inbox / "a.csv").write_bytes(b"newer")
    job = job.evolve(target=archive.plan(job, ME, NOW))
    archive.archive(job, ME)

    assert (bench.inbox / "a.csv").read_bytes() == b"newer"
    assert job.target is not None
    assert job.target.read_bytes() == ROWS


@pytest.mark.parametrize("name", [NO_TEXT, "line\nend.csv", "n" * 255, "-rf"])
def test_any_name_ends_in_failed_with_its_reason(bench: Bench, name: str) -> None:
    """Behaviour T14."""
    archive.archive(bench.decided(Outcome.FAILED, name), ME)

    found = listed(bench.failed)
    assert name in found
    assert len(found) == 2


def test_a_name_that_is_taken_gets_a_suffix(bench: Bench) -> None:
    """Behaviour G2."""
    bench.failed.mkdir()
    (bench.failed / "a.csv.reason.txt").write_text("of a file that somebody took away")
    job = bench.decided(Outcome.FAILED)
    archive.archive(job, ME)

    assert job.target is not None
    assert job.target.name.startswith("a-20270115-")
    assert reason_of(job).is_file()
    assert (bench.failed / "a.csv.reason.txt").read_text().startswith("of a file")


def test_a_folder_that_can_not_be_made_is_told(bench: Bench) -> None:
    """Behaviour G13, T2."""
    bench.failed.write_text("a file in its place")
    with pytest.raises(errors.FolderError) as told:
        bench.decided(Outcome.FAILED)
    assert told.value.folder == str(bench.failed)


def test_a_move_needs_a_stored_target(bench: Bench) -> None:
    job = bench.decided(Outcome.IMPORTED)
    with pytest.raises(AssertionError, match="stored before"):
        archive.archive(job.evolve(target=None), ME)
    assert bench.path(job).exists()


def test_another_process_may_plan_and_move(bench: Bench) -> None:
    """On a drive that may hang."""
    run, job = Crossing(), bench.decided(Outcome.FAILED)
    job = job.evolve(target=run(partial(archive.plan, job, ME, NOW)))
    assert run(partial(archive.archive, job, ME)) == ""

    assert listed(bench.failed) == ["a.csv", "a.csv.reason.txt"]


def test_nothing_is_made_where_a_lost_drive_was(bench: Bench) -> None:
    job = bench.decided(Outcome.IMPORTED)
    bench.inbox.rename(bench.inbox.with_name("unmounted"))
    bench.inbox.mkdir()
    with pytest.raises(errors.FolderError, match="is the drive mounted"):
        archive.plan(job, ME, NOW)
    assert listed(bench.inbox) == []


# ---------------------------------------------------------------- sub-folders


@pytest.mark.parametrize("outcome", [Outcome.IMPORTED, Outcome.FAILED])
def test_a_file_from_a_sub_folder_ends_in_one_of_the_same_name(
    bench: Bench, outcome: Outcome
) -> None:
    job = bench.decided(outcome, folder=bench.inbox / "2026" / "09")
    archive.archive(job, ME)

    end = bench.done if outcome is Outcome.IMPORTED else bench.failed
    assert (end / "2026" / "09" / "a.csv").read_bytes() == ROWS
    assert (bench.inbox / "2026" / "09").is_dir()


def test_a_retried_file_ends_where_it_would_have_ended_at_first(bench: Bench) -> None:
    job = bench.decided(Outcome.IMPORTED, folder=bench.failed / "2026" / "09")
    archive.archive(job, ME)
    assert listed(bench.done / "2026" / "09") == ["a.csv"]


def test_a_retried_file_of_a_failed_folder_elsewhere_does_so_as_well(
    bench: Bench, tmp_path: Path
) -> None:
    bench.failed = tmp_path / "elsewhere"
    job = bench.decided(Outcome.FAILED, folder=bench.failed / "2026")
    archive.archive(job, ME)
    assert listed(bench.failed / "2026") == ["a.csv", "a.csv.reason.txt"]


def test_an_inbox_below_its_failed_folder_is_no_sub_folder_of_that(
    bench: Bench, tmp_path: Path
) -> None:
    bench.failed = tmp_path
    archive.archive(bench.decided(Outcome.FAILED), ME)
    assert (tmp_path / "a.csv").read_bytes() == ROWS


def test_a_file_from_anywhere_else_ends_at_the_top(bench: Bench, tmp_path: Path) -> None:
    """Its route's folders were others when it was dropped."""
    archive.archive(bench.decided(Outcome.IMPORTED, folder=tmp_path / "before"), ME)
    assert listed(bench.done) == ["a.csv"]


def test_a_file_goes_back_to_its_sub_folder_though_somebody_removed_it(bench: Bench) -> None:
    folder = bench.inbox / "2026"
    job = bench.decided(Outcome.RETURNED, folder=folder)
    folder.rmdir()
    job = job.evolve(target=archive.plan(job, ME, NOW))
    archive.archive(job, ME)
    assert listed(folder) == ["a.csv"]


# ---------------------------------------------------------------- markers


@pytest.mark.parametrize("outcome", [Outcome.IMPORTED, Outcome.FAILED])
def test_a_marker_goes_when_its_file_has_ended(bench: Bench, outcome: Outcome) -> None:
    job = bench.decided(outcome, marker="a.csv.ok")
    assert places.MARKER in listed(bench.path(job).parent)
    archive.archive(job, ME)

    assert not bench.path(job).parent.exists()
    assert "a.csv.ok" not in listed(bench.inbox)


@pytest.mark.parametrize("crash", ["", "after the file", "after the marker"])
def test_a_marker_goes_back_after_its_file(bench: Bench, crash: str) -> None:
    job = bench.decided(Outcome.RETURNED, marker="a.csv.ok", folder=bench.inbox / "2026")
    if crash:
        bench.path(job).rename(job.source)
    if crash == "after the marker":
        (bench.path(job).parent / places.MARKER).rename(job.source.with_name("a.csv.ok"))
    for _ in range(2):
        assert archive.archive(job, ME) == ""

    assert listed(bench.inbox / "2026") == ["a.csv", "a.csv.ok"]
    assert job.source.with_name("a.csv.ok").read_bytes() == MARK
    assert not bench.path(job).parent.exists()


def test_a_marker_never_releases_a_newer_file_of_the_name(bench: Bench) -> None:
    job = bench.decided(Outcome.RETURNED, marker="a.csv.ok")
    job.source.write_bytes(b"newer, half of")
    job = job.evolve(target=archive.plan(job, ME, NOW))
    archive.archive(job, ME)

    assert "a.csv.ok" not in listed(bench.inbox)
    assert job.target is not None
    assert job.target.read_bytes() == ROWS
    assert not bench.path(job).parent.exists()


# ---------------------------------------------------------------- taken meanwhile


@pytest.mark.parametrize("kind", ["other bytes", "a link", "a folder"])
def test_a_target_that_somebody_took_meanwhile_is_not_touched(bench: Bench, kind: str) -> None:
    job = bench.decided(Outcome.IMPORTED)
    target = bench.done / "a.csv"
    match kind:
        case "a link":
            (bench.done / "same").write_bytes(ROWS)
            target.symlink_to("same")
        case "a folder":
            target.mkdir()
        case _:
            target.write_bytes(ROWS[::-1])
    before = target.lstat()

    with pytest.raises(errors.NameTaken):
        archive.archive(job, ME)

    after = target.lstat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert bench.path(job).read_bytes() == ROWS


def test_a_reason_that_somebody_wrote_meanwhile_is_not_touched(bench: Bench) -> None:
    job = bench.decided(Outcome.FAILED)
    reason_of(job).write_text("mine")
    with pytest.raises(errors.NameTaken):
        archive.archive(job, ME)

    assert reason_of(job).read_text() == "mine"
    assert bench.path(job).exists()


# ---------------------------------------------------------------- after a crash


def reason_only(_: Bench, job: Job) -> None:
    reason_of(job).write_bytes(reasons.text(job))


def part_of_reason(bench: Bench, job: Job) -> None:
    part = moves.part_name(archive._token(job, ME))
    (bench.failed / part).write_bytes(reasons.text(job)[:7])


def both_names(bench: Bench, job: Job) -> None:
    """Between link and unlink, on a drive without the safe rename."""
    reason_only(bench, job)
    assert job.target is not None
    job.target.hardlink_to(bench.path(job))


def whole_copy(bench: Bench, job: Job) -> None:
    """Between the copy's rename and the removal of its source."""
    reason_only(bench, job)
    assert job.target is not None
    job.target.write_bytes(bench.path(job).read_bytes())


def moved(bench: Bench, job: Job) -> None:
    reason_only(bench, job)
    assert job.target is not None
    bench.path(job).rename(job.target)


def nothing_yet(_: Bench, __: Job) -> None:
    pass


@pytest.mark.parametrize(
    "crash", [nothing_yet, part_of_reason, reason_only, both_names, whole_copy, moved]
)
def test_a_crash_at_any_point_ends_in_the_same(
    bench: Bench, crash: Callable[[Bench, Job], None]
) -> None:
    """Behaviour T1, G20."""
    job = bench.decided(Outcome.UNSURE)
    crash(bench, job)
    for _ in range(2):
        assert archive.archive(job, ME) == ""

    assert listed(bench.failed) == ["a.csv", "a.csv.reason.txt"]
    assert (bench.failed / "a.csv").read_bytes() == ROWS
    assert places.claimed(bench.inbox, ME) == []


def test_a_copy_is_on_the_disk_before_its_source_goes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.decided(Outcome.UNSURE)
    whole_copy(bench, job)
    real = moves.sync

    def fail(folder: Path) -> None:
        if folder == bench.failed:
            raise OSError(errno.EIO, "Input/output error")
        real(folder)

    with monkeypatch.context() as patch:
        patch.setattr(moves, "sync", fail)
        with pytest.raises(errors.FolderError):
            archive.archive(job, ME)
    assert bench.path(job).exists()
    assert archive.archive(job, ME) == ""
    assert not bench.path(job).exists()


@pytest.mark.parametrize("outcome", GOOD)
@pytest.mark.parametrize("how", ["rewritten", "replaced", "made a folder"])
def test_what_was_changed_after_it_was_sent_is_not_put_into_done(
    bench: Bench, outcome: Outcome, how: str
) -> None:
    job = bench.decided(outcome)
    path = bench.path(job)
    if how == "rewritten":
        path.write_bytes(ROWS * 2)
    else:
        path.unlink()
        path.mkdir() if how == "made a folder" else path.write_bytes(ROWS)

    with pytest.raises(errors.FileChanged, match="after it was sent"):
        archive.archive(job, ME)
    assert listed(bench.done) == []


def test_a_failed_file_that_was_changed_goes_to_failed_all_the_same(bench: Bench) -> None:
    job = bench.decided(Outcome.FAILED)
    bench.path(job).write_bytes(ROWS * 2)

    assert archive.archive(job, ME) == ""
    assert listed(bench.failed) == ["a.csv", "a.csv.reason.txt"]


def test_a_file_that_is_nowhere_is_remarked(bench: Bench) -> None:
    """Somebody took it from processing/; the outcome stands all the same."""
    job = bench.decided(Outcome.IMPORTED)
    bench.path(job).unlink()

    assert f"neither {bench.path(job).parent} nor {job.target}" in archive.archive(job, ME)


def test_a_drive_that_is_lost_has_lost_no_file(bench: Bench) -> None:
    """Behaviour T4, T5."""
    job = bench.decided(Outcome.IMPORTED)
    away = bench.inbox.with_name("unmounted")
    bench.inbox.rename(away)
    bench.inbox.mkdir()
    with pytest.raises(errors.FolderError, match="is the drive mounted") as told:
        archive.archive(job, ME)
    assert told.value.folder == str(bench.done)
    assert listed(bench.inbox) == []

    bench.inbox.rmdir()
    away.rename(bench.inbox)
    assert archive.archive(job, ME) == ""


def test_a_drive_that_can_not_be_looked_at_has_lost_no_file(bench: Bench) -> None:
    """Behaviour T4."""
    job = bench.decided(Outcome.IMPORTED)
    (bench.inbox / "processing").rename(bench.inbox / "away")
    (bench.inbox / "processing").symlink_to("processing")
    with pytest.raises(errors.FolderError, match="Too many levels"):
        archive.archive(job, ME)


# ---------------------------------------------------------------- another file system


@pytest.fixture
def elsewhere(bench: Bench, tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as disk:
        bench.failed = disk / "failed"
        yield bench.failed


def test_a_failed_folder_may_be_on_another_file_system(bench: Bench, elsewhere: Path) -> None:
    """Behaviour G3, T3."""
    job = bench.decided(Outcome.FAILED)
    archive.archive(job, ME)

    assert listed(elsewhere) == ["a.csv", "a.csv.reason.txt"]
    assert (elsewhere / "a.csv").read_bytes() == ROWS
    assert places.claimed(bench.inbox, ME) == []


def test_a_full_file_system_keeps_the_file_and_is_tried_again(
    bench: Bench, elsewhere: Path
) -> None:
    """Behaviour T2, T30."""
    job = bench.decided(Outcome.FAILED)
    fill = elsewhere / "fill"
    fill.write_bytes(b"x" * free_bytes(elsewhere))
    with pytest.raises(errors.FolderError, match="No space left") as told:
        archive.archive(job, ME)
    assert told.value.folder == str(elsewhere)
    assert listed(elsewhere) == ["fill"]
    assert bench.path(job).read_bytes() == ROWS

    fill.unlink()
    archive.archive(job, ME)
    assert (elsewhere / "a.csv").read_bytes() == ROWS
