"""The housekeeper beside retries and troubles, its thread, and what history keeps for it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from housekeeping_fixtures import BAD, DAY_S, bring, keep_house, keeper, story
from journal_fixtures import INBOX, claim_one, end, lead, new_job
from rig_fixtures import ROWS, Rig, eventually, in_thread, names, rig, route, without_rights
from running_fixtures import Crossing

from pigment_watcher import errors
from pigment_watcher.drives import Drive
from pigment_watcher.files import archived, reading
from pigment_watcher.journal import Journal, Kept
from pigment_watcher.model import Job, Outcome, State
from pigment_watcher.policy import verdicts
from pigment_watcher.service import housekeeping
from pigment_watcher.simulator import Fault, Simulator


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig whose route keeps files of done/ for two days and those of failed/ for three."""
    keeping = replace(route(tmp_path / "in"), keep_done_s=2 * DAY_S, keep_failed_s=3 * DAY_S)
    with rig(tmp_path, keeping, url=pigment.url) as built:
        yield built


# ---------------------------------------------------------------- beside a retry


def retry(one: Rig, what: str = "a.csv") -> tuple[bool | None, str]:
    """Ask for a retry and let the service answer."""
    return one.ask("retry", what=what)


def test_a_file_that_waits_for_its_retry_stays_with_its_reason(one: Rig) -> None:
    (path,) = bring(one, "a.csv", text=BAD)
    assert retry(one)[0]
    keep_house(one, 4)
    assert names(path.parent) == ["a.csv", "a.csv.reason.txt"]
    one.look(0.0)
    one.work_off()
    keep_house(one)
    assert path not in list(path.parent.iterdir())
    assert story(one, 1) == ["file.left", f"it was no longer at {path}"]


def test_the_reason_of_a_file_that_was_retried_goes_when_its_time_is_over(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(400))
    (path,) = bring(one, "a.csv")
    assert retry(one)[0]
    one.look(0.0)
    one.work_off()
    assert names(path.parent) == ["a.csv.reason.txt"]
    keep_house(one, 4)
    assert names(path.parent) == []


def test_a_retry_of_a_removed_file_is_told_so(one: Rig) -> None:
    bring(one, "a.csv", text=BAD)
    keep_house(one, 4)
    removed_at = one.job().removed_at
    assert removed_at is not None
    succeeded, answer = retry(one)
    assert not succeeded
    assert f"its file was removed on {verdicts.moment(removed_at)}, as keep_failed asks" in answer


def test_a_file_is_not_put_back_while_it_is_removed(one: Rig) -> None:
    bring(one, "a.csv", text=BAD)
    with one.desk.reserving(1):
        succeeded, answer = retry(one)
        assert (succeeded, "is just being removed" in answer) == (False, True)
        keep_house(one, 4)
        assert names(one.inbox / "failed") == ["a.csv", "a.csv.reason.txt"]
    assert one.all_jobs() == [one.job()]


# ---------------------------------------------------------------- trouble


def test_a_folder_that_is_lost_is_left_and_told_once(one: Rig) -> None:
    bring(one, "a.csv", "b.csv")
    done = one.inbox / "done"
    done.rename(one.folder / "unmounted")
    keeps = keeper(one)
    one.clock.advance(3 * DAY_S)
    keeps.round()
    keeps.round()
    assert len(one.ear.announced("files.kept")) == 1
    (one.folder / "unmounted").rename(done)
    keeps.round()
    assert names(done) == []
    done.rename(one.folder / "unmounted")
    bring(one, "c.csv")
    (one.folder / "in" / "done").rename(one.folder / "away")
    one.clock.advance(3 * DAY_S)
    keeps.round()
    assert len(one.ear.announced("files.kept")) == 2


def test_one_folder_in_trouble_holds_up_no_other(one: Rig) -> None:
    bring(one, "a.csv")
    (failed,) = bring(one, "b.csv", text=BAD)
    (one.inbox / "done").rename(one.folder / "unmounted")
    keep_house(one, 4)
    assert not failed.exists()


def test_a_drive_that_does_not_answer_is_tried_again(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = bring(one, "a.csv")
    with monkeypatch.context() as patch:
        patch.setattr(Drive, "work", lambda _: Crossing(lambda call: call > 1))
        keep_house(one, 3)
    assert path.exists()
    keep_house(one)
    assert not path.exists()


def test_a_sub_folder_that_can_not_be_entered_is_told_and_tried_again(
    tmp_path: Path, pigment: Simulator
) -> None:
    keeping = replace(route(tmp_path / "in", recursive=True), keep_done_s=DAY_S)
    with rig(tmp_path, keeping, url=pigment.url) as one:
        (one.inbox / "north").mkdir()
        (path,) = bring(one, "north/a.csv")
        path.parent.chmod(0)
        with without_rights():
            keep_house(one, 2)
        (told,) = one.ear.announced("files.kept")
        assert "Permission denied" in str(told["detail"])
        path.parent.chmod(0o700)
        keep_house(one)
        assert not path.exists()


def test_a_file_that_can_not_be_read_is_looked_at_again(one: Rig) -> None:
    (path,) = bring(one, "a.csv")
    path.chmod(0)
    with without_rights():
        keep_house(one, 3)
    assert path.exists()
    assert story(one)[0] == "job.finished"
    path.chmod(0o600)
    keep_house(one)
    assert not path.exists()


def test_a_file_that_changes_in_the_last_moment_stays(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = bring(one, "a.csv")
    opened = reading.opened

    def and_then_touched(*arguments: Any, **options: Any) -> Any:
        os.utime(path, ns=(1, one.job().fingerprint.mtime_ns))
        return opened(*arguments, **options)

    monkeypatch.setattr(reading, "opened", and_then_touched)
    keep_house(one, 3)
    assert path.exists()
    assert story(one)[0] == "job.finished"


def test_what_was_removed_is_stored_however_long_the_journal_is_busy(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(one, "a.csv")
    removed, busy = one.recorder.removed, [True, True]

    def store(job: Job) -> None:
        if busy:
            busy.pop()
            raise errors.JournalBusy
        removed(job)

    monkeypatch.setattr(one.recorder, "removed", store)
    keep_house(one, 3)
    assert one.job().removed_at is not None


# ---------------------------------------------------------------- its thread


def test_it_goes_round_until_it_is_stopped_and_breaks_no_promise(one: Rig) -> None:
    (path,) = bring(one, "a.csv")
    one.clock.advance(3 * DAY_S)
    keeps = keeper(one)
    with in_thread(keeps.run, stop=keeps.stop):
        eventually(lambda: not path.exists())
    assert housekeeping.NAME not in one.heartbeats.broken()


def test_a_round_over_very_many_files_breaks_no_promise(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each bite counts anew."""
    monkeypatch.setattr(housekeeping, "BITE", 1)
    monkeypatch.setattr(housekeeping, "BETWEEN_BITES_S", housekeeping.PATIENCE_S * 0.9)
    bring(one, "a.csv", "b.csv", "c.csv")
    broken: list[str] = []
    one.ear.on_job = lambda _: broken.extend(one.heartbeats.broken())
    one.heartbeats.retire("worker-1")
    one.heartbeats.retire("intake")
    one.clock.advance(3 * DAY_S)
    keeps = keeper(one)
    keeps._promise()
    keeps.round()
    assert one.ear.named("file.removed") == ["a.csv", "b.csv", "c.csv"]
    assert broken == []


def test_a_busy_journal_ends_a_round_and_not_the_thread(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[int] = []
    keeps = keeper(one)

    def busy() -> None:
        rounds.append(1)
        raise errors.JournalBusy

    monkeypatch.setattr(keeps, "round", busy)
    with in_thread(keeps.run, stop=keeps.stop):
        eventually(lambda: len(rounds) > 1)


@pytest.mark.parametrize("when", ["before a file", "while a file is read", "while it is stored"])
def test_a_stop_does_not_wait_for_its_round(
    one: Rig, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    never_sent = "" if when == "before a file" else ROWS  # of these no byte is read
    first, second = bring(one, "a.csv", "b.csv", text=never_sent)
    keeps = keeper(one)
    one.clock.advance(4 * DAY_S)

    def and_stop(*arguments: Any) -> Any:
        keeps.stop()
        return earlier(*arguments)

    def busy(_: Job) -> None:
        keeps.stop()
        raise errors.JournalBusy

    if when == "before a file":
        earlier: Any = one.recorder.removed
        monkeypatch.setattr(one.recorder, "removed", and_stop)
    elif when == "while a file is read":
        earlier = archived.look
        monkeypatch.setattr(archived, "look", and_stop)
    else:
        monkeypatch.setattr(one.recorder, "removed", busy)
    keeps.run()
    assert second.exists()
    assert first.exists() == (when == "while a file is read")


# ---------------------------------------------------------------- what history keeps for it


def ended(journal: Journal, name: str, state: State = State.DONE, **changes: Any) -> Job:
    job = lead(journal, claim_one(journal, name), State.ARCHIVING, **changes)
    return journal.jobs.move(job, state, at=1.0)


def test_jobs_are_kept_until_their_files_are_removed(one: Rig) -> None:
    journal = one.journal
    done = [
        ended(journal, name, target=INBOX / "done" / name, outcome=Outcome.IMPORTED)
        for name in "abc"
    ]
    ended(journal, "no-target.csv", outcome=Outcome.IMPORTED)
    ended(journal, "returned.csv", target=INBOX, outcome=Outcome.RETURNED)
    failed = ended(journal, "f.csv", State.FAILED, target=INBOX / "f", outcome=Outcome.FAILED)
    one.recorder.removed(done[0])
    journal.jobs.leave_alone(done[1], 2.0, "it was changed")

    kept = [Kept("sales", State.DONE)]
    assert journal.jobs.prune(5.0, kept) == 5
    assert [job.name for job in journal.jobs.history()] == ["c"]
    assert journal.jobs.get(failed.id) is None
    assert journal.jobs.prune(5.0, [Kept("another", State.DONE)]) == 1


def test_the_routes_say_whose_jobs_are_kept(one: Rig) -> None:
    only_failed = replace(one.routes[0], name="costs", keep_done_s=None)
    none = replace(only_failed, name="none", keep_failed_s=None)
    assert housekeeping.kept([*one.routes, only_failed, none]) == [
        Kept("sales", State.DONE),
        Kept("sales", State.FAILED),
        Kept("costs", State.FAILED),
    ]


def test_what_is_to_be_looked_at_is_found_by_an_index(one: Rig) -> None:
    end(one.journal, "a.csv", 1.0)
    statements: list[str] = []
    connection = one.journal._database._connection
    connection.set_trace_callback(statements.append)
    one.journal.jobs.kept_since("sales", State.DONE, 9.0, None, 5)
    connection.set_trace_callback(None)
    (statement,) = statements
    (*steps,) = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    assert steps[0]["detail"].startswith("SEARCH jobs USING INDEX jobs_kept (route=? AND state=?")
    assert not any("TEMP B-TREE" in step["detail"] for step in steps)


def test_a_job_without_a_place_has_no_successor(one: Rig) -> None:
    assert not one.journal.jobs.has_successor(new_job())
