"""Stores what happened, in one commit, and then tells the listeners; nobody else does both."""

import random
import threading
from collections.abc import Callable, Sequence

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.journal import Journal
from pigment_watcher.model import (
    AfterFailure,
    Condition,
    ConditionEvent,
    ConditionKind,
    DetailedReport,
    Job,
    JobEvent,
    Listener,
    Outcome,
    Route,
    ServiceEvent,
    State,
)
from pigment_watcher.policy import budget, lanes, reports, transitions
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
#: Troubles that a decision about a job asks after.
_AROUND = frozenset(
    {
        ConditionKind.LANE_BUSY,
        ConditionKind.CONFIGURATION_MISSING,
        ConditionKind.NO_REPORTS,
    }
)
#: Ends that bring no file into failed/, so that nothing is held behind them.
_NOT_IN_FAILED = frozenset({Outcome.GONE, Outcome.RETURNED})
#: So many seconds nobody may find the journal busy before it counts as writable again: while a disk
#: is nearly full, some commits have room and others have none.
CALM_S = 5.0


class Recorder:
    """The one pen: the journal first, the listeners after the commit."""

    def __init__(self, journal: Journal, listener: Listener, clock: Clock) -> None:
        self.journal = journal
        self._listener = listener
        self._clock = clock
        self._began_at = clock.now()
        self._routes: tuple[Route, ...] = ()
        # Guards when the journal was found busy last; None: it can be used.
        self._found_busy = threading.Lock()
        self._busy_at: float | None = None
        journal.on_busy(self._busy)

    def set_routes(self, routes: Sequence[Route]) -> None:
        """Know which routes a condition concerns."""
        self._routes = tuple(routes)

    def now(self) -> float:
        """Return the seconds since 1970, UTC."""
        return self._clock.now()

    # ---------------------------------------------------------------- jobs

    def decide(self, job: Job, decision: Decision, count: Callable[[], None] = lambda: None) -> Job:
        """Store a decision whole, tell of it, and return the job as it is now.

        `count` counts the request whose answer it is about, in the same commit.
        """
        now = self._clock.now()
        with self.journal.writing():
            count()
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
        # Between two starts the clock may have been moved, and what was measured means nothing.
        is_measured = (job.importing_since or 0.0) >= self._began_at
        if decision.took_s is not None and is_measured:
            self.journal.lanes.remember(job.configuration_id, decision.took_s)
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

    def removed(self, job: Job) -> None:
        """Store that the file of a finished job was removed because it was old, and tell of it."""
        now = self._clock.now()
        detail = f"{job.target} was kept as long as it had to be"
        moved = self.journal.jobs.move(
            job,
            job.state,
            at=now,
            event="file.removed",
            detail=detail,
            removed_at=now,
            finished_at=job.finished_at,
        )
        self.tell(JobEvent(name="file.removed", job=moved, detail=detail))

    def tell(self, event: JobEvent) -> None:
        """Tell of a job's step that is stored."""
        self._listener.job_changed(event)

    def announce(self, name: str, level: str = "info", **fields: object) -> None:
        """Tell of something about the service itself."""
        self._listener.service_changed(ServiceEvent(name=name, level=level, fields=fields))

    def surroundings(
        self,
        job: Job,
        host: str,
        import_deadline_s: float,
        *,
        import_id: str | None = None,
        wanted: DetailedReport = DetailedReport.NEVER,
        price_s: float = budget.CHEAP_S,
    ) -> Surroundings:
        """Return what a decision needs to know besides the job and its answer.

        `import_id` is the import that the answer to a push names, if it names one, `wanted` tells
        whether Pigment's report is, `price_s` what a request is worth.
        """
        now = self._clock.now()
        troubles = {(one.kind, one.subject): one for one in self.journal.conditions.all(_AROUND)}
        missing = troubles.get((ConditionKind.CONFIGURATION_MISSING, job.configuration_id))
        no_reports = troubles.get((ConditionKind.NO_REPORTS, host))
        return Surroundings(
            now=now,
            chance=random.random(),  # noqa: S311
            host=host,
            import_deadline_s=import_deadline_s,
            others_taken=self.journal.jobs.others_taken(job),
            others_told_too_many=any(
                kind is ConditionKind.LANE_BUSY
                and lane != job.configuration_id
                and (trouble.due_at or 0.0) > now
                for (kind, lane), trouble in troubles.items()
            ),
            import_is_anothers=import_id is not None
            and self.journal.jobs.is_of_another(import_id, job),
            misses=0 if missing is None else missing.attempts + 1,
            durations=self.journal.lanes.durations(job.configuration_id),
            price_s=price_s,
            reports=wanted,
            without_reports=reports.is_known_without(no_reports, now),
        )

    # ---------------------------------------------------------------- the journal itself

    def _busy(self, error: errors.JournalBusy) -> None:
        """Tell that the journal can't be used, whoever found out first, and none after that."""
        with self._found_busy:
            is_new = self._busy_at is None
            self._busy_at = self._clock.monotonic()
        if is_new:
            self.announce("journal.busy", "error", detail=str(error))

    def look_after_journal(self) -> None:
        """Try a journal that was busy, and tell once it can be used again. Raises JournalError."""
        busy_at = self._busy_at
        if busy_at is not None and self._clock.monotonic() >= busy_at + CALM_S:
            self.journal.identity.note_trial(self._clock.now())
            self._busy_at = None
            self.announce("journal.writable")

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

    def end_of_other_hosts(self, host: str) -> None:
        """End what is said of hosts that are no longer configured: nobody asks them any more."""
        for condition in self.journal.conditions.all(lanes.OF_HOST):
            if condition.subject != host:
                self.end(condition.kind, condition.subject)

    def _conditions_after(self, job: Job, decision: Decision, now: float) -> list[ConditionEvent]:
        ends = list(decision.ends)
        if decision.state is not State.QUEUED:
            ends.append(End(ConditionKind.FILE_UNREADABLE, str(job.source)))
        told = [self._end(end, now) for end in self._there(ends)]
        told += [self._begin(begin, now, job.id) for begin in decision.begins]
        if decision.verdict is not None:
            told += self._hold_or_free(job, now)
        if decision.state is not State.QUEUED:
            told += self._forget_empty_lane(job, now)
        return [event for event in told if event is not None]

    def _there(self, ends: Sequence[End]) -> list[End]:
        """Return those ends whose trouble there is: one question, and mostly nothing to end."""
        if not ends:
            return []
        there = self.journal.conditions.among([(end.kind, end.subject) for end in ends])
        return [end for end in ends if (end.kind, end.subject) in there]

    def _hold_or_free(self, job: Job, now: float) -> list[ConditionEvent | None]:
        """Hold the lane behind a failure, in the same commit, so that nothing slips through."""
        lane = job.configuration_id
        if transitions.is_good(job):
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
        if job.state in {State.PUSHING, State.IMPORTING}:
            return []
        lane = job.configuration_id
        kinds = (ConditionKind.CONFIGURATION_MISSING, ConditionKind.LANE_BUSY)
        found = self._there([End(kind, lane) for kind in kinds])
        if not found or self.journal.jobs.has_waiting(lane):
            return []
        return [self._end(end, now) for end in found]

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
