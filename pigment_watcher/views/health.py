"""How the routes are, and whether that is well: from what the journal tells at a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pigment_watcher.journal import Journal, Waiting
from pigment_watcher.model import Condition, ConditionKind, Job, Outcome, Route, State
from pigment_watcher.policy import lanes
from pigment_watcher.views import show

#: What has ended is counted over so many seconds.
RECENT_S = 86400.0

FINE = "ok"
LATE = "late"
PAUSED = "paused"
MISSING = "missing"

#: What a trouble does to its routes, the gravest first.
_WORDS: Mapping[ConditionKind, str] = {
    ConditionKind.FOLDER_LOST: "lost",
    ConditionKind.WRONG_URL: "blocked",
    ConditionKind.KEY_REFUSED: "blocked",
    ConditionKind.CONFIGURATION_MISSING: "blocked",
    ConditionKind.HOST_IN_DOUBT: "blocked",
    ConditionKind.CLAIM_STUCK: "stuck",
    ConditionKind.ARCHIVE_STUCK: "stuck",
    ConditionKind.LANE_HELD: "held",
    ConditionKind.NOTHING_ARRIVED: MISSING,
    ConditionKind.ROUTE_PAUSED: PAUSED,
    ConditionKind.HOST_UNAVAILABLE: "retrying",
    ConditionKind.HOST_BUSY: "waiting",
    ConditionKind.LANE_BUSY: "waiting",
    ConditionKind.KEY_IN_DOUBT: "waiting",
    ConditionKind.NO_REPORTS: "remark",
    ConditionKind.ORPHANS: "remark",
    ConditionKind.FILE_UNREADABLE: "remark",
    ConditionKind.FILE_UNCLAIMED: "remark",
}
_GRAVEST_FIRST = ("lost", "blocked", "stuck", "held", LATE, MISSING, PAUSED, "retrying", "waiting")
_UNHEALTHY = frozenset(_GRAVEST_FIRST[:6])


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the journal tells at a moment; all empty where there is none yet.

    A route is late whose oldest waiting file is older than `late_after_s`.
    """

    now: float
    late_after_s: float
    running: bool = False
    instance: str | None = None
    waiting: Sequence[Waiting] = ()
    conditions: Sequence[Condition] = ()
    ended: Mapping[tuple[str, Outcome], int] = field(default_factory=dict)
    last: Mapping[str, Job] = field(default_factory=dict)
    requests: int = 0
    #: Why nothing can be written to the journal; it can't tell that itself.
    journal_stuck: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A condition, and the names of the routes that it concerns."""

    word: str
    condition: Condition
    routes: tuple[str, ...]

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should look."""
        return self.word in _UNHEALTHY


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHealth:
    """How one route is; `route` is None for what is no longer configured and has files yet."""

    name: str
    route: Route | None
    state: str
    waiting: int
    in_progress: int
    oldest_waiting_s: float | None
    last: Job | None
    ended: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How everything is."""

    facts: Facts
    routes: tuple[RouteHealth, ...]
    troubles: tuple[Trouble, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing is blocked, lost, stuck, held, late or missing."""
        if self.facts.journal_stuck is not None:
            return False
        words = {trouble.word for trouble in self.troubles} | {route.state for route in self.routes}
        return not words & _UNHEALTHY

    @property
    def alarms(self) -> tuple[str, ...]:
        """Why not all is well, a sentence for each trouble."""
        grave = [trouble for trouble in self.troubles if trouble.is_alarm]
        late = [route for route in self.routes if route.state == LATE]
        stuck = self.facts.journal_stuck
        return (
            *([f"stuck: the journal: {stuck}"] if stuck else []),
            *(sentence(trouble, self.facts.now) for trouble in grave),
            *(
                f"late: {route.name}: the oldest file waits for"
                f" {show.age(route.oldest_waiting_s or 0.0)}"
                for route in late
            ),
        )

    @property
    def ended(self) -> Mapping[Outcome, int]:
        """How many files ended lately, by outcome."""
        return _by_outcome(self.facts.ended)


def gather(
    journal: Journal,
    routes: Sequence[Route],
    *,
    now: float,
    host: str,
    late_after_s: float,
    limit_s: float,
    running: bool,
    journal_stuck: str | None,
) -> Facts:
    """Read the facts from the journal; `limit_s` is how far back requests count."""
    waiting = journal.jobs.waiting()
    names = {route.name for route in routes} | {group.route for group in waiting}
    last = {name: journal.jobs.last_ended(name) for name in names}
    return Facts(
        now=now,
        late_after_s=late_after_s,
        running=running,
        instance=journal.identity.instance,
        waiting=waiting,
        conditions=journal.conditions.all(),
        ended=journal.jobs.ended(now - RECENT_S),
        last={name: job for name, job in last.items() if job is not None},
        requests=journal.calls.count(host, now - limit_s),
        journal_stuck=journal_stuck,
    )


def judge(facts: Facts, routes: Sequence[Route]) -> Health:
    """Return how everything is."""
    troubles = tuple(
        Trouble(
            word=_WORDS[condition.kind],
            condition=condition,
            routes=lanes.concerned(condition, routes),
        )
        for condition in sorted(facts.conditions, key=lambda one: list(_WORDS).index(one.kind))
    )
    configured = {route.name: route for route in routes}
    others = {group.route for group in facts.waiting} - configured.keys()
    names = [*configured, *sorted(others)]
    healths = tuple(_route(name, configured.get(name), facts, troubles) for name in names)
    return Health(facts=facts, routes=healths, troubles=troubles)


def _route(
    name: str, route: Route | None, facts: Facts, troubles: Sequence[Trouble]
) -> RouteHealth:
    groups = [group for group in facts.waiting if group.route == name]
    queued = [group for group in groups if group.state is State.QUEUED]
    oldest_s = max((facts.now - group.oldest for group in queued), default=None)
    words = {trouble.word for trouble in troubles if name in trouble.routes}
    if oldest_s is not None and oldest_s > facts.late_after_s and PAUSED not in words:
        words.add(LATE)
    return RouteHealth(
        name=name,
        route=route,
        state=next((word for word in _GRAVEST_FIRST if word in words), FINE),
        waiting=sum(group.count for group in queued),
        in_progress=sum(group.count for group in groups) - sum(group.count for group in queued),
        oldest_waiting_s=oldest_s,
        last=facts.last.get(name),
        ended=_by_outcome({key: count for key, count in facts.ended.items() if key[0] == name}),
    )


def _by_outcome(ended: Mapping[tuple[str, Outcome], int]) -> dict[Outcome, int]:
    counts = {
        outcome: sum(count for (_, ended_as), count in ended.items() if ended_as is outcome)
        for outcome in Outcome
    }
    return {outcome: count for outcome, count in counts.items() if count}


def sentence(trouble: Trouble, now: float) -> str:
    """Return a trouble in words."""
    condition = trouble.condition
    about = ", ".join(trouble.routes) or show.printable(condition.subject)
    if condition.kind is ConditionKind.FILE_UNCLAIMED:  # its detail is about any such file
        about += f": {show.printable(condition.subject)}"
    since = f"since {show.moment(condition.since)}"
    again = ""
    if condition.due_at is not None:
        again = f"; tried again in {show.age(condition.due_at - now)}"
    return (
        f"{trouble.word}: {about}: {show.printable(condition.detail or condition.kind.value)}"
        f" ({since}{again})"
    )
