"""What is on the disk before what goes: a power cut takes nothing that the rest relies on."""

from dataclasses import replace
from pathlib import Path

import pytest
from claim_fixtures import ME, ROWS, drop
from disk_fixtures import noted_syncs
from journal_fixtures import new_job
from rig_fixtures import without_rights

from pigment_watcher.files import moves, places
from pigment_watcher.intake import claiming
from pigment_watcher.model import Job, Outcome
from pigment_watcher.service.state import StateDirectory
from pigment_watcher.steps import archive


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Lend a job with a place for its file, which still lies in the inbox."""
    inbox = tmp_path / "in"
    inbox.mkdir()
    source, found = drop(inbox)
    places.make_places(inbox, ME, [1])
    made = new_job()
    rules = replace(made.rules, directory=inbox, done=inbox / "done", failed=inbox / "failed")
    return made.evolve(id=1, source=source, name="a.csv", rules=rules, fingerprint=found)


def test_the_state_directory_does_not_go_with_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = noted_syncs(monkeypatch, (tmp_path / "state" / "journal.db").exists)
    state = StateDirectory(tmp_path / "state")
    state.take()
    state.drop()
    assert [folder for folder, has_journal in noted if not has_journal][-1] == tmp_path


def test_a_folder_that_a_crash_left_is_put_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "done").mkdir()
    noted = noted_syncs(monkeypatch)
    moves.make_folder(tmp_path / "done")
    assert noted == [(tmp_path, None)]


def test_a_folder_whose_parent_we_may_not_read_is_fine(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    tmp_path.chmod(0o111)
    try:
        with without_rights():
            moves.make_folder(tmp_path / "done")
    finally:
        tmp_path.chmod(0o700)


def test_a_place_of_ours_that_a_crash_left_is_put_on_the_disk(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = job.rules.directory
    noted = noted_syncs(monkeypatch)
    places.write_starts(inbox, ME, 2)
    assert {inbox, inbox / places.PROCESSING} <= {folder for folder, _ in noted}


def test_a_marker_is_away_before_its_file_follows(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = job.source.with_name("a.csv.ok")
    marker.touch()
    place = places.place(job.rules.directory, ME, job.id)
    noted = noted_syncs(monkeypatch, look=lambda: (marker.exists(), job.source.exists()))
    claiming.bring(job.evolve(marker=marker.name), ME)
    assert noted[:2] == [(place, (False, True)), (job.source.parent, (False, True))]


def test_a_marker_that_a_crash_left_half_way_is_away_before_its_file_follows(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = job.source.with_name("a.csv.ok")
    place = places.place(job.rules.directory, ME, job.id)
    (place / places.MARKER).touch()
    noted = noted_syncs(monkeypatch, look=job.source.exists)
    claiming.bring(job.evolve(marker=marker.name), ME)
    assert noted[:2] == [(place, True), (job.source.parent, True)]


def test_a_claimed_file_has_its_new_name_before_its_old_one_goes(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places.place(job.rules.directory, ME, job.id)
    (place / job.name).hardlink_to(job.source)
    noted = noted_syncs(monkeypatch, look=job.source.exists)
    claiming.bring(job, ME)
    assert noted == [(place, True)]
    assert not job.source.exists()


def test_a_reason_is_on_the_disk_before_its_file_comes(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = archived(job)
    job.rules.failed.mkdir()
    noted = noted_syncs(monkeypatch, look=here.exists)
    target = job.rules.failed / job.name
    archive.archive(job.evolve(outcome=Outcome.UNSURE, target=target), ME)
    assert (target.parent, True) in noted


def test_a_copy_has_its_name_before_what_it_was_copied_from_goes(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, target = archived(job)
    target.write_bytes(ROWS)
    noted = noted_syncs(monkeypatch, look=here.exists)
    archive.archive(job.evolve(outcome=Outcome.IMPORTED, target=target), ME)
    assert noted[0] == (target.parent, True)
    assert not here.exists()


def test_a_file_that_a_crash_left_at_its_target_is_put_on_the_disk(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, target = archived(job)
    here.rename(target)
    noted = noted_syncs(monkeypatch)
    archive.archive(job.evolve(outcome=Outcome.IMPORTED, target=target), ME)
    assert noted == [(target.parent, None), (here.parent, None)]


def test_a_file_that_a_crash_left_at_its_target_may_have_lost_its_old_folder(job: Job) -> None:
    here, target = archived(job)
    here.rename(target)
    places.drop_place(here.parent)
    assert archive.archive(job.evolve(outcome=Outcome.IMPORTED, target=target), ME) == ""
    assert target.exists()


def archived(job: Job) -> tuple[Path, Path]:
    """Claim a job's file, and return where it lies and where it will go."""
    here = places.path(job.rules.directory, ME, job.id, job.name)
    job.source.rename(here)
    job.rules.done.mkdir()
    return here, job.rules.done / job.name
