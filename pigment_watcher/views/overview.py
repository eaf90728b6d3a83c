"""How everything is, as an object of JSON; the names of its fields are relied on from outside."""

from typing import Any

from pigment_watcher import journal
from pigment_watcher.config import Settings
from pigment_watcher.journal import Journal
from pigment_watcher.model import Outcome
from pigment_watcher.views import health, show
from pigment_watcher.views.health import Health, RouteHealth, Trouble


def look(book: Journal | None, settings: Settings, *, now: float) -> Health:
    """Return how everything is, as the journal tells; None stands for one that is not there yet."""
    facts = health.Facts(now=now, late_after_s=settings.alarm_after_s)
    if book is not None:
        facts = health.gather(
            book,
            settings.routes,
            now=now,
            late_after_s=settings.alarm_after_s,
            host=settings.host,
            limit_s=settings.request_limit.per_s,
            running=journal.is_held(settings.state_directory),
            journal_stuck=journal.why_stuck(settings.state_directory),
        )
    return health.judge(facts, settings.routes)


def of_health(found: Health, settings: Settings) -> dict[str, Any]:
    """Return everything that `status` knows."""
    facts = found.facts
    return {
        "time": show.iso(facts.now),
        "running": facts.running,
        "healthy": found.is_well,
        "instance": facts.instance,
        "journal_stuck": facts.journal_stuck,
        "state_directory": str(settings.state_directory),
        "requests": {
            "used": facts.requests,
            "limit": settings.request_limit.requests,
            "per_s": settings.request_limit.per_s,
        },
        "last_24h": {outcome.value: found.ended.get(outcome, 0) for outcome in Outcome},
        "routes": [_route_object(route) for route in found.routes],
        "troubles": [_trouble_object(trouble, facts.now) for trouble in found.troubles],
        "alarms": list(found.alarms),
    }


def _route_object(health_of_route: RouteHealth) -> dict[str, Any]:
    route, last = health_of_route.route, health_of_route.last
    return {
        "route": health_of_route.name,
        "state": health_of_route.state,
        "configured": route is not None,
        "directory": None if route is None else str(route.rules.directory),
        "configuration_id": None if route is None else route.configuration_id,
        "waiting": health_of_route.waiting,
        "in_progress": health_of_route.in_progress,
        "oldest_waiting_s": health_of_route.oldest_waiting_s,
        "last_24h": {outcome.value: health_of_route.ended.get(outcome, 0) for outcome in Outcome},
        "last": last
        and {
            "job": last.id,
            "file": last.name,
            "outcome": None if last.outcome is None else last.outcome.value,
            "finished": show.iso(last.finished_at),
        },
    }


def _trouble_object(trouble: Trouble, now: float) -> dict[str, Any]:
    condition = trouble.condition
    return {
        "state": trouble.word,
        "alarm": trouble.is_alarm,
        "cause": condition.kind.value,
        "subject": condition.subject,
        "routes": trouble.routes,
        "detail": condition.detail,
        "text": health.sentence(trouble, now),
        "since": show.iso(condition.since),
        "next_try": show.iso(condition.due_at),
        "job": condition.job_id,
    }
