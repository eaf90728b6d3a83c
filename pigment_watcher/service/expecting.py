"""Notices that nothing was imported by the time by which it should be."""

from collections.abc import Sequence

from pigment_watcher.model import ConditionKind, Route
from pigment_watcher.policy import expectations
from pigment_watcher.policy.decisions import Begin
from pigment_watcher.recorder import Recorder


def look(recorder: Recorder, routes: Sequence[Route]) -> None:
    """Begin and end the trouble of each route that expects a file by some time."""
    kind, now = ConditionKind.NOTHING_ARRIVED, recorder.now()
    missing: dict[str, str] = {}
    for route in routes:
        if route.expect_by is not None:
            why = expectations.why_missing(
                route.expect_by,
                now,
                known_since=recorder.journal.identity.expected_since(route.name, now),
                last_imported=recorder.journal.jobs.last_imported(route.name),
            )
            if why is not None:
                missing[route.name] = why
    known = {condition.subject: condition for condition in recorder.journal.conditions.all({kind})}
    for name in known.keys() - missing.keys():
        recorder.end(kind, name)
    for name, why in missing.items():
        if name not in known or known[name].detail != why:
            recorder.begin(Begin(kind=kind, subject=name, detail=why))
