"""The text beside a failed file, for the person who dropped it: at Windows, no administrator."""

import codecs
import textwrap
from datetime import datetime

from pigment_watcher.model import Job, Outcome

#: How long a line may be, in characters.
WIDTH = 78

_NOT_KNOWN = "NOT KNOWN WHETHER IMPORTED - look before dropping it again"
_NOT_IMPORTED = "NOT IMPORTED"
_SAID = "What Pigment said"
_SEEN = "What was seen"


def text(job: Job) -> bytes:
    """Return the reason file of a job whose outcome is stored, ready to be written.

    A byte order mark is there only where Windows' editor needs one to show the text right.
    """
    lines = [_headline(job), ""]
    for title, body in (
        ("What happened", job.reason),
        (_SEEN if job.outcome is Outcome.UNSURE else _SAID, job.answer),
        ("What to do now", job.advice),
    ):
        if body:
            lines += [title, *_paragraph(body), ""]
    lines += ["Details", *_details(job), ""]
    whole = "\r\n".join(_printable(line) for line in lines)
    return whole.encode("ascii" if whole.isascii() else "utf-8-sig")


def _paragraph(body: str) -> list[str]:
    """Break long lines: not every editor does."""
    return [
        broken
        for line in body.splitlines()
        for broken in textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="  ")
    ]


def _headline(job: Job) -> str:
    return _NOT_KNOWN if job.outcome is Outcome.UNSURE else f"{_NOT_IMPORTED} - {job.name}"


def _details(job: Job) -> list[str]:
    facts = (
        ("File", job.name),
        ("Dropped in", str(job.source.parent)),
        ("Size", f"{job.fingerprint.size:,} bytes"),
        ("Found", _time(job.created_at)),
        ("Sent", "never" if job.pushed_at is None else _time(job.pushed_at)),
        ("Ended", "" if job.decided_at is None else _time(job.decided_at)),
        ("Import ID", job.import_id or "none"),
        ("Configuration", job.configuration_id),
        ("Route", job.route),
        ("Job", f"{job.id}, by pigment-watcher {job.version}"),
    )
    return [f"  {name + ':':<15}{value}" for name, value in facts if value]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _printable(line: str) -> str:
    """Show a name that is no text, or holds line ends, without breaking the page."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def put_back(old: bytes, retried: Job, now: float) -> bytes:
    """Return an old reason file, remarked at its top that its file was put back into the queue."""
    who = f" by {retried.asked_by}" if retried.asked_by else ""
    line = f"PUT BACK into the queue on {_time(now)}{who}, as job {retried.id}."
    rest = "What follows is about the earlier attempt."
    mark = codecs.BOM_UTF8 if old.startswith(codecs.BOM_UTF8) else b""
    remark = f"{_printable(line)} {rest}\r\n\r\n".encode("ascii", "backslashreplace")
    return mark + remark + old.removeprefix(mark)
