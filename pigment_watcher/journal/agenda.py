"""What is to be done next: the only queue.

A poll, a push, a move and a probe are rows with a due time. What blocks them are conditions.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pigment_watcher.journal import rows
from pigment_watcher.journal.calls import Calls
from pigment_watcher.journal.conditions import Conditions
from pigment_watcher.journal.database import Database
from pigment_watcher.model import Condition, ConditionKind, Job, Limit

#: Conditions that end when a status call for no import at all is answered as it should be.
PROBED = frozenset(
    {
        ConditionKind.HOST_IN_DOUBT,
        ConditionKind.WRONG_URL,
        ConditionKind.KEY_REFUSED,
        ConditionKind.KEY_IN_DOUBT,
    }
)
#: Conditions of a configuration that only let its head wait until their due time.
LANE_WAITS = frozenset({ConditionKind.LANE_BUSY, ConditionKind.CONFIGURATION_MISSING})
_GATES = (
    PROBED
    | LANE_WAITS
    | {
        ConditionKind.HOST_BUSY,
        ConditionKind.LANE_HELD,
        ConditionKind.ROUTE_PAUSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the destination bears: the host, and how many requests and pushes it takes."""

    host: str
    requests: Limit
    pushes: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One deed that is due; `slot` counts its request."""

    step: Literal["push", "poll", "archive", "probe"]
    job: Job | None = None
    condition: Condition | None = None
    slot: int | None = None


#: What is read of a job that may be pushed next.
_HEAD = "j.id, j.configuration_id, j.key, j.route, j.due_at"


@dataclass(frozen=True, slots=True)
class _Item:
    due_at: float
    step: Literal["push", "poll", "archive", "probe"]
    job_id: int = 0
    lane: str = ""
    condition: Condition | None = None


@dataclass(slots=True)
class _Gates:
    """What the conditions keep from being done, at one moment."""

    host_closed_until: float = 0.0
    no_polls: bool = False
    no_pushes: bool = False
    keys: set[str] = field(default_factory=set)
    lanes: dict[str, float] = field(default_factory=dict)
    held: dict[str, int | None] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    probes: list[Condition] = field(default_factory=list)


class Agenda:
    """Finds what is due and books its request."""

    def __init__(self, database: Database, conditions: Conditions, calls: Calls) -> None:
        self._database = database
        self._conditions = conditions
        self._calls = calls

    def next(
        self,
        now: float,
        limits: Limits,
        *,
        in_hands: Collection[int] = (),
        probing: Collection[str] = (),
        may_push: bool = True,
    ) -> Work | float | None:
        """Return what to do now, or when there will be something, or None if nothing waits.

        `in_hands` are the jobs, `probing` the subjects of conditions that a worker has already.
        """
        with self._database.reading():
            gates = self._gates()
            items = [
                item
                for item in self._items(gates, may_push=may_push, spare=len(in_hands))
                if item.job_id not in in_hands
                and (item.condition is None or item.condition.subject not in probing)
            ]
        wake_at = None
        for item in sorted(items, key=lambda item: item.due_at):
            due_at = item.due_at
            if due_at <= now:
                due_at = self._allowed_at(item, gates, limits, now)
                if due_at <= now:
                    return self._work(item, limits, now)
            wake_at = due_at if wake_at is None else min(wake_at, due_at)
        return wake_at

    def _work(self, item: _Item, limits: Limits, now: float) -> Work:
        slot = None
        if item.step != "archive":
            lane = item.lane if item.step == "push" else None
            slot = self._calls.book(limits.host, lane, now)
        if item.condition is not None:
            return Work(step=item.step, condition=item.condition, slot=slot)
        with self._database.reading() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE id = ?", (item.job_id,)).fetchone()
        return Work(step=item.step, job=rows.job_from_row(row), slot=slot)

    def _allowed_at(self, item: _Item, gates: _Gates, limits: Limits, now: float) -> float:
        if item.step == "archive":
            return now
        allowed = max(
            gates.host_closed_until, self._calls.host_free_at(limits.host, limits.requests, now)
        )
        if item.step == "push":
            allowed = max(allowed, self._calls.push_free_at(item.lane, limits.pushes, now))
        return allowed

    def _items(self, gates: _Gates, *, may_push: bool, spare: int) -> Iterator[_Item]:
        yield from self._by_due_time("archive", "ARCHIVING", spare + 1)
        for condition in gates.probes:
            yield _Item(condition.due_at or 0.0, "probe", condition=condition)
        if not gates.no_polls:
            yield from self._by_due_time("poll", "IMPORTING", spare + 1, without=gates.keys)
        if may_push and not gates.no_pushes:
            yield from self._heads(gates)

    def _by_due_time(
        self,
        step: Literal["poll", "archive"],
        state: str,
        most: int,
        without: Collection[str] = (),
    ) -> Iterator[_Item]:
        # The state stands in the text so that SQLite may use the partial index.
        keys = ", ".join("?" * len(without))
        sql = (
            f"SELECT id, due_at FROM jobs WHERE state = '{state}' AND key NOT IN ({keys})"  # noqa: S608
            " ORDER BY due_at LIMIT ?"
        )
        for row in self._rows(sql, *without, most):
            yield _Item(row["due_at"], step, row["id"])

    def _heads(self, gates: _Gates) -> Iterator[_Item]:
        """Find the first of each lane: chosen by order, then waited for; nothing overtakes it."""
        heads = self._rows(
            f"SELECT {_HEAD} FROM lanes l JOIN jobs j ON j.id = ("  # noqa: S608
            "  SELECT id FROM jobs WHERE configuration_id = l.configuration_id"
            "  AND state = 'QUEUED' ORDER BY priority, sort_modified, name, id LIMIT 1)"
            " WHERE j.claimed_at IS NOT NULL AND NOT EXISTS ("
            "  SELECT 1 FROM jobs WHERE configuration_id = l.configuration_id"
            "  AND state IN ('PUSHING', 'IMPORTING'))"
        )
        for head in heads:
            lane = head["configuration_id"]
            row = self._retry_of(gates.held[lane]) if lane in gates.held else head
            if row is None or row["key"] in gates.keys or row["route"] in gates.paused:
                continue
            due_at = max(row["due_at"], gates.lanes.get(lane, 0.0))
            yield _Item(due_at, "push", row["id"], lane)

    def _retry_of(self, job_id: int | None) -> Any:
        """Find the retry of the job that holds a lane: it alone may go."""
        found = self._rows(
            f"SELECT {_HEAD} FROM jobs j"  # noqa: S608
            " WHERE retry_of = ? AND state = 'QUEUED' AND claimed_at IS NOT NULL LIMIT 1",
            job_id,
        )
        return found[0] if found else None

    def _gates(self) -> _Gates:
        gates = _Gates()
        for condition in self._conditions.all(_GATES):
            kind, subject, due_at = condition.kind, condition.subject, condition.due_at or 0.0
            if kind in PROBED:
                gates.probes.append(condition)
            if kind is ConditionKind.HOST_BUSY:
                gates.host_closed_until = max(gates.host_closed_until, due_at)
            elif kind is ConditionKind.HOST_IN_DOUBT:
                gates.no_pushes = True
            elif kind is ConditionKind.WRONG_URL:
                gates.no_pushes = gates.no_polls = True
            elif kind in (ConditionKind.KEY_REFUSED, ConditionKind.KEY_IN_DOUBT):
                gates.keys.add(subject)
            elif kind in LANE_WAITS:
                gates.lanes[subject] = max(gates.lanes.get(subject, 0.0), due_at)
            elif kind is ConditionKind.LANE_HELD:
                gates.held[subject] = condition.job_id
            else:  # of _GATES only ROUTE_PAUSED is left
                gates.paused.add(subject)
        return gates

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(sql, values).fetchall()
