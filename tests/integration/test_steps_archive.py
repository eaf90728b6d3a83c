"""Moving a finished file to where it ended, its reason beside it, after any crash."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from disk_fixtures import free_bytes, small_disk
from journal_fixtures import NO_TEXT, new_job

from pigment_watcher import errors, reasons
from pigment_watcher.files import claims, moves
from pigment_watcher.model import Job, Outcome, Rules, State
from pigment_watcher.steps import archive

ROWS = b"month,amount\n2026-09,120.50\n"
ME = "0a1b2c3d4e5f"
NOW = 1_800_000_000.0

GOOD = [Outcome.IMPORTED, Outcome.IMPORTED_WITH_SKIPS]
BAD = [Outcome.FAILED, Outcome.REFUSED, Outcome.INVALID, Outcome.UNSURE]


class Bench:
    """An inbox with a claimed file whose outcome is stored."""

    def __init__(self, folder: Path) -> None:
        self.inbox = folder / "in"
        self.inbox.mkdir()
        self.done = self.inbox / "done"
        self.failed = self.inbox / "failed"

    def decided(self, outcome: Outcome, name: str = "a.csv", **said: Any) -> Job:
        """Return a job with its outcome, its file claimed and its target planned."""
        source = self.inbox / name
        source.write_bytes(ROWS)
        found = claims.look(source)
        assert found is not None
        rules = Rules(directory=self.inbox, done=self.done, failed=self.failed)
        known = {
            "id": 1,
            "source": source,
            "fingerprint": found,
            "rules": rules,
            "outcome": outcome,
        }
        words = {"reason": "It went wrong.", "decided_at": NOW, "state": State.ARCHIVING}
        job = new_job(name, **{**known, **words, **said})
        claims.make_places(self.inbox, ME, [job.id])
        claims.take(source, self.path(job))
        return job.evolve(target=archive.plan(job, NOW))

    def path(self, job: Job) -> Path:
        return claims.path(self.inbox, ME, job.id, job.name)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def listed(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []  # noqa: PTH208


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
    assert (listed(bench.done), listed(bench.failed)) == (["a.csv"], [])
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


def test_a_file_that_is_put_back_makes_way_for_a_newer_one(bench: Bench) -> None:
    """Behaviour T31."""
    job = bench.decided(Outcome.RETURNED)
    (bench.inbox / "a.csv").write_bytes(b"newer")
    job = job.evolve(target=archive.plan(job, NOW))
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
    assert claims.claimed(bench.inbox, ME) == []


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
    assert claims.claimed(bench.inbox, ME) == []


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
