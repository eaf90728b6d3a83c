"""Histories: what people, the service, its kills and the stand-in do to some inboxes, in any order.

The service is a `Rig`, so that thousands of histories take minutes. `history_checks` says what must
hold after each step.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from clock_fixtures import BEGIN
from history_routes import MARKED, MARKER, ROUTES, SALES, Dropped, make_routes, with_other_rules
from kill_fixtures import Fuse, Killed
from rig_fixtures import Rig, eventually

from pigment_watcher.files import places
from pigment_watcher.journal import Journal, Work
from pigment_watcher.model import ConditionKind, Job, JobEvent, Route, State
from pigment_watcher.policy import lanes
from pigment_watcher.service.operations import DEAD_AFTER_S
from pigment_watcher.service.reloading import Reloading
from pigment_watcher.simulator import Fault, Simulator

#: So many looks, each with all the work that is due then, bring everything to its end.
LOOKS = 30
#: No look leaves more deeds than these.
DEEDS = 400

Act = Callable[[], object]
Fate = Literal["Completed", "Failed"]
#: What the service is in the midst of; nothing, if empty.
Doing = Literal["", "start", "look", "take", "work", "ask"]


class History:
    """Three inboxes and a service; each method is one thing that happens.

    `elsewhere` should lie on another file system than `folder`, so that files are copied there.
    """

    def __init__(self, folder: Path, elsewhere: Path, pigment: Simulator) -> None:
        self.folder = folder
        self.elsewhere = elsewhere
        self.pigment = pigment
        self.fuse = Fuse()
        self.dropped: dict[bytes, Dropped] = {}
        self.known = make_routes(folder, elsewhere)
        #: What must never be touched: files that were there before.
        self.guarded = self._guard()
        #: What was seen to be wrong while something happened.
        self.wrongs: list[str] = []
        #: Where files of failed/ lay that people took back.
        self.taken_back: set[Path] = set()
        #: Whether the journal has forgotten what it once knew.
        self.has_forgotten = False
        #: Whether no start has found that out yet.
        self.is_deceived = False
        self.is_up = True
        #: Whether nothing was found to be wrong so far.
        self.is_well = True
        self._number = 0
        self._doing: Doing = ""
        self._is_all_returned = True
        self._markers: set[Path] = set()
        self._fate: Fate | None = "Completed"
        self._untold: set[str] = set()
        self._copy: Path | None = None
        self.rig = Rig(folder, *self.known.values(), url=pigment.url)
        self.rig.ear.on_job = self._hear
        self._begin()

    def _guard(self) -> dict[Path, bytes]:
        found = {}
        for one in self.known.values():
            for place in (one.rules.done, one.rules.failed):
                place.mkdir(parents=True)
                path = place / "a.csv"
                path.write_bytes(b"not yours\n")
                found[path] = path.read_bytes()
        return found

    def close(self) -> None:
        """Let go of everything."""
        self.rig.close()

    # ---------------------------------------------------------------- people

    def drop(self, name: str, route: str = SALES, *, age: int = 0, in_place: bool = False) -> bytes:
        """Write a new file, or write one anew; the higher its age, the sooner its turn."""
        number = self._number = self._number + 1
        data = f"month,account,amount\n2026-09,{number},{route}\n".encode()
        path = self._inbox(route) / name
        before = self._forget(path)
        if in_place:
            path.write_bytes(data)
        else:
            part = self.folder / "dropping"
            part.write_bytes(data)
            part.replace(path)
        # Each version has a time of its own, however quick this is.
        mtime_ns = int(BEGIN - 1000 * age) * 10**9 + number
        os.utime(path, ns=(mtime_ns, mtime_ns))
        released = route != MARKED or (before is not None and before.released)
        marker = path.with_name(name + MARKER)
        if not released and marker in self._markers:
            self._markers.discard(marker)
            released = True
        self.dropped[data] = Dropped(route, name, data, released)
        return data

    def delete(self, name: str, route: str = SALES) -> None:
        """Remove a file from its inbox, if it is still there."""
        path = self._inbox(route) / name
        if (lying := self._forget(path)) is not None:
            path.unlink()
            if lying.released:
                self._markers.add(path.with_name(name + MARKER))  # it stays for the next file

    def mark(self, name: str) -> None:
        """Write the marker of a file."""
        path = self._inbox(MARKED) / name
        marker = path.with_name(name + MARKER)
        lying = self._lying(path)
        if lying is not None and not lying.released:
            lying.released, lying.is_marked = True, not marker.exists()
        else:
            self._markers.add(marker)  # it is the next file's
        marker.write_bytes(b"")

    def drag_back(self, number: int) -> None:
        """Drag a file from a failed/ into its inbox, which allows one more push."""
        failed = [
            (one, path)
            for one in self.dropped.values()
            for path in [self._in_failed(one)]
            if path is not None
        ]
        if not failed:
            return
        one, path = failed[number % len(failed)]
        # A name that nothing has: one that waits for its marker may still lie there.
        self._number += 1
        to = self._inbox(one.route) / f"again-{self._number}.csv"
        shutil.move(path, to)
        self.taken_back.add(path)
        one.name = to.name
        one.repeats += 1
        one.released, one.is_marked = one.route != MARKED, False

    def _inbox(self, route: str) -> Path:
        return self.known[route].rules.directory

    def _inboxes(self) -> list[Path]:
        return sorted(one.rules.directory for one in self.known.values())

    def _lying(self, path: Path) -> Dropped | None:
        return self.dropped.get(path.read_bytes()) if path.is_file() else None

    def _forget(self, path: Path) -> Dropped | None:
        """Forget a file that its owner removes or replaces."""
        lying = self._lying(path)
        if lying is not None:
            del self.dropped[lying.data]
        return lying

    def _in_failed(self, one: Dropped) -> Path | None:
        folder = self.known[one.route].rules.failed
        found = (path for path in folder.iterdir() if path.read_bytes() == one.data)
        return next(found, None)

    # ---------------------------------------------------------------- the destination

    def answer(self, *faults: Fault) -> None:
        """Let the destination answer so next."""
        self.pigment.script(*faults)

    def decide(self, fate: Fate | None) -> None:
        """Let all later imports end so, or be in progress until it is told."""
        self._fate = fate

    def tell(self, fate: Fate) -> None:
        """End the imports that wait for it."""
        for import_id in self._untold:
            self.pigment.finish(import_id, fate)
        self._untold = set()

    def _end_imports(self) -> None:
        for one in self.pigment.imports():
            if one.state == "InProgress" and one.id not in self._untold:
                if self._fate is None:
                    self._untold.add(one.id)
                else:
                    self.pigment.finish(one.id, self._fate)

    # ---------------------------------------------------------------- the service

    def look(self) -> None:
        """Let the intake find, settle and claim."""
        for _ in range(2):
            self._live("look", self.rig.look)

    def work(self, deeds: int = 1) -> int:
        """Let a worker do so many deeds at most; return how many were due."""
        for done in range(deeds):
            if not self._live("take", self._work_once):
                return done
        return deeds

    def _work_once(self) -> bool:
        work = self.rig.next_work()
        if work is None:
            return False
        if work.step == "push" and work.job is not None:
            self._check_turn(work.job)
        with self._in_hands(work):
            self._doing = "work"  # no sooner: to choose it and to take it is one deed of the desk
            self.rig.worker.do(work)
        return True

    @contextmanager
    def _in_hands(self, work: Work) -> Iterator[None]:
        self.rig.desk._hold(work)
        try:
            yield
        finally:
            self.rig.desk.put_back(work)

    def stop(self) -> None:
        """Stop, so that people act while nothing runs; the next deed starts it again."""
        self.is_up = False
        self.rig.close()

    def kill(self, points: int) -> None:
        """Let the service be killed after so many write points."""
        self.fuse.set(points)

    def meanwhile(self, points: int, act: Act, *during: Doing) -> None:
        """Let somebody act after so many write points, in the midst of what the service does."""

        def may_act() -> bool:
            if self._doing not in during:
                return False
            # Whoever acts waits for the journal as every other thread does.
            return not self.is_up or not self.rig.journal._database._connection.in_transaction

        self.fuse.set(points, act, may_act=may_act)

    def _live(self, doing: Doing, deed: Callable[[], bool | None]) -> bool:
        """Let the service do something; if it is killed on the way, only the disk remembers."""
        if self._doing:
            return deed() is not False  # another of its threads is in the midst of something
        self._doing = doing if self.is_up else "start"
        self.is_well, did = False, True
        try:
            with self.fuse.lit():
                if not self.is_up:
                    self.rig.start()
                    self._begin()
                    self._doing = doing
                if not self._is_all_returned:
                    self._return_changed()
                did = deed() is not False
        except Killed:
            self.fuse.clear()
            self._let_go()
        finally:
            self._doing = ""
        self._end_imports()
        self.is_well = True
        return did

    def _let_go(self) -> None:
        """Let go of everything as the kernel does for a killed process."""
        self.stop()
        # What was sent arrives, whoever sent it.
        server = self.pigment._server
        eventually(lambda: server is None or not server._open)

    def _begin(self) -> None:
        """Do what the service does before it starts its threads."""
        rig = self.rig
        self._operations = rig.operations()
        self._reloading = Reloading(rig.recorder, rig.clock, rig.desk)
        rig.recovery.run()
        self._return_changed()
        self.is_up, self.is_deceived = True, False
        self._operations.answer_all()

    # ---------------------------------------------------------------- operators

    def ask(self, command: str, **arguments: object) -> bool:
        """Ask for something as the commands do, and return whether it was granted."""
        granted = False

        def act() -> None:
            nonlocal granted
            commands = self.rig.journal.commands
            asked = commands.ask(command, arguments, asked_by="me", now=self.rig.clock.now())
            self._operations.answer_all()
            answer = commands.get(asked)
            granted = answer is not None and bool(answer.succeeded)

        self._live("ask", act)
        return granted

    def pause(self, route: str) -> None:
        """Pause a route, if it is there."""
        self.ask("pause", route=route)

    def resume(self, route: str) -> None:
        """Let a route go on."""
        self.ask("resume", route=route)

    def retry(self, number: int, *, even_if_imported: bool = False) -> None:
        """Put a failed file back at the head of its lane."""
        failed = [job for job in self.jobs() if job.state is State.FAILED and job.target]
        if not failed:
            return
        job = failed[number % len(failed)]
        one = self._lying(job.target) if job.target is not None else None
        # That an import failed is known, so to put its file back is to ask for another.
        if one is not None and (even_if_imported or self._has_failed(job)):
            one.repeats += 1
        self.ask("retry", what=str(job.id), even_if_imported=even_if_imported)

    def _has_failed(self, job: Job) -> bool:
        return any(
            one.id == job.import_id and one.state == "Failed" for one in self.pigment.imports()
        )

    def reload(self, *names: str, changed: bool = False) -> None:
        """Take over a configuration with these routes alone, by changed rules if need be."""
        routes = tuple(
            with_other_rules(self.known[name]) if changed else self.known[name] for name in names
        )
        self._live("ask", partial(self._take_over, routes))

    def _take_over(self, routes: tuple[Route, ...]) -> None:
        """Do what the service does at a SIGHUP, in its order."""
        rig = self.rig
        stays = [one for one in routes if one in rig.routes]
        rig.routes = routes
        rig.recorder.set_routes(routes)
        rig.recovery.set_routes(routes)
        self._operations.set_routes(routes)
        rig.intake.set_routes(stays)
        rig.intake.round()
        rig.intake.set_routes(routes)
        self._return_changed()
        self._reloading.try_at_once()

    def _return_changed(self) -> None:
        """Put back what waits under other rules; what a worker holds comes up again."""
        self._is_all_returned = self._reloading.return_changed(self.rig.routes)

    def lose_journal(self) -> None:
        """Lose the state directory, so that a new instance begins."""
        self.stop()
        self.has_forgotten = self.is_deceived = True
        shutil.rmtree(self.folder / "state")
        (self.folder / "state").mkdir()

    def copy_journal(self) -> None:
        """Copy the journal, as a backup does."""
        self.stop()
        self._copy = self.folder / "journal.copy"
        shutil.copy(self.folder / "state" / "journal.db", self._copy)

    def put_copy_back(self) -> None:
        """Put the copy in the journal's place: what happened since is not in it."""
        if self._copy is not None:
            self.stop()
            self.has_forgotten = self.is_deceived = True
            shutil.copy(self._copy, self.folder / "state" / "journal.db")

    def close_orphans(self) -> None:
        """Say that all other instances are dead."""
        own = self.instance()
        for folder in self._inboxes():
            for instance in places.instances(folder):
                if instance != own:
                    self._fall_silent(folder, instance)
                    self.ask("close-orphans", instance=instance)

    def _fall_silent(self, folder: Path, instance: str) -> None:
        starts = places.home(folder, instance) / places.STARTS
        if starts.exists():
            long_ago = starts.stat().st_mtime - 2 * DEAD_AFTER_S
            os.utime(starts, (long_ago, long_ago))

    # ---------------------------------------------------------------- the end

    def end_well(self) -> None:
        """Let everybody be well again, and everything come to its end."""
        self.fuse.clear()
        self.pigment._book._script.clear()
        self.decide("Completed")
        self.tell("Completed")
        self.reload(*ROUTES)
        for _ in range(LOOKS):
            for name in ROUTES:
                self.resume(name)
            self.look()
            self.close_orphans()
            done = self.work(DEEDS)
            assert done < DEEDS, "there is no end of work"
            # What was done may have brought a file back, which is to be looked for.
            if not done and not self.unfinished() and not self._claimed():
                return
        left = [(job.id, job.name, job.state.value) for job in self.unfinished()]
        raise AssertionError(f"not all came to an end: {left}, {self._claimed()}")

    def _claimed(self) -> list[Path]:
        return [
            path
            for folder in self._inboxes()
            for instance in places.instances(folder)
            for path in places.claimed(folder, instance)
        ]

    # ---------------------------------------------------------------- what the journal says

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """Lend the journal, whether the service runs or not."""
        if self.is_up:
            yield self.rig.journal
            return
        journal = Journal.open(self.folder / "state")
        try:
            yield journal
        finally:
            journal.close()

    def jobs(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        with self.journal() as journal:
            return journal.jobs.history()[::-1]

    def unfinished(self) -> list[Job]:
        """Return the jobs that are not at their end."""
        return [job for job in self.jobs() if not job.state.is_final]

    def instance(self) -> str:
        """Return whose folders in processing/ are the journal's own."""
        with self.journal() as journal:
            return journal.identity.instance

    # ---------------------------------------------------------------- order

    def _check_turn(self, job: Job) -> None:
        """Note a job that is pushed before its turn; only the retry of a held lane may be."""
        jobs = self.rig.journal.jobs.unfinished()
        held = self.rig.journal.conditions.get(ConditionKind.LANE_HELD, job.configuration_id)
        before = [
            other.name
            for other in jobs
            if other.configuration_id == job.configuration_id
            if other.state is State.QUEUED and _place(other) < _place(job)
        ]
        if before and held is None:
            self.wrongs.append(f"{job.name} (job {job.id}) overtook {before}")

    def _hear(self, event: JobEvent) -> None:
        """Note a push that begins while another import of its lane is under way."""
        if event.name != "job.pushing":
            return
        beside = [
            other.id
            for other in self.rig.journal.jobs.unfinished()
            if other.configuration_id == event.job.configuration_id and other.id != event.job.id
            if other.state in {State.PUSHING, State.IMPORTING}
        ]
        if beside:
            self.wrongs.append(f"job {event.job.id} is pushed beside {beside}")


def _place(job: Job) -> tuple[int, lanes.OrderKey, int]:
    key = lanes.order_key(job.rules.order, job.fingerprint, os.fsencode(job.name))
    return job.priority, key, job.id
