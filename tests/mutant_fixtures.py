"""Wrong designs, made by changing the product within this process, and histories that show them.

Each is what somebody might have built, or might still make of it. `MUTANTS` must be caught.
`HARMLESS` are not wrong in what they do, for the reason that stands there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from history_fixtures import History
from short_histories import (
    answer_lost,
    came_late,
    import_missing,
    import_runs,
    journal_lost,
    journal_put_back,
    killed_between_drives,
    killed_everywhere,
    killed_with_marker,
    neighbour_lives,
    next_unmarked,
    one_file,
    put_back_before_a_look,
    refused_everywhere,
    reloaded,
    reloaded_meanwhile,
    retried,
    server_fails,
)

from pigment_watcher import errors
from pigment_watcher.files import claims, moves, names, places, reading
from pigment_watcher.intake.claiming import Claimer
from pigment_watcher.intake.inbox import Candidate
from pigment_watcher.journal import database
from pigment_watcher.journal.agenda import Agenda
from pigment_watcher.journal.database import Database
from pigment_watcher.journal.jobs import Jobs
from pigment_watcher.model import Asking, ImportState, ImportStatus, Job, LoadMode, State
from pigment_watcher.pigment.body import Body
from pigment_watcher.policy import polls, pushes, transitions, verdicts
from pigment_watcher.policy.decisions import Decision, Surroundings
from pigment_watcher.service import operations, recovery
from pigment_watcher.service.reloading import Reloading
from pigment_watcher.steps import archive, push
from pigment_watcher.worker.desk import Desk
from pigment_watcher.worker.loop import Worker

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong design: what is broken, how, and a history that goes wrong by it.

    `by_chance` tells that random histories find it soon, too.
    """

    name: str
    broken: str
    apply: Callable[[Patch], None]
    history: Callable[[History], None]
    by_chance: bool = False


# ---------------------------------------------------------------- intent


def _send_before_intent(patch: Patch) -> None:
    begin = Body.begin

    def late(self: Body) -> None:
        if self.taken:  # the second time that a block is asked for: the first one has left
            begin(self)

    patch.setattr(Body, "begin", late)


def _intent_after_answer(patch: Patch) -> None:
    send = push.attempt

    def attempt(job: Job, file: reading.Lent, sending: push.Sending) -> push.Pushed:
        pushed = send(job, file, replace(sending, before_body=lambda: None))
        sending.before_body()
        return pushed

    patch.setattr(push, "attempt", attempt)


def _resend_after_crash(patch: Patch) -> None:
    after_crash = pushes.after_crash

    def again(job: Job, around: Surroundings) -> Decision:
        return after_crash(_repeatable(job), around)

    patch.setattr(pushes, "after_crash", again)


def _repeatable(job: Job) -> Job:
    return job.evolve(rules=replace(job.rules, load_mode=LoadMode.UPDATE))


def _forget_import_id(patch: Patch) -> None:
    accepted = pushes._accepted

    def forget(*arguments: Any) -> Decision:
        decision = accepted(*arguments)
        return replace(decision, changes={**decision.changes, "import_id": None})

    patch.setattr(pushes, "_accepted", forget)


# ---------------------------------------------------------------- answers


def _server_error_is_not_taken(patch: Patch) -> None:
    patch.setattr(pushes, "NOT_NOW", pushes.NOT_NOW | set(range(500, 600)))


def _lost_answer_is_not_taken(patch: Patch) -> None:
    patch.setattr(pushes, "_not_known", pushes._unreachable)


def _missing_import_is_pushed_again(patch: Patch) -> None:
    _no_transitions(patch)

    def again(job: Job, around: Surroundings) -> Decision:
        return Decision(state=State.QUEUED, due_at=around.now, event="job.push_postponed")

    patch.setattr(polls, "_import_missing", again)


def _any_status_is_done(patch: Patch) -> None:
    polled = polls._polled

    def done(job: Job, status: ImportStatus, around: Surroundings, asked: Asking) -> Decision:
        return polled(job, replace(status, state=ImportState.COMPLETED), around, asked)

    patch.setattr(polls, "_polled", done)


# ---------------------------------------------------------------- the journal


def _no_transitions(patch: Patch) -> None:
    """Let the journal take any step, from whatever state."""
    move, begin = Jobs.move, Database.writing

    def anyhow(self: Jobs, job: Job, to: State, **said: Any) -> Job:
        now = self.get(job.id)
        return move(self, job if now is None else job.evolve(state=now.state), to, **said)

    def without_trigger(self: Database) -> Any:
        if not self._depth:
            self._connection.execute("DROP TRIGGER IF EXISTS jobs_step")
        return begin(self)

    patch.setattr(Jobs, "move", anyhow)
    patch.setattr(Database, "writing", without_trigger)
    patch.setattr(database, "_refuse_misshapen", lambda *_: None)  # a start would see it


def _other_sql(patch: Patch, before: str, after: str) -> None:
    rows = Agenda._rows

    def changed(self: Agenda, sql: str, *values: object) -> list[Any]:
        return rows(self, sql.replace(before, after), *values)

    patch.setattr(Agenda, "_rows", changed)


def _two_at_once(patch: Patch) -> None:
    _other_sql(patch, "state IN ('PUSHING', 'IMPORTING')", "state = 'PUSHING'")


def _no_order(patch: Patch) -> None:
    _other_sql(patch, "ORDER BY priority, sort_modified, name, id", "ORDER BY id")


def _older_copy_goes_on(patch: Patch) -> None:
    def none(directory: Path, instance: str) -> int:
        return 0

    patch.setattr(places, "read_starts", none)
    patch.setattr(places, "noted_pushes", lambda *_: {})


def _start_told_late(patch: Patch) -> None:
    patch.setattr(recovery, "_tell_start", lambda *_: None)
    patch.setattr(places, "noted_pushes", lambda *_: {})  # or the pushes tell it


# ---------------------------------------------------------------- claims


def _claim_by_copy(patch: Patch) -> None:
    def take(source: Path, to: Path, expected: object) -> None:
        moves._copy(source, to, to.parent.name)
        source.unlink()

    patch.setattr(claims, "take", take)


def _row_after_rename(patch: Patch) -> None:
    claim = Claimer.claim

    def rename_first(self: Claimer, candidates: Sequence[Candidate]) -> Any:
        last = max((job.id for job in self._journal.jobs.history(most=1)), default=0)
        for number, one in enumerate(candidates, start=last + 1):
            places.make_places(one.directory, self._instance, [number])
            to = places.path(one.directory, self._instance, number, one.source.name)
            moves.rename(one.source, to)
        return claim(self, candidates)

    patch.setattr(Claimer, "claim", rename_first)


def _claims_are_not_completed(patch: Patch) -> None:
    patch.setattr(Jobs, "unclaimed", lambda _: [])


def _marker_stays(patch: Patch) -> None:
    patch.setattr(claims, "take_marker", lambda *_: None)


def _marker_after_file(patch: Patch) -> None:
    take, take_marker = claims.take, claims.take_marker
    waiting: list[tuple[Path, Path]] = []

    def file_first(source: Path, to: Path, expected: Any) -> None:
        take(source, to, expected)
        while waiting:
            take_marker(*waiting.pop())

    patch.setattr(claims, "take_marker", lambda *said: waiting.append(said))
    patch.setattr(claims, "take", file_first)


# ---------------------------------------------------------------- archives


def _overwrite(patch: Patch) -> None:
    def plain(folder: Path, name: str, now: float) -> Path:
        return folder / name

    def over(source: Path, target: Path) -> None:
        source.replace(target)

    patch.setattr(names, "free", plain)
    patch.setattr(moves, "rename", over)
    patch.setattr(archive, "_finish_copy", lambda path, target: path.replace(target))


def _archive_before_outcome(patch: Patch) -> None:
    conclude = Worker._conclude

    def move_first(self: Worker, job: Job, decision: Decision, *request: Any) -> None:
        if decision.state is State.ARCHIVING and decision.verdict is not None:
            decided = job.evolve(outcome=decision.verdict.outcome)
            run = self._mover(decided, archive.folder(decided))
            decided = decided.evolve(target=self._plan(decided, run))
            archive.archive(decided, self._office.instance)
        conclude(self, job, decision, *request)

    patch.setattr(Worker, "_conclude", move_first)


def _reason_after_move(patch: Patch) -> None:
    bring, write = archive.archive, archive._write_texts

    def move_first(job: Job, instance: str) -> str:
        path = places.path(job.rules.directory, instance, job.id, job.name)
        is_here = path.exists()
        said = bring(job, instance)
        if is_here and job.target is not None:
            write(job, job.target, instance)
        return said

    patch.setattr(archive, "archive", move_first)
    patch.setattr(archive, "_write_texts", lambda *_: None)


def _unlink_before_copy(patch: Patch) -> None:
    def copy(source: Path, target: Path, token: str) -> None:
        data = source.read_bytes()
        source.unlink()
        moves.write_new(target, data, token)

    patch.setattr(moves, "_copy", copy)


# ---------------------------------------------------------------- operators and starts


def _retry_as_you_like(patch: Patch) -> None:
    patch.setattr(transitions, "MAYBE_IMPORTED", frozenset())


def _reload_returns_all(patch: Patch) -> None:
    def return_all(self: Reloading, routes: Sequence[Any]) -> bool:
        now = {route.name: route.rules for route in routes}
        for job in self._recorder.journal.jobs.unfinished():
            if job.state is not State.ARCHIVING and now.get(job.route) != job.rules:
                verdict = verdicts.returned("its route changed")
                decision = Decision(
                    state=State.ARCHIVING, due_at=self._clock.now(), verdict=verdict
                )
                self._recorder.decide(job, decision)
        return True

    patch.setattr(Reloading, "return_changed", return_all)


def _reload_minds_no_worker(patch: Patch) -> None:
    patch.setattr(Desk, "_hold", lambda *_: None)


def _orphans_are_sent(patch: Patch) -> None:
    def back(self: recovery.Recovery, folder: Path, path: Path) -> None:
        moves.rename(path, folder / path.name)

    patch.setattr(recovery.Recovery, "_adopt_file", back)


def _close_what_lives(patch: Patch) -> None:
    patch.setattr(operations, "DEAD_AFTER_S", -float("inf"))


MUTANTS = (
    Mutant(
        "sent before intent",
        "the first block leaves before PUSHING is on the disk",
        _send_before_intent,
        killed_everywhere,
    ),
    Mutant(
        "intent after answer",
        "PUSHING is stored when the answer is there",
        _intent_after_answer,
        killed_everywhere,
    ),
    Mutant(
        "sent again after a crash",
        "a job found in PUSHING is pushed again, whatever its route says",
        _resend_after_crash,
        killed_everywhere,
    ),
    Mutant(
        "import ID not stored",
        "what Pigment calls the import is not stored before it is asked after",
        _forget_import_id,
        one_file,
    ),
    Mutant(
        "5xx is a refusal",
        "a server's error counts as: not taken",
        _server_error_is_not_taken,
        server_fails,
    ),
    Mutant(
        "silence is a refusal",
        "a lost answer counts as: not taken",
        _lost_answer_is_not_taken,
        answer_lost,
        by_chance=True,
    ),
    Mutant(
        "missing import pushed again",
        "an import that Pigment does not know is pushed anew",
        _missing_import_is_pushed_again,
        import_missing,
    ),
    Mutant(
        "any status is done",
        "a status call that is answered counts as Completed",
        _any_status_is_done,
        import_runs,
    ),
    Mutant(
        "two at once",
        "a lane does not wait for its import",
        _two_at_once,
        import_runs,
        by_chance=True,
    ),
    Mutant(
        "no order",
        "files are pushed in the order in which they were found",
        _no_order,
        came_late,
        by_chance=True,
    ),
    Mutant(
        "older journal goes on",
        "nobody looks whether a later start was made than the journal knows",
        _older_copy_goes_on,
        journal_put_back,
    ),
    Mutant(
        "start told late",
        "a folder hears of a start at the first look, when something may have been sent",
        _start_told_late,
        put_back_before_a_look,
    ),
    Mutant(
        "claim by copy",
        "a file is copied into processing/ and then removed",
        _claim_by_copy,
        killed_everywhere,
    ),
    Mutant(
        "row after rename",
        "a file is in processing/ before a row knows it",
        _row_after_rename,
        killed_everywhere,
    ),
    Mutant(
        "claims not completed",
        "a row whose file is still in the inbox is forgotten",
        _claims_are_not_completed,
        killed_everywhere,
    ),
    Mutant(
        "marker stays",
        "the marker is left behind when its file is taken",
        _marker_stays,
        next_unmarked,
    ),
    Mutant(
        "marker after its file",
        "the marker is taken when its file is in processing/ already",
        _marker_after_file,
        killed_with_marker,
    ),
    Mutant("overwritten", "what has the name already is replaced", _overwrite, one_file),
    Mutant(
        "moved before the outcome",
        "a file is moved to its end before that is stored",
        _archive_before_outcome,
        killed_everywhere,
        by_chance=True,
    ),
    Mutant(
        "reason after the move",
        "the reason is written when the file is in failed/ already",
        _reason_after_move,
        refused_everywhere,
    ),
    Mutant(
        "removed before the copy",
        "between drives a file is removed before its copy is whole",
        _unlink_before_copy,
        killed_between_drives,
    ),
    Mutant(
        "retried as you like",
        "what may have been imported is put back without --even-if-imported",
        _retry_as_you_like,
        retried,
    ),
    Mutant(
        "reload returns all",
        "a file whose route changed goes back, pushed or not",
        _reload_returns_all,
        reloaded,
    ),
    Mutant(
        "reload minds no worker",
        "a file goes back while a worker has it in its hands",
        _reload_minds_no_worker,
        reloaded_meanwhile,
    ),
    Mutant(
        "orphans are sent",
        "a file in processing/ that no row knows goes back to its inbox",
        _orphans_are_sent,
        journal_lost,
    ),
    Mutant(
        "the living are closed",
        "close-orphans does not look whether the instance lives",
        _close_what_lives,
        neighbour_lives,
    ),
)

BY_CHANCE = tuple(mutant for mutant in MUTANTS if mutant.by_chance)
#: How a history goes wrong: by what must hold, or by what no part of the product expects.
CAUGHT = (AssertionError, errors.PigmentWatcherError, OSError, ValueError)

_A_NET = (
    "the journal takes any step: nothing ever asks for a wrong one, so the trigger and the"
    " state in the UPDATE are a net under what `reserving` and recovery hold already"
)
#: Not wrong by themselves, with the reason why not.
HARMLESS = (Mutant("no trigger", _A_NET, _no_transitions, killed_everywhere),)
