"""What the last run left behind: continued, or told; nothing in doubt is sent again."""

from collections.abc import Collection, Sequence
from pathlib import Path

from pigment_watcher import __version__
from pigment_watcher.clock import Clock
from pigment_watcher.files import claims, moves
from pigment_watcher.journal import Journal
from pigment_watcher.model import ConditionKind, Job, Route, State
from pigment_watcher.policy import lanes, pushes, verdicts
from pigment_watcher.policy.decisions import Begin, ended, replaced
from pigment_watcher.recorder import Recorder

#: Conditions that the first scan finds again if they still hold.
_FOUND_AGAIN = (
    ConditionKind.FILE_UNREADABLE,
    ConditionKind.FILE_UNCLAIMED,
    ConditionKind.FOLDER_LOST,
    ConditionKind.CLAIM_STUCK,
    ConditionKind.ORPHANS,
)

#: Seconds within which an orphan is brought to where its job expects it.
MOVE_S = 300.0


def begin_instance(journal: Journal, folders: Collection[Path]) -> str:
    """Count a start and return the instance; an older copy of a journal gets a new one.

    A folder in processing/ that knows of a later start than the journal was used by its newer
    self: what that one sent is unknown here, so its files must not be touched.
    """
    identity = journal.identity
    instance, before = identity.instance, identity.starts
    if instance and any(claims.read_starts(folder, instance) > before for folder in folders):
        identity.mint()
    identity.count_start()
    return identity.instance


def mark_folder(folder: Path, journal: Journal) -> None:
    """Write the count of starts into our place in a folder. Raises FolderError."""
    with moves.translated(folder):
        claims.write_starts(folder, journal.identity.instance, journal.identity.starts)


class Recovery:
    """Looks through journal and folders at a start, before anything runs."""

    def __init__(
        self, recorder: Recorder, clock: Clock, routes: Sequence[Route], host: str
    ) -> None:
        self._recorder = recorder
        self._journal = recorder.journal
        self._clock = clock
        self._routes = routes
        self._host = host

    def set_routes(self, routes: Sequence[Route]) -> None:
        """Know the routes of the configuration in force."""
        self._routes = routes

    def run(self) -> None:
        """Continue what can be continued. Raises JournalError."""
        now = self._clock.now()
        for condition in self._journal.conditions.all(_FOUND_AGAIN):
            self._journal.conditions.end(condition.kind, condition.subject)
        # What somebody mended while we were away is tried at once.
        self._journal.conditions.hasten(now)
        self._journal.jobs.hasten(now)
        self._journal.calls.clamp(now)
        for job in self._journal.jobs.unfinished():
            if job.state is State.PUSHING:
                around = self._recorder.surroundings(job, self._host, 0.0)
                self._recorder.decide(job, pushes.after_crash(job, around))

    def look_for_orphans(self, folder: Path) -> None:
        """Find files in processing/ that no job knows: ours are ended, others are reported.

        Only before anything is claimed in the folder. Raises FolderError, JournalError.
        """
        with moves.translated(folder):
            self.adopt(folder, self._journal.identity.instance)
            self.report_others(folder)

    def report_others(self, folder: Path) -> None:
        """Say which other instances have files in a folder. Raises OSError, JournalError."""
        for instance in claims.instances(folder):
            own = instance == self._journal.identity.instance
            files = [] if own else claims.claimed(folder, instance)
            subject = str(folder / claims.PROCESSING / instance)
            if files:
                detail = (
                    f"{len(files)} file(s) of another instance: a second service on this"
                    " folder, or a lost journal; if nothing runs there any more, say"
                    f" pigment-watcher close-orphans {instance}"
                )
                self._recorder.begin(
                    Begin(kind=ConditionKind.ORPHANS, subject=subject, detail=detail)
                )
            else:
                self._recorder.end(ConditionKind.ORPHANS, subject)

    def adopt(self, folder: Path, instance: str) -> list[Job]:
        """End the files of an instance that no job knows as unsure, and return their jobs."""
        own = self._journal.identity.instance
        known = {
            claims.path(job.rules.directory, own, job.id, job.name)
            for job in self._journal.jobs.unfinished()
        }
        return [
            self._adopt_file(folder, path)
            for path in claims.claimed(folder, instance)
            if path not in known
        ]

    def _adopt_file(self, folder: Path, path: Path) -> Job:
        now = self._clock.now()
        route = next(route for route in self._routes if route.rules.directory == folder)
        found = claims.fingerprint(path.lstat())
        job = Job(
            id=0,
            route=route.name,
            configuration_id=route.configuration_id,
            rules=route.rules,
            source=folder / path.name,
            name=path.name,
            fingerprint=found,
            state=State.QUEUED,
            due_at=now,
            created_at=now,
            priority=lanes.AS_IT_CAME,
            version=__version__,
        )
        # The end is stored before the file lies in a job's place, or a crash in between would
        # leave a job to push. Until it lies there no worker may look for it.
        end = replaced(
            ended(verdicts.orphan(), self._recorder.surroundings(job, self._host, 0.0)),
            due_at=now + MOVE_S,
        )
        closed = self._recorder.add_decided(job, "job.orphan_found", end)
        own = self._journal.identity.instance
        claims.make_places(folder, own, [closed.id])
        moves.move(path, claims.path(folder, own, closed.id, closed.name), str(closed.id))
        claims.drop_place(path.parent)
        return self._journal.jobs.move(closed, State.ARCHIVING, at=now, due_at=now)
