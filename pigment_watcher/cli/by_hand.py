"""One import without the service: pushed and followed by the same policy, stored nowhere."""

import random
import time

from pigment_watcher import content, errors
from pigment_watcher.cli.push_view import View
from pigment_watcher.cli.slots import Slots
from pigment_watcher.config import Settings
from pigment_watcher.files import moves, reading
from pigment_watcher.model import ConditionKind, Job, State
from pigment_watcher.pigment import Client
from pigment_watcher.policy import delays, polls, pushes, reports
from pigment_watcher.policy.decisions import Decision, Surroundings, ended
from pigment_watcher.steps.poll import poll, probe
from pigment_watcher.steps.push import Sending, attempt, sample


class ByHand:
    """Carries one job to its end; `job` is what is known of it, at any moment."""

    def __init__(
        self, settings: Settings, client: Client, key: str, *, slots: Slots, view: View
    ) -> None:
        self._settings = settings
        self._client = client
        self._key = key
        self._slots = slots
        self._view = view
        self._without_reports = slots.know_of_no_reports()
        self.job: Job | None = None

    def run(self, job: Job) -> Job:
        """Push the file, follow its import and return the job with its outcome.

        Raises FileError if the file can't be read, RequestRefused if the destination did not
        take it, so that nothing was imported.
        """
        self.job = job
        with (
            moves.translated(job.source.parent),
            reading.opened(job.source, job.fingerprint) as file,
        ):
            job = self._push(job, file)
        while job.state is State.IMPORTING:
            time.sleep(max(0.0, job.due_at - time.time()))
            job = self._poll(job)
        return job

    def _push(self, job: Job, file: reading.Lent) -> Job:
        size = job.fingerprint.size
        refusal = content.refusal(sample(file, size), allow_empty=job.rules.allow_empty)
        if refusal is not None:
            return self._decided(job, ended(refusal, self._around()))
        self._slots.take(job.configuration_id)
        self._view.pushing(job)
        pushed = attempt(job, file, self._sending(job))
        decision = pushes.after_push(job, pushed.answer, self._around(), changed=pushed.changed)
        if any(begin.kind is ConditionKind.KEY_IN_DOUBT for begin in decision.begins):
            decision = self._after_probe(job.evolve(**decision.changes), decision)
        if decision.state is State.QUEUED:
            raise errors.RequestRefused(f"{job.name}: nothing was imported: {_cause(decision)}")
        job = self._decided(self.job or job, decision)
        if job.import_id is not None:
            self._view.importing(job)
        return job

    def _sending(self, job: Job) -> Sending:
        def begin() -> None:
            self.job = job.evolve(pushed_at=time.time())

        return Sending(
            client=self._client, api_key=self._key, before_body=begin, progress=self._view.sent
        )

    def _after_probe(self, job: Job, decision: Decision) -> Decision:
        """Find out whether it was the key or the file that was forbidden."""
        self._slots.take()
        if probe(self._client, self._key) is None:
            return pushes.refused_after_probe(job, self._around())
        return decision

    def _poll(self, job: Job) -> Job:
        self._slots.take()
        around = self._around()
        asking = reports.asking(job, around.reports, without_reports=around.without_reports)
        answer = poll(self._client, job.import_id or "", self._key, asking)
        decision = polls.after_poll(job, answer, self._around(), asking)
        if decision.detail:
            self._view.trouble(_cause(decision))
        else:
            self._view.polled(job)
        return self._decided(job, decision)

    def _decided(self, job: Job, decision: Decision) -> Job:
        """Return the job as a decision leaves it."""
        job = job.evolve(
            state=decision.state, due_at=self._due_at(job, decision), **decision.changes
        )
        verdict = decision.verdict
        if verdict is not None:
            job = job.evolve(
                outcome=verdict.outcome,
                reason=verdict.reason,
                answer=verdict.answer or job.answer,
                advice=verdict.advice,
            )
        self.job = job
        return job

    def _due_at(self, job: Job, decision: Decision) -> float:
        """Return when to ask again: what blocks all of a service's jobs only puts off this one."""
        if not decision.detail:
            return decision.due_at
        due_at = max([decision.due_at, *(begin.due_at or 0.0 for begin in decision.begins)])
        again_s = delays.growing(delays.POLL_RETRY_S, job.retries, random.random())  # noqa: S311
        return max(due_at, time.time() + again_s)

    def _around(self) -> Surroundings:
        return Surroundings(
            now=time.time(),
            chance=random.random(),  # noqa: S311
            host=self._settings.host,
            import_deadline_s=self._settings.import_deadline_s,
            reports=self._settings.detailed_report,
            without_reports=self._without_reports,
        )


def _cause(decision: Decision) -> str:
    """Return the words that say most about what stands in the way."""
    return next((begin.detail for begin in decision.begins if begin.detail), decision.detail)
