"""Which complete files are claimed, in what order, and what happens where that fails."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from itertools import count
from pathlib import Path

import pytest
from rig_fixtures import AS_ROOT, LANE, OTHER_LANE, QUIET_S, ROWS, Rig, mounted, remount, rig, route

from pigment_watcher.files import claims
from pigment_watcher.intake.loop import CLAIM_AT_ONCE
from pigment_watcher.model import ConditionKind, Fingerprint, Order, Outcome, State


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Rig]:
    """Lend a rig with one route."""
    with rig(tmp_path) as built:
        yield built


# ---------------------------------------------------------------- order and window


def test_the_first_hundred_in_order_are_claimed_and_the_rest_as_the_queue_drains(
    one: Rig,
) -> None:
    """Behaviours E2, E5, E6, E7, C3."""
    for number in range(250):
        one.put(f"{(number * 37) % 250:03}.csv", mtime=1_700_000_000 + number)
    one.take_in()
    by_age = [f"{(number * 37) % 250:03}.csv" for number in range(250)]
    assert [job.name for job in one.all_jobs()] == by_age[:100]
    for job in one.all_jobs()[:50]:
        one.journal.jobs.move(job, State.FAILED, at=one.clock.now(), outcome=Outcome.GONE)
        one.intake.left_queue(LANE)
    one.look(1.0)
    assert [job.name for job in one.all_jobs()] == by_age[:150]


def test_a_queue_that_is_half_empty_wakes_the_intake(one: Rig) -> None:
    for number in range(101):
        one.put(f"{number:03}.csv")
    one.take_in()
    one.intake._rest(0.0)
    for lane in [OTHER_LANE, *[LANE] * 49]:
        one.intake.left_queue(lane)
    assert not one.intake._wake.is_set()
    one.intake.left_queue(LANE)
    assert one.intake._wake.is_set()


def test_a_late_file_that_belongs_in_front_is_not_left_behind_a_full_window(
    tmp_path: Path,
) -> None:
    """Behaviour E6."""
    with rig(tmp_path, route(tmp_path / "in", order=Order.NAME)) as one:
        for number in range(120):
            one.put(f"m{number:03}.csv")
        one.take_in()
        assert len(one.all_jobs()) == 100
        one.take_in("a.csv", "z.csv")
        assert [job.name for job in one.all_jobs()][100:] == ["a.csv"]


def test_two_inboxes_of_one_configuration_share_one_window(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    routes = route(tmp_path / "in"), route(other, "more")
    with rig(tmp_path, *routes) as both:
        for number in range(80):
            both.put(f"a{number:02}.csv", mtime=1_700_000_000 + 2 * number)
            (other / f"b{number:02}.csv").write_text(ROWS)
            os.utime(other / f"b{number:02}.csv", (0, 1_700_000_001 + 2 * number))
        both.take_in()
        claimed = {job.name for job in both.all_jobs()}
        assert claimed == {f"{letter}{number:02}.csv" for letter in "ab" for number in range(50)}


def test_a_lane_does_not_wait_until_all_of_another_is_claimed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with rig(tmp_path, route(tmp_path / "in"), route(other, "more", OTHER_LANE)) as both:
        for number in range(CLAIM_AT_ONCE):
            both.put(f"{number:03}.csv", mtime=1_700_000_000 + number)
        (other / "alone.csv").write_text(ROWS)
        both.take_in()
        by_turn = [job.name for job in sorted(both.all_jobs(), key=lambda job: job.id)]
        assert "alone.csv" in by_turn[:CLAIM_AT_ONCE]
        assert by_turn[CLAIM_AT_ONCE:] == [f"{CLAIM_AT_ONCE - 1:03}.csv"]


def test_a_file_that_can_not_be_moved_is_said_once_and_holds_no_other(one: Rig) -> None:
    """Behaviours G13, H10."""
    stuck = one.put("stuck.csv")
    if subprocess.run(["chattr", "+i", stuck], check=False, capture_output=True).returncode:
        pytest.skip("no file can be made immutable here")
    try:
        one.take_in("other.csv")
        for _ in range(3):
            one.look(QUIET_S)
    finally:
        subprocess.run(["chattr", "-i", stuck], check=True)
    assert one.ear.told(ConditionKind.FILE_UNREADABLE) == [True]
    assert one.ear.told(ConditionKind.CLAIM_STUCK) == []
    ends = [(job.name, job.outcome) for job in one.all_jobs()]
    assert ends == [("other.csv", None)]
    one.look(120.0)
    one.look(QUIET_S)
    assert not stuck.exists()
    assert one.ear.told(ConditionKind.FILE_UNREADABLE) == [True, False]


# ---------------------------------------------------------------- lost folders


def test_a_folder_that_vanishes_and_comes_back_is_said_once_each_and_nothing_is_forgotten(
    one: Rig,
) -> None:
    """Behaviours T4, I7, I9."""
    one.put("a.csv")
    one.look()
    away = one.inbox.rename(one.folder / "away")
    for _ in range(3):
        one.look(61.0)
    assert one.all_jobs() == []
    assert one.ear.told(ConditionKind.FOLDER_LOST) == [True]
    away.rename(one.inbox)
    one.look()
    assert one.ear.told(ConditionKind.FOLDER_LOST) == [True, False]
    one.look(QUIET_S)
    assert [job.name for job in one.all_jobs()] == ["a.csv"]


def test_a_lost_folder_does_not_stop_the_others(tmp_path: Path) -> None:
    """Behaviour I12."""
    routes = route(tmp_path / "missing", "lost", OTHER_LANE), route(tmp_path / "in")
    with rig(tmp_path, *routes) as two:
        two.take_in("a.csv")
        assert two.job().name == "a.csv"
        assert two.intake.scanned_s_ago.keys() == {"sales"}
        assert two.intake.scanned_s_ago["sales"] >= 0
        two.intake.set_routes(two.routes[1:])
        two.look()
        assert two.ear.told(ConditionKind.FOLDER_LOST) == [True, False]


# ---------------------------------------------------------------- claims that fail


Undo = Callable[[], object]


def block_processing(one: Rig) -> Undo:
    """Put a file where the folder processing/ belongs."""
    processing, aside = one.inbox / "processing", one.inbox / ".aside"
    processing.rename(aside)
    one.put("processing", "in the way")

    def undo() -> None:
        processing.unlink()
        aside.rename(processing)

    return undo


def block_place(one: Rig) -> Undo:
    """Put a file where the first job's folder belongs."""
    home = one.inbox / "processing" / one.instance
    (home / "1").write_text("in the way")
    return (home / "1").unlink


def fill_up(one: Rig) -> Undo:
    """Use up every name that the drive has room for."""
    fillers = one.inbox / "fillers"
    fillers.mkdir()
    with suppress(OSError):
        for number in count():
            (fillers / str(number)).touch()
    return lambda: shutil.rmtree(fillers)


def make_read_only(one: Rig) -> Undo:
    remount(one.inbox, "ro")
    return lambda: remount(one.inbox, "rw")


needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root may mount a file system")
BLOCKS = [
    block_processing,
    block_place,
    pytest.param(fill_up, marks=needs_root),
    pytest.param(make_read_only, marks=needs_root),
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_claim_that_fails_leaves_rows_that_are_completed_later_and_never_doubled(
    tmp_path: Path, block: Callable[[Rig], Undo]
) -> None:
    """Behaviours C18, I6, T30."""
    drive = mounted(tmp_path / "in", "nr_inodes=40") if AS_ROOT else nullcontext()
    with drive, rig(tmp_path) as one:
        one.look()
        one.put("a.csv")
        one.put("b.csv")
        undo = block(one)
        one.take_in()
        for _ in range(3):
            one.look()
        assert {job.name: job.claimed_at for job in one.all_jobs()} == {
            "a.csv": None,
            "b.csv": None,
        }
        assert one.next_work() is None
        undo()
        one.look()
        assert all(one.claimed_path(job).read_text() == ROWS for job in one.all_jobs())
        assert one.ear.told(ConditionKind.CLAIM_STUCK) == [True, False]
        assert sorted(one.ear.named("job.claimed")) == ["a.csv", "b.csv"]


@needs_root
def test_a_file_that_another_program_holds_is_taken_when_it_lets_go(one: Rig) -> None:
    path = one.put("a.csv")
    subprocess.run(["mount", "--bind", path, path], check=True)  # a rename says: busy
    try:
        one.take_in()
        one.look()
        assert one.all_jobs() == []
    finally:
        subprocess.run(["umount", path], check=True)
    one.look(600.0)
    assert one.claimed_path(one.all_jobs()[-1]).read_text() == ROWS


def test_a_file_that_vanishes_at_the_very_rename_is_gone(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = claims.take

    def take_late(source: Path, to: Path, expected: Fingerprint) -> None:
        source.unlink()
        real(source, to, expected)

    monkeypatch.setattr(claims, "take", take_late)
    one.take_in("a.csv")
    assert one.job().outcome is Outcome.GONE
    assert not one.claimed_path(one.job()).parent.exists()


def test_a_folder_that_can_not_be_claimed_in_does_not_stop_the_others(tmp_path: Path) -> None:
    """Behaviour T29."""
    other = tmp_path / "other"
    other.mkdir()
    routes = route(tmp_path / "in", "stuck"), route(other, "fine", OTHER_LANE)
    with rig(tmp_path, *routes) as two:
        two.look()
        undo = block_processing(two)
        (other / "b.csv").write_text(ROWS)
        two.take_in("a.csv")
        (other / "c.csv").write_text(ROWS)
        two.take_in("d.csv")
        claimed = {job.name: job.claimed_at is not None for job in two.all_jobs()}
        assert claimed == {"a.csv": False, "b.csv": True, "c.csv": True}
        undo()
        two.look()
        assert {job.name for job in two.all_jobs() if job.claimed_at} == {
            f"{letter}.csv" for letter in "abcd"
        }


def test_a_claim_that_could_not_be_stored_is_stored_when_it_can(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = claims.take
    release: list[Undo] = []

    def take_and_lock(source: Path, to: Path, expected: Fingerprint) -> None:
        real(source, to, expected)
        release.append(one.lock_journal())

    monkeypatch.setattr(claims, "take", take_and_lock)
    one.put("a.csv")
    one.look()
    one.clock.advance(QUIET_S)
    one.intake._patient_round()
    assert one.job().claimed_at is None
    release[0]()
    one.intake._patient_round()
    assert one.job().claimed_at is not None
    assert one.ear.named("job.claimed") == ["a.csv"]


def test_a_journal_that_can_not_be_written_is_waited_out(one: Rig) -> None:
    """Behaviours H11, T30."""
    one.put("a.csv")
    one.look()
    undo = one.lock_journal()
    one.clock.advance(QUIET_S)
    assert [one.intake._patient_round() for _ in range(3)] == [5.0, 5.0, 5.0]
    assert one.all_jobs() == []
    undo()
    one.intake._patient_round()
    assert one.job().claimed_at is not None
