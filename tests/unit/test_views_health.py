from typing import Any

import pytest
from acceptance_fixtures import configuration_id
from cli_fixtures import a_route

from pigment_watcher.journal import Waiting
from pigment_watcher.model import Condition, ConditionKind, Outcome, State
from pigment_watcher.views import health
from pigment_watcher.views.health import Facts

NOW = 1_790_000_000.0
LATE_AFTER_S = 1800.0
ROUTES = (a_route("sales"), a_route("costs"))


def judged(**facts: Any) -> health.Health:
    return health.judge(Facts(now=NOW, late_after_s=LATE_AFTER_S, **facts), ROUTES)


def waiting(state: State, count: int, *, for_s: float, route: str = "sales") -> Waiting:
    return Waiting(route, state, count, NOW - for_s)


def trouble(kind: ConditionKind, subject: str) -> Condition:
    return Condition(kind=kind, subject=subject, since=NOW - 60)


def test_nothing_known_is_well() -> None:
    found = judged()

    assert found.is_well
    assert [route.state for route in found.routes] == ["ok", "ok"]


def test_what_waits_is_counted_apart_from_what_is_in_progress() -> None:
    found = judged(
        waiting=[
            waiting(State.QUEUED, 3, for_s=240),
            waiting(State.PUSHING, 1, for_s=250),
            waiting(State.IMPORTING, 1, for_s=9000),
        ]
    )

    sales, costs = found.routes
    assert (sales.waiting, sales.in_progress, sales.oldest_waiting_s) == (3, 2, 240)
    assert (costs.waiting, costs.in_progress, costs.oldest_waiting_s) == (0, 0, None)


def test_a_file_that_waits_for_an_hour_makes_its_route_late() -> None:
    on_time = judged(waiting=[waiting(State.QUEUED, 1, for_s=LATE_AFTER_S)])
    late = judged(waiting=[waiting(State.QUEUED, 1, for_s=LATE_AFTER_S + 1)])

    assert (on_time.routes[0].state, on_time.is_well) == ("ok", True)
    assert (late.routes[0].state, late.is_well) == ("late", False)


def test_a_paused_route_is_never_late() -> None:
    found = judged(
        waiting=[waiting(State.QUEUED, 1, for_s=LATE_AFTER_S * 2)],
        conditions=[trouble(ConditionKind.ROUTE_PAUSED, "sales")],
    )

    assert (found.routes[0].state, found.is_well) == ("paused", True)


@pytest.mark.parametrize(
    ("kind", "subject", "state", "well"),
    [
        (ConditionKind.KEY_REFUSED, "default", "blocked", False),
        (ConditionKind.CONFIGURATION_MISSING, configuration_id("sales"), "blocked", False),
        (ConditionKind.HOST_IN_DOUBT, "pigment.app:443", "blocked", False),
        (ConditionKind.WRONG_URL, "pigment.app:443", "blocked", False),
        (ConditionKind.FOLDER_LOST, "/srv/exports/sales", "lost", False),
        (ConditionKind.ARCHIVE_STUCK, "/srv/exports/sales/done", "stuck", False),
        (ConditionKind.LANE_HELD, configuration_id("sales"), "held", False),
        (ConditionKind.HOST_UNAVAILABLE, "pigment.app:443", "retrying", True),
        (ConditionKind.LANE_BUSY, configuration_id("sales"), "waiting", True),
    ],
)
def test_a_trouble_shows_in_its_route(
    kind: ConditionKind, subject: str, state: str, *, well: bool
) -> None:
    found = judged(conditions=[trouble(kind, subject)])

    assert (found.routes[0].state, found.is_well) == (state, well)


def test_a_trouble_of_one_route_is_none_of_the_other() -> None:
    found = judged(conditions=[trouble(ConditionKind.LANE_HELD, configuration_id("sales"))])

    assert found.routes[1].state == "ok"
    assert found.troubles[0].routes == ("sales",)


def test_every_kind_of_trouble_has_a_word() -> None:
    found = judged(conditions=[trouble(kind, "x") for kind in ConditionKind])

    assert len(found.troubles) == len(ConditionKind)


def test_the_gravest_trouble_is_told_first() -> None:
    found = judged(
        conditions=[
            trouble(ConditionKind.LANE_BUSY, configuration_id("sales")),
            trouble(ConditionKind.FOLDER_LOST, "/srv/exports/sales"),
        ]
    )

    assert [one.word for one in found.troubles] == ["lost", "waiting"]
    assert found.routes[0].state == "lost"


def test_a_trouble_that_no_route_has_is_counted_all_the_same() -> None:
    found = judged(conditions=[trouble(ConditionKind.KEY_REFUSED, "/etc/key-of-no-route")])

    assert not found.is_well


def test_files_of_a_route_that_is_gone_are_not_forgotten() -> None:
    found = judged(waiting=[waiting(State.IMPORTING, 2, for_s=10, route="old")])

    assert [(route.name, route.in_progress) for route in found.routes] == [
        ("sales", 0),
        ("costs", 0),
        ("old", 2),
    ]
    assert found.routes[2].route is None


def test_ends_are_counted_by_route_and_over_all() -> None:
    found = judged(
        ended={
            ("sales", Outcome.IMPORTED): 3,
            ("sales", Outcome.FAILED): 1,
            ("costs", Outcome.IMPORTED): 2,
        }
    )

    assert found.ended == {Outcome.IMPORTED: 5, Outcome.FAILED: 1}
    assert found.routes[0].ended == {Outcome.IMPORTED: 3, Outcome.FAILED: 1}
