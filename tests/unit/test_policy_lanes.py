"""Who is next, and whom a trouble concerns."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_fixtures import HOST, LANE, rules

from pigment_watcher.model import Condition, ConditionKind, Fingerprint, Order, Route
from pigment_watcher.policy import lanes
from pigment_watcher.policy.lanes import OrderKey

KEYS = st.tuples(st.integers(0, 20), st.binary(max_size=2))
OTHER_LANE = "5a2f3c1e-9d57-4b0e-8a43-0f6b1c2d3e4f"
HR = Path("/srv/hr")
ROUTES = (
    Route(name="sales", configuration_id=LANE, rules=rules()),
    Route(name="costs", configuration_id=LANE, rules=rules(failed=Path("/srv/bin"))),
    Route(
        name="people",
        configuration_id=OTHER_LANE,
        rules=rules(directory=HR, done=HR / "done", failed=HR / "failed", key="/etc/hr-key"),
    ),
)


def key(mtime_ns: int, name: bytes, order: Order = Order.MODIFIED) -> OrderKey:
    fingerprint = Fingerprint(size=1, mtime_ns=mtime_ns, ctime_ns=0, inode=0)
    return lanes.order_key(order, fingerprint, name)


# ---------------------------------------------------------------- order


def test_the_oldest_file_is_first_and_names_decide_between_equals() -> None:
    """Behaviour E2."""
    files = [(5, b"a"), (3, b"c"), (3, b"b")]

    assert sorted(key(*file) for file in files) == [key(3, b"b"), key(3, b"c"), key(5, b"a")]


def test_by_name_no_time_counts() -> None:
    """Behaviour E1."""
    assert key(9, b"a", Order.NAME) < key(1, b"b", Order.NAME)
    assert key(9, b"a", Order.NAME) == key(1, b"a", Order.NAME)


def test_what_an_operator_put_back_goes_before_all_that_came() -> None:
    assert lanes.RETRY_FIRST < lanes.AS_IT_CAME


# ---------------------------------------------------------------- the window


def test_a_late_file_that_belongs_in_front_is_claimed_past_a_full_window() -> None:
    """Behaviour E6."""
    queued = [(10, b"%d" % number) for number in range(3)]
    candidates = [((11, b"late"), "late"), ((1, b"early"), "early")]

    assert lanes.to_claim(candidates, queued, window=3) == ["early"]


def test_a_full_window_claims_nothing_that_belongs_behind_it() -> None:
    """Behaviour E5."""
    candidates = [((number, b""), number) for number in range(1, 251)]

    claimed = lanes.to_claim(candidates, queued=[(0, b"")])

    assert claimed == list(range(1, 100))


@given(st.lists(KEYS, max_size=30), st.lists(KEYS, max_size=30), st.integers(0, 40))
def test_no_earlier_file_is_ever_left_behind_a_later_one(
    keys: list[OrderKey], queued: list[OrderKey], window: int
) -> None:
    """Behaviour E6."""
    candidates = [(order_key, number) for number, order_key in enumerate(keys)]

    claimed = lanes.to_claim(candidates, queued, window)

    taken = [keys[number] for number in claimed]
    left = [order_key for number, order_key in enumerate(keys) if number not in set(claimed)]
    assert taken == sorted(taken)
    assert not taken or not left or max(taken) <= min(left)
    # What is left behind would not be among the first of all that wait.
    assert all(sum(other <= found for other in [*queued, *keys]) > window for found in left)


@given(st.lists(KEYS, max_size=30), st.lists(KEYS, max_size=30), st.integers(0, 40))
def test_claims_run_ahead_by_no_more_than_the_window(
    keys: list[OrderKey], queued: list[OrderKey], window: int
) -> None:
    claimed = lanes.to_claim([(order_key, 0) for order_key in keys], queued, window)

    assert len(claimed) <= window


# ---------------------------------------------------------------- whom a trouble concerns


CONCERNED = [
    (ConditionKind.HOST_IN_DOUBT, HOST, ("sales", "costs", "people")),
    (ConditionKind.WRONG_URL, HOST, ("sales", "costs", "people")),
    (ConditionKind.HOST_UNAVAILABLE, HOST, ("sales", "costs", "people")),
    (ConditionKind.HOST_BUSY, HOST, ("sales", "costs", "people")),
    (ConditionKind.NO_REPORTS, HOST, ("sales", "costs", "people")),
    (ConditionKind.KEY_REFUSED, "default", ("sales", "costs")),
    (ConditionKind.KEY_IN_DOUBT, "/etc/hr-key", ("people",)),
    (ConditionKind.CONFIGURATION_MISSING, LANE, ("sales", "costs")),
    (ConditionKind.LANE_BUSY, OTHER_LANE, ("people",)),
    (ConditionKind.LANE_HELD, LANE, ("sales", "costs")),
    (ConditionKind.ROUTE_PAUSED, "costs", ("costs",)),
    (ConditionKind.NOTHING_ARRIVED, "people", ("people",)),
    (ConditionKind.FOLDER_LOST, "/srv/sales", ("sales", "costs")),
    (ConditionKind.FOLDER_LOST, "/var/lib/pigment-watcher", ()),
    (ConditionKind.CLAIM_STUCK, "/srv/hr", ("people",)),
    (ConditionKind.ARCHIVE_STUCK, "/srv/sales/failed", ("sales",)),
    (ConditionKind.ARCHIVE_STUCK, "/srv/bin", ("costs",)),
    (ConditionKind.FILE_UNREADABLE, "/srv/hr/a.csv", ("people",)),
    (ConditionKind.FILE_UNCLAIMED, "/srv/sales/a.doc", ("sales", "costs")),
    (ConditionKind.ORPHANS, "/srv/hr/processing/i-2", ("people",)),
]


@pytest.mark.parametrize(("kind", "subject", "routes"), CONCERNED)
def test_a_trouble_concerns_the_routes_it_is_about(
    kind: ConditionKind, subject: str, routes: tuple[str, ...]
) -> None:
    condition = Condition(kind=kind, subject=subject, since=0.0)

    assert lanes.concerned(condition, ROUTES) == routes


def test_every_kind_of_trouble_is_in_the_table_above() -> None:
    assert {kind for kind, _, _ in CONCERNED} == set(ConditionKind)
