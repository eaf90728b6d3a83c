"""The service's state in one line of ASCII, for systemd and for a hurried reader."""

from collections.abc import Sequence

from pigment_watcher.journal import Journal
from pigment_watcher.model import Condition, ConditionKind, Route, State
from pigment_watcher.policy import lanes

_WORDS = {
    ConditionKind.HOST_IN_DOUBT: "waiting for Pigment to answer a probe",
    ConditionKind.WRONG_URL: "blocked: the url redirects",
    ConditionKind.HOST_UNAVAILABLE: "Pigment can't be reached",
    ConditionKind.HOST_BUSY: "Pigment said: too many requests",
    ConditionKind.KEY_REFUSED: "blocked: key refused",
    ConditionKind.CONFIGURATION_MISSING: "blocked: unknown configuration",
    ConditionKind.LANE_BUSY: "waiting: too many pushes",
    ConditionKind.LANE_HELD: "held behind a failure",
    ConditionKind.ROUTE_PAUSED: "paused",
    ConditionKind.FOLDER_LOST: "folder lost",
    ConditionKind.CLAIM_STUCK: "files can't be claimed",
    ConditionKind.ARCHIVE_STUCK: "files can't be moved",
    ConditionKind.NOTHING_ARRIVED: "nothing arrived in time",
}


def sentence(journal: Journal, routes: Sequence[Route], overdue: Sequence[str]) -> str:
    """Return the counts of what waits and what is in progress, and each trouble."""
    waiting = in_progress = 0
    for group in journal.jobs.waiting():
        if group.state is State.QUEUED:
            waiting += group.count
        else:
            in_progress += group.count
    parts = [f"{waiting} waiting, {in_progress} in progress"]
    parts += [_told(condition, routes) for condition in journal.conditions.all(_WORDS)]
    parts += [f"{name} does not answer" for name in overdue]
    return ", ".join(dict.fromkeys(parts))


def _told(condition: Condition, routes: Sequence[Route]) -> str:
    names = lanes.concerned(condition, routes)
    subject = " and ".join(names) if 0 < len(names) < len(routes) else ""
    return f"{subject} {_WORDS[condition.kind]}".strip()
