"""The rooms of the service, put together by hand around a clock that the test moves."""

import ctypes
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clock_fixtures import FakeClock

from pigment_watcher.drives import Drives
from pigment_watcher.files import places
from pigment_watcher.heartbeat import Heartbeats
from pigment_watcher.intake import Claimer, Intake
from pigment_watcher.journal import Journal, Limits, Work
from pigment_watcher.model import (
    Condition,
    ConditionEvent,
    ConditionKind,
    DetailedReport,
    Job,
    JobEvent,
    Limit,
    Listener,
    Outcome,
    Route,
    Rules,
    ServiceEvent,
    State,
)
from pigment_watcher.pigment import Client
from pigment_watcher.recorder import Recorder
from pigment_watcher.service.operations import Operations
from pigment_watcher.service.recovery import Recovery, begin_instance
from pigment_watcher.simulator import DEMO_KEY, Simulator
from pigment_watcher.worker import Desk, Destination, Office, Worker

ROWS = "month,account,amount\n2026-09,4000,120.50\n"
LANE = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
OTHER_LANE = "5a2f3c1e-9d57-4b0e-8a43-0f6b1c2d3e4f"
QUIET_S = 2.0
#: Nobody listens there.
NOWHERE = "http://127.0.0.1:9"

AS_ROOT = os.geteuid() == 0


class Ear(Listener):
    """Remembers what it is told; `on_job` and `on_service` may act on it at once."""

    def __init__(self) -> None:
        self.jobs: list[JobEvent] = []
        self.conditions: list[ConditionEvent] = []
        self.services: list[ServiceEvent] = []
        self.on_job: Callable[[JobEvent], None] = lambda _: None
        self.on_service: Callable[[ServiceEvent], None] = lambda _: None

    def job_changed(self, event: JobEvent) -> None:
        self.jobs.append(event)
        self.on_job(event)

    def condition_changed(self, event: ConditionEvent) -> None:
        self.conditions.append(event)

    def service_changed(self, event: ServiceEvent) -> None:
        self.services.append(event)
        self.on_service(event)

    def told(self, kind: ConditionKind) -> list[bool]:
        """Return the begins (True) and ends (False) of a kind of trouble, in order."""
        return [one.began for one in self.conditions if one.condition.kind is kind]

    def named(self, name: str) -> list[str]:
        """Return the files of the jobs that an event of this name was told of."""
        return [one.job.name for one in self.jobs if one.name == name]

    def announced(self, name: str) -> list[Mapping[str, object]]:
        """Return the fields of the service's events of this name."""
        return [one.fields for one in self.services if one.name == name]


class Deaf:
    """Hears nothing: a test says itself when something changed."""

    def __init__(self, look: Callable[[Path], None]) -> None:
        self.look = look

    def watch(self, folders: Mapping[Path, Collection[Path] | None]) -> None:
        pass

    def check(self) -> bool:
        return True

    def stop(self) -> None:
        pass


def route(inbox: Path, name: str = "sales", lane: str = LANE, **said: Any) -> Route:
    """Return a route on an inbox; words of `Rules` go there, others to the route."""
    keys = ("files", "ignore", "watch", "scan_every_s", "marker", "recursive", "require_mount")
    of_route = {key: said.pop(key) for key in keys if key in said}
    known = {"done": inbox / "done", "failed": inbox / "failed", "quiet_s": QUIET_S}
    rules = Rules(directory=inbox, **{**known, **said})
    return Route(name=name, configuration_id=lane, rules=rules, **of_route)


class Rig:
    """A service without threads: each round of the intake and each deed of a worker is a call."""

    def __init__(
        self,
        folder: Path,
        *routes: Route,
        url: str = NOWHERE,
        import_deadline_s: float = 600.0,
        clock: FakeClock | None = None,
        reports: DetailedReport = DetailedReport.AUTO,
    ) -> None:
        self.inbox = folder / "in"
        self.inbox.mkdir(exist_ok=True)
        (folder / "state").mkdir(exist_ok=True)
        self.folder = folder
        self.routes: tuple[Route, ...] = routes or (route(self.inbox),)
        self.clock = clock or FakeClock()
        self.ear = Ear()
        self.keys = {"default": DEMO_KEY}
        self.on_connect: Callable[[], None] = lambda: None
        self._url = url
        self._import_deadline_s = import_deadline_s
        self._reports = reports
        self._open(self._destination())

    def _open(self, destination: Destination) -> None:
        """Build the rooms as a start does."""
        self.journal = Journal.open(self.folder / "state")
        folders = {route.rules.directory for route in self.routes}
        identity = self.journal.identity
        self.drives = Drives(
            identity.known_drives(),
            identity.remember_drives,
            home=lambda folder: places.home(folder, identity.instance),
        )
        self.instance = begin_instance(self.journal, folders, self.drives)
        self.recorder = Recorder(self.journal, self.ear, self.clock)
        self.recorder.set_routes(self.routes)
        self.heartbeats = Heartbeats(self.clock.monotonic)
        self.desk = Desk(self.journal, self.clock, destination, workers=4)
        self.recovery = Recovery(
            self.recorder, self.clock, self.routes, destination.host, self.drives
        )
        self.intake = self.new_intake()
        self.intake.set_routes(self.routes)
        self.give_up = threading.Event()
        self.office = Office(
            desk=self.desk,
            recorder=self.recorder,
            clock=self.clock,
            heartbeats=self.heartbeats,
            drives=self.drives,
            instance=self.instance,
            left_queue=self.intake.left_queue,
            give_up=self.give_up,
        )
        self.worker = Worker(self.office, "worker-1")

    def new_intake(self) -> Intake:
        """Build an intake."""
        return Intake(
            "intake",
            recorder=self.recorder,
            clock=self.clock,
            heartbeats=self.heartbeats,
            claimer=self._claimer,
            drive=self.drives.of(self.inbox),
            drives=self.drives,
            adopt=self.recovery.take_possession,
            ears=Deaf,
            scanned=lambda: None,
        )

    def _claimer(self, intake: Intake) -> Claimer:
        return Claimer(
            self.recorder,
            self.clock,
            self.instance,
            self.desk.wake,
            run=intake.run_call,
            expect=intake.expect,
        )

    def _destination(self) -> Destination:
        host = self._url.removeprefix("http://")
        limits = Limits(host=host, requests=Limit(10_000, 60.0), pushes=Limit(10_000, 60.0))
        return Destination(
            limits=limits,
            import_deadline_s=self._import_deadline_s,
            key_names=tuple(self.keys),
            key=lambda name: self.keys.get(name, ""),
            connect=self._connect,
            call_s=60.0,
            reports=self._reports,
        )

    def _connect(self) -> Client:
        self.on_connect()
        return Client(self._url, connect_timeout_s=2.0, answer_timeout_s=5.0)

    def close(self) -> None:
        """Let go of the journal, as a crash would."""
        self.worker._hang_up()
        self.intake._ears.stop()
        self.drives.close()
        self.journal.close()

    def start(self) -> None:
        """Build the rooms again on what the disk holds."""
        self._open(self._destination())

    def restart(self) -> None:
        """Start again on what the disk holds, and recover."""
        self.close()
        self.start()
        self.recover()

    def recover(self) -> None:
        """Do what the service does before it starts threads."""
        self.recovery.run()
        for folder in sorted({route.rules.directory for route in self.routes}):
            self.recovery.take_possession(folder)

    def lock_journal(self, *, exclusively: bool = False) -> Callable[[], None]:
        """Hold the journal as another process may, waited for by nobody; returns the release."""
        self.journal._database._connection.execute("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(
            self.folder / "state" / "journal.db", isolation_level=None, check_same_thread=False
        )
        other.execute("BEGIN EXCLUSIVE" if exclusively else "BEGIN IMMEDIATE")
        return other.close

    # ---------------------------------------------------------------- operators

    def operations(self) -> Operations:
        """Build what acts on commands."""
        built = Operations(
            self.recorder,
            self.clock,
            self.intake.claim_again,
            self.recovery,
            drives=self.drives,
            desk=self.desk,
        )
        built.set_routes(self.routes)
        return built

    def ask(self, command: str, **arguments: object) -> tuple[bool | None, str]:
        """Ask as an operator does, let the service act; return whether it did, and its answer."""
        commands = self.journal.commands
        asked = commands.ask(command, arguments, asked_by="ada", now=self.clock.now())
        self.operations().answer_all()
        answered = commands.get(asked)
        assert answered is not None
        return answered.succeeded, answered.answer

    # ---------------------------------------------------------------- files

    def put(self, name: str, text: str = ROWS, *, mtime: float | None = None) -> Path:
        """Drop a file into the inbox."""
        path = self.inbox / name
        path.write_text(text)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path

    def claimed_path(self, job: Job) -> Path:
        """Return where a job's claimed file lies."""
        return job.rules.directory / "processing" / self.instance / str(job.id) / job.name

    # ---------------------------------------------------------------- steps

    def look(self, seconds: float = 60.0) -> None:
        """Let so much time pass and let the intake look."""
        self.clock.advance(seconds)
        self.intake.round()

    def take_in(self, *names: str) -> None:
        """Drop files if named, and let the intake take all that is there."""
        for name in names:
            self.put(name)
        self.look()
        self.look(QUIET_S)

    def next_work(self) -> Work | None:
        """Return what is due next, moving the clock on to it; None if nothing ever will be."""
        for _ in range(3):  # a slot that gets free may move on once more
            work = self.journal.agenda.next(self.clock.now(), self.desk.destination.limits)
            if not isinstance(work, float):
                return work
            self.clock.move_to(work)
        raise AssertionError("what was due was not handed out")

    def work(self, most: int = 1) -> list[str]:
        """Do so many deeds at most, one after the other, and return what they were."""
        done: list[str] = []
        while len(done) < most and (work := self.next_work()) is not None:
            self.worker.do(work)
            done.append(work.step)
        return done

    def work_off(self) -> list[str]:
        """Do everything until nothing will ever be due."""
        done = self.work(most=200)
        assert len(done) < 200
        return done

    # ---------------------------------------------------------------- questions

    def all_jobs(self) -> list[Job]:
        """Return every job, the oldest first."""
        return self.journal.jobs.history()[::-1]

    def job(self) -> Job:
        """Return the only job."""
        (job,) = self.all_jobs()
        return job

    def outcomes(self) -> dict[str, Outcome | None]:
        """Return how the latest job of each name ended."""
        return {job.name: job.outcome for job in self.all_jobs()}

    def states(self) -> dict[str, State]:
        """Return where the latest job of each name stands."""
        return {job.name: job.state for job in self.all_jobs()}

    def condition(self, kind: ConditionKind) -> Condition | None:
        """Return the only trouble of a kind, or None."""
        found = self.journal.conditions.all([kind])
        assert len(found) <= 1
        return found[0] if found else None

    def files(self, *folders: str) -> dict[str, list[str]]:
        """Return the names of the files in folders of the inbox."""
        return {folder: names(self.inbox / folder) for folder in folders}


def names(folder: Path) -> list[str]:
    """Return the names of the files in a folder, sorted; none if there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.is_file())


@contextmanager
def rig(folder: Path, *routes: Route, **options: Any) -> Iterator[Rig]:
    """Build a rig, and let go of it."""
    built = Rig(folder, *routes, **options)
    try:
        yield built
    finally:
        built.close()


def statuses(pigment: Simulator) -> list[int | None]:
    """Return what the pushes were answered, in order."""
    return [push.status for push in pigment.pushes()]


def reason(one: Rig, name: str = "a.csv") -> str:
    """Return what stands in the reason file of a failed file."""
    return (one.inbox / "failed" / f"{name}.reason.txt").read_text("utf-8-sig")


# ---------------------------------------------------------------- surroundings


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


#: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: what lets root read and enter everything.
_READS_ALL = 0b110


@contextmanager
def without_rights() -> Iterator[None]:
    """Let this thread do no more than a file's mode allows, root or not; source: capset(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(0x20080522, 0), (_Set * 2)()
    libc.capget(ctypes.byref(header), sets)
    before = sets[0].effective
    sets[0].effective = before & ~_READS_ALL
    libc.capset(ctypes.byref(header), sets)
    try:
        yield
    finally:
        sets[0].effective = before
        libc.capset(ctypes.byref(header), sets)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a file system in memory on a folder; only root may."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, option: str) -> None:
    """Change a mount: "ro" or "rw"."""
    subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True)


@contextmanager
def in_thread(work: Callable[[], None], *, stop: Callable[[], None]) -> Iterator[threading.Thread]:
    """Run a loop in a thread; its end comes promptly and without an error."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # told to the test below
            failed.append(error)

    thread = threading.Thread(target=run, name="under-test")
    thread.start()
    try:
        yield thread
    finally:
        stop()
        thread.join(5.0)
    assert not thread.is_alive()
    assert failed == []


def eventually(predicate: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Return once the predicate is true."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not predicate():
        assert time.monotonic() < deadline, "not so in time"
        pause.wait(0.005)
