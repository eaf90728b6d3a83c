"""One worker: a thread that does one deed at a time."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.drives import Drives
from pigment_watcher.files import places
from pigment_watcher.heartbeat import Heartbeats
from pigment_watcher.journal import Work
from pigment_watcher.model import (
    Accepted,
    Asking,
    Condition,
    ConditionKind,
    Duplicates,
    Fingerprint,
    Job,
    State,
    Verdict,
)
from pigment_watcher.pigment import Client
from pigment_watcher.policy import (
    delays,
    manners,
    polls,
    probes,
    pushes,
    reports,
    transitions,
    verdicts,
)
from pigment_watcher.policy.decisions import Begin, Decision, Surroundings, ended, replaced
from pigment_watcher.recorder import Recorder
from pigment_watcher.running import CALL_S, Run
from pigment_watcher.steps import archive, poll, push
from pigment_watcher.worker.desk import Desk, Destination
from pigment_watcher.worker.intent import Intent

#: Seconds between two trials to store what happened while the journal can't be written.
STORE_AGAIN_S = 2.0
#: Seconds within which a file is moved, and how many bytes a second a copy makes at least.
MOVE_S = 300.0
SLOWEST_COPY = 1_000_000
#: For so many seconds a folder that was where it was is not looked for again.
FRESH_S = 2.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all workers share."""

    desk: Desk
    recorder: Recorder
    clock: Clock
    heartbeats: Heartbeats
    drives: Drives
    instance: str
    left_queue: Callable[[str], None]
    #: Set when what is not stored by now stays so: the next start finds out.
    give_up: threading.Event


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that was made and is counted with what came of it; by default there is none.

    `count` counts it in the journal, `counted` says at the desk that it is.
    """

    count: Callable[[], None] = lambda: None
    counted: Callable[[], None] = lambda: None


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
        """Work until the desk says stop. Raises what only a restart can mend.

        What was in hand then stays so: nobody takes it before the next start has looked.
        """
        desk = self._office.desk
        try:
            while (work := desk.take(self._beat)) is not None:
                try:
                    self.do(work)
                except errors.JournalBusy:
                    # Nothing was stored and nothing half done: the job comes up again.
                    desk.stuck()
                    self._clock.wait(self._office.give_up, STORE_AGAIN_S)
                desk.put_back(work)
        finally:
            self._hang_up()
            self._office.heartbeats.retire(self.name)

    def do(self, work: Work) -> None:
        """Do one deed and store what came of it."""
        asked = self._office.desk.destination
        match work:
            case Work(step="archive", job=Job() as job):
                self._archive(job)
            case Work(step="push", job=Job() as job):
                self._push(job, work)
            case Work(step="poll", job=Job() as job):
                self._poll(job, work)
            case Work(step="probe", condition=Condition() as condition):
                self._probe(condition, work)
        if self._office.desk.destination is not asked:
            # The answer may be to a key or a URL that a reload replaced while it was asked for.
            self._recorder.journal.conditions.hasten(self._clock.now())

    # ---------------------------------------------------------------- the four deeds

    def _push(self, job: Job, work: Work) -> None:
        if job.forbidden:
            self._conclude(job, pushes.refused_after_probe(job, self._surroundings(job)))
            return
        client, destination = self._connected()
        self._beat(destination.call_s)
        key = destination.key(job.rules.key)
        if not key:
            self._conclude(job, pushes.after_push(job, _no_key(), self._surroundings(job)))
            return
        drive = self._office.drives.of(job.rules.directory)
        instance = self._office.instance
        run = drive.work() if drive.is_local else self._patient(drive.work())
        intent = Intent(
            self._recorder,
            self._clock,
            job,
            count=partial(self._recorder.journal.calls.book, destination.host, work.lane),
            counted=partial(self._office.desk.counted, work),
            note=partial(_note, run, places.place(job.rules.directory, instance, job.id)),
        )
        sending = push.Sending(
            client=client,
            api_key=key,
            before_body=intent.store,
            progress=lambda _: self._beat(destination.call_s),
            judge=self._judge(job),
        )
        try:
            result = push.push(job, instance, sending, run, exclusive=drive.is_local)
        except errors.FolderError as error:
            self._unreadable(job, error)
            return
        except _NotNow:
            return
        if isinstance(result, push.Pushed):
            around = self._patiently(lambda: self._surroundings(job, result.answer))
            decision = pushes.after_push(intent.job, result.answer, around, changed=result.changed)
            self._conclude(intent.job, decision)
        else:
            self._not_pushed(job, result)

    def _judge(self, job: Job) -> Callable[[str], Verdict | None] | None:
        """Return what refuses bytes that were imported before, if that is wanted."""
        if job.rules.duplicates is Duplicates.ACCEPT or job.even_if_imported:
            return None

        def judge(sha256: str) -> Verdict | None:
            journal = self._recorder.journal
            first = journal.imports.first(job.configuration_id, sha256)
            if first is not None:
                return verdicts.duplicate(first)
            # Reading a long file takes its time: pushes may have been stopped meanwhile.
            if not journal.agenda.may_push(job, self._clock.now()):
                raise _NotNow
            return None

        return judge

    def _not_pushed(self, job: Job, result: push.Invalid | push.NotReady) -> None:
        """Conclude what the file itself was reason for; nothing was asked of the destination."""
        around = self._surroundings(job)
        match result:
            case push.Invalid(verdict):
                self._conclude(job, ended(verdict, around))
            case push.NotReady(errors.FileUnreadable() as problem, Fingerprint()):
                self._unreadable(job, problem)
            case push.NotReady(problem, found):
                is_local = self._office.drives.of(job.rules.directory).is_local
                quiet_s = manners.quiet(job.rules, is_local=is_local)
                self._conclude(
                    job,
                    pushes.after_look(found, str(problem), around.now, quiet_s=quiet_s),
                )

    def _poll(self, job: Job, work: Work) -> None:
        client, destination = self._connected()
        self._beat(destination.call_s)
        key = destination.key(job.rules.key)
        if not key:
            self._conclude(job, polls.after_poll(job, _no_key(), self._surroundings(job)))
            return
        asking = self._asking(job, destination)
        # It is reserved at the desk until it is counted, with what came of it: a commit of its own
        # is half of the work of asking, and a crash forgets no more than what was on the wire.
        book = self._recorder.journal.calls.book
        count = partial(book, destination.host, None, self._clock.now())
        answer = poll.poll(client, job.import_id or "", key, asking)
        decision = polls.after_poll(job, answer, self._surroundings(job), asking)
        self._conclude(job, decision, _Request(count, partial(self._office.desk.counted, work)))

    def _asking(self, job: Job, destination: Destination) -> Asking:
        """Return by which call to ask; whether a host has reports one import finds out for all."""
        conditions, now = self._recorder.journal.conditions, self._clock.now()
        none = conditions.get(ConditionKind.NO_REPORTS, destination.host)
        without = reports.is_known_without(none, now)
        asking = reports.asking(job, destination.reports, without_reports=without)
        if none is not None and asking is Asking.REPORT:
            conditions.postpone(none, now + reports.TRIED_BY_ONE_S)
        return asking

    def _probe(self, condition: Condition, work: Work) -> None:
        client, destination = self._connected()
        self._beat(destination.call_s)
        name = self._probe_key(condition, destination)
        key = destination.key(name)
        if key:
            self._count(work, destination)
        answer = poll.probe(client, key) if key else _no_key()
        decision = probes.after_probe(
            condition.kind, condition.attempts, name, answer, self._bare_surroundings()
        )
        self._patiently(lambda: self._store_probe(condition, name, decision))

    def _archive(self, job: Job, run: Run | None = None) -> None:
        """Move a file to where it ended; a name that was taken meanwhile gives way to another.

        `run` is what moves it, if its folder was just found to be where it was.
        """
        within_s = MOVE_S + job.fingerprint.size / SLOWEST_COPY
        self._beat(2 * within_s)
        folder = archive.folder(job)
        try:
            while True:
                run = run or self._mover(job, folder)
                job = self._planned(job, run)
                move = partial(archive.archive, job, self._office.instance)
                try:
                    remark = run(move, within_s)
                    break
                except errors.NameTaken:
                    job = self._move(job, target=None)
                except errors.FileChanged:
                    job, folder = self._not_as_sent(job)
                run = None
        except errors.FolderError as error:
            self._archive_later(job, folder, error)
            return
        state = transitions.final_state(job)
        self._patiently(lambda: self._recorder.finish(job, state, remark))
        self._patiently(lambda: self._recorder.end(ConditionKind.ARCHIVE_STUCK, str(folder)))

    def _not_as_sent(self, job: Job) -> tuple[Job, Path]:
        """Decide anew about an imported file that was changed since; return where it goes now."""
        decision = ended(verdicts.changed_after_sent(), self._surroundings(job))
        changes = {"target": None}
        job = self._patiently(
            lambda: self._recorder.decide(job, replaced(decision, changes=changes))
        )
        return job, archive.folder(job)

    # ---------------------------------------------------------------- storing

    def _conclude(self, job: Job, decision: Decision, request: _Request | None = None) -> None:
        """Store a decision; where it ends the job's way, move the file at once."""
        request, run = request or _Request(), None
        began_at = self._clock.monotonic()
        if decision.state is State.ARCHIVING and decision.verdict is not None:
            decided = job.evolve(outcome=decision.verdict.outcome)
            try:
                folder = archive.folder(decided)
                run = self._mover(decided, folder)
                changes = {**decision.changes, "target": self._plan(decided, run)}
            except errors.FolderError:
                changes = dict(decision.changes)  # the outcome is stored all the same
            decision = replaced(decision, changes=changes)
        before = job.state
        job = self._patiently(lambda: self._recorder.decide(job, decision, request.count))
        request.counted()
        if job.state is not State.QUEUED and before in {State.QUEUED, State.PUSHING}:
            self._office.left_queue(job.configuration_id)
        if job.state is State.ARCHIVING:
            is_fresh = self._clock.monotonic() < began_at + FRESH_S
            self._archive(job, run if is_fresh else None)

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
        while True:
            try:
                return store()
            except errors.JournalBusy:
                self._beat(STORE_AGAIN_S * 10)
                if self._clock.wait(self._office.give_up, STORE_AGAIN_S):
                    raise

    def _planned(self, job: Job, run: Run) -> Job:
        if job.target is not None:
            return job
        return self._move(job, target=self._plan(job, run))

    def _plan(self, job: Job, run: Run) -> Path:
        """Return a free name for a file. Raises FolderError."""
        plan = partial(archive.plan, job, self._office.instance, self._clock.now())
        return run(plan, MOVE_S)

    def _mover(self, job: Job, folder: Path) -> Run:
        """Return what moves a file to a folder, which is where it was. Raises FolderError."""
        drives = self._office.drives
        run = drives.between(job.rules.directory, folder).work()
        drives.expect(folder, run)
        return run

    def _move(self, job: Job, **changes: Any) -> Job:
        jobs = self._recorder.journal.jobs
        return self._patiently(lambda: jobs.move(job, job.state, at=self._clock.now(), **changes))

    def _archive_later(self, job: Job, folder: Path, error: errors.FolderError) -> None:
        span = delays.ARCHIVE_RETRY_S
        due_at = self._clock.now() + delays.growing(span, job.retries, 0.5)
        self._move(job, due_at=due_at, retries=job.retries + 1)
        drives = self._office.drives
        is_of_inbox = drives.of(folder) is drives.of(job.rules.directory)
        if is_of_inbox and isinstance(error, errors.FolderLost):
            return  # the look at the inbox tells of it, and nothing is due until it is back
        stuck = Begin(kind=ConditionKind.ARCHIVE_STUCK, subject=str(folder), detail=str(error))
        self._patiently(lambda: self._recorder.begin(stuck, job.id))

    def _unreadable(self, job: Job, error: errors.PigmentWatcherError) -> None:
        """The claimed file can't be read now; nothing of it was sent."""
        decision = pushes.after_unreadable(job, str(error), self._surroundings(job))
        if isinstance(error, errors.FolderLost):
            decision = replaced(decision, begins=())  # the look at the inbox tells of it
        self._conclude(job, decision)

    # ---------------------------------------------------------------- the destination

    def _count(self, work: Work, destination: Destination) -> None:
        """Count a request before it is made."""
        self._recorder.journal.calls.book(destination.host, work.lane, self._clock.now())
        self._office.desk.counted(work)

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

    def _surroundings(self, job: Job, answer: object = None) -> Surroundings:
        destination = self._office.desk.destination
        return self._recorder.surroundings(
            job,
            destination.host,
            destination.import_deadline_s,
            import_id=answer.import_id if isinstance(answer, Accepted) else None,
            wanted=destination.reports,
            price_s=self._office.desk.price(),
        )

    def _bare_surroundings(self) -> Surroundings:
        destination = self._office.desk.destination
        return Surroundings(
            now=self._clock.now(),
            chance=0.5,
            host=destination.host,
            import_deadline_s=destination.import_deadline_s,
        )

    def _patient(self, run: Run) -> Run:
        """Promise to be back late: the helper of a drive may be moving a long file for another."""

        def call(call: Callable[[], Result], within_s: float = CALL_S) -> Result:
            self._beat(self._office.desk.destination.call_s + MOVE_S + within_s)
            return run(call, within_s)

        return call

    def _beat(self, within_s: float) -> None:
        self._office.heartbeats.promise(self.name, within_s)


def _note(run: Run, place: Path, attempts: int) -> None:
    """Note a push beside its file; a full or failing drive is no reason not to push."""
    with contextlib.suppress(OSError, errors.FolderError):
        run(partial(places.note_push, place, attempts))


def _no_key() -> errors.ServerSaid:
    """Return what the destination would say to a call without a key, which is not made."""
    return errors.ServerSaid(401, excerpt="no API key is at hand")


class _NotNow(Exception):
    """Something stopped all pushes while a file was read; nothing of it was sent."""
