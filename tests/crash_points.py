"""The installed program, killed by -9 at a named point: crash_points.py POINT ARGUMENT...

A body goes out byte by byte, so that a point can lie between two of them.
"""

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pigment_watcher import cli
from pigment_watcher.journal import database
from pigment_watcher.model import State
from pigment_watcher.pigment import body

Function = Callable[..., Any]

COMMIT = "journal.database:Database._commit"
ADD, MOVE = "journal.jobs:Jobs.add", "journal.jobs:Jobs.move"
SYNC, RENAME = "files.moves:sync", "files.moves:rename"
HOME = "files.places:make_home"
COPY = "files.moves:_copy"
PLAN, ARCHIVE = "steps.archive:plan", "steps.archive:archive"
READ = "pigment.body:Body.read"


@dataclass(frozen=True, slots=True)
class Point:
    """A moment: before or after the `at`-th call of a function of the product.

    The calls count from when `since` is called, the first time with `of` among its arguments.
    """

    what: str
    function: str
    after: bool = False
    at: int = 1
    since: str = ""
    of: State | None = None


def _synced(what: str, at: int, since: str) -> Point:
    return Point(what, SYNC, after=True, at=at, since=since)


def _commit(what: str, since: str, of: State | None = None) -> Point:
    return Point(what, COMMIT, since=since, of=of)


def _around(**points: Point) -> dict[str, Point]:
    """Return each point twice: before the call, and after it."""
    return {
        f"{moment}-{name.replace('_', '-')}": replace(point, after=moment == "after")
        for name, point in points.items()
        for moment in ("before", "after")
    }


#: The start, and the way of a file from its inbox to the answer.
COMING = {
    **_around(
        journal_made=Point("the empty journal", "journal.database:_create"),
        tables_made=Point("the journal's tables", "journal.database:_migrate"),
        start_counted=_commit(
            "the count of starts in the journal", "journal.identity:Identity.count_start"
        ),
        starts_written=Point("the count of starts in the folder", "files.moves:replace_own"),
        drive_known=_commit("what the inbox lies on", "journal.identity:Identity.remember_drives"),
        row=_commit("the row of the file", ADD),
        place=Point("the job's folder", "files.places:make_places"),
        claim=Point("the rename out of the inbox", RENAME, since="files.claims:take"),
        claimed=_commit("that the file is claimed", "journal.jobs:Jobs.claimed"),
        pushing=_commit("the intent", MOVE, State.PUSHING),
        importing=_commit("Pigment's import ID", MOVE, State.IMPORTING),
    ),
    "state-made": Point(
        "the state directory is made and not synced", SYNC, at=2, since="files.moves:make_folder"
    ),
    "processing-made": Point("processing/ is made and not synced", SYNC, since=HOME),
    "home-made": Point("the instance's folder is made and not synced", SYNC, at=2, since=HOME),
    "starts-half-written": Point(
        "the count is in its part only", "files.moves:_write_part", after=True
    ),
    "place-synced": _synced("the claim is on the disk in the place", 1, "files.claims:take"),
    "inbox-synced": _synced("the claim is on the disk in the inbox", 2, "files.claims:take"),
    "connected": Point("the connection stands", "pigment.guard:Guard.connected", after=True),
    "first-byte": Point("one byte of the body has left", READ, at=2),
    "half-body": Point("half of the body has left", READ, at=35),
    "last-byte": Point("the body has left", "pigment.transport:_Connection.getresponse"),
    "answered": Point(
        "the answer is read and not stored", "pigment.client:Client.push", after=True
    ),
}
#: From the answer to the end.
GOING = {
    **_around(
        poll=Point("the question how the import went", "pigment.client:Client.status"),
        slot=Point(
            "the slot of a status call",
            "journal.calls:Calls.book",
            since="worker.loop:Worker._poll",
        ),
        archiving=_commit("the outcome and where the file goes", MOVE, State.ARCHIVING),
        archive=Point("the rename to where the file ended", RENAME, since="files.moves:move"),
        place_dropped=Point("the removal of the job's folder", "files.places:drop_place"),
        finished=_commit("the end", "recorder:Recorder.finish"),
    ),
    "folder-made": Point("done/ or failed/ is made and not synced", SYNC, at=2, since=PLAN),
    "target-synced": _synced("the move is on the disk in its target", 1, ARCHIVE),
    "source-synced": _synced("the move is on the disk in its source", 2, ARCHIVE),
}
#: What only a file that fails comes by.
FAILING = {
    **_around(
        reason=Point("the reason file", "files.moves:write_new"),
        reason_named=Point("the reason file gets its name", RENAME, since="files.moves:write_new"),
    ),
    "held": Point(
        "the outcome is stored, the held lane is not", "journal.conditions:Conditions.begin"
    ),
}
#: What only a file comes by of which something was left out.
SKIPPING = {
    **_around(
        report=Point("the report file", "files.moves:write_new"),
        report_named=Point("the report file gets its name", RENAME, since="files.moves:write_new"),
    ),
}
#: The same, where that counts as a failure: its reason comes after its report.
SKIPPING_BADLY = {
    **_around(second_text=Point("the reason file", "files.moves:write_new", at=2)),
}
#: What only a file with a marker comes by.
MARKED = {
    **_around(
        marker=Point("the rename of the marker", RENAME, since="files.claims:take_marker"),
        marker_taken=Point("the marker is taken", "files.claims:take_marker"),
        claim=COMING["before-claim"],
    ),
    "marker-synced": _synced("the marker's move is on the disk", 2, "files.claims:take_marker"),
    "place-synced": COMING["place-synced"],
    "before-marker-removed": GOING["before-place-dropped"],
    "marker-removed": GOING["after-place-dropped"],
}
#: A move between two file systems.
COPYING = {
    **_around(
        copy=Point("the copy", COPY),
        part=Point(
            "the comparison of the copy with its source", "files.moves:same_bytes", since=COPY
        ),
        copy_named=Point("the copy gets its name", RENAME, since=COPY),
        copy_synced=Point("the copy's name is on the disk", SYNC, since=COPY),
        original_removed=Point("the removal of the source", "files.moves:remove_copied"),
    ),
}
#: An operator's retry.
RETRYING = {
    **_around(
        retry=Point("the command", "service.operations:Operations._retry"),
        retry_row=_commit("the new job of a retried file", ADD),
        retry_claim=Point("the rename out of failed/", "files.claims:take"),
        remark=Point("the remark in the old reason file", "service.operations:_remark"),
        retry_answer=_commit("the answer to the command", "journal.commands:Commands.answer"),
    ),
}
#: The start with a journal of the first version.
MIGRATING = _around(
    **{
        f"format_{number}": Point(
            "the tables of a version", COMMIT, at=number - 1, since="journal.database:_migrate"
        )
        for number in range(2, len(database._migrations()) + 1)
    }
)
POINTS = {
    **COMING,
    **GOING,
    **FAILING,
    **SKIPPING,
    **SKIPPING_BADLY,
    **MARKED,
    **COPYING,
    **RETRYING,
    **MIGRATING,
}


class _Trigger:
    """Counts the calls of a point's functions, and ends this process at the point."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._is_counting = not point.since
        self._count = 0

    def set(self) -> None:
        """Put it around the functions."""
        if self._point.since:
            _wrap(self._point.since, self._begin)
        _wrap(self._point.function, self._call)

    def _begin(self, function: Function, *args: Any, **named: Any) -> Any:
        if self._point.of is None or self._point.of in args:
            self._is_counting = True
        return function(*args, **named)

    def _call(self, function: Function, *args: Any, **named: Any) -> Any:
        self._count += self._is_counting
        is_here = self._is_counting and self._count == self._point.at
        if is_here and not self._point.after:
            _die()
        result = function(*args, **named)
        if is_here:
            _die()
        return result


def _wrap(path: str, around: Callable[..., Any]) -> None:
    """Let a function of the product be called by another, which gets it as its first argument."""
    module, _, name = path.partition(":")
    owner, _, attribute = name.rpartition(".")
    holder: Any = importlib.import_module(f"pigment_watcher.{module}")
    if owner:
        holder = getattr(holder, owner)
    function = getattr(holder, attribute)

    @functools.wraps(function)
    def wrapped(*args: Any, **named: Any) -> Any:
        return around(function, *args, **named)

    setattr(holder, attribute, wrapped)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    body.BLOCK = 1
    _Trigger(POINTS[sys.argv.pop(1)]).set()
    cli.main()
