"""The service: built once, started in order, kept alive by the main thread, stopped in reverse."""

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pigment_watcher import __version__, errors
from pigment_watcher.clock import Clock
from pigment_watcher.config import Settings
from pigment_watcher.drives import Drives
from pigment_watcher.files import places
from pigment_watcher.heartbeat import Heartbeats
from pigment_watcher.journal import Journal
from pigment_watcher.listeners import Chorus
from pigment_watcher.listeners.systemd import Systemd
from pigment_watcher.model import ConditionKind, DetailedReport, Listener
from pigment_watcher.recorder import Recorder
from pigment_watcher.service import expecting, once
from pigment_watcher.service.companions import Companion, Sights
from pigment_watcher.service.destination import connect, destination
from pigment_watcher.service.housekeeping import NAME as HOUSEKEEPER
from pigment_watcher.service.housekeeping import Housekeeper, kept
from pigment_watcher.service.intakes import Intakes
from pigment_watcher.service.operations import Operations
from pigment_watcher.service.recovery import Recovery, begin_instance
from pigment_watcher.service.reloading import Reloading
from pigment_watcher.service.signals import Signals, Wake
from pigment_watcher.service.state import StateDirectory
from pigment_watcher.service.status import sentence
from pigment_watcher.service.threads import Supervised
from pigment_watcher.worker import Desk, Office, Worker

#: Seconds between two rounds of the main thread, and of its slower duties.
TICK_S = 1.0
DRIVES_CHECK_S = 5.0
EXPECTATIONS_S = 30.0
HOUSEKEEPING_S = 3600.0
#: Seconds that threads get to end once their calls are cut.
AFTER_CUT_S = 10.0
#: Seconds that systemd is asked for, again and again, while the threads end: more than each wait
#: for one of them, and than the journal may be busy.
STOPS_WITHIN_S = 15.0
#: How long what limits count is kept, whatever the limits say.
CALLS_KEPT_S = 2 * 3600.0


class Service:
    """Everything that runs, and the order in which it does."""

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Settings],
        state: StateDirectory | None = None,
        listeners: Sequence[Listener] = (),
        environ: Mapping[str, str] = os.environ,
        run_once: bool = False,
        companions: Sequence[Companion] = (),
    ) -> None:
        self._settings = settings
        self._load = load
        self._run_once = run_once
        self._companions = companions
        self._signals = Signals()
        self._systemd = Systemd(environ)
        self._clock = Clock()
        self._heartbeats = Heartbeats(self._clock.monotonic)
        self._state = state or StateDirectory(settings.state_directory)
        self._listener = Chorus([*listeners, *(one.ear for one in companions)])
        self._give_up = threading.Event()
        self._threads: list[Supervised] = []
        #: Those of the companions: they hear of the stop of the others.
        self._beside: list[Supervised] = []
        self._next: dict[str, float] = {}
        self._is_ready = False
        #: Whether files of changed routes may still have to go back.
        self._is_returning = False
        self._said = ""
        #: What the words for systemd, and what was asked for, were last looked up by.
        self._seen: object = None
        #: Threads that are overdue, as far as it was told.
        self._silent: set[str] = set()
        self._reload_again = False

    # ---------------------------------------------------------------- life

    def run(self) -> int:
        """Run until a signal, or until the first files are done, and return the exit code.

        Raises OperatorError if it can't start, or can't go on.
        """
        with self._signals:
            self._state.take()
            try:
                self._build()
                self._start()
                self._attend()
                return self._exit_code()
            finally:
                self._stop()

    def _build(self) -> None:
        """Open the journal and make the rooms, without a thread yet."""
        settings, clock = self._settings, self._clock
        connect(settings).close()  # a certificate bundle that can't be used is said here
        self._journal = self._state.journal()
        self._drives = _drives(self._journal)
        instance = begin_instance(self._journal, _folders(settings), self._drives)
        recorder = self._recorder = Recorder(self._journal, self._listener, clock)
        recorder.set_routes(settings.routes)
        desk = self._desk = Desk(
            self._journal, clock, destination(settings), workers=settings.workers
        )
        self._recovery = Recovery(recorder, clock, settings.routes, settings.host, self._drives)
        self._intakes = Intakes(
            recorder=recorder,
            clock=clock,
            heartbeats=self._heartbeats,
            drives=self._drives,
            instance=instance,
            adopt=self._recovery.take_possession,
            claimed=desk.wake,
            scanned=lambda: self._signals.wake(Wake.NEWS),
            start=self._spawn,
            note_first=self._run_once,
        )
        self._operations = Operations(
            recorder,
            clock,
            self._intakes.claim_again,
            self._recovery,
            drives=self._drives,
            desk=desk,
        )
        self._housekeeper = Housekeeper(recorder, clock, self._heartbeats, self._drives, desk)
        self._reloading = Reloading(recorder, clock, desk)
        sights = Sights(
            settings=lambda: self._settings,
            silent=self._heartbeats.broken,
            scanned=lambda: self._intakes.scanned_s_ago,
        )
        for companion in self._companions:
            companion.open(sights)
        self._office = Office(
            desk=desk,
            recorder=recorder,
            clock=clock,
            heartbeats=self._heartbeats,
            drives=self._drives,
            instance=instance,
            left_queue=self._intakes.left_queue,
            give_up=self._give_up,
        )

    def _start(self) -> None:
        """Recover first, then let files come in, and work begin; READY is said when all runs."""
        settings = self._settings
        self._started_at = self._clock.now()
        self._recorder.announce(
            "service.started", version=__version__, instance=self._office.instance, pid=os.getpid()
        )
        for remark in settings.remarks:
            self._recorder.announce("config.remark", "warning", detail=remark)
        self._recovery.run()
        if settings.detailed_report is not DetailedReport.AUTO:
            self._recorder.end(ConditionKind.NO_REPORTS, settings.host)
        self._reloading.return_changed(settings.routes)
        self._operations.set_routes(settings.routes)
        self._intakes.place(settings.routes)
        # What was asked for meanwhile comes first: a paused route must not push what waits.
        self._operations.answer_all()
        for number in range(1, settings.workers + 1):
            name = f"worker-{number}"
            self._spawn(name, Worker(self._office, name).run)
        self._housekeeper.set_routes(settings.routes)
        self._spawn(HOUSEKEEPER, self._housekeeper.run)
        for companion in self._companions:
            self._spawn(companion.name, companion.run, self._beside)

    def _attend(self) -> None:
        """Wait for signals and keep an eye on everything, until it is time to stop."""
        while True:
            why = self._signals.wait(self._tick_s())
            if why is Wake.STOP:
                return
            if why is Wake.RELOAD or self._reload_again:
                self._reload()
            self._look_after_threads()
            if self._tick():
                return

    def _stop(self) -> None:
        """Stop in the order in which files flow, so that nothing begins that nobody would end."""
        self._systemd.stopping()
        if hasattr(self, "_office"):
            self._stop_threads()
        self._state.drop()  # last: the next service may only start when nothing of us acts
        self._systemd.close()

    def _stop_threads(self) -> None:
        self._recorder.announce("service.stopping")
        self._housekeeper.stop()  # nothing old is removed any more
        self._intakes.stop()  # no more hints, no more claims
        self._desk.stop()  # no more steps; those under way go on
        deadline = self._clock.monotonic() + self._settings.stop_grace_s
        if not self._join(deadline):
            self._drives.give_up()  # what hangs is not waited for
            self._desk.abort()  # a cut push ends as its route says for a lost answer
        if not self._join(self._clock.monotonic() + AFTER_CUT_S):
            self._give_up.set()  # what can't be stored now is found out by the next start
            self._join(self._clock.monotonic() + AFTER_CUT_S)
        self._drives.close()  # nobody needs a helper any more
        for companion in self._companions:
            companion.close()  # last: what came of the stop is told, too
        self._join(self._clock.monotonic() + AFTER_CUT_S, self._beside)
        self._recorder.announce("service.stopped")

    # ---------------------------------------------------------------- the main thread's duties

    def _tick(self) -> bool:
        """Do what is due, and return whether a run over the first files is over."""
        is_over = False
        self._keep_watchdog()
        # The recorder tells of it; what is due is done at the next tick.
        with contextlib.suppress(errors.JournalBusy):
            self._recorder.look_after_journal()
            seen = (self._journal.stamp(), self._settings, frozenset(self._silent))
            is_news = seen != self._seen  # else nobody asked for anything, and nothing changed
            if is_news and self._operations.answer_all():
                self._desk.wake()  # it may have freed a lane, or ended a file
            if self._is_returning:
                self._is_returning = not self._reloading.return_changed(self._settings.routes)
            if self._is_due("expectations", EXPECTATIONS_S):
                expecting.look(self._recorder, self._settings.routes)
            if self._is_due("drives", DRIVES_CHECK_S):
                self._look_after_drives()
            if self._is_due("housekeeping", HOUSEKEEPING_S):
                self._keep_house()
            if is_news or not self._is_ready:
                self._tell_systemd()
            self._seen = seen
            is_over = self._run_once and self._is_over()
        return is_over

    def _is_over(self) -> bool:
        if self._intakes.first_files_open:
            return False
        return once.is_over(self._recorder, self._desk, self._started_at)

    def _keep_watchdog(self) -> None:
        """Let systemd know that every thread keeps its promise; say which ones don't."""
        silent = set(self._heartbeats.broken())
        for name in sorted(silent - self._silent):
            self._recorder.announce("thread.silent", "error", thread=name)
        for name in sorted(self._silent - silent):
            self._recorder.announce("thread.heard", thread=name)
        self._silent = silent
        if not silent:
            self._systemd.ping()

    def _look_after_drives(self) -> None:
        """Give folders to the intakes of their drives anew, if something was mounted meanwhile."""
        if self._drives.refresh():
            self._intakes.place(self._settings.routes)
            self._intakes.look()

    def _tell_systemd(self) -> None:
        said = sentence(self._journal, self._settings.routes, sorted(self._silent))
        if not self._is_ready:
            if not self._intakes.first_scan_over:
                return
            self._is_ready = True
            self._systemd.ready(said)
            self._recorder.announce("service.ready", routes=len(self._settings.routes))
        elif said != self._said:
            self._systemd.status(said)
        self._said = said

    def _reload(self) -> None:
        """Take over a changed configuration; a bad one changes nothing."""
        self._systemd.reloading(time.monotonic_ns() // 1000)
        self._reload_again = False
        try:
            settings = self._load()
            connect(settings).close()
            self._take_over(settings)
        except errors.ConfigError as error:
            self._recorder.announce("service.reload_failed", "error", problems=error.problems)
        except errors.JournalBusy:
            self._reload_again = True
        if self._is_ready:
            self._systemd.ready(self._said)

    def _take_over(self, settings: Settings) -> None:
        fixed = ("state_directory", "workers", "log_level", "log_format", "web", "notify")
        changed = [
            name for name in fixed if getattr(settings, name) != getattr(self._settings, name)
        ]
        if changed:
            self._recorder.announce("service.restart_needed", "warning", settings=changed)
        self._settings = settings
        self._recorder.set_routes(settings.routes)
        self._recovery.set_routes(settings.routes)
        self._operations.set_routes(settings.routes)
        self._housekeeper.set_routes(settings.routes)
        self._desk.redirect(destination(settings))
        # First the intake: what is put back must not be claimed again by the old rules.
        self._intakes.place(settings.routes)
        self._is_returning = not self._reloading.return_changed(settings.routes)
        self._reloading.try_at_once()
        self._recorder.announce("service.reloaded", routes=len(settings.routes))

    def _keep_house(self) -> None:
        now = self._clock.now()
        self._journal.calls.forget(now - CALLS_KEPT_S - self._settings.push_limit.per_s)
        before = now - self._settings.keep_history_s
        self._journal.commands.prune(before)
        if self._journal.jobs.prune(before, kept(self._settings.routes)):
            self._next["housekeeping"] = 0.0  # there may be more: go on at the next tick

    def _exit_code(self) -> int:
        return once.exit_code(self._recorder, self._started_at) if self._run_once else 0

    # ---------------------------------------------------------------- threads

    def _spawn(
        self, name: str, work: Callable[[], None], among: list[Supervised] | None = None
    ) -> None:
        thread = Supervised(name, work, lambda: self._signals.wake(Wake.NEWS))
        (self._threads if among is None else among).append(thread)
        thread.start()

    def _look_after_threads(self) -> None:
        for thread in [*self._threads, *self._beside]:
            if thread.error is not None:
                raise errors.ThreadDied(f"{thread.name}: {thread.error}") from thread.error

    def _join(self, deadline: float, threads: Sequence[Supervised] | None = None) -> bool:
        """Wait for all threads that work, or for these, until one shared deadline.

        Meanwhile go on showing that we live.
        """
        for thread in self._threads if threads is None else threads:
            while not thread.join(min(TICK_S, deadline - self._clock.monotonic())):
                self._systemd.ping()
                self._systemd.extend(STOPS_WITHIN_S)
                if self._clock.monotonic() >= deadline:
                    return False
        return True

    def _tick_s(self) -> float:
        interval_s = self._systemd.watchdog_interval_s
        return TICK_S if interval_s is None else min(TICK_S, interval_s)

    def _is_due(self, what: str, every_s: float) -> bool:
        now = self._clock.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + every_s * random.uniform(0.9, 1.1)  # noqa: S311
        return True


def _folders(settings: Settings) -> list[Path]:
    return sorted({route.rules.directory for route in settings.routes})


def _drives(journal: Journal) -> Drives:
    """Return the drives as the journal knows them."""
    identity = journal.identity
    return Drives(
        identity.known_drives(),
        identity.remember_drives,
        home=lambda folder: places.home(folder, identity.instance),
    )
