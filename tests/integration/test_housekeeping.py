"""Old files of done/ and failed/: what is removed, and all that is not."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from housekeeping_fixtures import BAD, DAY_S, bring, keep_house, story
from journal_fixtures import claim_one, lead
from rig_fixtures import ROWS, Rig, names, rig, route
from running_fixtures import Crossing

from pigment_watcher.drives import Drive
from pigment_watcher.model import Outcome, State
from pigment_watcher.service import housekeeping
from pigment_watcher.simulator import Simulator


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig whose route keeps files of done/ for two days and those of failed/ for three."""
    keeping = replace(route(tmp_path / "in"), keep_done_s=2 * DAY_S, keep_failed_s=3 * DAY_S)
    with rig(tmp_path, keeping, url=pigment.url) as built:
        yield built


# ---------------------------------------------------------------- what goes


def test_an_imported_file_goes_when_its_time_is_over_and_its_row_says_so(one: Rig) -> None:
    (path,) = bring(one, "a.csv")
    ended = one.job()
    keep_house(one, 1.9)
    assert path.read_text() == ROWS
    keep_house(one, 0.2)

    assert names(one.inbox / "done") == []
    job = one.job()
    assert job == ended.evolve(removed_at=job.removed_at)
    assert job.removed_at is not None
    assert story(one) == ["file.removed", f"{path} was kept as long as it had to be"]
    assert one.ear.named("file.removed") == ["a.csv"]


def test_a_failed_file_goes_with_its_reason_and_its_report(one: Rig) -> None:
    (path,) = bring(one, "a.csv", text=BAD)
    path.with_name("a.csv.report.txt").write_text("row 7 was left out")
    keep_house(one, 2.9)
    assert len(names(one.inbox / "failed")) == 3
    keep_house(one, 0.2)

    assert names(one.inbox / "failed") == []
    assert story(one)[0] == "file.removed"


def test_a_file_of_done_goes_with_its_report_and_nothing_else_does(one: Rig) -> None:
    (path,) = bring(one, "a.csv", text="a,b\nSIMULATE-SKIP,1\n")
    bring(one, "b.csv")
    path.with_name("b.csv.report.txt").write_text("somebody's own")
    assert path.with_name("a.csv.report.txt").exists()
    keep_house(one, 3)

    assert names(one.inbox / "done") == ["b.csv.report.txt"]


def test_a_file_that_was_never_sent_is_known_by_its_size_and_time(one: Rig) -> None:
    (path,) = bring(one, "a.csv", text="")
    assert one.job().outcome is Outcome.INVALID
    keep_house(one, 4)
    assert not path.exists()


def test_what_was_removed_is_not_removed_again(one: Rig) -> None:
    bring(one, "a.csv")
    keep_house(one, 3)
    keep_house(one, 3)
    assert one.ear.named("file.removed") == ["a.csv"]


def test_a_round_goes_on_bite_by_bite(one: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BITE", 2)
    bring(one, *(f"{number}.csv" for number in range(5)))
    one.clock.advance(3 * DAY_S)
    before = one.clock.now()
    keep_house(one)
    assert names(one.inbox / "done") == []
    assert one.clock.now() - before == 2 * housekeeping.BETWEEN_BITES_S


def test_a_copy_on_another_file_system_goes_although_its_time_is_coarse(one: Rig) -> None:
    (path,) = bring(one, "a.csv")
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)
    modified = one.job().fingerprint.mtime_ns
    os.utime(path, ns=(modified, modified - housekeeping.COARSE_NS))
    keep_house(one, 3)
    assert not path.exists()


def test_every_call_may_be_made_by_a_helper(one: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a drive that may hang, whose numbers of inodes mean nothing."""
    done, failed = bring(one, "a.csv"), bring(one, "b.csv", text=BAD)
    run = Crossing()
    monkeypatch.setattr(Drive, "work", lambda _: run)
    monkeypatch.setattr(Drive, "is_local", property(lambda _: False))
    keep_house(one, 4)
    assert not done[0].exists()
    assert not failed[0].exists()
    assert run.calls > 5


def test_a_file_in_a_sub_folder_goes_and_the_folder_stays(
    tmp_path: Path, pigment: Simulator
) -> None:
    keeping = replace(route(tmp_path / "in", recursive=True), keep_done_s=DAY_S)
    with rig(tmp_path, keeping, url=pigment.url) as one:
        (one.inbox / "north" / "west").mkdir(parents=True)
        (path,) = bring(one, "north/west/a.csv")
        keep_house(one, 2)
        assert (path.exists(), names(path.parent)) == (False, [])
        assert path.parent.is_dir()


# ---------------------------------------------------------------- what stays


def test_nothing_goes_where_nothing_is_said(tmp_path: Path, pigment: Simulator) -> None:
    with rig(tmp_path, url=pigment.url) as one:
        (path,) = bring(one, "a.csv")
        keep_house(one, 10_000)
        assert path.exists()


def test_files_of_a_route_that_is_gone_stay(one: Rig) -> None:
    (path,) = bring(one, "a.csv")
    one.routes = (replace(one.routes[0], name="another"),)
    keep_house(one, 3)
    assert path.exists()


def test_files_that_the_journal_does_not_know_stay_however_old_they_are(one: Rig) -> None:
    (path,) = bring(one, "a.csv")
    mine = path.with_name("mine.csv")
    shutil.copy2(path, mine)
    os.utime(mine, (1, 1))
    keep_house(one, 4)
    assert names(path.parent) == ["mine.csv"]


def _forge(path: Path) -> None:
    found = path.stat()
    path.write_text(ROWS.replace("4000", "4001"))
    os.utime(path, ns=(found.st_mtime_ns, found.st_mtime_ns))


def _make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, Callable[[Path], object]] = {
    "another size": lambda path: path.write_text(ROWS + "1\n"),
    "another time": lambda path: os.utime(path, (1, 1)),
    "other bytes of the same size and time": _forge,
    "a link to the same bytes": lambda path: path.symlink_to(path.rename(path.parent / "moved")),
    "a folder": _make_a_folder,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_somebody_put_in_a_files_place_stays_for_ever(
    one: Rig, change: Callable[[Path], object]
) -> None:
    (path,) = bring(one, "a.csv")
    change(path)
    before = [(entry.name, entry.lstat().st_ino) for entry in sorted(path.parent.iterdir())]
    keep_house(one, 4)
    keep_house(one, 4)

    after = [(entry.name, entry.lstat().st_ino) for entry in sorted(path.parent.iterdir())]
    assert after == before
    assert story(one)[0] == "file.left"
    assert one.job().removed_at is None


def test_a_corrected_file_in_failed_keeps_its_reason(one: Rig) -> None:
    (path,) = bring(one, "a.csv", text=BAD)
    path.write_text(ROWS)
    keep_house(one, 4)
    assert names(path.parent) == ["a.csv", "a.csv.reason.txt"]


def test_no_link_is_followed_below_the_folder(tmp_path: Path, pigment: Simulator) -> None:
    """Somebody moved the files of a sub-folder elsewhere and left a link."""
    keeping = replace(route(tmp_path / "in", recursive=True), keep_done_s=DAY_S)
    with rig(tmp_path, keeping, url=pigment.url) as one:
        (one.inbox / "north").mkdir()
        (path,) = bring(one, "north/a.csv")
        path.parent.rename(tmp_path / "archive")
        path.parent.symlink_to(tmp_path / "archive")
        keep_house(one, 2)
        assert names(tmp_path / "archive") == ["a.csv"]
        assert "no longer at" in story(one)[1]


def test_a_folder_that_is_a_link_by_its_owners_will_is_followed(
    tmp_path: Path, pigment: Simulator
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "done").symlink_to(tmp_path / "elsewhere")
    keeping = replace(route(tmp_path / "in"), keep_done_s=DAY_S)
    with rig(tmp_path, keeping, url=pigment.url) as one:
        bring(one, "a.csv")
        keep_house(one, 2)
        assert names(tmp_path / "elsewhere") == []


def test_a_name_that_a_later_file_has_now_is_the_later_files(one: Rig) -> None:
    """The same bytes, the same time: somebody moved it back into the inbox."""
    (path,) = bring(one, "a.csv")
    one.clock.advance(1.5 * DAY_S)
    path.rename(one.inbox / "a.csv")
    one.take_in()
    one.work_off()
    keep_house(one, 1)
    assert path.exists()
    assert story(one) == ["file.left", "its name was given to a later file"]
    keep_house(one, 2)
    assert not path.exists()


def test_a_file_in_a_folder_that_its_route_no_longer_has_stays(one: Rig) -> None:
    """It may be anybody's folder by now, an inbox included."""
    (path,) = bring(one, "a.csv")
    rules = replace(one.routes[0].rules, done=one.folder / "archive")
    rules.done.mkdir()
    one.routes = (replace(one.routes[0], rules=rules),)
    keep_house(one, 4)
    assert path.exists()
    assert story(one) == ["file.left", f"it does not lie in {rules.done}"]


def test_a_file_that_was_given_back_to_its_inbox_is_no_old_file(one: Rig) -> None:
    job = lead(one.journal, claim_one(one.journal, rules=one.routes[0].rules), State.QUEUED)
    path = one.put("kept.txt")
    moved = one.journal.jobs.move(
        job, State.ARCHIVING, at=0.0, outcome=Outcome.RETURNED, target=path
    )
    one.journal.jobs.move(moved, State.FAILED, at=0.0)
    keep_house(one, 10)
    assert path.exists()
