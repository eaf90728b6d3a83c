"""Tells people: gathers what happened, and sends it from a thread of its own."""

import logging
import math
import threading
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.config.settings import Audience, Notify
from pigment_watcher.listeners.sending import Sender
from pigment_watcher.model import ConditionEvent, JobEvent, Listener, Outcome
from pigment_watcher.policy import expectations, notices
from pigment_watcher.policy.notices import Happening, Message
from pigment_watcher.service.companions import Sights
from pigment_watcher.views import show
from pigment_watcher.views.health import Health
from pigment_watcher.views.reader import Reader

#: Seconds between two calls of `heartbeat_url`, and how long one may take.
HEARTBEAT_S, ANSWER_S = 60.0, 10.0
#: So many events are kept for a message; of others only their number.
KEPT = 1000

_log = logging.getLogger(__name__)


@dataclass
class _Outbox:
    """What one audience is still to be told, and when; guarded by the notifier's lock."""

    audience: Audience
    sender: Sender
    pending: list[Happening] = field(default_factory=list)
    untold: int = 0
    due_at: float | None = None
    sent: int = 0
    sent_at: float | None = None
    failures: int = 0

    def wants(self, happening: Happening) -> bool:
        is_theirs = self.audience.route is None or self.audience.route in happening.routes
        return is_theirs and happening.kind in self.audience.events

    def add(self, happening: Happening, now: float) -> None:
        if len(self.pending) < KEPT:
            self.pending.append(happening)
        else:
            self.untold += 1
        if self.due_at is None:
            since_s = None if self.sent_at is None else now - self.sent_at
            self.due_at = now + notices.due_in_s(self.sent, since_s)
            if since_s is None or since_s >= notices.CALM_S:
                self.sent = 0


class Notifier(Listener):
    """The companion that tells each audience what it wants to know, grouped.

    Raises ConfigError where an address is none.
    """

    name = "notices"

    def __init__(self, notify: Notify, clock: Clock | None = None) -> None:
        self._notify = notify
        self._clock = clock = Clock() if clock is None else clock
        self._reader: Reader | None = None
        self._silent: Callable[[], Sequence[str]] = tuple
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._boxes = [
            _Outbox(audience, Sender([url.reveal() for url in audience.urls]))
            for audience in notify.audiences
        ]
        self._summed_up_at = clock.now()
        self._beat_at = -math.inf

    @property
    def ear(self) -> Listener:
        """Itself."""
        return self

    def open(self, sights: Sights) -> None:
        """Learn where to look for how everything is."""
        self._reader = Reader(sights.settings, self._clock.now)
        self._silent = sights.silent

    # ---------------------------------------------------------------- heard, from any thread

    def job_changed(self, event: JobEvent) -> None:
        """Take down a file that ended as somebody should know."""
        if event.name == "job.finished":
            self._take(notices.of_job(event.job))

    def condition_changed(self, event: ConditionEvent) -> None:
        """Take down a trouble that began or ended."""
        self._take(notices.of_condition(event.condition, event.routes, began=event.began))

    def _take(self, happening: Happening | None) -> None:
        if happening is None:
            return
        with self._lock:
            for box in self._boxes:
                if box.wants(happening):
                    box.add(happening, self._clock.monotonic())
        self._wake.set()

    # ---------------------------------------------------------------- the thread

    def run(self) -> None:
        """Send what is due until it is closed; then what is left, once."""
        while not self._closing:
            self._send(self._due(self._clock.monotonic()))
            self._sum_up()
            self._beat()
            self._wake.wait(self._wait_s())
            self._wake.clear()
        self._send([box for box in self._boxes if box.pending])

    def close(self) -> None:
        """Let the thread send what is left, and end."""
        self._closing = True
        self._wake.set()

    def _wait_s(self) -> float:
        now = self._clock.monotonic()
        with self._lock:
            due = [box.due_at for box in self._boxes if box.due_at is not None]
        return max(0.0, min([HEARTBEAT_S, *(moment - now for moment in due)]))

    def _due(self, now: float) -> list[_Outbox]:
        with self._lock:
            return [box for box in self._boxes if box.due_at is not None and box.due_at <= now]

    def _send(self, boxes: Iterable[_Outbox]) -> None:
        for box in boxes:
            with self._lock:
                pending, untold = box.pending, box.untold
                box.pending, box.untold, box.due_at = [], 0, None
            told = notices.message(pending, self._notify.environment, untold=untold)
            if self._deliver(box, told):
                box.sent, box.sent_at = box.sent + 1, self._clock.monotonic()
            else:
                self._put_back(box, pending, untold)

    def _put_back(self, box: _Outbox, pending: list[Happening], untold: int) -> None:
        again_s = notices.AGAIN_S[min(box.failures, len(notices.AGAIN_S)) - 1]
        with self._lock:
            both = pending + box.pending
            box.pending, box.untold = both[:KEPT], untold + box.untold + len(both[KEPT:])
            box.due_at = self._clock.monotonic() + again_s

    def _deliver(self, box: _Outbox, told: Message) -> bool:
        is_sent = box.sender.send(told.title, told.body)
        name = box.audience.route or "all routes"
        if is_sent:
            said = {"audience": name, "title": told.title, "trials": box.failures + 1}
            _log.info("notice.sent", extra=said)
            box.failures = 0
        else:
            box.failures += 1
            if box.failures == 1:  # once: it is tried again until it is sent
                _log.warning("notice.failed", extra={"audience": name, "title": told.title})
        return is_sent

    # ---------------------------------------------------------------- by the clock

    def _sum_up(self) -> None:
        wanted, now = self._notify.summary, self._clock.now()
        if wanted is None or expectations.times(wanted, now)[1] <= self._summed_up_at:
            return
        self._summed_up_at = now
        health = self._health()
        if health is None:
            return
        words = "all is well" if health.is_well else "somebody should look"
        told = Message(notices.title(self._notify.environment, words), summary(health))
        for box in self._boxes:
            if box.audience.route is None:
                self._deliver(box, told)

    def _beat(self) -> None:
        url, now = self._notify.heartbeat_url, self._clock.monotonic()
        if url is None or now - self._beat_at < HEARTBEAT_S / 2:
            return
        health = self._health()
        if health is None or not health.is_well or self._silent():
            return  # whoever waits for it finds out
        self._beat_at = now
        try:
            with urllib.request.urlopen(url.reveal(), timeout=ANSWER_S):  # noqa: S310  # a setting
                pass
        except OSError as error:
            _log.warning("heartbeat.failed", extra={"detail": type(error).__name__})

    def _health(self) -> Health | None:
        """Return how everything is, None if that can't be known now."""
        try:
            return None if self._reader is None else self._reader.health()
        except errors.JournalError:
            return None  # the service itself tells of it


def summary(health: Health) -> str:
    """Return how the last day was, a line for each route."""
    lines = [
        f"- {route.name}: {_counts(route.ended)}; {route.waiting} waiting, {route.state}"
        for route in health.routes
    ]
    alarms = ["", "What is wrong:", *(f"- {alarm}" for alarm in health.alarms)]
    last = f"The last 24 hours, as of {show.moment(health.facts.now)}:"
    return "\n".join([last, *lines, *(alarms if health.alarms else [])])


def _counts(ended: Mapping[Outcome, int]) -> str:
    words = [f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in ended.items()]
    return ", ".join(words) or "nothing ended"
