"""Rows to values and back."""

import dataclasses
import functools
import json
import os
import sqlite3
import uuid
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigment_watcher.journal.database import RowDamaged, sound
from pigment_watcher.model import (
    AfterFailure,
    Condition,
    ConditionKind,
    Duplicates,
    Fingerprint,
    Job,
    LoadMode,
    Order,
    Outcome,
    Report,
    Rules,
    Skipped,
    SkippedRows,
    State,
)

#: The largest INTEGER of SQLite. A time in nanoseconds outgrows it in the year 2262, and files may
#: say that they are from later.
LARGEST = 2**63 - 1

#: The fields of a job that are columns of the same name and need no translation.
PLAIN = (
    "route",
    "configuration_id",
    "due_at",
    "created_at",
    "reason",
    "answer",
    "advice",
    "owner_uid",
    "owner_name",
    "priority",
    "claimed_at",
    "pushed_at",
    "importing_since",
    "deadline_from",
    "decided_at",
    "finished_at",
    "attempts",
    "polls",
    "retries",
    "rejections",
    "rejected_at",
    "missing_since",
    "asked_at",
    "report_denials",
    "import_id",
    "sha256",
    "bytes_sent",
    "retry_of",
    "asked_by",
    "removed_at",
    "version",
)


#: The columns that say which file is meant, where it goes and what may be done with it.
SEALED = (
    "route",
    "configuration_id",
    "key",
    "rules",
    "source",
    "name",
    "marker",
    "directory",
    "target",
    "even_if_imported",
)


def job_to_columns(job: Job) -> dict[str, Any]:
    """Return a job as columns, its ID left out."""
    columns = {name: getattr(job, name) for name in PLAIN}
    for name in (
        "rules",
        "source",
        "name",
        "marker",
        "fingerprint",
        "state",
        "outcome",
        "target",
        "is_early",
        "forbidden",
        "even_if_imported",
        "asks_plainly",
        "report",
    ):
        columns.update(_translated(name, getattr(job, name)))
    return {
        **columns,
        "key": job.rules.key,
        "directory": str(job.rules.directory),
        "sort_modified": sort_modified(job.rules, job.fingerprint),
    }


def sort_modified(rules: Rules, fingerprint: Fingerprint) -> int:
    """Return by what a job is put in its place before its name: nothing where names alone count."""
    modified = fingerprint.mtime_ns if rules.order is Order.MODIFIED else 0
    return max(-LARGEST, min(modified, LARGEST))


def changes_to_columns(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changed fields of a job as columns."""
    columns: dict[str, Any] = {}
    for name, value in changes.items():
        columns.update({name: value} if name in PLAIN else _translated(name, value))
    return columns


def _translated(name: str, value: Any) -> dict[str, Any]:
    match name, value:
        case "fingerprint", Fingerprint(size, mtime_ns, ctime_ns, inode):
            return {
                "size": size,
                "mtime_ns": str(mtime_ns),
                "ctime_ns": str(ctime_ns),
                "inode": str(inode),
            }
        case "rules", Rules():
            return {"rules": rules_to_text(value)}
        case (("source" | "target"), Path()) | (("name" | "marker"), str()):
            return {name: os.fsencode(value)}
        case (("state" | "outcome"), (State() | Outcome())):
            return {name: value.value}
        case "report", Report():
            return {name: json.dumps(dataclasses.asdict(value), ensure_ascii=False)}
        case (("is_early" | "forbidden" | "even_if_imported" | "asks_plainly"), bool()) | (
            ("target" | "outcome" | "report"),
            None,
        ):
            return {name: value}
    raise TypeError(f"a job has no field {name!r} that holds {value!r}")


def job_from_row(row: sqlite3.Row) -> Job:
    """Return the job that a row holds. Raises RowDamaged."""
    with sound(f"job {row['id']}"):
        if row["seal"] not in (None, seal(row)):
            raise RowDamaged("a byte of it is not as it was written")
        if row["import_id"] is not None:
            uuid.UUID(row["import_id"])  # or nobody could ask after it
        return Job(
            id=row["id"],
            rules=rules_from_text(row["rules"]),
            source=Path(os.fsdecode(row["source"])),
            name=os.fsdecode(row["name"]),
            marker=os.fsdecode(row["marker"]),
            fingerprint=Fingerprint(
                size=row["size"],
                mtime_ns=int(row["mtime_ns"]),
                ctime_ns=int(row["ctime_ns"]),
                inode=int(row["inode"]),
            ),
            state=State(row["state"]),
            outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
            target=None if row["target"] is None else Path(os.fsdecode(row["target"])),
            is_early=bool(row["is_early"]),
            forbidden=bool(row["forbidden"]),
            even_if_imported=bool(row["even_if_imported"]),
            asks_plainly=bool(row["asks_plainly"]),
            report=None if row["report"] is None else _report_from_text(row["report"]),
            **{name: row[name] for name in PLAIN},
        )


def _report_from_text(text: str) -> Report:
    held = json.loads(text)
    skips = tuple(
        Skipped(**{**skipped, "samples": tuple(skipped["samples"])}) for skipped in held["skips"]
    )
    return Report(**{**held, "skips": skips})


def seal(row: sqlite3.Row) -> int:
    """Return a checksum of what is stored in a row: SQLite has none, so a bad disk may lie.

    A wrong folder would hide somebody's file, a wrong load mode import it twice.
    """
    values = [row[name] for name in SEALED]
    parts = [value if isinstance(value, bytes) else str(value).encode() for value in values]
    return zlib.crc32(b"\0".join(parts))


def rules_to_text(rules: Rules) -> str:
    """Return the rules as JSON; a path that is no text survives as surrogates."""
    return json.dumps(
        {
            "directory": str(rules.directory),
            "done": str(rules.done),
            "failed": str(rules.failed),
            "load_mode": None if rules.load_mode is None else rules.load_mode.value,
            "order": rules.order.value,
            "after_failure": rules.after_failure.value,
            "skipped_rows": rules.skipped_rows.value,
            "allow_empty": rules.allow_empty,
            "duplicates": rules.duplicates.value,
            "quiet_s": rules.quiet_s,
            "key": rules.key,
        }
    )


# A route's jobs all hold the same few words, and each job is read several times.
@functools.lru_cache(maxsize=1024)
def rules_from_text(text: str) -> Rules:
    """Return the rules that JSON holds; what older versions did not know has its default."""
    held = json.loads(text)
    return Rules(
        directory=Path(held["directory"]),
        done=Path(held["done"]),
        failed=Path(held["failed"]),
        load_mode=None if held["load_mode"] is None else LoadMode(held["load_mode"]),
        order=Order(held["order"]),
        after_failure=AfterFailure(held["after_failure"]),
        skipped_rows=SkippedRows(held["skipped_rows"]),
        allow_empty=held["allow_empty"],
        duplicates=Duplicates(held.get("duplicates", "accept")),
        quiet_s=held["quiet_s"],
        key=held["key"],
    )


def condition_from_row(row: sqlite3.Row) -> Condition:
    """Return the condition that a row holds."""
    return Condition(
        kind=ConditionKind(row["kind"]),
        subject=row["subject"],
        since=row["since"],
        detail=row["detail"],
        due_at=row["due_at"],
        attempts=row["attempts"],
        job_id=row["job_id"],
    )
