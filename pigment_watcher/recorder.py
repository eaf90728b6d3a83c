"""Stores what happened, in one commit, and then tells the listeners; nobody else does both."""

import random
from collections.abc import Sequence

from pigment_watcher.clock import Clock
from pigment_watcher.journal import Journal
from pigment_watcher.model import (
    AfterFailure,
    Condition,
    ConditionEvent,
    ConditionKind,
    Job,
    JobEvent,
    Listener,
    Outcome,
    Route,
    ServiceEvent,
    State,
)
from pigment_watcher.policy import lanes, transitions
from pigment_watcher.policy.decisions import Begin, Decision, End, Surroundings

#: Troubles during which nothing can be asked, so that the time does not count for a deadline.
_STOPS_POLLS = frozenset(
    {
        ConditionKind.HOST_BUSY,
        ConditionKind.HOST_UNAVAILABLE,
        ConditionKind.KEY_REFUSED,
        ConditionKind.WRONG_URL,
    }
)
#: Ends that bring no file into failed/, so that nothing is held behind them.
_NOT_IN_FAILED = frozenset({Outcome.GONE, Outcome.RETURNED})


class Recorder:
    """The one pen: the journal first, the listeners after the commit."""

    def __init__(self, journal: Journal, listener: Listener, clock: Clock) -> None:
        self.journal = journal
        self._listener = listener
        self._clock = clock
        self._routes: tuple[Route, ...] = ()

    def set_routes(self, routes: Sequence[Route]) -> None:
        """Know which routes a condition concerns."""
        self._routes = tuple(routes)

    def now(self) -> float:
        """Return the seconds since 1970, UTC."""
        return self._clock.now()

    # ---------------------------------------------------------------- jobs

    def decide(self, job: Job, decision: Decision) -> Job:
        """Store a decision whole, tell of it, and return the job as it is now."""
        now = self._clock.now()
        with self.journal.writing():
            moved = self._store(job, decision, now)
            told = self._conditions_after(moved, decision, now)
        self._tell_of(moved, decision, told)
        return moved

    def add_decided(self, job: Job, event: str, decision: Decision) -> Job:
        """Store a new job together with its end, so that no crash leaves one to push."""
        now = self._clock.now()
        with self.journal.writing():
            (added,) = self.journal.jobs.add([job], event=event)
            moved = self._store(added, decision, now)
            told = self._conditions_after(moved, decision, now)
        self._tell_of(moved, decision, told)
        return moved

    def _store(self, job: Job, decision: Decision, now: float) -> Job:
        changes = dict(decision.changes)
        verdict = decision.verdict
        if verdict is not None:
            changes |= {
                "outcome": verdict.outcome,
                "reason": verdict.reason,
                "answer": verdict.answer or job.answer,
                "advice": verdict.advice,
                "decided_at": now,
                "retries": 0,
            }
        return self.journal.jobs.move(
            job,
            decision.state,
            at=now,
            event=decision.event,
            detail=decision.detail,
            due_at=decision.due_at,
            **changes,
        )

    def _tell_of(self, job: Job, decision: Decision, told: Sequence[ConditionEvent]) -> None:
        if decision.event:
            self.tell(JobEvent(name=decision.event, job=job, detail=decision.detail))
        for event in told:
            self._listener.condition_changed(event)

    def finish(self, job: Job, state: State, detail: str = "") -> Job:
        """Store that a job is over, and tell its one line."""
        moved = self.journal.jobs.move(
            job, state, at=self._clock.now(), event="job.finished", detail=detail
        )
        self.tell(JobEvent(name="job.finished", job=moved, detail=detail))
        return moved

    def tell(self, event: JobEvent) -> None:
        """Tell of a job's step that is stored."""
        self._listener.job_changed(event)

    def announce(self, name: str, level: str = "info", **fields: object) -> None:
        """Tell of something about the service itself."""
        self._listener.service_changed(ServiceEvent(name=name, level=level, fields=fields))

    def surroundings(self, job: Job, host: str, import_deadline_s: float) -> Surroundings:
        """Return what a decision needs to know besides the job and its answer."""
        now = self._clock.now()
        busy = self.journal.conditions.all([ConditionKind.LANE_BUSY])
        missing = self.journal.conditions.get(
            ConditionKind.CONFIGURATION_MISSING, job.configuration_id
        )
        return Surroundings(
            now=now,
            chance=random.random(),  # noqa: S311
            host=host,
            import_deadline_s=import_deadline_s,
            others_taken=self.journal.jobs.others_taken(job),
            others_told_too_many=any(
                lane.subject != job.configuration_id and (lane.due_at or 0.0) > now for lane in busy
            ),
            misses=0 if missing is None else missing.attempts + 1,
        )

    # ---------------------------------------------------------------- conditions

    def begin(self, begin: Begin, job_id: int | None = None) -> None:
        """Store that a trouble began or goes on, and tell of it if it is new."""
        with self.journal.writing():
            event = self._begin(begin, self._clock.now(), job_id)
        if event is not None:
            self._listener.condition_changed(event)

    def end(self, kind: ConditionKind, subject: str) -> None:
        """Store that a trouble is over, and tell of it if there was one."""
        if self.journal.conditions.get(kind, subject) is None:
            return
        with self.journal.writing():
            event = self._end(End(kind, subject), self._clock.now())
        if event is not None:
            self._listener.condition_changed(event)

    def _conditions_after(self, job: Job, decision: Decision, now: float) -> list[ConditionEvent]:
        told = [self._end(end, now) for end in decision.ends]
        told += [self._begin(begin, now, job.id) for begin in decision.begins]
        if decision.verdict is not None:
            told += self._hold_or_free(job, now)
        if decision.state is not State.QUEUED:
            told.append(self._end(End(ConditionKind.FILE_UNREADABLE, str(job.source)), now))
            told += self._forget_empty_lane(job, now)
        return [event for event in told if event is not None]

    def _hold_or_free(self, job: Job, now: float) -> list[ConditionEvent | None]:
        """Hold the lane behind a failure, in the same commit, so that nothing slips through."""
        lane = job.configuration_id
        if job.outcome in transitions.GOOD:
            held = self.journal.conditions.get(ConditionKind.LANE_HELD, lane)
            if held is not None and held.job_id == job.retry_of:
                return [self._end(End(ConditionKind.LANE_HELD, lane), now)]
            return []
        if job.rules.after_failure is AfterFailure.CONTINUE or job.outcome in _NOT_IN_FAILED:
            return []
        detail = f"job {job.id} ({job.name}) ended as {job.outcome.value if job.outcome else ''}"
        hold = Begin(kind=ConditionKind.LANE_HELD, subject=lane, detail=detail)
        return [self._begin(hold, now, job.id)]

    def _forget_empty_lane(self, job: Job, now: float) -> list[ConditionEvent | None]:
        """End what only a push could end, when there is nothing left to push."""
        lane = job.configuration_id
        kinds = (ConditionKind.CONFIGURATION_MISSING, ConditionKind.LANE_BUSY)
        found = [kind for kind in kinds if self.journal.conditions.get(kind, lane)]
        if not found or job.state in {State.PUSHING, State.IMPORTING}:
            return []
        if self.journal.jobs.has_waiting(lane):
            return []
        return [self._end(End(kind, lane), now) for kind in found]

    def _begin(self, begin: Begin, now: float, job_id: int | None) -> ConditionEvent | None:
        condition = Condition(
            kind=begin.kind,
            subject=begin.subject,
            since=now,
            detail=begin.detail,
            due_at=begin.due_at,
            job_id=job_id,
        )
        if not self.journal.conditions.begin(condition):
            return None
        return self._event(condition, began=True)

    def _end(self, end: End, now: float) -> ConditionEvent | None:
        condition = self.journal.conditions.end(end.kind, end.subject)
        if condition is None:
            return None
        if end.kind in _STOPS_POLLS:
            key = end.subject if end.kind is ConditionKind.KEY_REFUSED else None
            self.journal.jobs.stretch_deadlines(key, condition.since, now)
        return self._event(condition, began=False, seconds=now - condition.since)

    def _event(self, condition: Condition, *, began: bool, seconds: float = 0.0) -> ConditionEvent:
        return ConditionEvent(
            condition=condition,
            began=began,
            seconds=seconds,
            routes=lanes.concerned(condition, self._routes),
        )
