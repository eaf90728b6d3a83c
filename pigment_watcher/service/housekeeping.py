"""Removes old files of done/ and failed/: those that the journal knows, and no others."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.drives import Drives
from pigment_watcher.files import archived, moves, names, reading
from pigment_watcher.heartbeat import Heartbeats
from pigment_watcher.journal import Kept
from pigment_watcher.model import Fingerprint, Job, Outcome, Route, State
from pigment_watcher.recorder import Recorder
from pigment_watcher.running import Run
from pigment_watcher.worker import Desk

NAME = "housekeeper"
#: Seconds between two rounds, and between two bites of one; so many files are a bite.
EVERY_S = 3600.0
BETWEEN_BITES_S = 1.0
BITE = 50
#: Seconds between two trials to store what happened while the journal can't be written.
STORE_AGAIN_S = 2.0
#: Nobody waits for it, and a long file of a worker may keep a drive's helper from it.
PATIENCE_S = 2 * EVERY_S
#: Bytes that are read at once.
BLOCK = 1024 * 1024
#: What a copy may lose of a time: the coarsest drives count in steps of two seconds.
COARSE_NS = 2 * 10**9


@dataclass(frozen=True, slots=True)
class _Rule:
    """Files of a route that ended in a state are removed from a folder after so long."""

    route: Route
    state: State
    root: Path
    keep_s: float


def kept(routes: Sequence[Route]) -> list[Kept]:
    """Return whose jobs are needed until their files are removed."""
    return [Kept(rule.route.name, rule.state) for rule in _rules(routes)]


def _rules(routes: Sequence[Route]) -> Iterator[_Rule]:
    for route in routes:
        if route.keep_done_s is not None:
            yield _Rule(route, State.DONE, route.rules.done, route.keep_done_s)
        if route.keep_failed_s is not None:
            yield _Rule(route, State.FAILED, route.rules.failed, route.keep_failed_s)


class _Stopping(Exception):
    """The service ends, so a long file is not read any further."""


class Housekeeper:
    """Goes through what ended long ago, in small bites, so that it never holds up a file."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        heartbeats: Heartbeats,
        drives: Drives,
        desk: Desk,
    ) -> None:
        self._recorder = recorder
        self._jobs = recorder.journal.jobs
        self._clock = clock
        self._heartbeats = heartbeats
        self._drives = drives
        # Keeps a file from being put back into the queue while it is removed.
        self._desk = desk
        self._routes: Sequence[Route] = ()
        self._stop = threading.Event()
        #: Folders in which something could not be done; that is told once.
        self._stuck: set[Path] = set()

    def set_routes(self, routes: Sequence[Route]) -> None:
        """Know the routes of the configuration in force."""
        self._routes = tuple(routes)

    def stop(self) -> None:
        """Remove nothing more."""
        self._stop.set()

    def run(self) -> None:
        """Go round until it is time to stop."""
        while not self._stop.is_set():
            self._promise()
            # The recorder tells of the journal's trouble.
            with contextlib.suppress(errors.JournalBusy, _Stopping):
                self.round()
            self._clock.wait(self._stop, EVERY_S)
        self._heartbeats.retire(NAME)

    def round(self) -> None:
        """Remove all that is old enough. Raises JournalError."""
        for rule in _rules(self._routes):
            for bite in self._bites(rule):
                if not self._take(rule, bite):
                    break

    def _bites(self, rule: _Rule) -> Iterator[Sequence[Job]]:
        before = self._clock.now() - rule.keep_s
        last: Job | None = None
        while jobs := self._jobs.kept_since(rule.route.name, rule.state, before, last, BITE):
            yield jobs
            if len(jobs) < BITE or self._clock.wait(self._stop, BETWEEN_BITES_S):
                return
            last = jobs[-1]

    def _take(self, rule: _Rule, jobs: Sequence[Job]) -> bool:
        """Return whether the folder could be used."""
        self._promise()
        run = self._drives.of(rule.root).work()
        try:
            self._drives.expect(rule.root, run, require_mount=rule.route.require_mount)
            for job in jobs:
                if self._stop.is_set():
                    raise _Stopping
                # What can't be read, or changes just now, is looked at again in the next round.
                with moves.translated(rule.root), contextlib.suppress(errors.FileError):
                    self._dispose_of(job, rule, run)
        except errors.FolderError as error:
            if rule.root not in self._stuck:
                self._recorder.announce("files.kept", "warning", detail=str(error))
            self._stuck.add(rule.root)
            return False
        self._stuck.discard(rule.root)
        return True

    def _dispose_of(self, job: Job, rule: _Rule, run: Run) -> None:
        with self._desk.reserving(job.id) as free:
            retries = self._jobs.retries_of(job.id)
            if free and all(later.state.is_final for later in retries):
                self._dispose(job, rule, run)

    def _dispose(self, job: Job, rule: _Rule, run: Run) -> None:
        """Remove a job's file with its texts, or find that it is none of ours any more."""
        target = job.target
        if target is None or not target.is_relative_to(rule.root):
            self._leave(job, f"it does not lie in {rule.root}")
        elif self._jobs.has_successor(job):
            self._leave(job, "its name was given to a later file")
        elif (found := run(partial(archived.look, rule.root, target))) is None:
            self._drop_texts(job, target, rule, run)
            self._leave(job, f"it was no longer at {target}")
        elif not self._is_as_it_was(job, target, found, run):
            self._leave(job, f"what lies at {target} is not what was put there")
        elif run(partial(archived.remove, rule.root, target, self._seen(found, target))):
            self._drop_texts(job, target, rule, run)
            self._store(lambda: self._recorder.removed(job))

    def _drop_texts(self, job: Job, target: Path, rule: _Rule, run: Run) -> None:
        """Remove what stands beside a job's file; in done/ that is a report, if it has one."""
        endings = {names.REASON, names.REPORT} if rule.state is State.FAILED else set()
        if job.outcome is Outcome.IMPORTED_WITH_SKIPS:
            endings |= {names.REPORT}
        run(partial(archived.remove_beside, rule.root, target, endings))

    def _is_as_it_was(self, job: Job, target: Path, found: Fingerprint, run: Run) -> bool:
        """Compare with what was claimed, and byte by byte with what was sent, if anything was."""
        expected = job.fingerprint
        if found.size != expected.size or abs(found.mtime_ns - expected.mtime_ns) > COARSE_NS:
            return False
        return job.sha256 is None or self._sha256(target, found, run) == job.sha256

    def _sha256(self, target: Path, found: Fingerprint, run: Run) -> str:
        """Return the hash of a file. Raises FileError, OSError, FolderError."""
        digest = hashlib.sha256()
        with reading.opened(target, self._seen(found, target), run) as file:
            while block := file.read(BLOCK):
                digest.update(block)
                if self._stop.is_set():
                    raise _Stopping
        return digest.hexdigest()

    def _seen(self, found: Fingerprint, target: Path) -> Fingerprint:
        """Return what can be compared on the drive of a file."""
        return found if self._drives.of(target.parent).is_local else found.without_inode()

    def _promise(self) -> None:
        self._heartbeats.promise(NAME, PATIENCE_S)

    def _leave(self, job: Job, why: str) -> None:
        self._store(lambda: self._jobs.leave_alone(job, self._clock.now(), why))

    def _store(self, store: Callable[[], object]) -> None:
        """Store what happened, however long the journal can't be written."""
        while True:
            try:
                store()
            except errors.JournalBusy:
                if self._clock.wait(self._stop, STORE_AGAIN_S):
                    raise
            else:
                return
