"""A job as an object of JSON; the names of its fields are relied on from outside."""

from collections.abc import Sequence
from typing import Any

from pigment_watcher.journal import Step
from pigment_watcher.model import Job
from pigment_watcher.views import show


def of_job(job: Job) -> dict[str, Any]:
    """Return everything that the journal keeps of a job; times are ISO 8601, UTC."""
    return {
        "job": job.id,
        "route": job.route,
        "configuration_id": job.configuration_id,
        "file": job.name,
        "path": str(job.source),
        "size": job.fingerprint.size,
        "modified": show.iso(job.fingerprint.mtime_ns / 1e9),
        "owner": {"uid": job.owner_uid, "name": job.owner_name},
        "sha256": job.sha256,
        "bytes": job.bytes_sent,
        "import_id": job.import_id,
        "state": job.state.value,
        "outcome": None if job.outcome is None else job.outcome.value,
        "report": None if job.report is None else dict(job.report.counts),
        "times": {
            "found": show.iso(job.created_at),
            "claimed": show.iso(job.claimed_at),
            "pushed": show.iso(job.pushed_at),
            "importing": show.iso(job.importing_since),
            "decided": show.iso(job.decided_at),
            "finished": show.iso(job.finished_at),
            "removed": show.iso(job.removed_at),
        },
        "seconds": None if job.finished_at is None else round(job.finished_at - job.created_at, 3),
        "attempts": job.attempts,
        "reason": job.reason,
        "answer": job.answer,
        "advice": job.advice,
        "target": None if job.target is None else str(job.target),
        "version": job.version,
        "asked_by": job.asked_by,
        "retry_of": job.retry_of,
        "even_if_imported": job.even_if_imported,
    }


def of_step(step: Step) -> dict[str, Any]:
    """Return one row of a job's story."""
    return {
        "at": show.iso(step.at),
        "event": step.name,
        "from": step.from_state.value,
        "to": step.to_state.value,
        "detail": step.detail,
    }


def of_story(job: Job, story: Sequence[Step]) -> dict[str, Any]:
    """Return a job, with each step that it made."""
    return {**of_job(job), "story": [of_step(step) for step in story]}
