"""Claims complete files: the row first, then the rename; may be repeated after any crash."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pigment_watcher import __version__, errors
from pigment_watcher.clock import Clock
from pigment_watcher.files import claims, moves
from pigment_watcher.intake.inbox import Candidate
from pigment_watcher.model import Job, JobEvent, Outcome, State, Verdict
from pigment_watcher.policy import lanes
from pigment_watcher.policy.decisions import Decision
from pigment_watcher.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """What could not be claimed: folders, to be tried again, and files left where they are."""

    folders: list[errors.FolderError] = field(default_factory=list)
    files: dict[Path, errors.FileError] = field(default_factory=dict)


class Claimer:
    """Turns candidates into jobs whose files lie in processing/."""

    def __init__(
        self, recorder: Recorder, clock: Clock, instance: str, claimed: Callable[[], None]
    ) -> None:
        self._recorder = recorder
        self._journal = recorder.journal
        self._clock = clock
        self._instance = instance
        self._claimed = claimed

    def keep_alive(self, directory: Path) -> None:
        """Show other services on the same drive that the files in our folder are not orphans."""
        with contextlib.suppress(OSError):  # the folder is made with the first claim
            claims.touch_starts(directory, self._instance)

    def choose(self, candidates: Sequence[Candidate]) -> tuple[list[Candidate], set[str]]:
        """Return those to claim now, in order, and the lanes in which others have to wait."""
        chosen: list[Candidate] = []
        left_over: set[str] = set()
        by_lane: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            by_lane.setdefault(candidate.route.configuration_id, []).append(candidate)
        for lane, waiting in by_lane.items():
            keyed = ((_order_key(candidate), candidate) for candidate in waiting)
            taken = lanes.to_claim(keyed, self._journal.jobs.queue_keys(lane))
            chosen += taken
            if len(taken) < len(waiting):
                left_over.add(lane)
        return chosen, left_over

    def claim(self, candidates: Sequence[Candidate]) -> Unclaimed:
        """Store a row for each candidate, then rename the files; see `complete`."""
        now = self._clock.now()
        return self.complete(
            self._journal.jobs.add([_new_job(candidate, now) for candidate in candidates])
        )

    def complete(self, jobs: Sequence[Job]) -> Unclaimed:
        """Bring the files of queued jobs into processing/, wherever a crash left them.

        Returns what could not be brought; in a folder that fails the rest may be tried again.
        """
        by_folder: dict[Path, list[Job]] = {}
        for job in jobs:
            by_folder.setdefault(job.rules.directory, []).append(job)
        unclaimed = Unclaimed()
        for directory, group in by_folder.items():
            try:
                with moves.translated(directory):
                    self._complete_in(directory, group, unclaimed)
            except errors.FolderError as error:
                unclaimed.folders.append(error)
        self._claimed()
        return unclaimed

    def _complete_in(self, directory: Path, jobs: Sequence[Job], unclaimed: Unclaimed) -> None:
        claims.make_places(directory, self._instance, [job.id for job in jobs])
        there: list[Job] = []
        try:
            for job in jobs:
                if self._bring(job, unclaimed):
                    there.append(job)
                    moves.sync(claims.place(directory, self._instance, job.id))
        finally:
            # Those that are there count, whatever happened to one behind them.
            for folder in {job.source.parent for job in jobs}:
                moves.sync(folder)
            for job in self._journal.jobs.claimed(there, self._clock.now()) if there else []:
                self._recorder.tell(JobEvent(name="job.claimed", job=job))

    def _bring(self, job: Job, unclaimed: Unclaimed) -> bool:
        """Return whether the file is in its place; end the job if it is nowhere."""
        path = claims.path(job.rules.directory, self._instance, job.id, job.name)
        if moves.is_there(path):
            claims.remove_twin(job.source, path, job.fingerprint)
            return True
        if claims.look(job.source) != job.fingerprint:
            self._end(job, Outcome.GONE, f"{job.source}: it is no longer there, or was replaced")
        else:
            try:
                claims.take(job.source, path)
            except errors.FileVanished as error:
                self._end(job, Outcome.GONE, str(error))
            except (errors.FileChanged, errors.FileUnreadable) as error:
                self._end(job, Outcome.RETURNED, str(error))
                unclaimed.files[job.source] = error
            else:
                return True
        claims.drop_place(path.parent)
        return False

    def _end(self, job: Job, outcome: Outcome, why: str) -> None:
        """End a job whose file was not claimed; nothing was sent of it."""
        decision = Decision(
            state=State.FAILED,
            due_at=self._clock.now(),
            event="job.finished",
            detail=why,
            verdict=Verdict(outcome=outcome, reason=why),
        )
        self._recorder.decide(job, decision)


def _new_job(candidate: Candidate, now: float) -> Job:
    uid, name = claims.owner(candidate.source)
    return Job(
        id=0,
        route=candidate.route.name,
        configuration_id=candidate.route.configuration_id,
        rules=candidate.route.rules,
        source=candidate.source,
        name=candidate.source.name,
        fingerprint=candidate.fingerprint,
        state=State.QUEUED,
        due_at=now,
        created_at=now,
        owner_uid=uid,
        owner_name=name,
        priority=lanes.AS_IT_CAME,
        version=__version__,
    )


def _order_key(candidate: Candidate) -> lanes.OrderKey:
    name = os.fsencode(candidate.name)
    return lanes.order_key(candidate.route.rules.order, candidate.fingerprint, name)
