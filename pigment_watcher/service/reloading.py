"""What a changed configuration means for the jobs that wait."""

from collections.abc import Sequence

from pigment_watcher.clock import Clock
from pigment_watcher.model import ConditionKind, Job, Route, State
from pigment_watcher.policy import verdicts
from pigment_watcher.policy.decisions import Decision
from pigment_watcher.recorder import Recorder
from pigment_watcher.worker import Desk


class Reloading:
    """Sends back what is only queued under changed rules; what has started ends as it began."""

    def __init__(self, recorder: Recorder, clock: Clock, desk: Desk) -> None:
        self._recorder = recorder
        self._clock = clock
        self._desk = desk

    def return_changed(self, routes: Sequence[Route]) -> bool:
        """Put queued files of changed and removed routes back where they came from.

        Returns whether that was all: what a worker is about to push may have to wait again, and
        then it belongs back, too.
        """
        now = {route.name: (route.configuration_id, route.rules) for route in routes}
        outdated = [
            job
            for job in self._recorder.journal.jobs.unfinished()
            if job.state in {State.QUEUED, State.PUSHING}
            and now.get(job.route) != (job.configuration_id, job.rules)
        ]
        returned = []
        for job in outdated:
            what = "changed" if job.route in now else "is no longer configured"
            with self._desk.reserving(job.id) as free:
                if free:
                    returned.append(job)
                    self._return(job, f"Its route {job.route} {what}; nothing was sent.")
        return returned == outdated

    def try_at_once(self) -> None:
        """Let everything that waits for a better configuration be tried again now."""
        now = self._clock.now()
        host = self._desk.destination.host
        self._recorder.end_of_other_hosts(host)
        self._recorder.end(ConditionKind.NO_REPORTS, host)  # found out anew, if they are wanted
        self._recorder.journal.conditions.hasten(now)
        self._recorder.journal.jobs.hasten(now)
        self._desk.wake()

    def _return(self, job: Job, why: str) -> None:
        current = self._recorder.journal.jobs.get(job.id)
        if current is None or current.state is not State.QUEUED:
            return
        decision = Decision(
            state=State.ARCHIVING,
            due_at=self._clock.now(),
            event="job.returned",
            detail=why,
            verdict=verdicts.returned(why),
        )
        self._recorder.decide(current, decision)
