"""Jobs, answers and surroundings for tests of what is decided."""

from pathlib import Path
from typing import Any

from pigment_watcher import errors
from pigment_watcher.model import (
    ConditionKind,
    Fingerprint,
    ImportState,
    ImportStatus,
    Job,
    LoadMode,
    Rules,
    State,
)
from pigment_watcher.policy.decisions import Begin, Decision, Surroundings
from pigment_watcher.policy.probes import ProbeDecision

NOW = 1_800_000_000.0
HOST = "pigment.app"
LANE = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
IMPORT = "f2b03cab-ba63-4525-bd59-c597f6721973"
FOUND = Fingerprint(size=6, mtime_ns=1, ctime_ns=2, inode=3)
REPEATABLE = (LoadMode.UPDATE, LoadMode.REPLACE)
UNREPEATABLE = (LoadMode.APPEND, None)


def rules(**changes: Any) -> Rules:
    inbox = Path("/srv/sales")
    return Rules(
        **{"directory": inbox, "done": inbox / "done", "failed": inbox / "failed"} | changes
    )


def job(load_mode: LoadMode | None = None, **changes: Any) -> Job:
    values: dict[str, Any] = {
        "id": 7,
        "route": "sales",
        "configuration_id": LANE,
        "rules": rules(load_mode=load_mode),
        "source": Path("/srv/sales/a.csv"),
        "name": "a.csv",
        "fingerprint": FOUND,
        "state": State.PUSHING,
        "due_at": NOW,
        "created_at": NOW,
    }
    return Job(**values | changes)


def importing(**changes: Any) -> Job:
    """Return a job whose import was begun a minute ago."""
    values: dict[str, Any] = {
        "state": State.IMPORTING,
        "import_id": IMPORT,
        "importing_since": NOW - 60,
        "deadline_from": NOW - 60,
    }
    return job(**values | changes)


def around(**changes: Any) -> Surroundings:
    values: dict[str, Any] = {
        "now": NOW,
        "chance": 0.5,
        "host": HOST,
        "import_deadline_s": 6 * 3600.0,
    }
    return Surroundings(**values | changes)


def said(status: int, **more: Any) -> errors.ServerSaid:
    return errors.ServerSaid(status, **more)


def status(state: ImportState, *problems: tuple[str, str]) -> ImportStatus:
    return ImportStatus(import_id=IMPORT, state=state, errors=problems)


def begun(decision: Decision | ProbeDecision) -> dict[ConditionKind, Begin]:
    return {begin.kind: begin for begin in decision.begins}


def ended(decision: Decision | ProbeDecision) -> set[tuple[ConditionKind, str]]:
    return {(end.kind, end.subject) for end in decision.ends}


def waits(decision: Decision | ProbeDecision) -> float | None:
    """Return the seconds until the next trial."""
    return None if decision.due_at is None else decision.due_at - NOW
