"""The loop over a thread's folders: wait for a hint or a timer, look, claim."""

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.files import claims
from pigment_watcher.heartbeat import Heartbeats
from pigment_watcher.intake.claiming import Claimer
from pigment_watcher.intake.inbox import Candidate, Inbox
from pigment_watcher.model import ConditionKind, Route
from pigment_watcher.policy import lanes
from pigment_watcher.policy.decisions import Begin
from pigment_watcher.recorder import Recorder

#: A scan that a hint asks for starts no sooner after the last one than this many times its length.
HINT_REST = 10
#: The safety scan may cost this share of one core.
SCAN_SHARE = 0.01
#: Seconds to gather hints before a scan.
GATHER_S = 0.05
#: More is claimed for a lane when so many of its files left the queue.
DRAINED = lanes.CLAIM_WINDOW // 2
#: The longest wait, and what the loop promises for one round over its folders.
LONGEST_WAIT_S = 5.0
ROUND_S = 120.0
#: So many files are claimed in one go, so that a stop never waits for a whole backlog.
CLAIM_AT_ONCE = 100


class Intake:
    """Watches some folders, in a thread of its own."""

    def __init__(
        self,
        name: str,
        *,
        recorder: Recorder,
        clock: Clock,
        heartbeats: Heartbeats,
        claimer: Claimer,
        scanned: Callable[[], None],
        note_first: bool = True,
    ) -> None:
        self.name = name
        self._recorder = recorder
        self._clock = clock
        self._heartbeats = heartbeats
        self._claimer = claimer
        self._scanned = scanned
        self._notes_first = note_first
        self._wake = threading.Event()
        self._stop = threading.Event()
        # Guards what other threads tell: hints, drained lanes, new routes, open claims.
        self._told = threading.Lock()
        self._dirty: set[Path] = set()
        self._drained: dict[str, int] = {}
        self._new_routes: tuple[Route, ...] | None = None
        self._routes_taken = threading.Event()
        self._inboxes: dict[Path, Inbox] = {}
        self._left_over: set[str] = set()
        # Whether the journal may know claims that were not completed: at the start, after trouble.
        self._doubtful = True
        self._busy = False
        # When it is worth while to choose again what is claimed, in monotonic seconds.
        self._claims_at = -math.inf
        self._said: dict[Path, dict[str, ConditionKind]] = {}
        self._contested: set[tuple[str, ...]] = set()
        self._stuck: set[str] = set()
        # Files of the first scan that are not claimed, and complete files that wait for others;
        # read by the main thread, so never changed, only replaced.
        self._first: frozenset[Path] = frozenset()
        self._behind: frozenset[Path] = frozenset()
        self.first_scan_over = threading.Event()

    # ---------------------------------------------------------------- called by other threads

    def look(self, directory: Path) -> None:
        """Say that something may have changed in a folder."""
        with self._told:
            self._dirty.add(directory)
        self._wake.set()

    def left_queue(self, lane: str) -> None:
        """Say that a lane's queue got shorter, so that more may be claimed."""
        with self._told:
            if lane not in self._left_over:
                return
            self._drained[lane] = self._drained.get(lane, 0) + 1
            if self._drained[lane] < DRAINED:
                return
        self._wake.set()

    def set_routes(self, routes: Sequence[Route]) -> None:
        """Watch for other routes from the next round on."""
        with self._told:
            self._new_routes = tuple(routes)
            self._routes_taken.clear()
        self._wake.set()

    def wait_for_routes(self, seconds: float) -> bool:
        """Wait until no file is claimed any more for routes that were replaced."""
        return self._clock.wait(self._routes_taken, seconds)

    def claim_again(self) -> None:
        """Say that the journal knows jobs whose files are not in processing/ yet."""
        with self._told:
            self._doubtful = True
        self._wake.set()

    def stop(self) -> None:
        """End the loop after the file at hand."""
        self._stop.set()
        self._wake.set()

    @property
    def first_files_open(self) -> bool:
        """Whether a file of the first scan may still settle or be claimed.

        Those that wait behind a full window, or until claims succeed again, do not count.
        """
        return not self.first_scan_over.is_set() or bool(
            self._doubtful or self._first - self._behind
        )

    # ---------------------------------------------------------------- the thread

    def run(self) -> None:
        """Look and claim until told to stop. Raises what only a restart can mend."""
        try:
            while not self._stop.is_set():
                self._heartbeats.promise(self.name, ROUND_S)
                self._rest(self._patient_round())
        finally:
            self._heartbeats.retire(self.name)

    def _patient_round(self) -> float:
        """Do a round; while the journal can't be written, say so once and try again."""
        try:
            wait_s = self.round()
        except errors.JournalBusy as error:
            self._doubtful = True
            if not self._busy:
                self._recorder.announce("journal.busy", "warning", detail=str(error))
            self._busy = True
            return LONGEST_WAIT_S
        if self._busy:
            self._recorder.announce("journal.writable")
        self._busy = False
        return wait_s

    def round(self) -> float:
        """Look where it is due, claim what is complete, and return how long to wait."""
        self._take_routes()
        for inbox in self._inboxes.values():
            if self._stop.is_set():
                return 0.0
            if self._is_due(inbox):
                with self._told:
                    self._dirty.discard(inbox.directory)
                self._scan(inbox)
                self._claims_at = -math.inf
        if self._may_claim():
            self._claim()
        if not self.first_scan_over.is_set():
            self.first_scan_over.set()
            self._scanned()
        return self._wait_s()

    def _rest(self, wait_s: float) -> None:
        if self._clock.wait(self._wake, wait_s) and not self._stop.is_set():
            self._clock.wait(self._stop, GATHER_S)
        self._wake.clear()

    def _take_routes(self) -> None:
        with self._told:
            routes, self._new_routes = self._new_routes, None
            self._routes_taken.set()
        if routes is None:
            return
        by_folder: dict[Path, list[Route]] = {}
        for route in routes:
            by_folder.setdefault(route.rules.directory, []).append(route)
        before, self._inboxes = self._inboxes, {}
        for directory, group in by_folder.items():
            known = before.get(directory)
            same = known is not None and known.routes == tuple(group)
            self._inboxes[directory] = known if known and same else Inbox(directory, group)
        for directory in before.keys() - by_folder.keys():
            self._unsay(directory, {})
            self._recorder.end(ConditionKind.FOLDER_LOST, str(directory))
            self._settle_first(path for path in self._first if path.parent == directory)

    # ---------------------------------------------------------------- looking

    def _is_due(self, inbox: Inbox) -> bool:
        return self._clock.monotonic() >= self._scan_at(inbox)

    def _scan_at(self, inbox: Inbox) -> float:
        """Return when a folder is looked at next, in monotonic seconds."""
        if inbox.scanned_at is None:
            return -math.inf
        with self._told:
            hinted = inbox.directory in self._dirty
        rest_s = inbox.scan_s * HINT_REST if hinted else self._safety_s(inbox)
        return inbox.scanned_at + rest_s

    def _safety_s(self, inbox: Inbox) -> float:
        return max(inbox.scan_every_s, inbox.scan_s / SCAN_SHARE)

    def _scan(self, inbox: Inbox) -> None:
        began = self._clock.monotonic()
        first = inbox.scanned_at is None
        try:
            inbox.scan(began)
        except OSError as error:
            lost = Begin(
                kind=ConditionKind.FOLDER_LOST,
                subject=str(inbox.directory),
                detail=f"{inbox.directory}: {error.strerror}",
            )
            self._recorder.begin(lost)
        else:
            self._recorder.end(ConditionKind.FOLDER_LOST, str(inbox.directory))
            self._claimer.keep_alive(inbox.directory)
            self._report(inbox, began)
            self._note_first(inbox, first=first)
        inbox.scanned_at = self._clock.monotonic()
        inbox.scan_s = inbox.scanned_at - began

    def _note_first(self, inbox: Inbox, *, first: bool) -> None:
        """Remember the files of the first scan, as long as they are there, if somebody asks."""
        if not self._notes_first:
            return
        there = frozenset(inbox.directory / name for name in inbox.names())
        if first and not self.first_scan_over.is_set():
            self._first |= there
        else:
            before = frozenset(path for path in self._first if path.parent == inbox.directory)
            self._settle_first(before - there)

    def _settle_first(self, paths: Iterable[Path]) -> None:
        self._first -= frozenset(paths)

    def _report(self, inbox: Inbox, monotonic: float) -> None:
        """Say once what is not taken, and once that it is no more so."""
        odd = {oddity.name: oddity.why for oddity in inbox.oddities(monotonic)}
        self._unsay(inbox.directory, odd)
        for name, why in odd.items():
            self._say(inbox.directory / name, ConditionKind.FILE_UNCLAIMED, why)
        for routes in inbox.contested.keys() - self._contested:
            self._contested.add(routes)
            name = inbox.contested[routes]
            self._recorder.announce(
                "file.contested", "warning", file=name, route=routes[0], routes=routes
            )

    def _say(self, path: Path, kind: ConditionKind, why: str) -> None:
        said = self._said.setdefault(path.parent, {})
        if said.get(path.name) is not kind:
            self._unsay_one(path)
            said[path.name] = kind
            self._recorder.begin(Begin(kind=kind, subject=_shown(path), detail=why))

    def _unsay(self, directory: Path, odd: dict[str, str]) -> None:
        """End what was said of names that are there no more; those unreadable are tried again."""
        inbox = self._inboxes.get(directory)
        still = odd.keys() | (inbox.names() if inbox else frozenset())
        for name in self._said.get(directory, {}).keys() - still:
            self._unsay_one(directory / name)

    def _unsay_one(self, path: Path) -> None:
        kind = self._said.get(path.parent, {}).pop(path.name, None)
        if kind is not None:
            self._recorder.end(kind, _shown(path))

    # ---------------------------------------------------------------- claiming

    def _may_claim(self) -> bool:
        """Return whether anything changed since the last claims: choosing among many is dear."""
        with self._told:
            drained = any(count >= DRAINED for count in self._drained.values())
        settled = self._clock.monotonic() >= self._claims_at
        return bool(drained or settled or self._doubtful or self._stuck)

    def _claim(self) -> None:
        if self._doubtful or self._stuck:
            self._complete_doubtful()
        chosen = self._choose()
        for start in range(0, len(chosen), CLAIM_AT_ONCE):
            if self._stop.is_set():
                return
            batch = chosen[start : start + CLAIM_AT_ONCE]
            checked = [candidate for candidate in batch if self._check(candidate)]
            if checked:
                self._claim_checked(checked)
            if len(checked) < len(batch):
                self._claims_at = -math.inf  # there is room for others

    def _choose(self) -> list[Candidate]:
        monotonic = self._clock.monotonic()
        settling = (inbox.next_complete_at(monotonic) for inbox in self._inboxes.values())
        self._claims_at = min((at for at in settling if at is not None), default=math.inf)
        complete = [
            candidate for inbox in self._inboxes.values() for candidate in inbox.complete(monotonic)
        ]
        # Where a claim failed, the journal knows files that still lie in the inbox: none is
        # claimed there before those are, or one would be claimed twice.
        free = [one for one in complete if str(one.directory) not in self._stuck]
        chosen, left_over = self._claimer.choose(free)
        with self._told:
            self._left_over = left_over
            self._drained = {}
        if self._first:
            behind = frozenset(one.source for one in complete)
            self._behind = behind - {one.source for one in chosen}
        return chosen

    def _check(self, candidate: Candidate) -> bool:
        """Look a last time: a file that changed settles anew, one we can't read waits."""
        inbox = self._inboxes[candidate.source.parent]
        name, monotonic = candidate.source.name, self._clock.monotonic()
        try:
            claims.check(candidate.source, candidate.fingerprint)
        except errors.FileUnreadable as error:
            self._leave(candidate, error)
            self._settle_first([candidate.source])
            return False
        except errors.FileVanished:
            inbox.forget(name)
            self._settle_first([candidate.source])
            return False
        except (errors.FileChanged, OSError):
            inbox.look_again(name, monotonic)
            return False
        return True

    def _leave(self, candidate: Candidate, error: errors.FileError) -> None:
        """Leave a file where it is; one that we may not take is said once and tried again later."""
        inbox = self._inboxes[candidate.source.parent]
        again_at = self._clock.monotonic()
        if isinstance(error, errors.FileUnreadable):
            self._say(candidate.source, ConditionKind.FILE_UNREADABLE, str(error))
            again_at += inbox.scan_every_s
        inbox.look_again(candidate.source.name, again_at)

    def _claim_checked(self, candidates: list[Candidate]) -> None:
        """Claim; where that fails the rows are there, and are completed later."""
        unclaimed = self._claimer.claim(candidates)
        for candidate in candidates:
            if (error := unclaimed.files.get(candidate.source)) is not None:
                self._leave(candidate, error)
            else:
                self._inboxes[candidate.source.parent].forget(candidate.source.name)
                self._unsay_one(candidate.source)
        self._settle_first(candidate.source for candidate in candidates)
        self._begin_stuck(unclaimed.folders)

    def _complete_doubtful(self) -> None:
        with self._told:
            self._doubtful = False
        failed = self._claimer.complete(self._recorder.journal.jobs.unclaimed()).folders
        for folder in self._stuck - {error.folder for error in failed}:
            self._recorder.end(ConditionKind.CLAIM_STUCK, folder)
            self._stuck.discard(folder)
        self._begin_stuck(failed)

    def _begin_stuck(self, failed: Sequence[errors.FolderError]) -> None:
        """Say of each folder once that claims begin to fail in it."""
        for error in failed:
            if error.folder not in self._stuck:
                self._stuck.add(error.folder)
                self._recorder.begin(
                    Begin(kind=ConditionKind.CLAIM_STUCK, subject=error.folder, detail=str(error))
                )

    def _wait_s(self) -> float:
        """Return how long nothing is to be done, unless somebody tells of something."""
        due = (self._claims_at, *(self._scan_at(inbox) for inbox in self._inboxes.values()))
        return max(0.0, min(LONGEST_WAIT_S, min(due) - self._clock.monotonic()))


def _shown(path: Path) -> str:
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
