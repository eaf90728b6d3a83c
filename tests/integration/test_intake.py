"""From a dropped file to a claimed one: real folders and a real journal, time by hand."""

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clock_fixtures import RunningClock
from rig_fixtures import (
    LANE,
    OTHER_LANE,
    QUIET_S,
    ROWS,
    Rig,
    eventually,
    in_thread,
    names,
    rig,
    route,
    without_rights,
)

from pigment_watcher.model import ConditionKind, State


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Rig]:
    """Lend a rig with one route."""
    with rig(tmp_path) as built:
        yield built


# ---------------------------------------------------------------- complete files


def test_files_that_lie_there_at_the_start_are_taken_after_the_quiet_time(one: Rig) -> None:
    """Behaviours J8, A9, A10."""
    one.put("a.csv")
    one.intake.round()
    one.look(QUIET_S - 0.1)
    assert one.all_jobs() == []
    one.look(0.1)
    job = one.job()
    assert job.state is State.QUEUED
    assert job.claimed_at == one.clock.now()
    assert one.claimed_path(job).read_text() == ROWS
    assert names(one.inbox) == []


def test_a_claimed_file_is_known_with_all_its_facts(one: Rig) -> None:
    """Behaviours O1, C17."""
    found = one.put("a.csv", mtime=1_700_000_000.5).stat()
    one.take_in()
    job = one.job()
    assert (job.route, job.configuration_id, job.name) == ("sales", LANE, "a.csv")
    assert job.source == one.inbox / "a.csv"
    assert (job.fingerprint.size, job.fingerprint.mtime_ns) == (len(ROWS), found.st_mtime_ns)
    assert (job.owner_uid, job.owner_name) == (found.st_uid, (one.folder).owner())
    assert one.claimed_path(job).stat().st_mtime_ns == found.st_mtime_ns
    assert stat.S_IMODE(one.claimed_path(job).parent.stat().st_mode) == 0o700


def write_slowly(one: Rig) -> str:
    """Append 20 lines, one every 50 ms, the intake told of each."""
    lines = [f"2026-09,4000,{number}\n" for number in range(20)]
    for line in lines:
        with (one.inbox / "a.csv").open("a") as file:
            file.write(line)
        one.intake.look(one.inbox)
        one.look(0.05)
    return "".join(lines)


def test_a_slow_writer_is_waited_for_and_every_line_is_taken(one: Rig) -> None:
    """Behaviours A1, A14."""
    text = write_slowly(one)
    assert one.all_jobs() == []
    one.look(QUIET_S)
    assert one.claimed_path(one.job()).read_text() == text
    assert one.job().fingerprint.size == len(text)


def test_without_a_quiet_time_a_slow_writer_is_cut_off(tmp_path: Path) -> None:
    """Behaviour A2: the danger that the test above guards against is real."""
    with rig(tmp_path, route(tmp_path / "in", quiet_s=0.0)) as hasty:
        write_slowly(hasty)
        assert hasty.all_jobs()[0].fingerprint.size < 20 * len("2026-09,4000,0\n")


def test_a_file_that_changed_in_the_last_check_settles_anew(one: Rig) -> None:
    """Behaviour A11."""
    path = one.put("a.csv")
    one.look()
    path.write_text(ROWS * 2)
    one.look(QUIET_S)
    one.look(0.0)
    assert one.all_jobs() == []
    one.look(QUIET_S)
    assert one.claimed_path(one.job()).read_text() == ROWS * 2


def test_a_file_that_vanished_in_the_last_check_is_forgotten_and_others_go_on(one: Rig) -> None:
    """Behaviours A6, A12, H9."""
    gone = one.put("a.csv")
    one.put("b.csv")
    one.look()
    gone.unlink()
    one.look(QUIET_S)
    assert [job.name for job in one.all_jobs()] == ["b.csv"]
    one.put("a.csv")
    one.take_in()
    assert [job.name for job in one.all_jobs()] == ["b.csv", "a.csv"]


def test_each_file_has_a_quiet_time_of_its_own(one: Rig) -> None:
    """Behaviour A8."""
    one.put("a.csv")
    one.intake.round()
    one.put("b.csv")
    one.intake.look(one.inbox)
    one.look(0.05)
    one.look(QUIET_S - 0.05)
    assert [job.name for job in one.all_jobs()] == ["a.csv"]
    one.look(0.05)
    assert [job.name for job in one.all_jobs()] == ["a.csv", "b.csv"]


def test_a_new_file_of_a_name_that_is_being_worked_on_is_a_file_of_its_own(one: Rig) -> None:
    """Behaviours C5, T31."""
    one.take_in("a.csv")
    one.put("a.csv", ROWS * 2)
    one.take_in()
    assert [one.claimed_path(job).read_text() for job in one.all_jobs()] == [ROWS, ROWS * 2]


def test_a_clock_of_a_file_that_is_years_wrong_plays_no_part(one: Rig) -> None:
    """Behaviour T6."""
    one.put("old.csv", mtime=0)
    one.put("ahead.csv", mtime=4_000_000_000)
    one.look()
    assert one.all_jobs() == []
    one.look(QUIET_S)
    assert [job.name for job in one.all_jobs()] == ["old.csv", "ahead.csv"]


# ---------------------------------------------------------------- what is left alone


def make_folder(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    outside = path.parent.parent / "outside"
    outside.write_text(ROWS)
    path.symlink_to(outside)


def make_socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(os.path.relpath(path))


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


ODDITIES = [
    (make_folder, "a folder"),
    (make_link, "a symbolic link"),
    (os.mkfifo, "a named pipe"),
    (make_socket, "a socket"),
]


@pytest.mark.parametrize(("make", "what"), ODDITIES)
def test_what_is_no_file_is_said_once_and_left(
    one: Rig, make: Callable[[Path], None], what: str
) -> None:
    """Behaviours D4, P2, Q1."""
    path = one.inbox / "x.csv"
    make(path)
    for _ in range(3):
        one.look()
    assert one.all_jobs() == []
    assert one.ear.told(ConditionKind.FILE_UNCLAIMED) == [True]
    told = one.condition(ConditionKind.FILE_UNCLAIMED)
    assert told is not None
    assert (told.subject, what in told.detail) == (str(path), True)
    assert os.path.lexists(path)
    remove(path)
    one.look()
    assert one.ear.told(ConditionKind.FILE_UNCLAIMED) == [True, False]


def test_a_file_in_the_place_of_what_was_none_is_taken_and_the_trouble_is_over(one: Rig) -> None:
    (one.inbox / "x.csv").mkdir()
    one.look()
    (one.inbox / "x.csv").rmdir()
    one.take_in("x.csv")
    assert one.job().name == "x.csv"
    assert one.ear.told(ConditionKind.FILE_UNCLAIMED) == [True, False]


def test_a_name_that_is_no_text_is_told_in_text(one: Rig) -> None:
    """Behaviour T14."""
    (one.inbox / os.fsdecode(b"bad\xff.csv")).mkdir()
    one.look()
    told = one.condition(ConditionKind.FILE_UNCLAIMED)
    assert told is not None
    assert told.subject == f"{one.inbox}/bad\\xff.csv"


def test_a_file_that_no_route_takes_is_said_once_after_an_hour(one: Rig) -> None:
    one.put("notes.txt")
    one.look()
    one.look(3599)
    assert one.ear.conditions == []
    for _ in range(3):
        one.look()
    assert one.ear.told(ConditionKind.FILE_UNCLAIMED) == [True]
    assert names(one.inbox) == ["notes.txt"]


def test_litter_is_never_said(one: Rig) -> None:
    """Behaviours D5, D7."""
    for name in (".hidden.csv", "a.csv.part", "~$a.csv", "Thumbs.db"):
        one.put(name)
    one.look()
    one.look(7200)
    assert (one.ear.conditions, one.all_jobs()) == ([], [])


def test_the_folders_that_the_service_makes_are_no_oddities(tmp_path: Path) -> None:
    """Behaviour D19."""
    inbox = tmp_path / "in"
    everything = route(inbox, files=("*",), failed=inbox / "bad" / "failed")
    with rig(tmp_path, everything) as greedy:
        for name in ("done", "bad"):
            (inbox / name).mkdir()
        greedy.take_in("a.csv")
        greedy.look()
        assert greedy.ear.conditions == []


def test_the_first_of_two_routes_that_want_a_file_takes_it_and_that_is_said_once(
    tmp_path: Path,
) -> None:
    inbox = tmp_path / "in"
    routes = route(inbox, "first", files=("s*",)), route(inbox, "second", OTHER_LANE)
    with rig(tmp_path, *routes) as shared:
        shared.take_in("s1.csv", "s2.csv", "other.csv")
        shared.take_in("s3.csv")
        taken = {job.name: job.route for job in shared.all_jobs()}
        assert taken == dict.fromkeys(("s1.csv", "s2.csv", "s3.csv"), "first") | {
            "other.csv": "second"
        }
        (said,) = shared.ear.announced("file.contested")
        assert (said["route"], said["routes"]) == ("first", ("first", "second"))


def test_a_file_that_can_not_be_read_is_said_once_and_taken_when_it_can(tmp_path: Path) -> None:
    """Behaviours A13, D18, H10, T13."""
    with without_rights(), rig(tmp_path) as one:
        locked = one.put("locked.csv")
        locked.chmod(0)
        one.take_in("open.csv")
        for _ in range(3):
            one.look()
        assert [job.name for job in one.all_jobs()] == ["open.csv"]
        assert one.ear.told(ConditionKind.FILE_UNREADABLE) == [True]
        assert not one.intake.first_files_open
        locked.chmod(0o600)
        one.look()
        one.look(QUIET_S)
        assert [job.name for job in one.all_jobs()] == ["open.csv", "locked.csv"]
        assert one.ear.told(ConditionKind.FILE_UNREADABLE) == [True, False]


def test_an_unreadable_file_that_goes_away_is_no_trouble_any_more(tmp_path: Path) -> None:
    with without_rights(), rig(tmp_path) as one:
        locked = one.put("locked.csv")
        locked.chmod(0)
        one.take_in()
        locked.unlink()
        locked.mkdir()
        one.look()
        assert one.ear.told(ConditionKind.FILE_UNREADABLE) == [True, False]
        assert one.ear.told(ConditionKind.FILE_UNCLAIMED) == [True]


def test_an_inbox_that_may_be_listed_and_not_entered_is_lost_and_the_thread_lives(
    tmp_path: Path,
) -> None:
    """Behaviour T4: what was seen may be out of reach at the last check."""
    with without_rights(), rig(tmp_path) as one:
        one.put("a.csv")
        one.look()
        one.inbox.chmod(0o600)
        one.look(QUIET_S)
        one.look()
        assert one.ear.told(ConditionKind.FOLDER_LOST) == [True]
        one.inbox.chmod(0o700)
        one.look()
        one.look(QUIET_S)
        assert one.job().name == "a.csv"
        assert one.ear.told(ConditionKind.FOLDER_LOST) == [True, False]


# ---------------------------------------------------------------- hints and timers


def test_a_hint_brings_the_next_look_forward(one: Rig) -> None:
    """Behaviour K1."""
    one.look()
    one.put("a.csv")
    one.look(10.0)
    one.look(QUIET_S)
    assert one.all_jobs() == []
    one.intake.look(one.inbox)
    one.look(0.0)
    one.look(QUIET_S)
    assert one.job().name == "a.csv"


def test_what_no_event_told_of_is_found_by_the_clock(one: Rig) -> None:
    """Behaviour K3."""
    one.look()
    one.put("a.csv")
    one.look(60.0)
    one.look(QUIET_S)
    assert one.job().name == "a.csv"


@pytest.mark.parametrize(("took_s", "cost_s"), [(20.0, 0.0), (0.0, 2.0)])
def test_hints_do_not_make_it_look_without_rest_into_a_slow_folder(
    one: Rig, took_s: float, cost_s: float
) -> None:
    one.intake.round()
    inbox = one.intake._inboxes[one.inbox]
    inbox.scan_s, inbox.scan_cpu_s = took_s, cost_s
    scanned_at = inbox.scanned_at
    one.intake.look(one.inbox)
    one.look(19.0)
    assert inbox.scanned_at == scanned_at
    one.look(2.0)
    assert inbox.scanned_at != scanned_at


@pytest.mark.parametrize(("dropped", "wait_s"), [(False, 5.0), (True, QUIET_S)])
def test_it_waits_until_the_next_file_may_be_complete(
    one: Rig, dropped: bool, wait_s: float
) -> None:
    if dropped:
        one.put("a.csv")
    assert one.intake.round() == wait_s


def test_what_came_while_it_looked_is_looked_at_after_a_rest_and_no_longer(one: Rig) -> None:
    """A hint beats the safety scan, and many hints do not make one long scan after the other."""
    one.clock.tick_s = 1.0
    one.intake.round()
    one.intake.look(one.inbox)
    assert 0.0 < one.intake.round() <= 10.0


# ---------------------------------------------------------------- its life


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Rig]:
    """Lend a rig whose intake may run in a thread."""
    with rig(tmp_path, route(tmp_path / "in", quiet_s=0.05), clock=RunningClock()) as built:
        yield built


def test_it_runs_until_it_is_stopped_and_wakes_for_hints(live: Rig) -> None:
    """Behaviours L4, K6."""
    with in_thread(live.intake.run, stop=live.intake.stop):
        assert live.intake.first_scan_over.wait(5.0)
        live.put("a.csv")
        live.intake.look(live.inbox)
        eventually(lambda: live.ear.named("job.claimed") == ["a.csv"])
    assert live.heartbeats.broken() == []
    assert live.heartbeats._due == {}


def test_fifty_starts_and_stops_leave_no_thread(live: Rig) -> None:
    """Behaviour L3."""
    before = threading.active_count()
    for _ in range(50):
        live.intake = live.new_intake()
        live.intake.set_routes(live.routes)
        with in_thread(live.intake.run, stop=live.intake.stop):
            live.intake.first_scan_over.wait(5.0)
    assert threading.active_count() == before


def test_a_stop_between_two_folders_leaves_the_second_for_the_next_start(one: Rig) -> None:
    one.put("a.csv")
    one.intake.stop()
    assert one.intake.round() == 0.0
    assert one.intake.first_files_open


def test_a_stop_does_not_wait_for_a_backlog(one: Rig) -> None:
    one.put("a.csv")
    one.look()
    one.intake.stop()
    one.look(QUIET_S)
    assert one.all_jobs() == []
    one.intake.run()  # ends at once


def test_routes_that_were_replaced_claim_nothing_any_more(one: Rig) -> None:
    """Behaviour T26."""
    one.put("a.csv")
    one.look()
    changed = route(one.inbox, lane=OTHER_LANE)
    one.intake.set_routes([changed])
    assert not one.intake.wait_for_routes(0.0)
    one.look(QUIET_S)
    assert one.intake.wait_for_routes(0.0)
    one.look(QUIET_S)
    assert one.job().configuration_id == OTHER_LANE


def test_routes_that_stay_the_same_keep_what_they_saw(one: Rig) -> None:
    one.put("a.csv")
    one.look()
    one.intake.set_routes([route(one.inbox)])
    one.look(QUIET_S)
    assert one.job().name == "a.csv"


def test_the_first_files_are_open_until_each_is_claimed_or_gone(one: Rig) -> None:
    assert one.intake.first_files_open
    one.put("a.csv")
    gone = one.put("b.csv")
    one.look()
    assert one.intake.first_files_open
    gone.unlink()
    one.put("late.csv")
    one.look(QUIET_S)
    assert not one.intake.first_files_open


def test_a_first_file_that_is_gone_by_the_next_look_is_not_waited_for(one: Rig) -> None:
    gone = one.put("a.csv")
    one.look()
    gone.unlink()
    one.intake.look(one.inbox)
    one.look(1.0)
    assert not one.intake.first_files_open
