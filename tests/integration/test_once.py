"""When a run over the first files alone is over, and how it ends."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig_fixtures import OTHER_LANE, Rig, rig, route, without_rights

from pigment_watcher.model import AfterFailure, Condition, ConditionKind, Outcome
from pigment_watcher.service import once
from pigment_watcher.simulator import Fault, Simulator


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    """Lend a stand-in whose imports end when they are told to."""
    with Simulator(import_s=math.inf) as simulator:
        yield simulator


@pytest.fixture
def two(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    """Lend a rig with two lanes on one inbox: b*.csv goes to the other one."""
    inbox = tmp_path / "in"
    routes = route(inbox, "second", OTHER_LANE, files=("b*.csv",)), route(inbox)
    with rig(tmp_path, *routes, url=pigment.url) as built:
        yield built


def is_over(one: Rig) -> bool:
    return is_over_since(one, one.clock.now() - 1.0)


def is_over_since(one: Rig, began: float) -> bool:
    return not one.intake.first_files_open and once.is_over(one.recorder, one.desk, began)


def exit_code(one: Rig) -> int:
    return once.exit_code(one.recorder, 0.0)


def finish_all(pigment: Simulator) -> None:
    for one in pigment.imports():
        if one.state == "InProgress":
            pigment.finish(one.id)


def pause(one: Rig, name: str) -> None:
    one.journal.conditions.begin(
        Condition(kind=ConditionKind.ROUTE_PAUSED, subject=name, since=0.0)
    )


def test_a_file_without_its_marker_is_not_waited_for(tmp_path: Path, pigment: Simulator) -> None:
    with rig(tmp_path, route(tmp_path / "in", marker="{name}.ok"), url=pigment.url) as one:
        one.put("a.csv")
        one.look()
        assert is_over(one)


def test_it_is_over_when_every_first_file_has_ended(two: Rig, pigment: Simulator) -> None:
    """Behaviour J9."""
    two.put("a.csv")
    assert not is_over(two)
    two.look()
    assert not is_over(two)
    two.look(2.0)
    assert not is_over(two)
    two.work(most=3)
    assert not is_over(two)
    finish_all(pigment)
    two.work_off()
    assert (is_over(two), exit_code(two)) == (True, 0)


def test_it_is_over_at_once_where_nothing_lies(two: Rig) -> None:
    two.look()
    assert (is_over(two), exit_code(two)) == (True, 0)


def test_it_is_not_over_while_a_worker_has_something(two: Rig) -> None:
    two.look()
    with two.desk.reserving(1):
        assert not is_over(two)


def test_a_failed_file_makes_it_end_with_one(two: Rig) -> None:
    two.put("a.csv", "")
    two.take_in()
    two.work_off()
    assert (is_over(two), exit_code(two)) == (True, 1)


def test_what_waits_for_a_person_is_not_waited_for_but_what_goes_on_is(
    two: Rig, pigment: Simulator
) -> None:
    """A paused route does not cut short the import of another one."""
    pause(two, "second")
    two.take_in("a.csv", "b.csv")
    two.work(most=2)
    assert not is_over(two)
    finish_all(pigment)
    two.work_off()
    assert (is_over(two), exit_code(two)) == (True, 1)
    assert two.outcomes() == {"a.csv": Outcome.IMPORTED, "b.csv": None}


def test_files_that_settle_while_another_route_is_paused_are_waited_for(two: Rig) -> None:
    pause(two, "second")
    two.put("b.csv")
    two.take_in()
    two.intake = two.new_intake()
    two.intake.set_routes(two.routes)
    two.put("a.csv")
    two.look()
    assert not is_over(two)


def test_files_behind_the_full_window_of_a_paused_route_are_not_waited_for(two: Rig) -> None:
    pause(two, "second")
    for number in range(103):
        two.put(f"b{number:03}.csv")
    two.take_in()
    assert (is_over(two), exit_code(two)) == (True, 1)


@pytest.mark.parametrize("status", [401, 404, 308])
def test_a_destination_that_blocks_is_not_waited_for(
    two: Rig, pigment: Simulator, status: int
) -> None:
    pigment.script(Fault.answer(status, times=None, on="push"))
    two.take_in("a1.csv", "a2.csv")
    assert not is_over(two)
    two.work()
    assert (is_over(two), exit_code(two)) == (True, 1)


def test_a_block_that_is_due_to_be_looked_at_is_looked_at_first(
    two: Rig, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(401))
    two.take_in("a.csv")
    two.work()
    two.journal.conditions.hasten(two.clock.now())
    assert not is_over(two)


def test_a_refused_key_stops_the_polls_of_what_is_imported(two: Rig, pigment: Simulator) -> None:
    two.take_in("a1.csv", "a2.csv")
    two.work()
    pigment.script(Fault.answer(401, on="status"))
    assert not is_over(two)
    two.work()
    assert (is_over(two), exit_code(two)) == (True, 1)


def test_a_host_that_is_away_is_waited_for_a_minute(two: Rig, pigment: Simulator) -> None:
    pigment.stop()
    two.take_in("a.csv")
    began = two.clock.now()
    two.work()
    assert not is_over_since(two, began)
    two.clock.advance(61.0)
    assert is_over_since(two, began)
    assert not is_over_since(two, two.clock.now())


def test_a_held_lane_waits_for_a_person_and_not_for_its_retry(
    tmp_path: Path, pigment: Simulator
) -> None:
    held = route(tmp_path / "in", after_failure=AfterFailure.HOLD)
    with rig(tmp_path, held, url=pigment.url) as one:
        one.put("a.csv", "")
        one.take_in()
        one.work_off()
        one.take_in("b.csv")
        assert is_over(one)
        second = one.all_jobs()[1]
        one.journal.jobs.add([second.evolve(retry_of=1, priority=0, name="again.csv")])
        assert not is_over(one)


def test_a_move_that_can_not_be_made_is_not_waited_for(tmp_path: Path, pigment: Simulator) -> None:
    with rig(tmp_path, url=pigment.url) as one:
        (one.inbox / "failed").write_text("in the way")
        one.put("a.csv", "")
        one.take_in()
        assert not is_over(one)
        one.work()
        assert (is_over(one), exit_code(one)) == (True, 1)
        one.clock.advance(10.0)
        assert not is_over(one)  # it is due to be tried again


def test_a_claim_that_can_not_be_made_is_not_waited_for(two: Rig) -> None:
    two.put("processing")
    two.take_in("a.csv")
    assert (is_over(two), exit_code(two)) == (True, 1)


@pytest.mark.parametrize("claimed", [False, True])
def test_a_file_that_can_not_be_read_is_not_waited_for(
    tmp_path: Path, pigment: Simulator, claimed: bool
) -> None:
    with without_rights(), rig(tmp_path, url=pigment.url) as one:
        path = one.put("a.csv")
        if claimed:
            one.take_in()
            path = one.claimed_path(one.job())
        path.chmod(0)
        one.take_in()
        one.work()
        assert (is_over(one), exit_code(one)) == (True, 1)


def test_a_lost_folder_makes_it_end_with_one(tmp_path: Path) -> None:
    """Behaviour I7."""
    with rig(tmp_path, route(tmp_path / "missing")) as one:
        one.look()
        assert (is_over(one), exit_code(one)) == (True, 1)


def test_what_was_given_back_and_taken_anew_is_no_failure(two: Rig, pigment: Simulator) -> None:
    pause(two, "second")
    two.take_in("b.csv")
    job = two.job()
    two.journal.jobs.move(job, job.state.FAILED, at=two.clock.now(), outcome=Outcome.RETURNED)
    assert exit_code(two) == 0
