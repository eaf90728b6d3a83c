"""What the last run left behind: continued, or told; nothing in doubt is sent again."""

import contextlib
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from pigment_watcher import __version__, errors
from pigment_watcher.clock import Clock
from pigment_watcher.drives import Drives
from pigment_watcher.files import moves, places, reading
from pigment_watcher.journal import Journal
from pigment_watcher.model import ConditionKind, Job, Route, State
from pigment_watcher.policy import inheritance, lanes, pushes, verdicts
from pigment_watcher.policy.decisions import Begin, ended, replaced
from pigment_watcher.recorder import Recorder
from pigment_watcher.running import Run

#: Conditions that the first scan finds again if they still hold.
_FOUND_AGAIN = (
    ConditionKind.FILE_UNREADABLE,
    ConditionKind.FILE_UNCLAIMED,
    ConditionKind.FOLDER_LOST,
    ConditionKind.CLAIM_STUCK,
    ConditionKind.ORPHANS,
)

#: Seconds that a start waits for a drive that does not answer.
ANSWER_S = 5.0
#: Seconds within which an orphan is brought to where its job expects it.
MOVE_S = 300.0


def begin_instance(journal: Journal, folders: Collection[Path], drives: Drives) -> str:
    """Count a start and return the instance; an older copy of a journal gets a new one.

    A folder in processing/ that knows of a later start than the journal, or of a later push, was
    used by its newer self: what that one sent is unknown here, so its files must not be touched.
    Therefore a start is told to the folders before anything is sent. One that a damaged journal
    ends is told to none: the same journal, put back undamaged, goes on. Raises JournalDamaged.
    """
    journal.examine()
    identity = journal.identity
    if identity.instance and any(_is_ahead(folder, journal, drives) for folder in folders):
        identity.mint()
    starts = identity.count_start()
    for folder in folders:
        _tell_start(folder, identity.instance, starts, drives)
    return identity.instance


def _is_ahead(folder: Path, journal: Journal, drives: Drives) -> bool:
    """Return whether a folder knows more than the journal; one that is away knows nothing."""
    run = drives.of(folder).look()
    try:
        drives.expect(folder, run, within_s=ANSWER_S)
        return _knows_more(folder, journal, run)
    except errors.FolderError:
        return False


def _knows_more(folder: Path, journal: Journal, run: Run) -> bool:
    """Return whether our place in a folder was used by a newer self of the journal."""
    instance = journal.identity.instance
    if run(partial(places.read_starts, folder, instance)) > journal.identity.starts:
        return True
    noted = run(partial(places.noted_pushes, folder, instance))
    # Of what is past that state nothing will be sent again.
    return any(
        noted.get(job.id, 0) > job.attempts
        for job in (journal.jobs.unfinished() if noted else ())
        if job.state is State.QUEUED and job.rules.directory == folder
    )


def _tell_start(folder: Path, instance: str, starts: int, drives: Drives) -> None:
    """Count a start in our place in a folder; where there is none yet, nothing can be sent."""
    run = drives.of(folder).look()
    with contextlib.suppress(errors.FolderError), moves.translated(folder):
        drives.expect(folder, run, within_s=ANSWER_S)
        if run(partial(places.has_home, folder, instance), ANSWER_S):
            run(partial(places.write_starts, folder, instance, starts), ANSWER_S)


class Recovery:
    """Looks through journal and folders at a start, before anything runs."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        routes: Sequence[Route],
        host: str,
        drives: Drives,
    ) -> None:
        self._recorder = recorder
        self._journal = recorder.journal
        self._clock = clock
        self._routes = routes
        self._host = host
        self._drives = drives
        #: Folders of which somebody said that they are right as they are.
        self._accepted: frozenset[Path] = frozenset()

    def set_routes(self, routes: Sequence[Route]) -> None:
        """Know the routes of the configuration in force."""
        self._routes = routes

    def accept(self, folder: Path) -> None:
        """Take a folder when it is found next, though files that were claimed there are gone."""
        self._accepted |= {folder}

    def run(self) -> None:
        """Continue what can be continued. Raises JournalError."""
        now = self._clock.now()
        for condition in self._journal.conditions.all(_FOUND_AGAIN):
            self._journal.conditions.end(condition.kind, condition.subject)
        self._disown()
        self._recorder.end_of_other_hosts(self._host)
        self._mend_times(now)
        # What somebody mended while we were away is tried at once.
        self._journal.conditions.hasten(now)
        self._journal.jobs.hasten(now)
        for job in self._journal.jobs.unfinished():
            if job.state is State.PUSHING:
                around = self._recorder.surroundings(job, self._host, 0.0)
                self._recorder.decide(job, pushes.after_crash(job, around))

    def _disown(self) -> None:
        """Let go of the jobs that an earlier instance left in this journal."""
        inherited = self._journal.identity.inherited
        for job in self._journal.jobs.unfinished() if inherited else ():
            decision = inheritance.disowned(job, self._clock.now()) if job.id <= inherited else None
            if decision is None:
                continue
            decided = self._recorder.decide(job, decision)
            if job.state is State.PUSHING:
                self._recorder.finish(decided, State.FAILED)

    def _mend_times(self, now: float) -> None:
        """Let no time count that lies in the future, or in which nobody asked after an import."""
        for table in (self._journal.conditions, self._journal.jobs, self._journal.calls):
            table.clamp(now)
        asked_last = self._journal.calls.last()
        if asked_last is not None:
            self._journal.jobs.stretch_deadlines(None, asked_last, now)

    def take_possession(self, folder: Path) -> None:
        """Mark a folder as ours when it is found, or found again, and look what lies in our place.

        Files in processing/ that no job knows are ended if they are ours, else reported. Only while
        nothing is claimed in the folder. Raises FolderError, JournalError, OSError.
        """
        run, identity = self._drives.of(folder).look(), self._journal.identity
        now = self._drives.expect(folder, run)
        instance = identity.instance
        if _knows_more(folder, self._journal, run):
            raise errors.JournalOutdated(
                f"{folder}: a later start or push than this journal knows was made here, so the"
                " journal is an older copy; the next start begins a new instance"
            )
        is_strange = not run(partial(places.has_home, folder, instance))
        # A disk of ours that is still the same one is the right one, whatever became of the files.
        is_right = now.is_local and self._drives.knows(folder, now)
        is_missed = is_strange and not is_right and folder not in self._accepted
        if is_missed and self._journal.jobs.has_claimed(folder):
            why = (
                "files taken from here are not in its processing/: is the right drive mounted?"
                " If it is, somebody removed them: say pigment-watcher accept-drive ROUTE"
            )
            raise errors.FolderLost(str(folder), why)
        run(partial(places.write_starts, folder, instance, identity.starts))
        self._accepted -= {folder}
        self.adopt(folder, instance)
        self.report_others(folder)
        self._drives.remember(folder, now)
        self._remember_archives(folder)

    def _remember_archives(self, inbox: Path) -> None:
        """Know what the done and failed folders elsewhere lie on, as far as they can be asked."""
        rules = [route.rules for route in self._routes if route.rules.directory == inbox]
        for folder in sorted({folder for one in rules for folder in (one.done, one.failed)}):
            if folder.is_relative_to(inbox):
                continue
            with contextlib.suppress(errors.FolderError):  # told when a file is to be moved there
                now = self._drives.expect(folder, self._drives.of(folder).look())
                self._drives.remember(folder, now)

    def report_others(self, folder: Path) -> None:
        """Say which other instances have files in a folder. Raises OSError, JournalError."""
        run = self._drives.of(folder).look()
        for instance in run(partial(places.instances, folder)):
            own = instance == self._journal.identity.instance
            files = [] if own else run(partial(places.claimed, folder, instance))
            subject = str(folder / places.PROCESSING / instance)
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
            places.path(job.rules.directory, own, job.id, job.name)
            for job in self._journal.jobs.unfinished()
        }
        run = self._drives.of(folder).look()
        return [
            self._adopt_file(folder, path)
            for path in run(partial(places.claimed, folder, instance))
            if path not in known
        ]

    def _adopt_file(self, folder: Path, path: Path) -> Job:
        now, run = self._clock.now(), self._drives.of(folder).look()
        route = next(route for route in self._routes if route.rules.directory == folder)
        found = reading.fingerprint(run(path.lstat))
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
        run(partial(places.make_places, folder, own, [closed.id]))
        to = places.path(folder, own, closed.id, closed.name)
        if path != to:  # an older journal counts its jobs anew, and may come upon its own number
            run(partial(moves.move, path, to, str(closed.id)))
            run(partial(places.drop_place, path.parent))
        return self._journal.jobs.move(closed, State.ARCHIVING, at=now, due_at=now)
