"""The loop over a drive's folders: wait for a hint or a timer, look, claim."""

import itertools
import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.drives import Drive, Drives
from pigment_watcher.files import claims, moves
from pigment_watcher.heartbeat import Heartbeats
from pigment_watcher.intake.claiming import Claimer
from pigment_watcher.intake.firsts import Firsts
from pigment_watcher.intake.inbox import Candidate, Inbox
from pigment_watcher.intake.listing import Seen, look_through
from pigment_watcher.intake.remarks import Remarks
from pigment_watcher.model import ConditionKind, Route
from pigment_watcher.policy import lanes
from pigment_watcher.policy.decisions import Begin
from pigment_watcher.recorder import Recorder
from pigment_watcher.running import CALL_S

#: Seconds to gather hints before a scan.
GATHER_S = 0.01
#: More is claimed for a lane when so many of its files left the queue.
DRAINED = lanes.CLAIM_WINDOW // 2
#: The longest wait, and what the loop promises for one round over its folders, its calls aside.
LONGEST_WAIT_S = 5.0
ROUND_S = 120.0
#: So many files are claimed in one go, so that a stop never waits for a whole backlog.
CLAIM_AT_ONCE = 100
#: Seconds within which a folder is listed, however slow its drive is.
LISTING_S = 600.0
#: Seconds between two signs of life in an inbox, and two looks whether events are still heard.
KEEP_ALIVE_S = 60.0
EARS_CHECK_S = 5.0

Result = TypeVar("Result")


class Ears(Protocol):
    """Hears the kernel tell of changes in folders."""

    def watch(self, folders: Mapping[Path, Collection[Path] | None]) -> None:
        """Watch these folders and no others.

        With each comes None, or, where all below it is watched, what of that is ours.
        """

    def check(self) -> bool:
        """Return whether all is heard; what is deaf is replaced."""

    def stop(self) -> None:
        """Stop watching."""


class Intake:
    """Watches the folders of one drive, in a thread of its own.

    `adopt` marks a folder as ours when it is found, or found again; `ears` makes what hears of
    changes, given whom to tell.
    """

    def __init__(
        self,
        name: str,
        *,
        recorder: Recorder,
        clock: Clock,
        heartbeats: Heartbeats,
        claimer: Callable[["Intake"], Claimer],
        drive: Drive,
        drives: Drives,
        adopt: Callable[[Path], None],
        ears: Callable[[Callable[[Path], None]], Ears],
        scanned: Callable[[], None],
        note_first: bool = True,
    ) -> None:
        self.name = name
        self._recorder = recorder
        self._clock = clock
        self._heartbeats = heartbeats
        self._drive = drive
        self._drives = drives
        self._adopt = adopt
        self._scanned = scanned
        self._ears = ears(self.look)
        self._ears_at = -math.inf
        self._is_deaf = False
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
        # When it is worth while to choose again what is claimed, in monotonic seconds.
        self._claims_at = -math.inf
        self._remarks = Remarks(recorder)
        self._contested: set[tuple[str, ...]] = set()
        self._stuck: set[Path] = set()
        self._to_report: set[Inbox] = set()
        self._firsts = Firsts(wanted=note_first)
        self.first_scan_over = threading.Event()
        self._claimer = claimer(self)

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
        """Whether a file of the first scan may still settle or be claimed."""
        return not self.first_scan_over.is_set() or self._doubtful or self._firsts.left

    @property
    def scanned_s_ago(self) -> dict[str, float]:
        """How many seconds ago the folder of each route was looked through, where it was.

        Safe to ask for from any thread.
        """
        now, inboxes = self._clock.monotonic(), tuple(self._inboxes.values())
        return {
            route.name: now - inbox.seen_at
            for inbox in inboxes
            if inbox.seen_at is not None
            for route in inbox.routes
        }

    # ---------------------------------------------------------------- the thread

    def run(self) -> None:
        """Look and claim until told to stop. Raises what only a restart can mend."""
        try:
            while not self._stop.is_set():
                self._heartbeats.promise(self.name, ROUND_S)
                self._rest(self._patient_round())
        finally:
            self._heartbeats.retire(self.name)
            self._ears.stop()

    def _patient_round(self) -> float:
        """Do a round; one in which the journal can't be used is done again."""
        try:
            return self.round()
        except errors.JournalBusy:
            self._doubtful = True
            return LONGEST_WAIT_S

    def round(self) -> float:
        """Look where it is due, claim what is complete, and return how long to wait."""
        self._take_routes()
        self._listen()
        for inbox in self._due():
            if self._stop.is_set():
                return 0.0
            with self._told:
                self._dirty.discard(inbox.directory)
            self._scan(inbox)
            self._claims_at = -math.inf
        self._drives.save()  # before a file is moved: where it lies must be known after a crash
        if self._may_claim():
            self._claim()
        if not self.first_scan_over.is_set():
            self.first_scan_over.set()
            self._scanned()
        return self._wait_s()

    def run_call(self, call: Callable[[], Result], within_s: float = CALL_S) -> Result:
        """Make a file call on the drive, having promised to be back in time."""
        if not self._drive.is_local:
            self._heartbeats.promise(self.name, ROUND_S + within_s)
        return self._drive.look()(call, within_s)

    def expect(self, directory: Path) -> None:
        """Make sure that an inbox lies where it belongs. Raises FolderError."""
        inbox = self._inboxes.get(directory)
        needs_mount = inbox is not None and any(route.require_mount for route in inbox.routes)
        self._drives.expect(directory, self.run_call, require_mount=needs_mount)

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
            if known is None or known.routes != tuple(group):
                known = Inbox(directory, group, is_local=self._drive.is_local)
            self._inboxes[directory] = known
        for directory in before.keys() - by_folder.keys():
            self._remarks.drop(directory)
            self._recorder.end(ConditionKind.FOLDER_LOST, str(directory))
            self._firsts.drop(directory)
        self._ears_at = -math.inf

    def _listen(self) -> None:
        """Hear of changes where events count, and notice when nothing is heard any more."""
        if self._clock.monotonic() < self._ears_at:
            return
        if not self._drive.is_local:
            self._heartbeats.retire(self.name)  # to listen on such a drive is to touch it
        self._ears.watch(
            {inbox.directory: inbox.own for inbox in self._inboxes.values() if inbox.by_events}
        )
        hears = self._ears.check()
        if not hears and not self._is_deaf:
            self._recorder.announce("observer.rebuilt", "warning")
        self._is_deaf = not hears
        if not self._drive.is_local:
            self._heartbeats.promise(self.name, ROUND_S)
        self._ears_at = self._clock.monotonic() + EARS_CHECK_S

    # ---------------------------------------------------------------- looking

    def _due(self) -> list[Inbox]:
        """Return the inboxes to look through now: if one is due, those that soon will be, too."""
        now, looks = self._clock.monotonic(), list(self._looks_at())
        if all(now < at for _, at in looks):
            return []
        return [inbox for inbox, at in looks if at <= now or inbox.early_at <= now]

    def _looks_at(self) -> Iterator[tuple[Inbox, float]]:
        """Return when each inbox is to be looked through, in monotonic seconds."""
        with self._told:
            hinted = frozenset(self._dirty)
        for directory, inbox in self._inboxes.items():
            yield inbox, inbox.look_at(is_hinted=directory in hinted)

    def _scan(self, inbox: Inbox) -> None:
        began = self._clock.monotonic()
        first = inbox.scanned_at is None
        try:
            with moves.translated(inbox.directory):
                seen = self._look_through(inbox, began)
        except errors.FolderError as error:
            inbox.is_ours, inbox.is_lost = False, True
            self._recorder.begin(_lost(inbox.directory, error))
        else:
            inbox.observe(seen, began)
            inbox.seen_at = self._clock.monotonic()
            inbox.scan_s = inbox.seen_at - began
            if inbox.is_lost is not False:
                self._recorder.end(ConditionKind.FOLDER_LOST, str(inbox.directory))
                inbox.is_lost = False
            self._report(inbox)
            self._firsts.note(
                inbox.directory, inbox.names(), is_first=first and not self.first_scan_over.is_set()
            )
        inbox.scanned_at = self._clock.monotonic()

    def _look_through(self, inbox: Inbox, monotonic: float) -> Seen:
        """Return what lies in an inbox that is where it belongs. Raises FolderError, OSError."""
        directory = inbox.directory
        self.expect(directory)
        if not inbox.is_ours:
            self._adopt(directory)
            inbox.is_ours, inbox.shown_at = True, monotonic
            self._doubtful = True
        elif monotonic - inbox.shown_at >= KEEP_ALIVE_S:
            self._claimer.keep_alive(directory)
            inbox.shown_at = monotonic
        look = partial(
            look_through, directory, inbox.routes, inbox.choices, trust_inodes=inbox.is_local
        )
        return self.run_call(look, LISTING_S)

    def _report(self, inbox: Inbox) -> None:
        """Say once what is not taken, and once that it is no more so."""
        monotonic = self._clock.monotonic()
        if inbox.is_odd_anew(monotonic):
            self._remarks.update(inbox.directory, inbox.oddities(monotonic))
            inbox.told(monotonic)
        for routes in inbox.contested.keys() - self._contested:
            self._contested.add(routes)
            name = inbox.contested[routes]
            self._recorder.announce(
                "file.contested", "warning", file=name, route=routes[0], routes=routes
            )

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
        for inbox in self._to_report:
            self._report(inbox)
        self._to_report = set()

    def _choose(self) -> list[Candidate]:
        monotonic = self._clock.monotonic()
        settled = [inbox.settled(monotonic) for inbox in self._inboxes.values() if inbox.is_ours]
        self._claims_at = min((one.next_at for one in settled), default=math.inf)
        complete = list(itertools.chain.from_iterable(one.complete for one in settled))
        # Where a claim failed, the journal knows files that still lie in the inbox: none is
        # claimed there before those are, or one would be claimed twice.
        free = [one for one in complete if one.directory not in self._stuck]
        chosen, left_over = self._claimer.choose(free)
        with self._told:
            self._left_over = left_over
            self._drained = {}
        taken = {one.file for one in chosen}
        self._firsts.wait_behind(one.file for one in complete if one.file not in taken)
        return chosen

    def _check(self, candidate: Candidate) -> bool:
        """Look a last time: a file that changed settles anew, one that we can't have now waits."""
        inbox, name = self._inboxes[candidate.directory], candidate.name
        look = partial(
            claims.check,
            candidate.source,
            candidate.fingerprint,
            exclusive=inbox.is_local,
            may_end_in_nul=candidate.may_end_in_nul,
        )
        try:
            self.run_call(look)
        except errors.FileVanished:
            inbox.forget(name)
            self._firsts.settle([candidate.file])
        except errors.FileChanged:
            inbox.see_anew(name)
            self.look(candidate.directory)
        except errors.FileBusy as error:
            self._put_off(candidate, error)
        except errors.FileUnreadable as error:
            self._put_off(candidate, error)
            self._firsts.settle([candidate.file])
        except (errors.FolderError, OSError) as error:
            self._put_off(candidate, errors.FileUnreadable(f"{candidate.source}: {error}"))
        else:
            return True
        return False

    def _put_off(
        self, candidate: Candidate, error: errors.FileError, *, was_claim: bool = False
    ) -> None:
        inbox = self._inboxes[candidate.directory]
        inbox.put_off(candidate.name, error, self._clock.monotonic(), was_claim=was_claim)
        self._to_report.add(inbox)

    def _claim_checked(self, candidates: list[Candidate]) -> None:
        """Claim; where that fails the rows are there, and are completed later."""
        marked = [
            one
            for inbox in self._inboxes.values()
            for one in inbox.with_markers([c for c in candidates if c.directory == inbox.directory])
        ]
        unclaimed = self._claimer.claim(marked)
        for candidate in marked:
            if (error := unclaimed.files.get(candidate.source)) is not None:
                self._put_off(candidate, error, was_claim=True)
            else:
                self._inboxes[candidate.directory].forget(candidate.name)
        self._to_report.update(self._inboxes[candidate.directory] for candidate in marked)
        self._firsts.settle(candidate.file for candidate in marked)
        self._begin_stuck(unclaimed.folders)

    def _complete_doubtful(self) -> None:
        """Complete claims that were begun, in folders that are where they belong."""
        with self._told:
            self._doubtful = False
        begun = [
            job
            for job in self._recorder.journal.jobs.unclaimed()
            if (inbox := self._inboxes.get(job.rules.directory)) is not None and inbox.is_ours
        ]
        failed = self._claimer.complete(begun).folders
        for folder in self._stuck - failed.keys():
            self._recorder.end(ConditionKind.CLAIM_STUCK, str(folder))
            self._stuck.discard(folder)
        self._begin_stuck(failed)

    def _begin_stuck(self, failed: Mapping[Path, errors.FolderError]) -> None:
        """Say of each folder once that claims begin to fail in it; a lost one is told as such."""
        for folder in failed.keys() - self._stuck:
            self._stuck.add(folder)
            error = failed[folder]
            if isinstance(error, errors.FolderLost):
                self.look(folder)
                continue
            stuck = Begin(kind=ConditionKind.CLAIM_STUCK, subject=str(folder), detail=str(error))
            self._recorder.begin(stuck)

    def _wait_s(self) -> float:
        """Return how long nothing is to be done, unless somebody tells of something."""
        due = (self._claims_at, *(at for _, at in self._looks_at()))
        return max(0.0, min(LONGEST_WAIT_S, min(due) - self._clock.monotonic()))


def _lost(directory: Path, error: errors.FolderError) -> Begin:
    """Return the trouble of an inbox that can't be used; the words name it."""
    about = error.message if error.folder == str(directory) else str(error)
    return Begin(
        kind=ConditionKind.FOLDER_LOST, subject=str(directory), detail=f"{directory}: {about}"
    )
