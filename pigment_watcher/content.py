"""What the first and last bytes of a file tell: text with rows, or something to refuse."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pigment_watcher.model import Verdict
from pigment_watcher.policy import verdicts

#: How many bytes from the begin of a file are looked at, at a time.
BLOCK = 64 * 1024
#: How many bytes of its end tell whether a file was filled to it.
TAIL = 4096

#: What a text that begins so is written in; where UTF-8 has other bytes than ASCII plays no part.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xef\xbb\xbf", "latin-1"),
)
#: What a text with NULs and no such mark may be written in.
_WIDE = ("latin-1", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")

_FIELD = rb'(?: "(?:[^"]|"")*+"(?=[,;\t|\r\n]|\Z) | [^,;\t|\r\n]*+ )'
#: The first line. A line end between quotes belongs to it, but only where they enclose a field:
#: a lone quote would swallow all that follows.
_HEADER = re.compile(rb"%b (?: [,;\t|] %b )*+" % (_FIELD, _FIELD), re.VERBOSE)
_LINE_END = re.compile(rb"[\r\n]")

_SAVE_AS_CSV = "Open it in Excel, choose File > Save As > CSV, and drop the saved file instead."
_UNPACK = "Unpack it and drop the CSV files that are in it instead."
_EXPORT = "Export the figures as CSV and drop that file instead."

#: What the first bytes of a file that is no text give away: (first bytes, what it is, advice).
_SIGNATURES: tuple[tuple[bytes | tuple[bytes, ...], str, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)", _SAVE_AS_CSV),
    (b"\x1f\x8b\x08", "a gzip archive (.gz)", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive (.7z)", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive (.rar)", _UNPACK),
    (tuple(b"BZh%d1AY&SY" % level for level in range(1, 10)), "a bzip2 archive (.bz2)", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive (.xz)", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive (.zst)", _UNPACK),
    (b"%PDF-", "a PDF document", _EXPORT),
    (b"PAR1\x15", "a Parquet file", _EXPORT),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_WORKBOOK_PARTS = (b"xl/", b"[Content_Types].xml", b"_rels/", b"docProps/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The begin and the end of a file of `size` bytes; `read_at` returns BLOCK bytes from there."""

    size: int
    head: bytes
    tail: bytes
    read_at: Callable[[int], bytes]


def refusal(sample: Sample, *, allow_empty: bool) -> Verdict | None:
    """Return why a file must not be pushed, or None."""
    if (verdict := _no_text(sample.head)) is not None:
        return verdict
    is_unfilled = ends_in_nul(sample.head, sample.tail)
    if is_unfilled or _is_hole(sample.head):
        return _unfilled("ends in" if is_unfilled else "begins with")
    if allow_empty:
        return None
    encodings = _encodings(sample.head)
    if not any(_has_text(sample, encoding) for encoding in encodings):
        return verdicts.invalid(
            "The file is empty.",
            "Export it again and look at it before dropping it. If an empty file is meant, ask"
            " the administrator of this service for allow_empty.",
        )
    if not any(_has_rows(sample, encoding) for encoding in encodings):
        return verdicts.invalid(
            "The file holds a header and no rows.",
            "Export it again and look at it before dropping it. If a file without rows is meant,"
            " ask the administrator of this service for allow_empty.",
        )
    return None


def _unfilled(where: str) -> Verdict:
    return verdicts.invalid(
        f"The file {where} NUL bytes: its copy was not finished, or failed.",
        "Copy it again from where it came from. If that happens often, have the file written"
        " under another name, such as sales.csv.tmp, and renamed when it is whole.",
    )


def _is_hole(block: bytes) -> bool:
    """Return whether nothing was ever written here: no text in any encoding is all NUL."""
    return len(block) > 0 and not block.strip(b"\x00")


def _no_text(head: bytes) -> Verdict | None:
    if head.startswith(_ZIP):
        if any(part in head for part in _WORKBOOK_PARTS):
            return _not_a_csv("an Excel workbook (.xlsx)", _SAVE_AS_CSV)
        return _not_a_csv("a ZIP archive (.zip)", _UNPACK)
    for signature, what, advice in _SIGNATURES:
        if head.startswith(signature):
            return _not_a_csv(what, advice)
    return None


def _not_a_csv(what: str, advice: str) -> Verdict:
    return verdicts.invalid(f"This is {what} and not a CSV file, whatever its name says.", advice)


def ends_in_nul(head: bytes, tail: bytes) -> bool:
    """Return whether a file with this begin and this end was made longer than it was filled.

    Where characters are wide, the last one may hold some NULs by right.
    """
    count = len(tail) - len(tail.rstrip(b"\x00"))
    marked = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    is_wide = marked or b"\x00" in head.rstrip(b"\x00")
    return count > (3 if is_wide else 0)


def _encodings(head: bytes) -> tuple[str, ...]:
    """Return all that a file may be written in, as far as it matters here."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return (encoding,)
    return _WIDE if b"\x00" in head else ("latin-1",)


def _has_text(sample: Sample, encoding: str) -> bool:
    return any(block.strip() for block in _blocks(sample, encoding))


def _has_rows(sample: Sample, encoding: str) -> bool:
    """Look for anything but blanks behind the first line."""
    blocks = _blocks(sample, encoding)
    first = next((text for block in blocks if (text := block.lstrip(b"\r\n"))), b"")
    rest = _HEADER.sub(b"", first, count=1)
    if not rest:  # the first line is longer than a block
        found = (_LINE_END.split(block, maxsplit=1) for block in blocks)
        rest = next((parts[1] for parts in found if len(parts) > 1), b"")
    return bool(rest.strip()) or any(block.strip() for block in blocks)


def _blocks(sample: Sample, encoding: str) -> Iterator[bytes]:
    """Read block by block: ASCII as it is, a question mark for every other character.

    What follows a hole is not looked for: a file may claim to be longer than anybody can read.
    """
    marks = (mark for mark, _ in _MARKS if sample.head.startswith(mark))
    block, offset = sample.head.removeprefix(next(marks, b"")), len(sample.head)
    while block and not _is_hole(block):
        text = block.decode(encoding, "replace").encode("ascii", "replace")
        yield text.replace(b"\x00", b"")
        block = sample.read_at(offset) if offset < sample.size else b""
        offset += len(block)
