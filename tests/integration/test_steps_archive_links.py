"""done/ and failed/ when somebody puts a link in their place, or removes them."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from archive_fixtures import ME, NOW, ROWS, Bench, listed

from pigment_watcher import errors
from pigment_watcher.files import places
from pigment_watcher.model import Outcome
from pigment_watcher.steps import archive


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("outcome", [Outcome.IMPORTED, Outcome.FAILED])
@pytest.mark.parametrize(
    "to", ["in", "near", "in/processing", f"in/processing/{ME}", f"in/processing/{ME}/1"]
)
def test_a_link_that_leads_to_where_files_come_from_is_not_followed(
    bench: Bench, outcome: Outcome, to: str
) -> None:
    """Nor when it came after the target was chosen: the target may be the claimed file itself."""
    job = bench.decided(outcome)
    bench.inbox.with_name("near").mkdir()
    places.make_home(bench.inbox.with_name("near"), ME)
    where = archive.folder(job)
    where.rmdir()
    where.symlink_to(bench.inbox.parent / to)
    before = listed(bench.inbox.parent / to)
    for again in (partial(archive.plan, job, ME, NOW), partial(archive.archive, job, ME)):
        with pytest.raises(errors.FolderError, match="files would come again: remove the link"):
            again()
    assert listed(bench.inbox.parent / to) == before
    assert bench.path(job).read_bytes() == ROWS

    where.unlink()
    where.mkdir()
    assert archive.archive(job, ME) == ""


def test_a_folder_that_was_removed_since_is_made_again(bench: Bench) -> None:
    bench.done = bench.inbox / "archive" / "done"
    job = bench.decided(Outcome.IMPORTED)
    shutil.rmtree(bench.inbox / "archive")
    assert archive.archive(job, ME) == ""
    assert listed(bench.done) == ["a.csv"]


def test_a_link_that_leads_elsewhere_is_followed(bench: Bench, tmp_path: Path) -> None:
    for to in ("elsewhere", "processing", "in/archive"):
        (tmp_path / to).mkdir()
        bench.done = bench.inbox / f"done-{Path(to).name}"
        bench.done.symlink_to(tmp_path / to)
        assert archive.archive(bench.decided(Outcome.IMPORTED), ME) == ""
        assert listed(tmp_path / to) == ["a.csv"]
