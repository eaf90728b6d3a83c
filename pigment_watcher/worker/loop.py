"""One worker: a thread that does one deed at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.heartbeat import Heartbeats
from pigment_watcher.journal import Work
from pigment_watcher.model import (
    Condition,
    ConditionKind,
    Fingerprint,
    Job,
    JobEvent,
    Outcome,
    State,
)
from pigment_watcher.pigment import Client
from pigment_watcher.policy import delays, polls, probes, pushes, transitions
from pigment_watcher.policy.decisions import Begin, Decision, Surroundings, ended, replaced
from pigment_watcher.recorder import Recorder
from pigment_watcher.steps import archive, poll, push
from pigment_watcher.worker.desk import Desk, Destination

#: Seconds between two trials to store what happened while the journal can't be written.
STORE_AGAIN_S = 2.0
#: Seconds within which a file is moved, and how many bytes a second a copy makes at least.
MOVE_S = 300.0
SLOWEST_COPY = 1_000_000

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all workers share."""

    desk: Desk
    recorder: Recorder
    clock: Clock
    heartbeats: Heartbeats
    instance: str
    left_queue: Callable[[str], None]
    #: Set when what is not stored by now stays so: the next start finds out.
    give_up: threading.Event


class Worker:
    """Does what the desk hands out until it hands out nothing more."""

    def __init__(self, office: Office, name: str) -> None:
        self._office = office
        self._recorder = office.recorder
        self._clock = office.clock
        self.name = name
        self._client: Client | None = None
        self._destination: Destination | None = None

    def run(self) -> None:
        """Work until the desk says stop. Raises what only a restart can mend."""
        desk = self._office.desk
        try:
            while (work := desk.take(self._beat)) is not None:
                try:
                    self.do(work)
                except errors.JournalBusy as error:
                    # Nothing was stored and nothing half done: the job comes up again.
                    self._recorder.announce("journal.busy", "warning", detail=str(error))
                    self._clock.wait(self._office.give_up, STORE_AGAIN_S)
                finally:
                    desk.put_back(work)
        finally:
            self._hang_up()
            self._office.heartbeats.retire(self.name)

    def do(self, work: Work) -> None:
        """Do one deed and store what came of it."""
        match work:
            case Work(step="archive", job=Job() as job):
                self._archive(job)
            case Work(step="push", job=Job() as job):
                self._push(job, work)
            case Work(step="poll", job=Job() as job):
                self._poll(job)
            case Work(step="probe", condition=Condition() as condition):
                self._probe(condition)

    # ---------------------------------------------------------------- the four deeds

    def _push(self, job: Job, work: Work) -> None:
        if job.forbidden:
            self._give_back(work)
            self._conclude(job, pushes.refused_after_probe(job, self._surroundings(job)))
            return
        client, destination = self._connected()
        self._beat(destination.call_s)
        key = destination.key(job.rules.key)
        if not key:
            self._give_back(work)
            self._conclude(job, pushes.after_push(job, _no_key(), self._surroundings(job)))
            return
        intent = _Intent(self._recorder, self._clock, job)
        sending = push.Sending(
            client=client,
            api_key=key,
            before_body=intent.store,
            progress=lambda _: self._beat(destination.call_s),
        )
        try:
            result = push.push(job, self._office.instance, sending)
        except errors.FolderError as error:
            self._unreadable(job, error, work)
            return
        if isinstance(result, push.Pushed):
            around = self._patiently(lambda: self._surroundings(job))
            decision = pushes.after_push(intent.job, result.answer, around, changed=result.changed)
            self._conclude(intent.job, decision)
        else:
            self._not_pushed(job, result, work)

    def _not_pushed(self, job: Job, result: push.Invalid | push.NotReady, work: Work) -> None:
        """Conclude what the file itself was reason for; nothing was asked of the destination."""
        around = self._surroundings(job)
        match result:
            case push.Invalid(verdict):
                self._give_back(work)
                self._conclude(job, ended(verdict, around))
            case push.NotReady(errors.FileUnreadable() as problem, Fingerprint()):
                self._unreadable(job, problem, work)
            case push.NotReady(problem, found):
                self._give_back(work)
                self._conclude(job, pushes.after_look(job, found, str(problem), around.now))

    def _poll(self, job: Job) -> None:
        client, destination = self._connected()
        self._beat(destination.call_s)
        key = destination.key(job.rules.key)
        answer = poll.poll(client, job.import_id or "", key) if key else _no_key()
        self._conclude(job, polls.after_poll(job, answer, self._surroundings(job)))

    def _probe(self, condition: Condition) -> None:
        client, destination = self._connected()
        self._beat(destination.call_s)
        name = self._probe_key(condition, destination)
        key = destination.key(name)
        answer = poll.probe(client, key) if key else _no_key()
        decision = probes.after_probe(
            condition.kind, condition.attempts, name, answer, self._bare_surroundings()
        )
        self._patiently(lambda: self._store_probe(condition, name, decision))

    def _archive(self, job: Job) -> None:
        """Move a file to where it ended; a name that was taken meanwhile gives way to another."""
        self._beat(MOVE_S + job.fingerprint.size / SLOWEST_COPY)
        folder = ""
        try:
            while True:
                job = self._planned(job)
                folder = str(job.target.parent) if job.target else ""
                try:
                    remark = archive.archive(job, self._office.instance)
                    break
                except errors.NameTaken:
                    job = self._move(job, target=None)
        except errors.FolderError as error:
            self._archive_later(job, error)
            return
        state = transitions.final_state(job.outcome or Outcome.FAILED)
        self._patiently(lambda: self._recorder.finish(job, state, remark))
        self._patiently(lambda: self._recorder.end(ConditionKind.ARCHIVE_STUCK, folder))

    # ---------------------------------------------------------------- storing

    def _conclude(self, job: Job, decision: Decision) -> None:
        """Store a decision; where it ends the job's way, move the file at once."""
        if decision.state is State.ARCHIVING and decision.verdict is not None:
            decided = job.evolve(outcome=decision.verdict.outcome)
            try:
                target = archive.plan(decided, self._clock.now())
                changes = {**decision.changes, "target": target}
            except errors.FolderError:
                changes = dict(decision.changes)  # the outcome is stored all the same
            decision = replaced(decision, changes=changes)
        before = job.state
        job = self._patiently(lambda: self._recorder.decide(job, decision))
        if job.state is not State.QUEUED and before in {State.QUEUED, State.PUSHING}:
            self._office.left_queue(job.configuration_id)
        if job.state is State.ARCHIVING:
            self._archive(job)

    def _store_probe(self, condition: Condition, key: str, decision: probes.ProbeDecision) -> None:
        journal = self._recorder.journal
        with journal.writing():
            if decision.due_at is not None:
                journal.conditions.postpone(condition, decision.due_at)
            if decision.key_is_bad:
                journal.jobs.clear_forbidden(key)
        for end in decision.ends:
            self._recorder.end(end.kind, end.subject)
        for begin in decision.begins:
            self._recorder.begin(begin)

    def _patiently(self, store: Callable[[], Result]) -> Result:
        """Store what happened, however long the journal can't be written.

        What is known now would be lost otherwise: an import ID exists nowhere else.
        """
        said = False
        while True:
            try:
                result = store()
            except errors.JournalBusy as error:
                if not said:
                    self._recorder.announce("journal.busy", "error", detail=str(error))
                    said = True
                self._beat(STORE_AGAIN_S * 10)
                if self._clock.wait(self._office.give_up, STORE_AGAIN_S):
                    raise
            else:
                if said:
                    self._recorder.announce("journal.writable")
                return result

    def _planned(self, job: Job) -> Job:
        if job.target is not None:
            return job
        return self._move(job, target=archive.plan(job, self._clock.now()))

    def _move(self, job: Job, **changes: Any) -> Job:
        jobs = self._recorder.journal.jobs
        return self._patiently(lambda: jobs.move(job, job.state, at=self._clock.now(), **changes))

    def _archive_later(self, job: Job, error: errors.FolderError) -> None:
        span = delays.ARCHIVE_RETRY_S
        due_at = self._clock.now() + delays.growing(span, job.retries, 0.5)
        self._move(job, due_at=due_at, retries=job.retries + 1)
        stuck = Begin(kind=ConditionKind.ARCHIVE_STUCK, subject=error.folder, detail=str(error))
        self._patiently(lambda: self._recorder.begin(stuck, job.id))

    def _unreadable(self, job: Job, error: errors.PigmentWatcherError, work: Work) -> None:
        """The claimed file can't be read now; nothing of it was sent."""
        self._give_back(work)
        self._conclude(job, pushes.after_unreadable(job, str(error), self._surroundings(job)))

    def _give_back(self, work: Work) -> None:
        if work.slot is not None:
            self._recorder.journal.calls.give_back(work.slot)

    # ---------------------------------------------------------------- the destination

    def _connected(self) -> tuple[Client, Destination]:
        destination = self._office.desk.destination
        if self._client is None or self._destination is not destination:
            self._hang_up()
            self._client, self._destination = destination.connect(), destination
            self._office.desk.register(self._client)
        return self._client, destination

    def _hang_up(self) -> None:
        if self._client is not None:
            self._office.desk.unregister(self._client)
            self._client.close()
            self._client = None

    def _probe_key(self, condition: Condition, destination: Destination) -> str:
        """Probe with the key in question, else with one that is not known to be bad."""
        if condition.kind in {ConditionKind.KEY_REFUSED, ConditionKind.KEY_IN_DOUBT}:
            return condition.subject
        refused = {
            found.subject
            for found in self._recorder.journal.conditions.all([ConditionKind.KEY_REFUSED])
        }
        return next(
            (name for name in destination.key_names if name not in refused),
            destination.key_names[0],
        )

    def _surroundings(self, job: Job) -> Surroundings:
        destination = self._office.desk.destination
        return self._recorder.surroundings(job, destination.host, destination.import_deadline_s)

    def _bare_surroundings(self) -> Surroundings:
        destination = self._office.desk.destination
        return Surroundings(
            now=self._clock.now(),
            chance=0.5,
            host=destination.host,
            import_deadline_s=destination.import_deadline_s,
        )

    def _beat(self, within_s: float) -> None:
        self._office.heartbeats.promise(self.name, within_s)


def _no_key() -> errors.ServerSaid:
    """Return what the destination would say to a call without a key, which is not made."""
    return errors.ServerSaid(401, excerpt="no API key is at hand")


class _Intent:
    """Stores that a body is about to leave, at the moment when its first byte is asked for."""

    def __init__(self, recorder: Recorder, clock: Clock, job: Job) -> None:
        self._recorder = recorder
        self._clock = clock
        self.job = job

    def store(self) -> None:
        """Commit PUSHING. What this raises keeps every byte at home."""
        now = self._clock.now()
        self.job = self._recorder.journal.jobs.move(
            self.job,
            State.PUSHING,
            at=now,
            event="job.pushing",
            pushed_at=now,
            attempts=self.job.attempts + 1,
        )
        self._recorder.tell(JobEvent(name="job.pushing", job=self.job))
