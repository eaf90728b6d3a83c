"""What operators ask for, done by the service: only it steps jobs."""

import contextlib
import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pigment_watcher import __version__, errors, reasons
from pigment_watcher.clock import Clock
from pigment_watcher.drives import Drives
from pigment_watcher.files import moves, names, places, reading
from pigment_watcher.journal import Command
from pigment_watcher.model import ConditionKind, Fingerprint, Job, Outcome, Route, State
from pigment_watcher.policy import lanes, transitions, verdicts
from pigment_watcher.policy.decisions import Begin
from pigment_watcher.recorder import Recorder
from pigment_watcher.service.recovery import Recovery
from pigment_watcher.worker import Desk

#: An instance that did not show itself for so many seconds counts as dead.
DEAD_AFTER_S = 900.0

#: A job's number; longer ones are no number that the journal can hold.
_NUMBER = re.compile(r"[0-9]{1,18}")

_NO_FILE = frozenset({Outcome.GONE, Outcome.RETURNED})


class Operations:
    """Acts on commands; each returns a sentence for whoever asked, or raises RequestRefused."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        claim_again: Callable[[], None],
        recovery: Recovery,
        *,
        drives: Drives,
        desk: Desk,
    ) -> None:
        self._recorder = recorder
        self._journal = recorder.journal
        self._clock = clock
        # Only the intake claims: two threads over one file would each find it gone.
        self._claim_again = claim_again
        self._recovery = recovery
        self._drives = drives
        # Keeps the housekeeper off a file that is put back.
        self._desk = desk
        self._routes: dict[str, Route] = {}

    def set_routes(self, routes: Sequence[Route]) -> None:
        """Know the routes of the configuration in force."""
        self._routes = {route.name: route for route in routes}

    def answer_all(self) -> bool:
        """Act on every command that waits; return whether one did. Raises JournalError."""
        commands = self._journal.commands.unanswered()
        for command in commands:
            succeeded, answer = self._act(command)
            self._journal.commands.answer(
                command.id, succeeded=succeeded, answer=answer, now=self._clock.now()
            )
            self._recorder.announce(
                f"command.{command.name}",
                "info" if succeeded else "warning",
                asked_by=command.asked_by,
                answer=answer,
                **command.arguments,
            )
        return bool(commands)

    def _act(self, command: Command) -> tuple[bool, str]:
        actions: dict[str, Callable[..., str]] = {
            "retry": self._retry,
            "pause": self._pause,
            "resume": self._resume,
            "close-orphans": self._close_orphans,
            "accept-drive": self._accept_drive,
        }
        act = actions.get(command.name)
        if act is None:
            return False, f"this version knows no command {command.name!r}"
        try:
            inspect.signature(act).bind(command.asked_by, **command.arguments)
        except TypeError:  # asked by another version: not to be stumbled over at each start
            return False, f"this version understands {command.name!r} otherwise: ask again"
        try:
            return True, act(command.asked_by, **command.arguments)
        except errors.JournalError:
            raise
        except (errors.OperatorError, errors.FileError, OSError) as error:
            return False, str(error)

    # ---------------------------------------------------------------- retry

    def _retry(self, asked_by: str, what: str, *, even_if_imported: bool = False) -> str:
        job = self._failed_job(what)
        route = self._routes.get(job.route)
        if route is None:
            raise errors.RequestRefused(
                f"job {job.id}: its route {job.route} is no longer configured; drop the file"
                " into an inbox instead"
            )
        maybe = job.outcome in transitions.MAYBE_IMPORTED
        if maybe and not route.rules.may_repeat and not even_if_imported:
            raise errors.RequestRefused(
                f"job {job.id} ({job.name}) may have been imported: look at the block's Update"
                " History in Pigment first; if it is not there, or a second import is"
                " harmless, say retry --even-if-imported"
            )
        with self._desk.reserving(job.id) as free:
            if not free:
                raise errors.RequestRefused(
                    f"job {job.id} ({job.name}): its file is just being removed, as it is old"
                )
            # Asked for on purpose, so `duplicates: refuse` is not about it.
            again = self._again(job, route, asked_by).evolve(
                even_if_imported=even_if_imported or maybe
            )
            (retried,) = self._journal.jobs.add([again], event="job.retried")
        self._claim_again()
        self._remark_reason(job, again.source, retried)
        return f"job {retried.id}: {job.name} is back at the head of its lane"

    def _failed_job(self, what: str) -> Job:
        """Find the failed job that a number, a name or a path means."""
        found = self._journal.jobs.get(int(what)) if _NUMBER.fullmatch(what) else None
        candidates = [found] if found is not None else self._journal.jobs.of_file(what)
        if not candidates:
            raise errors.RequestRefused(f"{what}: the journal knows no such job or file")
        failed = [
            job for job in candidates if job.state is State.FAILED and job.outcome not in _NO_FILE
        ]
        job = (failed or candidates)[0]
        if job.state is not State.FAILED or job.outcome in _NO_FILE:
            state = job.outcome.value if job.outcome else job.state.value
            raise errors.RequestRefused(
                f"job {job.id} ({job.name}) is no failed one: it is {state}"
            )
        for later in self._journal.jobs.retries_of(job.id):
            if later.outcome not in _NO_FILE:
                raise errors.RequestRefused(
                    f"job {job.id} ({job.name}) was put back already, as job {later.id}"
                )
        return job

    def _again(self, job: Job, route: Route, asked_by: str) -> Job:
        """Return the new job of a failed one's file, as that lies there now."""
        if job.removed_at is not None:
            raise errors.RequestRefused(
                f"job {job.id} ({job.name}): its file was removed on"
                f" {verdicts.moment(job.removed_at)}, as keep_failed asks; drop the file into the"
                " inbox again"
            )
        fingerprint = None if job.target is None else self._look(job.target)
        if job.target is None or fingerprint is None:
            where = "in no folder of ours" if job.target is None else f"no longer at {job.target}"
            raise errors.RequestRefused(
                f"job {job.id}: its file is {where}; drop it into the inbox instead"
            )
        now = self._clock.now()
        return Job(
            id=0,
            route=route.name,
            configuration_id=route.configuration_id,
            rules=route.rules,
            source=job.target,
            name=job.name,
            fingerprint=fingerprint,
            state=State.QUEUED,
            due_at=now,
            created_at=now,
            owner_uid=job.owner_uid,
            owner_name=job.owner_name,
            priority=lanes.RETRY_FIRST,
            retry_of=job.id,
            asked_by=asked_by,
            version=__version__,
        )

    def _look(self, path: Path) -> Fingerprint | None:
        """Return what a retried file is, as its drive tells it."""
        drive = self._drives.of(path.parent)
        found = drive.work()(partial(reading.look, path))
        return found if found is None or drive.is_local else found.without_inode()

    def _remark_reason(self, job: Job, path: Path, retried: Job) -> None:
        """Say in the old reason file that the file is no longer here."""
        run = self._drives.of(path.parent).work()
        # The file is put back, whatever the text says.
        with contextlib.suppress(OSError, errors.FolderError):
            run(partial(_remark, path, job, retried, self._clock.now()))

    # ---------------------------------------------------------------- pause, resume

    def _pause(self, asked_by: str, route: str) -> str:
        self._known(route)
        self._recorder.begin(
            Begin(
                kind=ConditionKind.ROUTE_PAUSED,
                subject=route,
                detail=f"paused by {asked_by}; end it by: pigment-watcher resume {route}",
            )
        )
        return f"{route} is paused: its files are claimed and not pushed"

    def _resume(self, asked_by: str, route: str) -> str:  # noqa: ARG002  # the log names who
        lane = self._known(route).configuration_id
        self._recorder.end(ConditionKind.ROUTE_PAUSED, route)
        self._recorder.end(ConditionKind.LANE_HELD, lane)
        return f"{route} goes on"

    def _known(self, route: str) -> Route:
        if route not in self._routes:
            raise errors.RequestRefused(
                f"{route}: no such route; there are: {', '.join(sorted(self._routes))}"
            )
        return self._routes[route]

    # ---------------------------------------------------------------- close-orphans

    def _close_orphans(self, asked_by: str, instance: str) -> str:  # noqa: ARG002
        own = self._journal.identity.instance
        if instance == own:
            raise errors.RequestRefused(f"{instance}: this is the running service itself")
        folders = {route.rules.directory for route in self._routes.values()}
        there = [folder for folder in sorted(folders) if instance in self._instances(folder)]
        if not there:
            raise errors.RequestRefused(f"{instance}: no inbox has files of such an instance")
        for folder in there:
            run = self._drives.of(folder).work()
            if run(partial(places.silent_s, folder, instance, own)) < DEAD_AFTER_S:
                raise errors.RequestRefused(
                    f"{instance}: a service used {folder} under this name minutes ago; stop it"
                    " first, and ask again a quarter of an hour later"
                )
        closed: list[Job] = []
        for folder in there:
            with moves.translated(folder):
                closed += self._recovery.adopt(folder, instance)
                self._recovery.report_others(folder)
        return f"{len(closed)} file(s) of {instance} are now in failed/, as unsure"

    def _instances(self, folder: Path) -> list[str]:
        return self._drives.of(folder).work()(partial(places.instances, folder))

    # ---------------------------------------------------------------- accept-drive

    def _accept_drive(self, asked_by: str, route: str) -> str:  # noqa: ARG002
        rules = self._known(route).rules
        folders = (rules.directory, rules.done, rules.failed)
        self._journal.identity.forget_drives(folders)
        self._drives.forget(folders)
        self._recovery.accept(rules.directory)
        return f"{route}: its folders are taken as they lie now"


def _remark(path: Path, job: Job, retried: Job, now: float) -> None:
    reason = path.with_name(names.beside(path.name, names.REASON))
    if reading.look(reason) is not None:
        remarked = reasons.put_back(reason.read_bytes(), retried, now)
        moves.replace_own(reason, remarked, f"pigment-watcher-{job.id}")
