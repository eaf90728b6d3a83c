"""Claims complete files: the row first, then the rename; may be repeated after any crash."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pigment_watcher import __version__, errors
from pigment_watcher.clock import Clock
from pigment_watcher.files import claims, moves, places, reading
from pigment_watcher.intake.inbox import Candidate
from pigment_watcher.model import Job, JobEvent, Outcome, State, Verdict
from pigment_watcher.policy import lanes
from pigment_watcher.policy.decisions import Decision
from pigment_watcher.recorder import Recorder
from pigment_watcher.running import Run, directly

#: So long it takes at most until work begins on claimed files while others are still claimed.
TELL_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """What could not be claimed: folders, to be tried again, and files left where they are."""

    folders: dict[Path, errors.FolderError] = field(default_factory=dict)
    files: dict[Path, errors.FileError] = field(default_factory=dict)


class Claimer:
    """Turns candidates into jobs whose files lie in processing/.

    `run` makes the file calls, `expect` raises FolderLost where nothing may be made in a folder.
    """

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        instance: str,
        claimed: Callable[[], None],
        *,
        run: Run = directly,
        expect: Callable[[Path], object] = lambda _: None,
    ) -> None:
        self._recorder = recorder
        self._journal = recorder.journal
        self._clock = clock
        self._instance = instance
        self._claimed = claimed
        self._run = run
        self._expect = expect

    def keep_alive(self, directory: Path) -> None:
        """Show other services on the same drive that the files in our folder are not orphans."""
        with contextlib.suppress(OSError):  # the next scan says what is wrong with the folder
            self._run(partial(places.touch_starts, directory, self._instance))

    def choose(self, candidates: Sequence[Candidate]) -> tuple[list[Candidate], set[str]]:
        """Return those to claim now, in order, and the lanes in which others have to wait.

        The first of each lane come first, so that no lane waits until all of another is claimed.
        """
        heads: list[Candidate] = []
        chosen: list[Candidate] = []
        left_over: set[str] = set()
        by_lane: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            by_lane.setdefault(candidate.route.configuration_id, []).append(candidate)
        for lane, waiting in by_lane.items():
            keyed = ((_order_key(candidate), candidate) for candidate in waiting)
            taken = lanes.to_claim(keyed, self._journal.jobs.queue_keys(lane))
            heads += taken[:1]
            chosen += taken[1:]
            if len(taken) < len(waiting):
                left_over.add(lane)
        return heads + chosen, left_over

    def claim(self, candidates: Sequence[Candidate]) -> Unclaimed:
        """Store a row for each candidate, then rename the files; see `complete`."""
        now = self._clock.now()
        return self.complete(
            self._journal.jobs.add([self._new_job(candidate, now) for candidate in candidates])
        )

    def complete(self, jobs: Sequence[Job]) -> Unclaimed:
        """Bring the files of queued jobs into processing/, wherever a crash left them.

        Returns what could not be brought; in a folder that fails the rest may be tried again.
        """
        by_folder: dict[Path, list[Job]] = {}
        for job in jobs:
            by_folder.setdefault(job.rules.directory, []).append(job)
        unclaimed = Unclaimed()
        there: list[Job] = []
        told_at = self._clock.monotonic()
        try:
            for directory, group in by_folder.items():
                try:
                    with moves.translated(directory):
                        self._complete_in(directory, group, unclaimed, there)
                except errors.FolderError as error:
                    unclaimed.folders[directory] = error
                # A commit for each of many folders would take longer than to bring their files;
                # but a folder may take its time, and others need not wait for it.
                if self._clock.monotonic() >= told_at + TELL_EVERY_S:
                    self._tell_claimed(there)
                    told_at = self._clock.monotonic()
        finally:
            self._tell_claimed(there)
        return unclaimed

    def _tell_claimed(self, there: list[Job]) -> None:
        """Store that the files of jobs are in their places, and let work begin on them."""
        jobs, there[:] = list(there), []
        for job in self._journal.jobs.claimed(jobs, self._clock.now()) if jobs else []:
            self._recorder.tell(JobEvent(name="job.claimed", job=job))
        self._claimed()

    def _complete_in(
        self, directory: Path, jobs: Sequence[Job], unclaimed: Unclaimed, there: list[Job]
    ) -> None:
        """Bring the files of one folder; what is brought is added to `there`, come what may."""
        self._expect(directory)
        run, instance = self._run, self._instance
        run(partial(places.make_places, directory, instance, [job.id for job in jobs]))
        brought: list[Job] = []
        try:
            for job in jobs:
                if self._bring(job, unclaimed):
                    brought.append(job)  # noqa: PERF401  # what is brought counts, come what may
        finally:
            # What is counted is on the disk.
            for folder in sorted({job.source.parent for job in jobs}):
                run(partial(moves.sync, folder))
            there += brought

    def _bring(self, job: Job, unclaimed: Unclaimed) -> bool:
        """Return whether the file is in its place; end the job if it is nowhere."""
        try:
            self._run(partial(bring, job, self._instance))
        except errors.FileVanished as error:
            self._end(job, str(error))
        except (errors.FileBusy, errors.FileUnreadable) as error:
            if job.retry_of is None:
                self._journal.jobs.withdraw(job)  # nothing happened; the inbox tries it again
            else:
                self._end(job, str(error), Outcome.RETURNED)
            unclaimed.files[job.source] = error
        else:
            return True
        return False

    def _end(self, job: Job, why: str, outcome: Outcome = Outcome.GONE) -> None:
        """End a job whose file was not claimed; nothing was sent of it."""
        decision = Decision(
            state=State.FAILED,
            due_at=self._clock.now(),
            event="job.finished",
            detail=why,
            verdict=Verdict(outcome=outcome, reason=why),
        )
        self._recorder.decide(job, decision)

    def _new_job(self, candidate: Candidate, now: float) -> Job:
        uid, name = self._run(partial(reading.owner, candidate.source))
        return Job(
            id=0,
            route=candidate.route.name,
            configuration_id=candidate.route.configuration_id,
            rules=candidate.route.rules,
            source=candidate.source,
            name=candidate.source.name,
            marker=candidate.marker.rpartition("/")[2],
            fingerprint=candidate.fingerprint,
            state=State.QUEUED,
            due_at=now,
            created_at=now,
            owner_uid=uid,
            owner_name=name,
            priority=lanes.AS_IT_CAME,
            version=__version__,
        )


def bring(job: Job, instance: str) -> None:
    """Bring a queued job's file into its place, and its marker before it; may be repeated.

    So the marker that releases a file never releases the next one of its name, whenever we are
    interrupted. Raises FileVanished, FileBusy, FileUnreadable; then the marker is back, unless it
    would release another file. Raises OSError; then all of it is to be repeated.
    """
    path = places.path(job.rules.directory, instance, job.id, job.name)
    if moves.is_there(path):
        moves.sync(path.parent)
        claims.remove_twin(job.source, path, job.fingerprint)
        return
    marker = job.source.with_name(job.marker) if job.marker else None
    try:
        if marker is not None:
            claims.take_marker(marker, path.parent)
        found = reading.look(job.source)
        if found is None:
            raise errors.FileVanished(f"{job.source}: it is no longer there")
        if not found.same_version(job.fingerprint):
            marker = None  # it was the old file's
            raise errors.FileVanished(f"{job.source}: it was replaced")
        claims.take(job.source, path, job.fingerprint)
    except errors.FileError:
        if not _has_come(path, job):
            if marker is not None:
                claims.return_marker(path.parent, marker)
            places.drop_place(path.parent)
            raise
    moves.sync(path.parent)


def _has_come(path: Path, job: Job) -> bool:
    """Return whether a rename worked, whatever the drive answered."""
    found = reading.look(path)
    return found is not None and found.without_inode().same_content(job.fingerprint)


def _order_key(candidate: Candidate) -> lanes.OrderKey:
    name = os.fsencode(candidate.name.rpartition("/")[2])
    return lanes.order_key(candidate.route.rules.order, candidate.fingerprint, name)
