"""The texts beside a file, for the person who dropped it: at Windows, no administrator.

A reason tells why a file is in failed/, a report what an import left out of it.
"""

import codecs
import textwrap
from collections.abc import Iterable, Iterator

from pigment_watcher.model import Job, Outcome, Report, Skipped
from pigment_watcher.policy import skips
from pigment_watcher.policy.verdicts import moment

#: How long a line may be, in characters.
WIDTH = 78

_NOT_KNOWN = "NOT KNOWN WHETHER IMPORTED - look before dropping it again"
_NOT_IMPORTED = "NOT IMPORTED"
_INCOMPLETE = "IMPORTED, BUT ROWS ARE MISSING"
_SAID = "What Pigment said"
_SEEN = "What was seen"


def text(job: Job) -> bytes:
    """Return the reason file of a job whose outcome is stored, ready to be written."""
    is_in = job.outcome is Outcome.IMPORTED_WITH_SKIPS
    see_report = "The report beside this file lists it, with the causes." if is_in else ""
    parts = (
        ("What happened", _paragraph(job.reason)),
        ("What was left out", _paragraph(see_report)),
        (_SEEN if job.outcome is Outcome.UNSURE else _SAID, _paragraph(job.answer)),
        ("What to do now", _paragraph(job.advice)),
    )
    return _page(job, parts)


def report(job: Job) -> bytes:
    """Return the report file of a job whose import left something out, ready to be written."""
    found = job.report or Report()
    parts = (
        ("What happened", _paragraph(job.reason)),
        ("What Pigment reported", _table(_counted(found))),
        ("What was left out", list(_left_out(found))),
        ("What to do now", _paragraph(job.advice)),
    )
    return _page(job, parts)


def _page(job: Job, parts: Iterable[tuple[str, list[str]]]) -> bytes:
    """Return a text of these parts, those without any line left out.

    A byte order mark is there only where Windows' editor needs one to show the text right.
    """
    lines = [_headline(job), ""]
    for title, body in (*parts, ("Details", _table(_details(job)))):
        if body:
            lines += [title, *body, ""]
    whole = "\r\n".join(_printable(line) for line in lines)
    return whole.encode("ascii" if whole.isascii() else "utf-8-sig")


def _counted(found: Report) -> list[tuple[str, str]]:
    titles = {
        "inserted": "Inserted",
        "updated": "Updated",
        "deleted": "Deleted",
        "skipped": "Left out",
        "created": "Items created",
    }
    return [(titles[name], f"{count:,}") for name, count in found.counts.items()]


def _left_out(found: Report) -> Iterator[str]:
    for number, skipped in enumerate(found.skips, start=1):
        yield from _kind(number, skipped)
    if found.more_kinds:
        yield from _paragraph(f"And more, of {found.more_kinds:,} other kinds.")
    if not found.skips:
        yield from _paragraph("Pigment did not say what; the Import Summary may tell.")


def _kind(number: int, skipped: Skipped) -> Iterator[str]:
    yield from _paragraph(f"{number}. {skips.line(skipped)}.")
    if skipped.samples:
        yield from _paragraph(f"For example: {' | '.join(skipped.samples)}", "     ")
    if skipped.reason:
        yield from _paragraph(f"Pigment calls it: {skipped.reason}", "     ")
    yield from _paragraph(f"What to do: {skips.words(skipped.reason).remedy}", "     ")


def _paragraph(body: str, indent: str = "  ") -> list[str]:
    """Break long lines: not every editor does."""
    return [
        broken
        for line in body.splitlines()
        for broken in textwrap.wrap(line, WIDTH, initial_indent=indent, subsequent_indent=indent)
    ]


def _headline(job: Job) -> str:
    if job.outcome is Outcome.UNSURE:
        return _NOT_KNOWN
    is_in = job.outcome is Outcome.IMPORTED_WITH_SKIPS
    return f"{_INCOMPLETE if is_in else _NOT_IMPORTED} - {job.name}"


def _details(job: Job) -> Iterable[tuple[str, str]]:
    return (
        ("File", job.name),
        ("Dropped in", str(job.source.parent)),
        ("Size", f"{job.fingerprint.size:,} bytes"),
        ("Found", moment(job.created_at)),
        ("Sent", "never" if job.pushed_at is None else moment(job.pushed_at)),
        ("Ended", "" if job.decided_at is None else moment(job.decided_at)),
        ("Import ID", job.import_id or "none"),
        ("Configuration", job.configuration_id),
        ("Route", job.route),
        ("Job", f"{job.id}, by pigment-watcher {job.version}"),
    )


def _table(facts: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {name + ':':<15}{value}" for name, value in facts if value]


def _printable(line: str) -> str:
    """Show a name that is no text, or holds line ends, without breaking the page."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def put_back(old: bytes, retried: Job, now: float) -> bytes:
    """Return an old reason file, remarked at its top that its file was put back into the queue."""
    who = f" by {retried.asked_by}" if retried.asked_by else ""
    line = f"PUT BACK into the queue on {moment(now)}{who}, as job {retried.id}."
    rest = "What follows is about the earlier attempt."
    mark = codecs.BOM_UTF8 if old.startswith(codecs.BOM_UTF8) else b""
    remark = f"{_printable(line)} {rest}\r\n\r\n".encode("ascii", "backslashreplace")
    return mark + remark + old.removeprefix(mark)
