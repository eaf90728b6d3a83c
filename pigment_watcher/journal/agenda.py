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
from pigment_watcher.journal.lanes import Lanes
from pigment_watcher.model import Condition, ConditionKind, Job, Limit
from pigment_watcher.policy import budget

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
        ConditionKind.FOLDER_LOST,
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
    """One deed that is due."""

    step: Literal["push", "poll", "archive", "probe"]
    job: Job | None = None
    condition: Condition | None = None

    @property
    def is_request(self) -> bool:
        """Whether something is asked of the host."""
        return self.step != "archive"

    @property
    def lane(self) -> str | None:
        """The configuration that a push goes into."""
        return self.job.configuration_id if self.job and self.step == "push" else None


#: A call that probably comes too early stands in line as if it were due so many seconds later:
#: while slots are scarce the others go first, and it still has its turn.
EARLY_S = 60.0

#: What is read of a job that may be pushed next.
_HEAD = "j.id, j.configuration_id, j.key, j.route, j.directory, j.due_at"


@dataclass(frozen=True, slots=True)
class _Item:
    due_at: float
    step: Literal["push", "poll", "archive", "probe"]
    job_id: int = 0
    lane: str = ""
    condition: Condition | None = None
    is_early: bool = False

    @property
    def rank(self) -> float:
        """Its place among what is due: first come, first served, but for an early call."""
        return self.due_at + EARLY_S if self.is_early else self.due_at


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
    folders: set[str] = field(default_factory=set)
    probes: list[Condition] = field(default_factory=list)


class Agenda:
    """Finds what is due and may be done."""

    def __init__(
        self, database: Database, conditions: Conditions, calls: Calls, lanes: Lanes
    ) -> None:
        self._database = database
        self._conditions = conditions
        self._calls = calls
        self._lanes = lanes

    def next(
        self,
        now: float,
        limits: Limits,
        *,
        in_hands: Collection[int] = (),
        probing: Collection[str] = (),
        may_push: bool = True,
        reserved: int = 0,
    ) -> Work | float | None:
        """Return what to do now, or when there will be something, or None if nothing waits.

        `in_hands` are the jobs, `probing` the subjects of conditions that a worker has already.
        `reserved` is how many requests were handed out and are not counted yet.
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
        for item in sorted(items, key=lambda item: item.rank):
            due_at = item.due_at
            if due_at <= now:
                due_at = self._allowed_at(item, gates, limits, now, reserved)
                if due_at <= now:
                    return self._work(item)
            wake_at = due_at if wake_at is None else min(wake_at, due_at)
        return wake_at

    def price(self, now: float, limits: Limits) -> float:
        """Return what a request to the host is worth now: see `policy.budget`."""
        since = now - limits.requests.per_s
        used = self._calls.count(limits.host, since)
        return budget.price(self._lanes.loads(), limits.requests, used)

    def may_push(self, job: Job, now: float) -> bool:
        """Return whether no trouble keeps a job from being pushed, as they stand now."""
        gates = self._gates()
        closed_until = max(gates.host_closed_until, gates.lanes.get(job.configuration_id, 0.0))
        head = {
            "key": job.rules.key,
            "route": job.route,
            "directory": str(job.rules.directory),
        }
        return not gates.no_pushes and closed_until <= now and not _is_gated(head, gates)

    def _work(self, item: _Item) -> Work:
        if item.condition is not None:
            return Work(step=item.step, condition=item.condition)
        with self._database.reading() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE id = ?", (item.job_id,)).fetchone()
            return Work(step=item.step, job=rows.job_from_row(row))

    def _allowed_at(
        self, item: _Item, gates: _Gates, limits: Limits, now: float, reserved: int
    ) -> float:
        if item.step == "archive":
            return now
        free_at = self._calls.host_free_at(limits.host, limits.requests, now, reserved=reserved)
        allowed = max(gates.host_closed_until, free_at)
        if item.step == "push":
            # One import at a time: nothing else is reserved for this configuration.
            allowed = max(allowed, self._calls.push_free_at(item.lane, limits.pushes, now))
        return allowed

    def _items(self, gates: _Gates, *, may_push: bool, spare: int) -> Iterator[_Item]:
        yield from self._archives(gates, spare + 1)
        for condition in gates.probes:
            yield _Item(condition.due_at or 0.0, "probe", condition=condition)
        if not gates.no_polls:
            yield from self._polls(gates, spare + 1)
        if may_push and not gates.no_pushes:
            yield from self._heads(gates)

    # The states stand in the texts so that SQLite may use its partial indexes.

    def _archives(self, gates: _Gates, most: int) -> Iterator[_Item]:
        for row in self._rows(
            "SELECT id, due_at FROM jobs WHERE state = 'ARCHIVING'"  # noqa: S608
            f" AND directory NOT IN ({_places(gates.folders)}) ORDER BY due_at LIMIT ?",
            *gates.folders,
            most,
        ):
            yield _Item(row["due_at"], "archive", row["id"])

    def _polls(self, gates: _Gates, most: int) -> Iterator[_Item]:
        for is_early in (False, True):
            for row in self._rows(
                "SELECT id, due_at FROM jobs WHERE state = 'IMPORTING' AND is_early = ?"  # noqa: S608
                f" AND key NOT IN ({_places(gates.keys)}) ORDER BY due_at LIMIT ?",
                is_early,
                *gates.keys,
                most,
            ):
                yield _Item(row["due_at"], "poll", row["id"], is_early=is_early)

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
            if row is None or _is_gated(row, gates):
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
            elif kind is ConditionKind.FOLDER_LOST:
                gates.folders.add(subject)
            else:  # of _GATES only ROUTE_PAUSED is left
                gates.paused.add(subject)
        return gates

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(sql, values).fetchall()


def _places(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _is_gated(head: Any, gates: _Gates) -> bool:
    return (
        head["key"] in gates.keys
        or head["route"] in gates.paused
        or head["directory"] in gates.folders
    )
