"""Conditions, requests, commands, the journal's identity, and the service's lock."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from journal_fixtures import LANE, OTHER_LANE, make_older

from pigment_watcher import errors
from pigment_watcher.journal import NAME, Journal, ServiceLock, is_held
from pigment_watcher.model import Condition, ConditionKind, Limit
from pigment_watcher.mounts import Mount
from pigment_watcher.policy import delays

HOST = "pigment.app"
BUSY = ConditionKind.LANE_BUSY
REFUSED = ConditionKind.KEY_REFUSED


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path)) as opened:
        yield opened


def condition(due_at: float | None = None, **said: object) -> Condition:
    known: dict[str, object] = {"kind": REFUSED, "subject": "default", "since": 1.0}
    return Condition(**{**known, "due_at": due_at, **said})  # type: ignore[arg-type]


# ---------------------------------------------------------------- conditions


def test_a_condition_is_new_once(journal: Journal) -> None:
    """Behaviour P2."""
    assert journal.conditions.begin(condition(5.0, detail="first", job_id=3))
    assert not journal.conditions.begin(condition(8.0, detail="second", since=2.0))

    assert journal.conditions.all() == [
        condition(8.0, detail="second", since=1.0, attempts=1, job_id=3)
    ]


@pytest.mark.parametrize(
    ("planned", "again", "due"),
    [(5.0, 8.0, 8.0), (5.0, 3.0, 5.0), (None, 3.0, 3.0), (5.0, None, 5.0), (None, None, None)],
)
def test_a_condition_that_goes_on_is_looked_at_no_sooner_than_planned(
    journal: Journal, planned: float | None, again: float | None, due: float | None
) -> None:
    journal.conditions.begin(condition(planned))
    journal.conditions.begin(condition(again))

    found = journal.conditions.get(REFUSED, "default")
    assert found is not None
    assert found.due_at == due


def test_a_later_failure_takes_over_the_hold(journal: Journal) -> None:
    """So that the retry of the retry goes first."""
    held = ConditionKind.LANE_HELD
    journal.conditions.begin(condition(kind=held, subject=LANE, job_id=3))
    journal.conditions.begin(condition(kind=held, subject=LANE, job_id=9))

    found = journal.conditions.get(held, LANE)
    assert found is not None
    assert found.job_id == 9


def test_a_condition_is_put_off_after_each_attempt_in_vain(journal: Journal) -> None:
    journal.conditions.begin(condition(5.0))
    journal.conditions.postpone(condition(), 60.0)
    journal.conditions.postpone(condition(subject="another"), 70.0)

    assert journal.conditions.all() == [condition(60.0, attempts=1)]


@pytest.mark.parametrize(
    ("since", "due", "clamped"),
    [
        (900.0, 1200.0, (100.0, 100.0)),  # begun in the future: a wrong clock said so
        (900.0, None, (100.0, None)),
        (50.0, 1200.0, (50.0, 1200.0)),
    ],
)
def test_a_condition_of_the_future_counts_as_begun_now(
    journal: Journal, since: float, due: float | None, clamped: tuple[float, float | None]
) -> None:
    journal.conditions.begin(condition(due, kind=BUSY, since=since))

    journal.conditions.clamp(100.0)

    (found,) = journal.conditions.all()
    assert (found.since, found.due_at) == clamped


def test_a_condition_ends_once(journal: Journal) -> None:
    journal.conditions.begin(condition(5.0))

    assert journal.conditions.end(REFUSED, "default") == condition(5.0)
    assert journal.conditions.end(REFUSED, "default") is None
    assert journal.conditions.all() == []


def test_a_condition_about_a_name_that_is_no_text_ends_too(journal: Journal) -> None:
    unreadable, subject = ConditionKind.FILE_UNREADABLE, "/in/caf\udce9.csv"
    assert journal.conditions.begin(condition(kind=unreadable, subject=subject))
    assert not journal.conditions.begin(condition(kind=unreadable, subject=subject))

    assert journal.conditions.end(unreadable, subject) is not None
    assert journal.conditions.all() == []


def test_conditions_are_told_oldest_first_and_by_kind(journal: Journal) -> None:
    young = condition(since=9.0)
    old = condition(kind=BUSY, subject=LANE, since=2.0)
    journal.conditions.begin(young)
    journal.conditions.begin(old)

    assert journal.conditions.all() == [old, young]
    assert journal.conditions.all([REFUSED]) == [young]
    assert journal.conditions.all([]) == []


@pytest.mark.parametrize(
    ("kind", "due", "hastened"),
    [
        (REFUSED, 300.0, 100.0),
        (REFUSED, 50.0, 50.0),
        (REFUSED, None, None),
        (BUSY, 300.0, 300.0),  # Pigment told us to wait
        (ConditionKind.HOST_BUSY, 300.0, 300.0),
        (BUSY, 101.0 + delays.LONGEST_S, 100.0),  # a wrong clock told us to
    ],
)
def test_a_reload_looks_at_every_condition_that_may_be_mended(
    journal: Journal, kind: ConditionKind, due: float | None, hastened: float | None
) -> None:
    journal.conditions.begin(condition(due, kind=kind))

    journal.conditions.hasten(100.0)

    assert journal.conditions.all()[0].due_at == hastened


# ---------------------------------------------------------------- requests


def test_the_last_request_is_known_as_long_as_it_counts(journal: Journal) -> None:
    assert journal.calls.last() is None
    for at in (3.0, 7.0, 5.0):
        journal.calls.book(HOST, None, at)
    assert journal.calls.last() == 7.0


def test_every_request_of_a_host_counts_for_its_limit(journal: Journal) -> None:
    limit = Limit(requests=3, per_s=10.0)
    for at, lane in ((1.0, None), (2.0, LANE), (3.0, None)):
        assert journal.calls.host_free_at(HOST, limit, at) == at
        journal.calls.book(HOST, lane, at)

    assert journal.calls.host_free_at(HOST, limit, 4.0) == 11.0
    assert journal.calls.host_free_at("other.host", limit, 4.0) == 4.0
    assert journal.calls.host_free_at(HOST, limit, 11.5) == 11.5


def test_the_window_slides(journal: Journal) -> None:
    limit = Limit(requests=2, per_s=10.0)
    for at in (0.0, 9.0, 10.0):
        journal.calls.book(HOST, None, at)

    assert journal.calls.host_free_at(HOST, limit, 10.5) == 19.0


def test_pushes_count_for_their_configuration_alone(journal: Journal) -> None:
    limit = Limit(requests=1, per_s=3600.0)
    journal.calls.book(HOST, LANE, 5.0)
    journal.calls.book(HOST, None, 6.0)

    assert journal.calls.push_free_at(LANE, limit, 10.0) == 3605.0
    assert journal.calls.push_free_at(OTHER_LANE, limit, 10.0) == 10.0


def test_requests_are_counted_over_restarts_and_by_other_commands(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as service, closing(Journal.open(tmp_path)) as command:
        service.calls.book(HOST, None, 1.0)
        command.calls.book(HOST, LANE, 2.0)
    with closing(Journal.open(tmp_path)) as again:
        assert again.calls.count(HOST, since=0.0) == 2
        assert again.calls.count(HOST, since=1.0) == 1
        assert again.calls.count("other.host", since=0.0) == 0


def test_requests_that_no_limit_looks_back_at_are_forgotten(journal: Journal) -> None:
    for at in (1.0, 2.0, 3.0):
        journal.calls.book(HOST, None, at)
    journal.calls.forget(before=2.0)

    assert journal.calls.count(HOST, since=0.0) == 2


def test_a_wrong_clock_does_not_stop_requests_for_ever(journal: Journal) -> None:
    limit = Limit(requests=1, per_s=10.0)
    journal.calls.book(HOST, None, 9_000.0)
    journal.calls.clamp(100.0)

    assert journal.calls.host_free_at(HOST, limit, 105.0) == 110.0
    assert journal.calls.host_free_at(HOST, limit, 111.0) == 111.0


# ---------------------------------------------------------------- commands


def test_a_command_waits_for_its_answer(journal: Journal) -> None:
    first = journal.commands.ask("pause", {"route": "sales"}, asked_by="ann", now=1.0)
    second = journal.commands.ask("retry", {"what": "caf\udce9.csv"}, asked_by="bob", now=2.0)

    (one, other) = journal.commands.unanswered()

    assert (one.id, one.name, one.arguments, one.asked_by) == (
        first, "pause", {"route": "sales"}, "ann"
    )  # fmt: skip
    assert (other.id, other.arguments, other.asked_at) == (second, {"what": "caf\udce9.csv"}, 2.0)
    assert (one.succeeded, one.answer) == (None, "")


@pytest.mark.parametrize("succeeded", [True, False])
def test_an_answer_is_there_for_who_asked(journal: Journal, succeeded: bool) -> None:
    asked = journal.commands.ask("resume", {}, asked_by="ann", now=1.0)
    journal.commands.answer(asked, succeeded=succeeded, answer="so be it", now=2.0)

    found = journal.commands.get(asked)

    assert found is not None
    assert (found.succeeded, found.answer) == (succeeded, "so be it")
    assert journal.commands.unanswered() == []
    assert journal.commands.get(99) is None


def test_old_answers_are_removed_and_open_commands_stay(journal: Journal) -> None:
    old, young, open_ = (journal.commands.ask("a", {}, asked_by="", now=1.0) for _ in range(3))
    journal.commands.answer(old, succeeded=True, answer="", now=2.0)
    journal.commands.answer(young, succeeded=True, answer="", now=5.0)
    journal.commands.prune(before=5.0)

    assert journal.commands.get(old) is None
    assert journal.commands.get(young) is not None
    assert [command.id for command in journal.commands.unanswered()] == [open_]


# ---------------------------------------------------------------- identity


def test_a_journal_gets_its_instance_at_the_first_start_and_keeps_it(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        assert (journal.identity.instance, journal.identity.starts) == ("", 0)
        assert journal.identity.count_start() == 1
        instance = journal.identity.instance
    with closing(Journal.open(tmp_path)) as journal:
        assert journal.identity.count_start() == 2
        assert journal.identity.instance == instance
        assert len(instance) == 12


def test_a_new_instance_counts_anew(journal: Journal) -> None:
    """Behaviour T17."""
    journal.identity.count_start()
    before = journal.identity.instance

    assert journal.identity.mint() != before
    assert journal.identity.starts == 0
    assert journal.identity.instance != before


def test_two_journals_never_share_an_instance(tmp_path: Path) -> None:
    found = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with closing(Journal.open(tmp_path / name)) as journal:
            journal.identity.count_start()
            found.add(journal.identity.instance)

    assert len(found) == 2


def test_what_the_folders_lay_on_is_known(journal: Journal) -> None:
    odd, other = Path("/srv/caf\udce9"), Path("/b")
    disk, share = (
        Mount("ext4", "/dev/a", Path("/srv")),
        Mount("nfs4", "y:/", Path("/srv/caf\udce9")),
    )
    journal.identity.remember_drives({odd: disk, other: disk})
    journal.identity.remember_drives({odd: share})

    assert journal.identity.known_drives() == {odd: share, other: disk}


def test_what_a_folder_lay_on_can_be_forgotten(journal: Journal) -> None:
    disk = Mount("ext4", "/dev/a", Path("/"))
    journal.identity.remember_drives({Path("/a"): disk, Path("/b"): disk})
    journal.identity.forget_drives([Path("/a"), Path("/never")])

    assert journal.identity.known_drives() == {Path("/b"): disk}


# ---------------------------------------------------------------- the lock


def test_a_second_service_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """Behaviour T15."""
    lock = ServiceLock(tmp_path)
    lock.take()
    assert is_held(tmp_path)
    with pytest.raises(errors.AlreadyRunning, match=f"{tmp_path}: another.*directory of its own"):
        ServiceLock(tmp_path).take()
    lock.drop()
    lock.drop()

    assert not is_held(tmp_path)
    lock.take()
    assert is_held(tmp_path)
    lock.drop()


def test_a_lock_goes_with_its_holder_however_it_dies(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path;"
        "from pigment_watcher.journal import ServiceLock;"
        "ServiceLock(Path(sys.argv[1])).take(); print('taken', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"taken\n"
        assert is_held(tmp_path)
        other.kill()

    assert not is_held(tmp_path)


def test_no_lock_file_means_that_nothing_runs(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_lock_file_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(errors.FolderError, match=r"service\.lock: No such file"):
        ServiceLock(tmp_path / "nowhere").take()


def test_requests_of_an_older_journal_count_on(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path)) as journal:
        for at, host, lane in (
            (1.0, HOST, LANE),
            (2.0, "other.host", LANE),
            (3.0, HOST, None),
            (4.0, HOST, LANE),
        ):
            journal.calls.book(host, lane, at)
    make_older(tmp_path / NAME, 7)

    with closing(Journal.open(tmp_path)) as journal:
        calls = journal.calls
        assert [calls.host_free_at(HOST, Limit(n, 10.0), 5.0) for n in (1, 3, 4)] == [14, 11, 5]
        assert calls.push_free_at(LANE, Limit(3, 10.0), 5.0) == 11
        calls.book(HOST, LANE, 5.0)
        assert calls.host_free_at(HOST, Limit(4, 10.0), 5.0) == 11
        assert calls.count(HOST, 1.0) == 3


def test_a_request_is_found_by_its_number_however_many_there_are(journal: Journal) -> None:
    with journal.writing():
        for at in range(5_000):
            journal.calls.book(HOST, LANE, float(at))
    ticks: list[int] = []
    with journal._database.reading() as connection:
        connection.set_progress_handler(lambda: ticks.append(1), 100)
        try:
            limit = Limit(requests=4_000, per_s=10.0)
            assert journal.calls.host_free_at(HOST, limit, 5_000.0) == 5_000.0
            assert journal.calls.push_free_at(LANE, limit, 5_000.0) == 5_000.0
            assert journal.calls.count(HOST, 999.0) == 4_000
        finally:
            connection.set_progress_handler(None, 100)
    assert len(ticks) < 10
