"""What the first and last bytes of a file tell: text with rows, or something to refuse."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pigment_watcher.model import Verdict
from pigment_watcher.policy import verdicts

#: How many bytes from the begin, and from the end, of a file are looked at, at a time.
BLOCK = 64 * 1024

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_FIELD_ENDS = b",;\t|\n\r"

_SAVE_AS_CSV = "Open it in Excel, choose File > Save As > CSV, and drop the saved file instead."
_UNPACK = "Unpack it and drop the CSV files that are in it instead."

#: What the first bytes of a file that is no text give away: (first bytes, what it is, advice).
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", _SAVE_AS_CSV),
    (b"\x1f\x8b", "a gzip archive (.gz)", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive (.7z)", _UNPACK),
    (b"Rar!", "a RAR archive (.rar)", _UNPACK),
    (b"BZh", "a bzip2 archive (.bz2)", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive (.xz)", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive (.zst)", _UNPACK),
    (b"%PDF-", "a PDF document", "Export the figures as CSV and drop that file instead."),
    (b"PAR1", "a Parquet file", "Export the figures as CSV and drop that file instead."),
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
    if sample.size > 0 and (verdict := _no_text(sample.head)) is not None:
        return verdict
    if _ends_in_nul(sample):
        return verdicts.invalid(
            "The file ends in NUL bytes: its copy was not finished, or failed.",
            "Copy it again from where it came from. If that happens often, have the file written"
            " under another name, such as sales.csv.tmp, and renamed when it is whole.",
        )
    if allow_empty:
        return None
    if sample.size == 0 or not _text(sample.head).strip():
        return verdicts.invalid(
            "The file is empty.",
            "Export it again and look at it before dropping it. If an empty file is meant, ask"
            " the administrator of this service for allow_empty.",
        )
    if not _has_rows(sample):
        return verdicts.invalid(
            "The file holds a header and no rows.",
            "Export it again and look at it before dropping it. If a file without rows is meant,"
            " ask the administrator of this service for allow_empty.",
        )
    return None


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
    return verdicts.invalid(f"This is {what} and no CSV, whatever its name says.", advice)


def _ends_in_nul(sample: Sample) -> bool:
    """Count NULs at the end: in UTF-16 and UTF-32 the last character may hold some by right."""
    count = len(sample.tail) - len(sample.tail.rstrip(b"\x00"))
    if sample.head.startswith(_UTF32):
        rightful = 3
    elif sample.head.startswith(_UTF16) or b"\x00" in sample.head[:BLOCK].rstrip(b"\x00"):
        rightful = 1
    else:
        rightful = 0
    return count > rightful


def _text(block: bytes) -> bytes:
    """Return ASCII as it is in any encoding: without NULs and byte order marks."""
    for mark in (*_UTF16, b"\xef\xbb\xbf"):
        block = block.removeprefix(mark)
    return block.replace(b"\x00", b"")


def _has_rows(sample: Sample) -> bool:
    """Look for anything but blanks behind the first line."""
    blocks = _blocks(sample)
    first = next(blocks).lstrip(b"\r\n")
    end = _header_end(first)
    if end is None:
        for block in blocks:
            _, found, rest = block.partition(b"\n")
            if found:
                return bool(rest.strip()) or any(later.strip() for later in blocks)
        return False
    return bool(first[end:].strip()) or any(block.strip() for block in blocks)


def _header_end(text: bytes) -> int | None:
    """Return where the first line ends; a line end within quotes does not count.

    A lone quote would swallow all that follows: where quotes never close, they mean nothing.
    """
    in_quotes, previous, first_line_end = False, b"\n", None
    for index in range(len(text)):
        byte = text[index : index + 1]
        if byte == b'"':
            in_quotes = not in_quotes and previous in _FIELD_ENDS
        elif byte in b"\r\n":
            if not in_quotes:
                return index + 1
            first_line_end = first_line_end or index + 1
        previous = byte
    return first_line_end


def _blocks(sample: Sample) -> Iterator[bytes]:
    yield _text(sample.head)
    offset = len(sample.head)
    while offset < sample.size:
        block = sample.read_at(offset)
        if not block:
            return
        offset += len(block)
        yield _text(block)
