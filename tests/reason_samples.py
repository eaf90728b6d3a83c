"""The ten commonest texts beside a file, for the page in docs/ that shows them.

`python tests/reason_samples.py` prints that page anew.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pigment_watcher import content, reasons
from pigment_watcher.model import Fingerprint, Import, Job, Report, Rules, Skipped, State, Verdict
from pigment_watcher.policy import verdicts

#: In this zone all of it happened.
ZONE = "CET-1"
FOUND = 1_795_500_121.0
INBOX = Path("/srv/exports/sales")
WORKBOOK = b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml"

INTRODUCTION = """# What stands beside a file

For each file that ends in `failed/` a text says what happened, what Pigment or we saw, and what to
do now; for one that Pigment imported without some of its rows, a report in `done/` says which. They
are written for whoever dropped the file: in plain words, with the line ends and the mark that
Windows' editor wants, and times in the server's zone. These are the ten that are seen most; the
tests hold this page to the letter.
"""


def _job(verdict: Verdict, *, sent: bool = True, **said: Any) -> Job:
    times: dict[str, Any] = {"pushed_at": FOUND + 3.0} if sent else {}
    started = {"import_id": "8b1d3a5e-7c2f-4f60-9a1b-2c3d4e5f6071"}
    known: dict[str, Any] = {
        "id": 42,
        "route": "sales",
        "configuration_id": "33d0d7d0-6125-47c4-b36a-882f4ed53b33",
        "rules": Rules(directory=INBOX, done=INBOX / "done", failed=INBOX / "failed"),
        "source": INBOX / "november.csv",
        "name": "november.csv",
        "fingerprint": Fingerprint(size=48_213, mtime_ns=0, ctime_ns=0, inode=0),
        "state": State.ARCHIVING,
        "due_at": FOUND,
        "created_at": FOUND,
        "decided_at": FOUND + 75.0,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "answer": verdict.answer,
        "advice": verdict.advice,
        "version": "0.1.0",
    }
    return Job(**{**known, **times, **(started if said.pop("started", False) else {}), **said})


def _refusal(head: bytes, size: int) -> Job:
    sample = content.Sample(head=head, tail=head, size=size, read_at=lambda _: head)
    verdict = content.refusal(sample, allow_empty=False)
    assert verdict is not None
    fingerprint = Fingerprint(size=size, mtime_ns=0, ctime_ns=0, inode=0)
    return _job(verdict, sent=False, fingerprint=fingerprint)


def _skipped() -> Job:
    missing, unread = "MissingModalitySkippedDataRow", "ParsingError"
    skips = (
        Skipped(reason=missing, column="Product", count=12, samples=("Trainings", "Suport")),
        Skipped(reason=unread, column="Amount", count=3, samples=("12,5O",)),
    )
    report = Report(inserted=1_180, updated=5, skipped=15, skips=skips)
    verdict = verdicts.imported_with_skips(report, fails=False, may_repeat=True)
    return _job(verdict, started=True, report=report)


def samples() -> Iterator[tuple[str, str, bytes]]:
    """Give each end: what it is called, the name of the file that tells of it, and its text."""
    first = Import(
        name="october.csv",
        at=FOUND - 86_400.0,
        import_id="0c9a7f10-1111-4222-8333-444455556666",
    )
    lost = verdicts.answer_lost("the connection was reset after the whole file was sent")
    jobs = (
        ("No rows", _refusal(b"month,amount\n", 13)),
        ("A workbook under the name of a CSV", _refusal(WORKBOOK, 9_811)),
        ("Pigment refuses the file", _job(verdicts.refused(400, "The file exceeds 500 MB."))),
        (
            "The import fails",
            _job(
                verdicts.import_failed("MissingColumn: Column 'Amount' is missing."), started=True
            ),
        ),
        ("The answer is lost", _job(lost)),
        ("The file changes while it is sent", _job(verdicts.changed_while_sent())),
        ("The same once more", _job(verdicts.duplicate(first), sent=False)),
        ("Pigment takes others, and not this one", _job(verdicts.given_up(10, "500: Oops."))),
        ("The import never ends", _job(verdicts.import_overdue(6.0), started=True)),
    )
    for title, job in jobs:
        yield title, "november.csv.reason.txt", reasons.text(job)
    yield "Rows are left out", "november.csv.report.txt", reasons.report(_skipped())


def page() -> str:
    """Return the page that shows them."""
    parts = [INTRODUCTION]
    for title, name, text in samples():
        shown = text.decode("utf-8-sig").replace("\r\n", "\n").rstrip()
        parts.append(f"## {title}\n\n`{name}`:\n\n```text\n{shown}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    os.environ["TZ"] = ZONE
    time.tzset()
    sys.stdout.write(page())
