"""What a changed configuration means for files that wait and for those that are under way."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rig_fixtures import OTHER_LANE, ROWS, Rig, names, rig, route

from pigment_watcher.model import Condition, ConditionKind, JobEvent, Outcome, Route, State
from pigment_watcher.policy.decisions import Begin
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


def reload(one: Rig, *routes: Route) -> bool:
    """Take other routes over, as the service does."""
    one.routes = routes
    one.recorder.set_routes(routes)
    one.intake.set_routes(routes)
    one.look(0.0)
    reloading = Reloading(one.recorder, one.clock, one.desk)
    was_all = reloading.return_changed(routes)
    reloading.try_at_once()
    return was_all


CHANGES = {
    "another configuration": {"lane": OTHER_LANE},
    "another rule": {"allow_empty": True},
    "another name": {"name": "new"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_queued_files_of_a_changed_route_go_back_and_are_taken_by_its_new_rules(
    one: Rig, pigment: Simulator, change: dict[str, object]
) -> None:
    """Behaviour T26."""
    one.take_in("a.csv", "b.csv")
    changed = route(one.inbox, **change)  # type: ignore[arg-type]
    assert reload(one, changed)
    assert one.work(most=2) == ["archive", "archive"]
    assert names(one.inbox) == ["a.csv", "b.csv"]
    assert {job.outcome for job in one.all_jobs()} == {Outcome.RETURNED}
    one.take_in()
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED, "b.csv": Outcome.IMPORTED}
    again = one.all_jobs()[-1]
    assert (again.route, again.configuration_id) == (changed.name, changed.configuration_id)
    assert len(pigment.pushes()) == 2


def test_queued_files_of_a_route_that_is_gone_lie_in_their_inbox_again(
    one: Rig, pigment: Simulator
) -> None:
    one.take_in("a.csv")
    reload(one)
    one.work_off()
    assert one.files(".", "failed", "done") == {".": ["a.csv"], "failed": [], "done": []}
    assert "is no longer configured" in one.job().reason
    assert pigment.calls() == []


def test_files_of_routes_that_did_not_change_stay_claimed(one: Rig, pigment: Simulator) -> None:
    one.take_in("a.csv")
    assert reload(one, route(one.inbox), route(one.folder / "new", "new"))
    assert one.job().state is State.QUEUED


def test_what_is_ended_is_no_matter_of_a_reload(one: Rig) -> None:
    one.take_in("a.csv")
    one.work_off()
    reload(one)
    assert one.job().outcome is Outcome.IMPORTED


def test_a_file_that_goes_back_gives_way_to_a_new_one_of_its_name(one: Rig) -> None:
    """Behaviour G2."""
    one.take_in("a.csv")
    one.put("a.csv", "a new one\n1\n")
    reload(one)
    one.work_off()
    (returned,) = set(names(one.inbox)) - {"a.csv"}
    assert (one.inbox / "a.csv").read_text() == "a new one\n1\n"
    assert (one.inbox / returned).read_text() == ROWS


def test_a_file_that_was_not_claimed_yet_stays_in_its_inbox(one: Rig, pigment: Simulator) -> None:
    one.recover()
    obstacle = one.inbox / "processing" / one.instance / "1"
    obstacle.write_text("in the way")
    one.take_in("a.csv")
    assert one.job().claimed_at is None
    reload(one)
    obstacle.unlink()
    one.work_off()
    assert one.job().outcome is Outcome.RETURNED
    assert names(one.inbox) == ["a.csv"]


def test_a_file_that_was_pushed_while_the_list_was_read_does_not_go_back(
    one: Rig, pigment: Simulator
) -> None:
    one.take_in("a.csv")
    queued = one.job()
    one.work()
    Reloading(one.recorder, one.clock, one.desk)._return(queued, "late")
    assert one.job().state is State.IMPORTING


def test_a_retry_that_waits_goes_back_to_failed(one: Rig, pigment: Simulator) -> None:
    one.put("a.csv", "")
    one.take_in()
    one.work_off()
    first = one.job()
    assert first.target is not None
    one.journal.jobs.add(
        [
            first.evolve(
                source=first.target,
                state=State.QUEUED,
                outcome=None,
                target=None,
                finished_at=None,
                retry_of=first.id,
            )
        ]
    )
    one.intake.claim_again()
    one.look(0.0)
    reload(one)
    one.work_off()
    assert one.all_jobs()[-1].outcome in {Outcome.RETURNED, Outcome.GONE}
    assert len([name for name in names(one.inbox / "failed") if name.endswith(".csv")]) == 1


def test_an_import_that_runs_ends_by_the_rules_it_began_with(tmp_path: Path) -> None:
    """Behaviour T26."""
    with Simulator(import_s=math.inf) as pigment, rig(tmp_path, url=pigment.url) as one:
        one.take_in("a.csv")
        one.work(most=2)
        elsewhere = tmp_path / "elsewhere"
        assert reload(one, route(one.inbox, lane=OTHER_LANE, done=elsewhere))
        pigment.finish(pigment.imports()[0].id)
        one.work_off()
        assert one.job().outcome is Outcome.IMPORTED
        assert (names(one.inbox / "done"), elsewhere.exists()) == (["a.csv"], False)


@pytest.mark.parametrize("during", ["job.pushing", "connecting"])
def test_a_push_under_way_ends_as_it_began_and_goes_back_if_it_has_to_wait_again(
    one: Rig, pigment: Simulator, during: str
) -> None:
    """A worker has the file in its hands while the configuration changes."""
    pigment.script(Fault.answer(503))
    one.take_in("a.csv")
    told: list[bool] = []

    def change(_: JobEvent | None = None) -> None:
        if not told:
            told.append(reload(one, route(one.inbox, lane=OTHER_LANE)))

    if during == "connecting":
        one.on_connect = change
    else:
        one.ear.on_job = lambda event: change() if event.name == during else None
    work = one.desk.take(lambda _: None)
    assert work is not None
    one.worker.do(work)
    one.desk.put_back(work)
    assert told == [False]
    assert one.job().state is State.QUEUED
    assert Reloading(one.recorder, one.clock, one.desk).return_changed(one.routes)
    one.work()
    one.take_in()
    one.work_off()
    assert [push.configuration_id for push in pigment.pushes()][1:] == [OTHER_LANE]


def test_what_waits_for_a_better_configuration_is_tried_at_once(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404), Fault.answer(401))
    one.take_in("a.csv")
    one.work(most=2)
    for kind, subject in (
        (ConditionKind.LANE_BUSY, "another lane"),
        (ConditionKind.WRONG_URL, one.desk.destination.host),
    ):
        due_at = one.clock.now() + 250.0
        one.journal.conditions.begin(
            Condition(kind=kind, subject=subject, since=one.clock.now(), due_at=due_at)
        )
    now = one.clock.now()
    reload(one, *one.routes)
    due = {condition.kind: condition.due_at for condition in one.journal.conditions.all()}
    assert due[ConditionKind.KEY_REFUSED] == due[ConditionKind.WRONG_URL] == now
    assert due[ConditionKind.LANE_BUSY] == now + 250.0  # as Pigment told us


def test_what_was_said_of_a_host_ends_when_another_one_is_configured(
    one: Rig, pigment: Simulator
) -> None:
    for kind in (ConditionKind.WRONG_URL, ConditionKind.HOST_UNAVAILABLE):
        one.recorder.begin(Begin(kind=kind, subject="the.old.host:443", due_at=one.clock.now()))
    one.take_in("a.csv")
    reload(one, *one.routes)
    assert one.journal.conditions.all() == []
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
    assert one.ear.told(ConditionKind.WRONG_URL) == [True, False]


def test_a_configuration_that_was_corrected_gets_its_files_at_once(
    one: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404, configuration_id=one.routes[0].configuration_id, times=None))
    one.take_in("a.csv")
    one.work()
    now = one.clock.now()
    reload(one, replace(one.routes[0], configuration_id=OTHER_LANE))
    one.work()
    one.take_in()
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
    assert one.clock.now() < now + 120
    assert one.ear.told(ConditionKind.CONFIGURATION_MISSING) == [True, False]
