"""What an inbox remembers between two looks: sightings, markers, files that can't be had now."""

import os
from pathlib import Path
from typing import Any

import pytest
from rig_fixtures import QUIET_S, ROWS, route

from pigment_watcher import errors
from pigment_watcher.intake.inbox import Inbox
from pigment_watcher.intake.listing import Seen, look_through
from pigment_watcher.intake.remarks import NAMED_AT_MOST, _named
from pigment_watcher.model import ConditionKind, Route

HOUR_S = 3600.0


def look(inbox: Inbox, monotonic: float) -> list[str]:
    """Look through the folder and return what is complete."""
    inbox.observe(look_through(inbox.directory, inbox.routes, inbox.choices), monotonic)
    return sorted(one.name for one in inbox.settled(monotonic).complete)


def inbox_of(folder: Path, is_local: bool = True, **said: Any) -> Inbox:
    return Inbox(folder, [route(folder, **said)], is_local=is_local)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(ROWS)


def test_a_marker_says_at_once_that_its_file_is_complete(tmp_path: Path) -> None:
    marked = inbox_of(tmp_path, marker="{stem}.ok", quiet_s=None)
    put(tmp_path, "a.csv", "b.csv")
    assert look(marked, 0.0) == look(marked, HOUR_S) == []
    put(tmp_path, "A.OK")
    assert look(marked, HOUR_S) == ["a.csv"]
    (candidate,) = marked.with_markers(marked.settled(HOUR_S).complete)
    assert candidate.marker == "A.OK"


def test_a_quiet_time_that_was_asked_for_is_kept_beside_the_marker(tmp_path: Path) -> None:
    marked = inbox_of(tmp_path, marker="{name}.done", quiet_s=QUIET_S)
    put(tmp_path, "a.csv", "a.csv.done")
    assert look(marked, 0.0) == []
    assert look(marked, QUIET_S) == ["a.csv"]


def test_a_shared_marker_releases_what_was_there_and_goes_with_the_last_of_it(
    tmp_path: Path,
) -> None:
    marked = inbox_of(tmp_path, marker="ready", quiet_s=None)
    put(tmp_path, "a.csv", "b.csv", "ready")
    assert look(marked, 0.0) == ["a.csv", "b.csv"]
    put(tmp_path, "late.csv")
    assert look(marked, HOUR_S) == ["a.csv", "b.csv"]
    first, second = sorted(marked.settled(HOUR_S).complete, key=lambda one: one.name)
    assert [one.marker for one in marked.with_markers([first])] == [""]
    assert [one.marker for one in marked.with_markers([first, second])] == ["", "ready"]
    marked.forget("a.csv")
    assert [one.marker for one in marked.with_markers([second])] == ["ready"]
    (tmp_path / "ready").unlink()
    assert look(marked, HOUR_S) == []


def test_what_waits_for_a_marker_and_markers_without_a_file_are_said_after_an_hour(
    tmp_path: Path,
) -> None:
    marked = inbox_of(tmp_path, marker="{name}.done")
    put(tmp_path, "a.csv", "b.csv.done")
    look(marked, 0.0)
    assert list(marked.oddities(HOUR_S - 1.0)) == []
    assert {one.name: one.why.split(",")[0] for one in marked.oddities(HOUR_S)} == {
        "a.csv": "waits for its marker a.csv.done",
        "b.csv.done": "a marker",
    }


def test_a_file_that_is_held_is_asked_after_again_and_claims_in_vain_are_tried_more_seldom(
    tmp_path: Path,
) -> None:
    inbox, busy = inbox_of(tmp_path), errors.FileBusy("a.csv: open")
    put(tmp_path, "a.csv")
    look(inbox, 0.0)
    for _ in range(3):
        inbox.put_off("a.csv", busy, 10.0)
        assert inbox.settled(10.0).next_at == 10.0 + QUIET_S
    for wait_s in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0):
        inbox.put_off("a.csv", busy, 10.0, was_claim=True)
        assert inbox.settled(10.0).next_at == 10.0 + wait_s
    assert look(inbox, 20.0) == []
    assert [one.kind for one in inbox.oddities(10.0 + HOUR_S)] == [ConditionKind.FILE_UNCLAIMED]
    put(tmp_path, "a.csv")
    os.utime(tmp_path / "a.csv", (1.0, 1.0))
    assert look(inbox, 30.0) == []
    assert look(inbox, 30.0 + QUIET_S) == ["a.csv"]


def test_what_is_odd_is_gone_through_again_only_when_it_may_have_changed(tmp_path: Path) -> None:
    inbox = inbox_of(tmp_path, files=("*.csv",))
    put(tmp_path, "old.txt")

    def is_told_anew(monotonic: float) -> bool:
        look(inbox, monotonic)
        is_anew = inbox.is_odd_anew(monotonic)
        if is_anew:
            inbox.told(monotonic)
        return is_anew

    assert is_told_anew(0.0)
    assert not is_told_anew(1.0)
    put(tmp_path, "young.txt")
    assert is_told_anew(10.0)
    assert not is_told_anew(HOUR_S - 1.0)
    assert is_told_anew(HOUR_S)  # old.txt lies there for an hour
    assert not is_told_anew(HOUR_S + 9.0)
    assert is_told_anew(HOUR_S + 10.0)
    assert [one.name for one in inbox.oddities(HOUR_S + 10.0)] == ["old.txt", "young.txt"]
    (tmp_path / "link.csv").symlink_to("old.txt")
    assert is_told_anew(HOUR_S + 11.0)
    (tmp_path / "link.csv").unlink()
    (tmp_path / "old.txt").unlink()
    assert is_told_anew(HOUR_S + 12.0)
    assert not is_told_anew(HOUR_S + 13.0)
    assert [one.name for one in inbox.oddities(HOUR_S + 13.0)] == ["young.txt"]


def test_a_file_that_can_be_read_again_is_told_of(tmp_path: Path) -> None:
    inbox = inbox_of(tmp_path)
    put(tmp_path, "a.csv")
    look(inbox, 0.0)
    inbox.put_off("a.csv", errors.FileUnreadable("a.csv: permission denied"), 1.0)
    inbox.told(1.0)
    inbox.forget("a.csv")
    assert inbox.is_odd_anew(2.0)
    inbox.told(2.0)
    assert not inbox.is_odd_anew(3.0)


def test_an_inbox_may_be_looked_through_a_little_early_and_rests_longer_where_looks_are_dear(
    tmp_path: Path,
) -> None:
    inbox = inbox_of(tmp_path, scan_every_s=60.0)
    assert inbox.look_at(is_hinted=False) < 0.0
    inbox.is_ours, inbox.scanned_at = True, 100.0
    assert (inbox.early_at, inbox.look_at(is_hinted=False)) == (154.0, 160.0)
    assert inbox.look_at(is_hinted=True) == 100.0
    inbox.scan_s, inbox.scan_cpu_s = 2.0, 1.5
    assert inbox.look_at(is_hinted=True) == 115.0
    assert inbox.look_at(is_hinted=False) == 300.0
    inbox.is_ours = False
    assert inbox.look_at(is_hinted=False) == 105.0


@pytest.mark.parametrize(("is_local", "said_after_s"), [(True, 0.0), (False, 60.0)])
def test_an_unreadable_file_is_said_later_where_it_may_only_be_held(
    tmp_path: Path, is_local: bool, said_after_s: float
) -> None:
    inbox = inbox_of(tmp_path, is_local)
    put(tmp_path, "a.csv")
    look(inbox, 0.0)
    inbox.put_off("a.csv", errors.FileUnreadable("a.csv: permission denied"), 5.0)
    assert list(inbox.oddities(5.0 + said_after_s - 0.1)) == []
    (oddity,) = inbox.oddities(5.0 + said_after_s)
    assert (oddity.name, oddity.kind) == ("a.csv", ConditionKind.FILE_UNREADABLE)


def test_a_file_may_end_in_nul_once_it_was_quiet_for_minutes(tmp_path: Path) -> None:
    inbox = inbox_of(tmp_path, is_local=False)
    put(tmp_path, "a.csv")
    look(inbox, 0.0)
    told = [
        one.may_end_in_nul for at in (QUIET_S, 299.0, 300.0) for one in inbox.settled(at).complete
    ]
    assert told == [False, False, True]


def test_few_files_are_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    inbox = inbox_of(tmp_path)
    names = [f"{number:03}.csv" for number in range(50)]
    put(tmp_path, *names)
    look(inbox, 0.0)
    for name in names:
        inbox.put_off(name, errors.FileUnreadable("permission denied"), 0.0)
    named = _named(inbox.oddities(0.0), [(ConditionKind.FILE_UNREADABLE, "049.csv")])
    assert len(named) == NAMED_AT_MOST + 1
    assert (ConditionKind.FILE_UNREADABLE, "049.csv") in named
    told = named[ConditionKind.FILE_UNREADABLE, "*"]
    assert told == "40 more files, 009.csv among them: permission denied"


# ---------------------------------------------------------------- looks


def deep(folder: Path, **said: Any) -> Route:
    return route(folder, recursive=True, **said)


def seen(folder: Path, *routes: Route) -> Seen:
    return look_through(folder, routes, {})


def test_sub_folders_are_looked_into_and_ours_and_litter_are_not(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "x/y/b.csv", "old/c.csv", "@eaDir/d.csv", ".hidden/e.csv")
    put(tmp_path, "done/f.csv", "failed/x/g.csv", "processing/me/1/h.csv", "x/done/i.csv")
    (tmp_path / "link").symlink_to(tmp_path / "x", target_is_directory=True)
    found = seen(tmp_path, deep(tmp_path, ignore=("old",)))
    assert sorted(found.files) == ["a.csv", "x/done/i.csv", "x/y/b.csv"]
    assert sorted(seen(tmp_path, route(tmp_path)).files) == ["a.csv"]


def test_a_file_of_which_nothing_can_be_learnt_now_stays_as_it_was(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "b.csv")
    inbox = inbox_of(tmp_path)
    look(inbox, 0.0)
    inbox.observe(Seen(files={}, takers={}, unknown={"a.csv", "new.csv"}), QUIET_S)
    assert [one.name for one in inbox.settled(QUIET_S).complete] == ["a.csv"]


def test_a_folder_of_a_markers_name_is_no_marker(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    (tmp_path / "a.csv.done").mkdir()
    assert seen(tmp_path, route(tmp_path, marker="{name}.done")).markers == {}


def test_inode_numbers_that_mean_nothing_are_not_kept(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    found = look_through(tmp_path, [route(tmp_path)], {}, trust_inodes=False)
    assert found.files["a.csv"].inode == 0
