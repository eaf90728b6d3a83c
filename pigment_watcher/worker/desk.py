"""Hands out what is due, each job to one worker, and lets idle workers sleep."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.journal import Journal, Limits, Work
from pigment_watcher.model import DetailedReport
from pigment_watcher.pigment import Client
from pigment_watcher.policy import budget

#: The longest sleep: wake-ups are hints, and one may be missed.
LONGEST_SLEEP_S = 5.0
#: For so many seconds what a request is worth stays as it was found.
PRICE_KEPT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the files go; `key` returns the secret behind a key's name, "" if there is none."""

    limits: Limits
    import_deadline_s: float
    key_names: tuple[str, ...]
    key: Callable[[str], str]
    connect: Callable[[], Client]
    call_s: float
    reports: DetailedReport = DetailedReport.AUTO

    @property
    def host(self) -> str:
        """The host that the limits are about."""
        return self.limits.host


class Desk:
    """The agenda, handed out to workers; a job in a worker's hands is known here alone."""

    def __init__(
        self, journal: Journal, clock: Clock, destination: Destination, *, workers: int
    ) -> None:
        self._journal = journal
        self._clock = clock
        #: Pushes at once: one worker is left for polls, so that they go on beside long uploads.
        self._pushes_at_most = max(1, workers - 1)
        # Guards all below; workers sleep on it until work may be due.
        self._changed = threading.Condition()
        self._destination = destination
        self._hands: dict[int, str] = {}
        self._probing: set[str] = set()
        #: Requests that were handed out and are not counted yet.
        self._reserved: list[Work] = []
        self._clients: set[Client] = set()
        #: Whether nothing could be stored when somebody tried last.
        self._is_stuck = False
        #: What a request is worth, and when that was found.
        self._price_s, self._priced_at = budget.CHEAP_S, -math.inf
        #: When the first of the sleeping workers wakes by itself.
        self._alarm = math.inf
        self._stopping = False

    @property
    def destination(self) -> Destination:
        """Where the files go now; a reload may change it between two jobs."""
        return self._destination

    def redirect(self, destination: Destination) -> None:
        """Let later work go to a changed destination."""
        with self._changed:
            self._destination = destination
            self._changed.notify_all()

    def take(self, beat: Callable[[float], None]) -> Work | None:
        """Wait for work and return it; None says that the worker shall end.

        `beat` promises to be back within so many seconds. Raises JournalError.
        """
        with self._changed:
            while not self._stopping:
                work = self._next()
                if isinstance(work, Work):
                    self._hold(work)
                    self._changed.notify()
                    return work
                beat(LONGEST_SLEEP_S * 4)
                self._sleep(work)
        return None

    def put_back(self, work: Work) -> None:
        """Say that a worker is done with something."""
        with self._changed:
            if work.job is not None:
                self._hands.pop(work.job.id, None)
            if work.condition is not None:
                self._probing.discard(work.condition.subject)
            self._free(work)
            self._changed.notify()

    def counted(self, work: Work) -> None:
        """Say that the request of something that was handed out is stored.

        Never called within a transaction: whoever looks for work waits for that, holding this desk.
        """
        with self._changed:
            self._free(work)

    @contextlib.contextmanager
    def reserving(self, job_id: int) -> Iterator[bool]:
        """Keep workers off a job, and say whether none had it."""
        with self._changed:
            free = job_id not in self._hands
            if free:
                self._hands[job_id] = "reserved"
        try:
            yield free
        finally:
            if free:
                with self._changed:
                    self._hands.pop(job_id, None)
                    self._changed.notify()

    def wake(self) -> None:
        """Look at the agenda again: something was added or freed."""
        with self._changed:
            self._changed.notify()

    def is_idle(self) -> bool:
        """Return whether no worker has anything."""
        with self._changed:
            return not self._hands and not self._probing

    def stuck(self) -> None:
        """Say that the journal can't be written: nothing is begun whose intent can't be stored."""
        with self._changed:
            self._is_stuck = True

    def price(self) -> float:
        """Return what a request is worth now, in seconds. Raises JournalError."""
        now = self._clock.monotonic()
        with self._changed:
            limits = self._destination.limits
            if now - self._priced_at < PRICE_KEPT_S:
                return self._price_s
        price_s = self._journal.agenda.price(self._clock.now(), limits)
        with self._changed:
            self._price_s, self._priced_at = price_s, now
        return price_s

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def register(self, client: Client) -> None:
        """Know a worker's client, so that its call can be cut."""
        with self._changed:
            self._clients.add(client)

    def unregister(self, client: Client) -> None:
        """Forget a client that is closed."""
        with self._changed:
            self._clients.discard(client)

    def abort(self) -> None:
        """Cut every call that is under way."""
        with self._changed:
            clients = list(self._clients)
        for client in clients:
            client.abort()

    def _next(self) -> Work | float | None:
        pushing = sum(1 for step in self._hands.values() if step == "push")
        try:
            if self._is_stuck:
                self._journal.identity.note_trial(self._clock.now())
                self._is_stuck = False
            return self._journal.agenda.next(
                self._clock.now(),
                self._destination.limits,
                in_hands=self._hands.keys(),
                probing=self._probing,
                may_push=pushing < self._pushes_at_most,
                reserved=len(self._reserved),
            )
        except errors.JournalBusy:
            return None  # as if nothing were due

    def _hold(self, work: Work) -> None:
        if work.job is not None:
            self._hands[work.job.id] = work.step
        if work.condition is not None:
            self._probing.add(work.condition.subject)
        if work.is_request:
            self._reserved.append(work)

    def _free(self, work: Work) -> None:
        """Forget that a request is reserved: it is counted, or was not made."""
        if work in self._reserved:
            self._reserved.remove(work)

    def _sleep(self, due_at: float | None) -> None:
        """Sleep until something may be due; one worker keeps the time for all."""
        now = self._clock.now()
        alarm = min(math.inf if due_at is None else due_at, now + LONGEST_SLEEP_S)
        if alarm >= self._alarm:
            self._changed.wait(LONGEST_SLEEP_S * 2)
            return
        self._alarm = alarm
        self._changed.wait(max(0.0, alarm - now))
        if self._alarm == alarm:
            self._alarm = math.inf
