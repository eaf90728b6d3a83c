"""What a decision is made of, and what the answers to pushes and polls have in common.

A bad file fails; a bad destination never fails a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pigment_watcher import errors
from pigment_watcher.model import ConditionKind, DetailedReport, Job, State, Verdict
from pigment_watcher.policy import budget, delays, poll_times


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A condition that begins, or goes on."""

    kind: ConditionKind
    subject: str
    detail: str = ""
    due_at: float | None = None


@dataclass(frozen=True, slots=True)
class End:
    """A condition that ends, if there was one."""

    kind: ConditionKind
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a job, and what its answer told about everything around it.

    `event` is the log's event name, empty where nothing worth a line happened. `took_s` is how
    long the import took that is over now.
    """

    state: State
    due_at: float
    event: str = ""
    detail: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    begins: tuple[Begin, ...] = ()
    ends: tuple[End, ...] = ()
    took_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a decision needs to know besides the job and its answer; `chance` lies in [0, 1).

    `others_taken`: a push of another file was taken since this one was last rejected.
    `others_told_too_many`: another lane was told "too many requests" and still waits.
    `import_is_anothers`: the import that the answer names is known as that of another file.
    `misses`: how often this configuration was answered as missing so far.
    `durations`: how many seconds the last imports of this configuration took.
    `price_s`: what a request is worth now, in seconds by which an end is known earlier.
    `reports`: whether Pigment's report is wanted.
    `without_reports`: the host is known to have none.
    """

    now: float
    chance: float
    host: str
    import_deadline_s: float
    others_taken: bool = False
    others_told_too_many: bool = False
    import_is_anothers: bool = False
    misses: int = 0
    durations: tuple[float, ...] = ()
    price_s: float = budget.CHEAP_S
    reports: DetailedReport = DetailedReport.NEVER
    without_reports: bool = False


#: Why a call brought no answer of use; what is none of its kinds counts as not known.
Failure = errors.DestinationError


def replaced(decision: Decision, **changes: Any) -> Decision:
    """Return a copy with some fields changed."""
    return replace(decision, **changes)


def ended(verdict: Verdict, around: Surroundings) -> Decision:
    """Return the decision that nothing more is asked of the destination about a job."""
    return Decision(state=State.ARCHIVING, due_at=around.now, event="job.decided", verdict=verdict)


def poll_later(elapsed_s: float, around: Surroundings) -> tuple[float, dict[str, Any]]:
    """Return when an import is asked after next that began so long ago, and what changes by it."""
    poll = poll_times.next_poll(elapsed_s, around.durations, around.price_s)
    return around.now + poll.after_s - elapsed_s, {"is_early": poll.is_early}


def host_answers(job: Job, around: Surroundings) -> tuple[End, ...]:
    """Return the conditions that end when the host answers as it should."""
    return (*host_reached(around), End(ConditionKind.KEY_REFUSED, job.rules.key))


def host_reached(around: Surroundings) -> tuple[End, ...]:
    """Return the conditions that end when the host answers at all, and not "too many requests"."""
    return (
        End(ConditionKind.HOST_UNAVAILABLE, around.host),
        End(ConditionKind.HOST_BUSY, around.host),
    )


def told_to_wait(answer: errors.ServerSaid) -> float:
    """Return how many seconds a 429 asks us to wait."""
    if answer.retry_after_s is None:
        return delays.TOO_MANY_REQUESTS_S
    return delays.told(answer.retry_after_s)


def busy(
    job: Job,
    answer: errors.ServerSaid,
    due_at: float,
    around: Surroundings,
    *,
    only_lane: bool,
) -> tuple[Begin, ...]:
    """One lane that is told so waits alone; a second one shows that it is the host's own limit."""
    lane = Begin(
        kind=ConditionKind.LANE_BUSY,
        subject=job.configuration_id,
        detail=str(answer),
        due_at=due_at,
    )
    if only_lane or not around.others_told_too_many:
        return (lane,)
    return (lane, host_busy(answer, due_at, around))


def host_busy(answer: errors.ServerSaid, due_at: float, around: Surroundings) -> Begin:
    """Return the condition that the host's own limit begins."""
    return Begin(
        kind=ConditionKind.HOST_BUSY, subject=around.host, detail=str(answer), due_at=due_at
    )


def redirected(answer: errors.ServerSaid, around: Surroundings) -> Begin:
    """Return the condition that a redirect begins."""
    where = f" to {answer.location}" if answer.location else ""
    return Begin(
        kind=ConditionKind.WRONG_URL,
        subject=around.host,
        detail=f"the server redirects ({answer.status}){where}: correct pigment.url and reload",
        due_at=around.now + delays.before_probe(ConditionKind.WRONG_URL, 0, around.chance),
    )


def key_block(
    kind: ConditionKind, job: Job, answer: errors.ServerSaid, around: Surroundings
) -> Begin:
    """Return the condition that a refused key begins."""
    return Begin(
        kind=kind,
        subject=job.rules.key,
        detail=key_detail(answer),
        due_at=around.now + delays.before_probe(kind, 0, around.chance),
    )


def key_detail(answer: errors.ServerSaid) -> str:
    """Return what an operator reads about a refused key."""
    said = f" (it said: {answer.excerpt})" if answer.excerpt else ""
    return (
        f"Pigment refused the API key ({answer.status}): put a valid key in its place and"
        f" reload{said}"
    )
