"""What somebody is told by mail or chat: which events, in which words, and how often."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pigment_watcher.model import Condition, ConditionKind, Job, Outcome

#: Seconds from the first event to the message that tells of it and of what came meanwhile: a bad
#: night is a few messages and not a thousand.
GROUPED_S = (30.0, 300.0, 900.0, 3600.0)
#: After so many seconds without a message the next one comes soon again.
CALM_S = 3600.0
#: Seconds until a message is tried again that could not be sent.
AGAIN_S = (60.0, 300.0, 900.0, 3600.0)
#: So many events of a kind are told one by one.
ONE_BY_ONE = 15
#: The most characters of one event's words.
_LONGEST = 400


class NoticeKind(enum.Enum):
    """What may be told of; the names are those of the configuration."""

    #: A file was not imported: Pigment or our own checks refused it, or its import failed.
    FAILED = "failed"
    #: Nobody knows whether a file was imported.
    UNSURE = "unsure"
    #: A file was imported, and Pigment left rows out.
    SKIPS = "skips"
    #: Something stops a route, and somebody has to act.
    BLOCKED = "blocked"
    #: What stopped it is over.
    UNBLOCKED = "unblocked"
    #: A folder can't be reached.
    LOST = "lost"
    #: It is back.
    FOUND = "found"
    #: Nothing was imported by the time by which it should be.
    MISSING = "missing"


_OUTCOMES: Mapping[Outcome | None, NoticeKind] = {
    Outcome.FAILED: NoticeKind.FAILED,
    Outcome.REFUSED: NoticeKind.FAILED,
    Outcome.INVALID: NoticeKind.FAILED,
    Outcome.UNSURE: NoticeKind.UNSURE,
    Outcome.IMPORTED_WITH_SKIPS: NoticeKind.SKIPS,
}
#: What is said when a trouble begins, and when it ends.
_CONDITIONS: Mapping[ConditionKind, tuple[NoticeKind, NoticeKind | None]] = {
    ConditionKind.KEY_REFUSED: (NoticeKind.BLOCKED, NoticeKind.UNBLOCKED),
    ConditionKind.WRONG_URL: (NoticeKind.BLOCKED, NoticeKind.UNBLOCKED),
    ConditionKind.CONFIGURATION_MISSING: (NoticeKind.BLOCKED, NoticeKind.UNBLOCKED),
    ConditionKind.LANE_HELD: (NoticeKind.BLOCKED, NoticeKind.UNBLOCKED),
    ConditionKind.CLAIM_STUCK: (NoticeKind.BLOCKED, NoticeKind.UNBLOCKED),
    ConditionKind.ARCHIVE_STUCK: (NoticeKind.BLOCKED, NoticeKind.UNBLOCKED),
    ConditionKind.FOLDER_LOST: (NoticeKind.LOST, NoticeKind.FOUND),
    ConditionKind.NOTHING_ARRIVED: (NoticeKind.MISSING, None),
}
_TITLES: Mapping[NoticeKind, str] = {
    NoticeKind.FAILED: "not imported",
    NoticeKind.UNSURE: "not known whether imported",
    NoticeKind.SKIPS: "imported without some rows",
    NoticeKind.BLOCKED: "blocked",
    NoticeKind.UNBLOCKED: "going on again",
    NoticeKind.LOST: "folder lost",
    NoticeKind.FOUND: "folder back",
    NoticeKind.MISSING: "nothing arrived",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that somebody may want to be told of; `routes` are those that it concerns."""

    kind: NoticeKind
    routes: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    title: str
    body: str


def of_job(job: Job) -> Happening | None:
    """Return what is to be told of a file that ended."""
    kind = _OUTCOMES.get(job.outcome)
    if kind is None:
        return None
    words = ": ".join(filter(None, (job.name, _first_line(job.reason))))
    return Happening(kind, (job.route,), f"{words} (job {job.id})")


def of_condition(condition: Condition, routes: Sequence[str], *, began: bool) -> Happening | None:
    """Return what is to be told of a trouble that began or ended."""
    kinds = _CONDITIONS.get(condition.kind)
    kind = None if kinds is None else kinds[0 if began else 1]
    if kind is None:
        return None
    words = condition.kind.value.replace("_", " ")
    detail = f": {_first_line(condition.detail)}" if began and condition.detail else ""
    return Happening(kind, tuple(routes), f"{words}{detail}")


def message(happenings: Sequence[Happening], environment: str, *, untold: int = 0) -> Message:
    """Return one message about all of it; `untold` more were too many to keep."""
    by_kind = {kind: [one for one in happenings if one.kind is kind] for kind in NoticeKind}
    counts = [f"{len(some)} {_TITLES[kind]}" for kind, some in by_kind.items() if some]
    parts = [_part(kind, some) for kind, some in by_kind.items() if some]
    if untold:
        parts.append(f"and {untold} more events; pigment-watcher history lists all files")
    return Message(title(environment, ", ".join(counts)), "\n\n".join(parts))


def title(environment: str, words: str) -> str:
    """Return what a message is called."""
    where = f" {environment}" if environment else ""
    return f"pigment-watcher{where}: {words}"


def due_in_s(sent: int, since_last_s: float | None) -> float:
    """Return in how many seconds a message is due that begins with a new event.

    `sent` counts the messages since it was calm last; `since_last_s` is None before the first.
    """
    if since_last_s is None or since_last_s >= CALM_S:
        return GROUPED_S[0]
    return GROUPED_S[min(sent, len(GROUPED_S) - 1)]


def _part(kind: NoticeKind, happenings: Sequence[Happening]) -> str:
    lines = [f"{_TITLES[kind].capitalize()}:"]
    lines += [
        f"- {', '.join(one.routes) or 'all routes'}: {one.text}" for one in happenings[:ONE_BY_ONE]
    ]
    if len(happenings) > ONE_BY_ONE:
        lines.append(f"- and {len(happenings) - ONE_BY_ONE} more")
    return "\n".join(lines)


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
