"""What the journal knows of drives, and of claims that never happened."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from journal_fixtures import INBOX, RULES, claim, claim_one, lead, make_older, new_job

from pigment_watcher import errors
from pigment_watcher.journal import NAME, Journal
from pigment_watcher.model import Job, State
from pigment_watcher.mounts import Mount


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path)) as opened:
        yield opened


def test_a_claim_that_never_happened_leaves_no_row_and_no_story(journal: Journal) -> None:
    (job,) = journal.jobs.add([new_job()])
    journal.jobs.withdraw(job)

    assert journal.jobs.history() == []
    assert journal.jobs.story(job.id) == []


def test_a_claimed_file_is_not_withdrawn(journal: Journal) -> None:
    job = claim_one(journal)
    with pytest.raises(errors.IllegalTransition, match="claimed already"):
        journal.jobs.withdraw(job)

    assert journal.jobs.get(job.id) == job


def test_an_inbox_has_claimed_files_until_they_end(journal: Journal) -> None:
    journal.jobs.add([new_job("waits.csv")])
    assert not journal.jobs.has_claimed(INBOX)
    job = claim_one(journal)
    assert journal.jobs.has_claimed(INBOX)
    assert not journal.jobs.has_claimed(Path("/srv/other"))
    lead(journal, job, State.DONE)
    assert not journal.jobs.has_claimed(INBOX)


def test_the_marker_goes_with_its_job(journal: Journal) -> None:
    (job,) = journal.jobs.add([new_job(marker="caf\udce9.done")])

    assert journal.jobs.get(job.id) == job


# ---------------------------------------------------------------- journals of the first version


def an_old_journal(folder: Path, *jobs: Job) -> None:
    """Leave a journal as the first version would have, with claimed jobs."""
    with closing(Journal.open(folder)) as journal:
        claim(journal, *jobs)
        journal.identity.remember_drives({Path("/srv"): Mount("ext4", "/dev/a", Path("/srv"))})
    make_older(folder / NAME, 1)


@pytest.mark.parametrize("inbox", [INBOX, Path("/srv/café ☕")])
def test_a_journal_of_the_first_version_learns_the_inboxes_of_its_jobs(
    tmp_path: Path, inbox: Path
) -> None:
    an_old_journal(tmp_path, new_job(rules=replace(RULES, directory=inbox)))
    with closing(Journal.open(tmp_path)) as journal:
        (job,) = journal.jobs.unfinished()

        assert (job.rules.directory, job.marker) == (inbox, "")
        assert journal.jobs.has_claimed(inbox)
        assert not journal.jobs.has_claimed(Path("/srv/other"))


def test_an_inbox_that_is_no_text_does_not_spoil_a_journal_of_the_first_version(
    tmp_path: Path,
) -> None:
    inbox = Path("/srv/caf\udce9")
    an_old_journal(tmp_path, new_job(rules=replace(RULES, directory=inbox)))
    with closing(Journal.open(tmp_path)) as journal:
        (job,) = journal.jobs.unfinished()
        assert job.rules.directory == inbox
        claim_one(journal, "b.csv", rules=job.rules)
        assert journal.jobs.has_claimed(inbox)


def test_a_journal_of_the_first_version_knows_its_folders_without_their_mount_points(
    tmp_path: Path,
) -> None:
    an_old_journal(tmp_path)
    with closing(Journal.open(tmp_path)) as journal:
        assert journal.identity.known_drives() == {Path("/srv"): Mount("ext4", "/dev/a", Path("/"))}
