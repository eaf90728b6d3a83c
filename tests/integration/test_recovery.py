"""What a start makes of what a crash left: the table of states, line by line."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig_fixtures import LANE, ROWS, Rig, names, rig, route, without_rights

from pigment_watcher.files import moves, places, reading
from pigment_watcher.journal import Journal
from pigment_watcher.model import (
    AfterFailure,
    Condition,
    ConditionKind,
    Job,
    LoadMode,
    Outcome,
    State,
)
from pigment_watcher.policy import lanes
from pigment_watcher.service.recovery import begin_instance
from pigment_watcher.simulator import Fault, Simulator


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=0.0) as simulator:
        yield simulator


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    with rig(tmp_path, url=pigment.url) as built:
        yield built


def known(one: Rig, name: str = "a.csv") -> Job:
    """Drop a file and store its row, as a claim does first."""
    path = one.put(name)
    fingerprint = reading.look(path)
    assert fingerprint is not None
    (job,) = one.journal.jobs.add(
        [
            Job(
                id=0,
                route="sales",
                configuration_id=LANE,
                rules=one.routes[0].rules,
                source=path,
                name=name,
                fingerprint=fingerprint,
                state=State.QUEUED,
                due_at=one.clock.now(),
                created_at=one.clock.now(),
                priority=lanes.AS_IT_CAME,
            )
        ]
    )
    return job


def claimed(one: Rig, name: str = "a.csv") -> Job:
    """Drop a file and claim it."""
    job = known(one, name)
    places.make_places(one.inbox, one.instance, [job.id])
    moves.rename(job.source, one.claimed_path(job))
    return one.journal.jobs.claimed([job], one.clock.now())[0]


def moved(one: Rig, *states: State) -> Job:
    """Claim a file and bring its job through some states."""
    job = claimed(one)
    for state in states:
        job = one.journal.jobs.move(job, state, at=one.clock.now(), pushed_at=one.clock.now())
    return job


def archiving(one: Rig, outcome: Outcome, target: Path | None = None) -> Job:
    """Bring a job to where its outcome, and its target if given, are stored."""
    job = moved(one, State.PUSHING)
    if outcome is Outcome.IMPORTED:
        job = one.journal.jobs.move(job, State.IMPORTING, at=one.clock.now())
    now = one.clock.now()
    for folder in ("done", "failed"):
        (one.inbox / folder).mkdir(exist_ok=True)
    return one.journal.jobs.move(
        job, State.ARCHIVING, at=now, outcome=outcome, target=target, decided_at=now
    )


def go_on(one: Rig) -> None:
    """Start again and let everything end."""
    one.restart()
    one.look()
    one.look()
    one.work_off()


# ---------------------------------------------------------------- QUEUED


def test_a_queued_file_in_processing_goes_on(one: Rig, pigment: Simulator) -> None:
    """Behaviour T1."""
    claimed(one)
    go_on(one)
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
    assert len(pigment.pushes()) == 1


def test_a_claim_that_was_done_and_not_stored_goes_on(one: Rig, pigment: Simulator) -> None:
    """Behaviour T1."""
    job = known(one)
    places.make_places(one.inbox, one.instance, [job.id])
    moves.rename(job.source, one.claimed_path(job))
    go_on(one)
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
    assert len(pigment.pushes()) == 1


def test_a_queued_file_that_still_lies_at_its_source_is_claimed_once(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviour T1."""
    known(one)
    go_on(one)
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
    assert (len(one.all_jobs()), len(pigment.pushes())) == (1, 1)


def test_another_file_at_the_source_is_not_the_queued_one(one: Rig, pigment: Simulator) -> None:
    """Behaviours T10, T18."""
    known(one).source.unlink()
    one.put("a.csv", ROWS.replace("120", "999"))
    go_on(one)
    assert [job.outcome for job in one.all_jobs()] == [Outcome.GONE, Outcome.IMPORTED]
    assert len(pigment.pushes()) == 1


def test_a_queued_file_that_is_nowhere_is_gone(one: Rig, pigment: Simulator) -> None:
    """Behaviour H9."""
    known(one).source.unlink()
    go_on(one)
    assert (one.job().state, one.job().outcome) == (State.FAILED, Outcome.GONE)
    assert "it is no longer there" in one.job().reason
    assert (one.ear.named("job.finished"), pigment.pushes()) == (["a.csv"], [])


def test_a_claim_by_hard_link_that_was_cut_in_half_is_finished(
    one: Rig, pigment: Simulator
) -> None:
    """A drive without a rename that can't overwrite gets the new name first."""
    job = known(one)
    places.make_places(one.inbox, one.instance, [job.id])
    one.claimed_path(job).hardlink_to(job.source)
    go_on(one)
    assert names(one.inbox) == []
    assert (len(one.all_jobs()), len(pigment.pushes())) == (1, 1)


def test_a_new_file_at_the_source_of_a_finished_claim_is_left_there(one: Rig) -> None:
    job = known(one)
    places.make_places(one.inbox, one.instance, [job.id])
    moves.rename(job.source, one.claimed_path(job))
    one.put("a.csv", ROWS)
    one.restart()
    one.look()
    assert names(one.inbox) == ["a.csv"]


# ---------------------------------------------------------------- PUSHING


@pytest.mark.parametrize("mode", [None, LoadMode.APPEND])
def test_a_push_that_was_cut_ends_unsure_and_is_not_repeated(
    tmp_path: Path, pigment: Simulator, mode: LoadMode | None
) -> None:
    """Behaviours T1, T22."""
    with rig(tmp_path, route(tmp_path / "in", load_mode=mode), url=pigment.url) as one:
        moved(one, State.PUSHING)
        go_on(one)
        assert one.outcomes() == {"a.csv": Outcome.UNSURE}
        reason = (one.inbox / "failed" / "a.csv.reason.txt").read_text()
        assert reason.startswith("NOT KNOWN WHETHER IMPORTED - look before dropping it again\n")
        assert pigment.pushes() == []


@pytest.mark.parametrize("mode", [LoadMode.UPDATE, LoadMode.REPLACE])
def test_a_push_that_was_cut_and_may_be_repeated_is_repeated_after_a_probe(
    tmp_path: Path, pigment: Simulator, mode: LoadMode
) -> None:
    with rig(tmp_path, route(tmp_path / "in", load_mode=mode), url=pigment.url) as one:
        moved(one, State.PUSHING)
        go_on(one)
        assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
        assert [call.method for call in pigment.calls()] == ["GET", "POST", "GET"]


# ---------------------------------------------------------------- IMPORTING


def test_an_import_in_progress_is_polled_and_not_pushed(one: Rig, pigment: Simulator) -> None:
    """Behaviours L6, T1."""
    one.take_in("a.csv")
    assert one.work() == ["push"]
    one.restart()
    assert one.work() == ["poll"]
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
    assert len(pigment.pushes()) == 1


@pytest.mark.parametrize("away_s", [-86_400.0, 86_400.0])
def test_time_in_which_nobody_asked_counts_for_no_deadline(
    one: Rig, pigment: Simulator, away_s: float
) -> None:
    """Whether the service was away, or its clock was wrong."""
    pigment.script(Fault.answer(404, on="status", times=3))
    one.take_in("a.csv")
    assert one.work(most=2) == ["push", "poll"]
    one.clock.jump(away_s)
    one.restart()
    assert one.work(most=1) == ["poll"]
    assert one.job().state is State.IMPORTING
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}


# ---------------------------------------------------------------- ARCHIVING


def test_a_file_whose_end_is_stored_is_moved(one: Rig) -> None:
    """Behaviours G20, T1."""
    job = archiving(one, Outcome.IMPORTED, one.inbox / "done" / "a.csv")
    go_on(one)
    assert (one.job().state, names(one.inbox / "done")) == (State.DONE, ["a.csv"])
    assert not one.claimed_path(job).parent.exists()


def test_a_file_whose_target_is_not_stored_yet_gets_one(one: Rig) -> None:
    archiving(one, Outcome.UNSURE)
    go_on(one)
    assert one.job().target == one.inbox / "failed" / "a.csv"
    assert names(one.inbox / "failed") == ["a.csv", "a.csv.reason.txt"]


def test_a_file_that_was_moved_already_is_finished(one: Rig) -> None:
    """Behaviours G20, T1."""
    target = one.inbox / "done" / "a.csv"
    job = archiving(one, Outcome.IMPORTED, target)
    one.claimed_path(job).rename(target)
    go_on(one)
    assert (one.job().state, names(one.inbox / "done")) == (State.DONE, ["a.csv"])


def test_a_file_that_was_copied_and_not_removed_is_removed(one: Rig) -> None:
    """Behaviours T1, T3."""
    target = one.inbox / "done" / "a.csv"
    job = archiving(one, Outcome.IMPORTED, target)
    shutil.copy2(one.claimed_path(job), target)
    go_on(one)
    assert (one.job().state, names(one.inbox / "done")) == (State.DONE, ["a.csv"])
    assert not one.claimed_path(job).exists()


def test_a_target_that_another_file_took_is_not_overwritten(one: Rig) -> None:
    """Behaviour G2."""
    target = one.inbox / "done" / "a.csv"
    archiving(one, Outcome.IMPORTED, target)
    target.write_text("somebody else's")
    go_on(one)
    assert target.read_text() == "somebody else's"
    renamed = one.job().target
    assert renamed is not None
    assert (renamed.read_text(), one.job().state) == (ROWS, State.DONE)
    assert renamed.name.startswith("a-2027")


def test_a_file_that_is_in_neither_place_ends_with_a_remark(one: Rig) -> None:
    """Behaviour H9."""
    job = archiving(one, Outcome.IMPORTED, one.inbox / "done" / "a.csv")
    one.claimed_path(job).unlink()
    go_on(one)
    assert (one.job().state, one.job().outcome) == (State.DONE, Outcome.IMPORTED)
    last = one.ear.jobs[-1]
    assert (last.name, "the file was in neither" in last.detail) == ("job.finished", True)


# ---------------------------------------------------------------- DONE, FAILED


def test_what_is_over_stays_so(one: Rig, pigment: Simulator) -> None:
    one.take_in("a.csv")
    one.work_off()
    before = one.all_jobs()
    calls = len(pigment.calls())
    go_on(one)
    assert (one.all_jobs(), len(pigment.calls())) == (before, calls)


# ---------------------------------------------------------------- due times, conditions


def test_what_waited_for_later_is_tried_at_once_after_a_start(one: Rig) -> None:
    job = claimed(one)
    one.journal.jobs.move(job, State.QUEUED, at=0.0, due_at=one.clock.now() + 3000)
    one.restart()
    assert one.job().due_at == one.clock.now()


def test_what_was_said_of_another_host_is_over(one: Rig) -> None:
    """Nobody would ask that host again, and no file would be pushed."""
    for subject in ("the.old.host:443", one.desk.destination.host):
        condition = Condition(kind=ConditionKind.HOST_IN_DOUBT, subject=subject, since=0.0)
        one.journal.conditions.begin(condition)
    one.recovery.run()
    (left,) = one.journal.conditions.all()
    assert left.subject == one.desk.destination.host


def test_what_a_scan_finds_again_is_forgotten_and_what_it_does_not_is_kept(one: Rig) -> None:
    for kind in ConditionKind:
        subject = one.desk.destination.host
        one.journal.conditions.begin(Condition(kind=kind, subject=subject, since=0.0))
    one.restart()
    kept = {condition.kind for condition in one.journal.conditions.all()}
    assert set(ConditionKind) - kept == {
        ConditionKind.FILE_UNREADABLE,
        ConditionKind.FILE_UNCLAIMED,
        ConditionKind.FOLDER_LOST,
        ConditionKind.CLAIM_STUCK,
        ConditionKind.ORPHANS,
    }


# ---------------------------------------------------------------- orphans, instances


def orphan(one: Rig, instance: str, number: str = "77") -> Path:
    """Leave a file in an instance's folder that no row knows."""
    place = one.inbox / "processing" / instance / number
    place.mkdir(parents=True)
    (place / "orphan.csv").write_text(ROWS)
    return place / "orphan.csv"


def test_a_file_of_ours_that_no_row_knows_ends_unsure_and_is_never_sent(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviour C15."""
    path = orphan(one, one.instance)
    go_on(one)
    assert one.outcomes() == {"orphan.csv": Outcome.UNSURE}
    assert not path.parent.exists()
    assert names(one.inbox / "failed") == ["orphan.csv", "orphan.csv.reason.txt"]
    assert "the record of what happened to it is" in one.job().reason
    assert pigment.pushes() == []


def test_an_orphan_holds_its_lane_where_the_route_says_so(
    tmp_path: Path, pigment: Simulator
) -> None:
    held = route(tmp_path / "in", after_failure=AfterFailure.HOLD)
    with rig(tmp_path, held, url=pigment.url) as one:
        orphan(one, one.instance)
        one.put("a.csv")
        go_on(one)
        assert one.condition(ConditionKind.LANE_HELD) is not None
        assert pigment.pushes() == []


def test_an_orphan_that_was_adopted_half_way_is_never_sent(
    one: Rig, pigment: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crash comes when the row is there and the file is not moved, or moved already."""
    orphan(one, one.instance)
    real = moves.move

    def move_and_die(source: Path, target: Path, token: str) -> None:
        real(source, target, token)
        raise KeyboardInterrupt

    monkeypatch.setattr(moves, "move", move_and_die)
    with pytest.raises(KeyboardInterrupt):
        one.recovery.take_possession(one.inbox)
    monkeypatch.undo()
    go_on(one)
    assert one.outcomes() == {"orphan.csv": Outcome.UNSURE}
    assert (names(one.inbox / "failed")[0], pigment.pushes()) == ("orphan.csv", [])


def test_an_orphan_waits_until_it_lies_where_its_job_expects_it(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers run while the orphans of another instance are closed."""
    orphan(one, one.instance)
    at_the_move: list[object] = []

    def look(source: Path, target: Path, token: str) -> None:
        at_the_move.append(one.journal.agenda.next(one.clock.now(), one.desk.destination.limits))
        os.rename(source, target)  # noqa: PTH104

    monkeypatch.setattr(moves, "move", look)
    one.recovery.take_possession(one.inbox)
    assert at_the_move == [one.clock.now() + 300.0]
    assert one.job().due_at == one.clock.now()


def test_files_of_another_instance_are_left_and_reported_until_they_are_gone(
    one: Rig, pigment: Simulator
) -> None:
    path = orphan(one, "another")
    go_on(one)
    told = one.condition(ConditionKind.ORPHANS)
    assert told is not None
    assert told.subject == str(one.inbox / "processing" / "another")
    assert told.detail.endswith("say pigment-watcher close-orphans another")
    assert (path.read_text(), one.all_jobs(), pigment.calls()) == (ROWS, [], [])
    path.unlink()
    one.recovery.take_possession(one.inbox)
    assert one.ear.told(ConditionKind.ORPHANS) == [True, False]


def test_an_older_copy_of_the_journal_begins_a_new_instance(one: Rig, pigment: Simulator) -> None:
    """Behaviour T17."""
    one.restart()
    one.journal.close()
    copy = one.folder / "copy.db"
    shutil.copy(one.folder / "state" / "journal.db", copy)
    one.journal = Journal.open(one.folder / "state")
    one.restart()
    old = one.instance
    one.take_in("a.csv")
    assert one.work() == ["push"]
    one.journal.close()
    shutil.copy(copy, one.folder / "state" / "journal.db")
    one.journal = Journal.open(one.folder / "state")
    go_on(one)
    assert one.instance != old
    assert one.condition(ConditionKind.ORPHANS) is not None
    assert len(pigment.pushes()) == 1


def test_a_start_that_pushed_before_it_looked_is_no_secret_to_an_older_copy(
    one: Rig, pigment: Simulator
) -> None:
    one.recover()
    one.take_in("a.csv")
    one.close()
    copy = one.folder / "copy.db"
    shutil.copy(one.folder / "state" / "journal.db", copy)
    one.start()
    assert one.work() == ["push"]
    one.close()
    shutil.copy(copy, one.folder / "state" / "journal.db")
    one.start()
    go_on(one)
    assert len(pigment.pushes()) == 1


def test_a_new_instance_that_was_killed_before_it_looked_finds_its_folders(
    one: Rig, pigment: Simulator
) -> None:
    one.recover()
    one.take_in("a.csv")
    one.journal.identity.mint()
    one.restart()
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.UNSURE}
    one.take_in("b.csv")
    one.work_off()
    assert names(one.inbox / "done") == ["b.csv"]


def test_the_same_journal_keeps_its_instance(one: Rig) -> None:
    instance = one.instance
    for _ in range(3):
        one.restart()
    assert one.instance == instance
    starts = one.inbox / "processing" / instance / "starts"
    assert int(starts.read_text()) == one.journal.identity.starts == 4


def test_a_lost_share_tells_nothing_of_its_starts_and_stops_no_start(tmp_path: Path) -> None:
    """Behaviour T4."""
    with without_rights(), rig(tmp_path) as one:
        one.recover()
        one.inbox.chmod(0)
        assert begin_instance(one.journal, [one.inbox], one.drives) == one.instance
        one.inbox.chmod(0o700)
