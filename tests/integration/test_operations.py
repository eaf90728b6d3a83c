"""What operators ask for: real files, a real journal, the simulator as destination."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rig_fixtures import OTHER_LANE, ROWS, Rig, names, rig, route, without_rights

from pigment_watcher import errors
from pigment_watcher.model import AfterFailure, ConditionKind, LoadMode, Outcome
from pigment_watcher.mounts import Mount
from pigment_watcher.service.reloading import Reloading
from pigment_watcher.simulator import Fault, Simulator


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=0.0) as simulator:
        yield simulator


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    with rig(tmp_path, url=pigment.url) as built:
        yield built


def fail(one: Rig, pigment: Simulator, outcome: str = "failed") -> None:
    """Let a file end in failed/."""
    if outcome == "unsure":
        pigment.script(Fault.lost_answer())
    one.put("a.csv", {"failed": "SIMULATE-FAIL\n1\n", "invalid": ""}.get(outcome, ROWS))
    if outcome == "refused":
        pigment.script(Fault.answer(400, body=b"too large"))
    one.take_in()
    one.work_off()
    assert one.job().outcome is Outcome(outcome)


# ---------------------------------------------------------------- retry


@pytest.mark.parametrize("outcome", ["failed", "refused", "invalid"])
@pytest.mark.parametrize("by", ["number", "name", "path"])
def test_a_failed_file_is_put_back_at_the_head_of_its_lane(
    one: Rig, pigment: Simulator, outcome: str, by: str
) -> None:
    """Behaviour T24."""
    fail(one, pigment, outcome)
    path = one.inbox / "failed" / "a.csv"
    path.write_text(ROWS)
    one.take_in("b.csv")
    what = {"number": "1", "name": "a.csv", "path": str(path)}[by]
    assert one.ask("retry", what=what) == (True, "job 3: a.csv is back at the head of its lane")
    one.look(0.0)
    again = one.journal.jobs.get(3)
    assert again is not None
    assert (again.retry_of, again.asked_by, again.name) == (1, "ada", "a.csv")
    one.work_off()
    pushed = [push.import_id for push in pigment.pushes()][-2:]
    ended = {job.import_id: job.name for job in one.all_jobs() if job.outcome is Outcome.IMPORTED}
    assert [ended[str(import_id)] for import_id in pushed] == ["a.csv", "b.csv"]
    assert names(one.inbox / "done") == ["a.csv", "b.csv"]


def test_the_reason_file_says_at_its_top_that_the_file_was_put_back(
    one: Rig, pigment: Simulator
) -> None:
    fail(one, pigment)
    one.ask("retry", what="1")
    reason = (one.inbox / "failed" / "a.csv.reason.txt").read_text()
    first, _, rest = reason.partition("\n")
    assert first.startswith("PUT BACK into the queue on ")
    assert "by ada, as job 2." in first
    assert "NOT IMPORTED - a.csv" in rest


def test_a_reason_file_that_is_gone_or_can_not_be_written_hinders_no_retry(
    one: Rig, pigment: Simulator
) -> None:
    fail(one, pigment)
    reason = one.inbox / "failed" / "a.csv.reason.txt"
    reason.unlink()
    assert one.ask("retry", what="1")[0]
    one.look(0.0)
    one.work_off()
    blocked = one.inbox / "failed" / ".pigment-watcher-2.part"
    blocked.mkdir()
    assert one.ask("retry", what="2")[0]
    assert "PUT BACK" not in reason.read_text()


@pytest.mark.parametrize("outcome", [Outcome.UNSURE, Outcome.IMPORTED_WITH_SKIPS])
def test_what_may_have_been_imported_is_put_back_only_if_that_is_meant(
    one: Rig, pigment: Simulator, outcome: Outcome
) -> None:
    fail(one, pigment, "unsure")
    one.journal._database._connection.execute("UPDATE jobs SET outcome = ?", (outcome.value,))
    done, answer = one.ask("retry", what="1")
    assert not done
    assert "Update History" in answer
    assert "--even-if-imported" in answer
    assert len(one.all_jobs()) == 1
    assert one.ask("retry", what="1", even_if_imported=True)[0]


@pytest.mark.parametrize("mode", [LoadMode.UPDATE, LoadMode.REPLACE])
def test_what_may_be_repeated_needs_no_more_words(
    one: Rig, pigment: Simulator, mode: LoadMode
) -> None:
    fail(one, pigment, "unsure")
    one.routes = (route(one.inbox, load_mode=mode),)
    assert one.ask("retry", what="1")[0]


def test_a_second_retry_is_refused_while_and_after_the_first(one: Rig, pigment: Simulator) -> None:
    fail(one, pigment)
    assert one.ask("retry", what="1")[0]
    refusal = (False, "job 1 (a.csv) was put back already, as job 2")
    assert one.ask("retry", what="1") == refusal
    one.look(0.0)
    one.work_off()
    assert one.ask("retry", what="1") == refusal
    assert one.ask("retry", what="a.csv")[1].startswith("job 3:")


def test_a_retry_that_was_given_back_may_be_asked_for_again(one: Rig, pigment: Simulator) -> None:
    fail(one, pigment)
    one.ask("retry", what="1")
    one.look()
    Reloading(one.recorder, one.clock, one.desk).return_changed([])
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.RETURNED}
    assert names(one.inbox / "failed") == ["a.csv", "a.csv.reason.txt"]
    assert one.ask("retry", what="a.csv")[1].startswith("job 3:")


def test_a_file_that_is_no_longer_in_failed_can_not_be_put_back(
    one: Rig, pigment: Simulator
) -> None:
    fail(one, pigment)
    (one.inbox / "failed" / "a.csv").rename(one.inbox / "a.csv")
    done, answer = one.ask("retry", what="1")
    assert not done
    assert f"no longer at {one.inbox}/failed/a.csv; drop it into the inbox" in answer


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("7", "7: the journal knows no such job or file"),
        ("9" * 40, "the journal knows no such job or file"),
        ("other.csv", "other.csv: the journal knows no such job or file"),
        ("1", "job 1 (a.csv) is no failed one: it is imported"),
        ("b.csv", "job 2 (b.csv) is no failed one: it is gone"),
        ("c.csv", "job 3 (c.csv) is no failed one: it is QUEUED"),
    ],
)
def test_what_did_not_fail_can_not_be_put_back(one: Rig, what: str, words: str) -> None:
    one.take_in("a.csv")
    one.work_off()
    one.take_in("b.csv")
    one.claimed_path(one.all_jobs()[1]).unlink()
    one.work_off()
    one.take_in("c.csv")
    done, answer = one.ask("retry", what=what)
    assert not done
    assert words in answer


def test_a_file_of_a_route_that_is_gone_can_not_be_put_back(one: Rig, pigment: Simulator) -> None:
    fail(one, pigment)
    one.routes = (route(one.inbox, "other"),)
    done, answer = one.ask("retry", what="1")
    assert not done
    assert "its route sales is no longer configured" in answer


def test_a_failed_folder_that_can_not_be_entered_is_told_and_stops_nothing(
    tmp_path: Path,
    pigment: Simulator,
) -> None:
    with without_rights(), rig(tmp_path, url=pigment.url) as one:
        fail(one, pigment)
        (one.inbox / "failed").chmod(0)
        done, answer = one.ask("retry", what="1")
        (one.inbox / "failed").chmod(0o700)
        assert not done
        assert "Permission denied" in answer


def test_a_retry_that_can_not_be_claimed_now_is_claimed_when_it_can(
    one: Rig, pigment: Simulator
) -> None:
    fail(one, pigment)
    home = one.inbox / "processing"
    away = home.rename(one.folder / "away")
    home.write_text("in the way")
    assert one.ask("retry", what="1")[0]
    one.look(0.0)
    assert one.condition(ConditionKind.CLAIM_STUCK) is not None
    home.unlink()
    away.rename(home)
    one.look()
    assert one.condition(ConditionKind.CLAIM_STUCK) is None
    one.work_off()
    assert len(pigment.pushes()) == 2


# ---------------------------------------------------------------- pause, resume, hold


def test_a_paused_route_claims_and_does_not_push_until_it_is_resumed(
    one: Rig, pigment: Simulator
) -> None:
    """Behaviour L1."""
    assert one.ask("pause", route="sales") == (
        True,
        "sales is paused: its files are claimed and not pushed",
    )
    one.take_in("a.csv")
    assert one.job().claimed_at is not None
    assert one.work_off() == []
    one.restart()
    assert one.work_off() == []
    assert one.ask("resume", route="sales") == (True, "sales goes on")
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
    assert one.ear.told(ConditionKind.ROUTE_PAUSED) == [True, False]


@pytest.mark.parametrize("command", ["pause", "resume", "accept-drive"])
def test_a_route_that_is_not_known_is_told_with_those_that_are(one: Rig, command: str) -> None:
    assert one.ask(command, route="slaes") == (
        False,
        "slaes: no such route; there are: sales",
    )


def held(one: Rig, pigment: Simulator) -> None:
    """Hold a lane behind a failed a.csv, with b.csv waiting."""
    one.routes = (route(one.inbox, after_failure=AfterFailure.HOLD),)
    one.intake.set_routes(one.routes)
    fail(one, pigment)
    one.take_in("b.csv")
    assert one.work_off() == []


def test_a_held_lane_goes_on_when_it_is_resumed(one: Rig, pigment: Simulator) -> None:
    held(one, pigment)
    assert one.ask("resume", route="sales")[0]
    one.work_off()
    assert one.outcomes()["b.csv"] is Outcome.IMPORTED


def test_a_held_lane_goes_on_when_the_retry_succeeds(one: Rig, pigment: Simulator) -> None:
    held(one, pigment)
    (one.inbox / "failed" / "a.csv").write_text(ROWS)
    one.ask("retry", what="1")
    one.look(0.0)
    one.work_off()
    finished = [event.job.id for event in one.ear.jobs if event.name == "job.finished"]
    assert finished == [1, 3, 2]
    assert one.ear.told(ConditionKind.LANE_HELD) == [True, False]


def test_a_held_lane_stays_held_when_the_retry_fails_and_may_be_retried_once_more(
    one: Rig, pigment: Simulator
) -> None:
    held(one, pigment)
    for number in ("1", "3"):
        one.ask("retry", what=number)
        one.look(0.0)
        one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.FAILED, "b.csv": None}
    assert one.ear.told(ConditionKind.LANE_HELD) == [True]


# ---------------------------------------------------------------- orphans


def leave_orphan(one: Rig, instance: str, *, silent_s: float, inbox: Path | None = None) -> Path:
    """Leave a file as another service would that was last alive so long ago."""
    processing = (inbox or one.inbox) / "processing"
    one.recover()
    home = processing / instance
    (home / "7").mkdir(parents=True)
    (home / "7" / "orphan.csv").write_text(ROWS)
    (home / "starts").write_text("3")
    spoke = (processing / one.instance / "starts").stat().st_mtime - silent_s
    os.utime(home / "starts", (spoke, spoke))
    return home / "7" / "orphan.csv"


def test_the_files_of_a_dead_instance_end_unsure_and_nothing_of_them_is_sent(
    one: Rig, pigment: Simulator
) -> None:
    orphan = leave_orphan(one, "dead", silent_s=901.0)
    one.recovery.take_possession(one.inbox)
    answer = "1 file(s) of dead are now in failed/, as unsure"
    assert one.ask("close-orphans", instance="dead") == (True, answer)
    one.work_off()
    assert one.outcomes() == {"orphan.csv": Outcome.UNSURE}
    assert names(one.inbox / "failed") == ["orphan.csv", "orphan.csv.reason.txt"]
    assert not orphan.exists()
    assert (pigment.calls(), one.ear.told(ConditionKind.ORPHANS)) == ([], [True, False])


def test_the_files_of_an_instance_that_lives_are_left_alone(one: Rig) -> None:
    orphan = leave_orphan(one, "alive", silent_s=899.0)
    done, answer = one.ask("close-orphans", instance="alive")
    assert not done
    assert "ask again a quarter of an hour later" in answer
    assert orphan.exists()


def test_an_instance_that_nobody_knows_or_that_is_ours_is_refused(one: Rig) -> None:
    one.recover()
    assert one.ask("close-orphans", instance="nobody") == (
        False,
        "nobody: no inbox has files of such an instance",
    )
    own = one.instance
    assert one.ask("close-orphans", instance=own) == (
        False,
        f"{own}: this is the running service itself",
    )


def test_the_orphans_of_one_instance_may_lie_in_several_inboxes(
    one: Rig, pigment: Simulator
) -> None:
    other = one.folder / "other"
    other.mkdir()
    one.routes = (*one.routes, route(other, "more", OTHER_LANE))
    one.recovery.set_routes(one.routes)
    leave_orphan(one, "dead", silent_s=1000.0)
    leave_orphan(one, "dead", silent_s=1000.0, inbox=other)
    assert one.ask("close-orphans", instance="dead")[1].startswith("2 file(s)")
    one.work_off()
    assert names(other / "failed") == ["orphan.csv", "orphan.csv.reason.txt"]


def test_a_folder_that_can_not_be_looked_into_is_told_and_stops_nothing(tmp_path: Path) -> None:
    with without_rights(), rig(tmp_path) as one:
        leave_orphan(one, "dead", silent_s=1000.0)
        (one.inbox / "processing").chmod(0)
        done, answer = one.ask("close-orphans", instance="dead")
        (one.inbox / "processing").chmod(0o700)
        assert not done
        assert "Permission denied" in answer


def test_a_file_that_is_being_claimed_meanwhile_is_no_orphan(one: Rig) -> None:
    """The intake claims while the orphans of another instance are closed."""
    leave_orphan(one, "dead", silent_s=1000.0)
    place = one.inbox / "processing" / one.instance / "99"
    place.mkdir()
    (place / "just-claimed.csv").write_text(ROWS)
    one.ask("close-orphans", instance="dead")
    assert [job.name for job in one.all_jobs()] == ["orphan.csv"]


# ---------------------------------------------------------------- all of them


def test_a_command_of_a_newer_version_is_told_so(one: Rig) -> None:
    assert one.ask("dance") == (False, "this version knows no command 'dance'")


def test_a_command_with_words_of_another_version_is_told_so_and_not_stumbled_over(
    one: Rig,
) -> None:
    succeeded, answer = one.ask("pause", folder="sales")
    assert not succeeded
    assert "understands 'pause' otherwise" in answer


def test_a_command_waits_until_the_journal_can_be_written(one: Rig) -> None:
    one.journal.commands.ask("pause", {"route": "sales"}, asked_by="ada", now=0.0)
    operations = one.operations()
    release = one.lock_journal()
    with pytest.raises(errors.JournalBusy):
        operations.answer_all()
    release()
    operations.answer_all()
    assert one.ear.told(ConditionKind.ROUTE_PAUSED) == [True]
    assert one.journal.commands.unanswered() == []


def test_who_asked_and_what_came_of_it_is_announced(one: Rig) -> None:
    one.ask("pause", route="sales")
    one.ask("pause", route="nobody")
    told = [(event.name, event.level) for event in one.ear.services]
    assert told == [("command.pause", "info"), ("command.pause", "warning")]
    assert one.ear.services[0].fields["asked_by"] == "ada"


def test_a_retry_goes_by_the_rules_of_today(one: Rig, pigment: Simulator) -> None:
    fail(one, pigment)
    (one.inbox / "failed" / "a.csv").write_text(ROWS)
    one.routes = (replace(one.routes[0], configuration_id=OTHER_LANE),)
    one.ask("retry", what="1")
    one.look(0.0)
    one.work_off()
    assert [push.configuration_id for push in pigment.pushes()][1:] == [OTHER_LANE]


def test_a_folder_that_was_moved_for_good_is_taken_where_it_lies_now(one: Rig) -> None:
    one.drives.remember(one.inbox, Mount("nfs4", "server:/x", Path("/mnt/erp")))
    one.take_in("a.csv")
    assert (one.all_jobs(), one.ear.told(ConditionKind.FOLDER_LOST)) == ([], [True])
    answer = "sales: its folders are taken as they lie now"
    assert one.ask("accept-drive", route="sales") == (True, answer)
    one.take_in()
    assert one.job().name == "a.csv"
    assert one.ear.told(ConditionKind.FOLDER_LOST) == [True, False]


def test_a_folder_whose_claimed_files_somebody_removed_is_taken_when_that_is_said(
    one: Rig, pigment: Simulator
) -> None:
    one.take_in("a.csv")
    shutil.rmtree(one.inbox / "processing")
    one.journal.identity.forget_drives([one.inbox])  # as if it lay on a drive that may be another
    one.close()
    one._open(one._destination())
    one.recovery.run()
    one.look()
    lost = one.condition(ConditionKind.FOLDER_LOST)
    assert lost is not None
    assert "pigment-watcher accept-drive" in lost.detail
    assert one.ask("accept-drive", route="sales")[0]
    one.take_in("b.csv")
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.GONE, "b.csv": Outcome.IMPORTED}
    assert one.condition(ConditionKind.FOLDER_LOST) is None
