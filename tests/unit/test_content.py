"""What the bytes of a file tell: text with rows, or something to refuse."""

import bz2
import csv
import gzip
import io
import lzma
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigment_watcher import content
from pigment_watcher.content import BLOCK, Sample
from pigment_watcher.model import Outcome, Verdict

ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "cp1252",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
]
LINE_ENDS = ["\n", "\r\n", "\r"]
# With some whose bytes, in a wide encoding, look like quotes and line ends.
CELLS = st.text(st.sampled_from("abc1 .,;\t|'\"\n€é∀≤•਍഍Ѐ☃"), max_size=6)


def sample(data: bytes) -> Sample:
    return Sample(
        size=len(data),
        head=data[:BLOCK],
        tail=data[-4096:],
        read_at=lambda offset: data[offset : offset + BLOCK],
    )


def refusal(data: bytes, *, allow_empty: bool = False) -> Verdict | None:
    return content.refusal(sample(data), allow_empty=allow_empty)


def reason(data: bytes) -> str:
    verdict = refusal(data)
    return "" if verdict is None else verdict.reason


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "a;b\n1;2\n")
    return file.getvalue()


def written(table: list[list[str]], delimiter: str = ";", line_end: str = "\n") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=line_end).writerows(table)
    return file.getvalue()


# ---------------------------------------------------------------- rows


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=4),
    st.sampled_from(";,\t|"),
    st.sampled_from(LINE_ENDS),
    st.sampled_from(ENCODINGS),
    st.booleans(),
)
def test_a_file_with_rows_is_never_refused_whatever_its_encoding(
    rows: list[list[str]], delimiter: str, line_end: str, encoding: str, ends_well: bool
) -> None:
    """Behaviour N1. Behaviour N2."""
    table = [["≤5", "b"], *rows, ["x"]]
    text = written(table, delimiter, line_end)
    data = (text if ends_well else text.removesuffix(line_end)).encode(encoding, "replace")

    assert refusal(data) is None


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_one_row_without_a_line_end_is_a_row(encoding: str, line_end: str) -> None:
    """Behaviour N2."""
    assert refusal(f"a;b{line_end}1;2".encode(encoding)) is None


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "text", ["a;b", "a;b\n", "a;b\r\n", "a;b\r", "\n\na;b\n \t\r\n", '"a\nb";c\n']
)
def test_a_header_without_rows_is_refused_in_every_encoding(encoding: str, text: str) -> None:
    assert reason(text.encode(encoding)) == "The file holds a header and no rows."


def test_a_tiny_file_is_taken() -> None:
    """Behaviour T19."""
    assert refusal(b"a\n1") is None


@pytest.mark.parametrize(
    "text",
    [
        'a;"b\nc;"d\n',
        'a;"b\n1;2\n',
        '"a" x;b\n1;2\n',
        '5" pipe;b\n6" pipe;2\n',
        '"a""b";"c\nd"\n1;2\n',
        '"a";b\n"1";2\n',
        "\t\n1\t2\n",
    ],
)
def test_quotes_never_swallow_a_row(text: str) -> None:
    assert refusal(text.encode()) is None


@pytest.mark.parametrize(
    "text", ["a\x00;b\n1;2\n", "PAR1;PAR2\n1;2\n", "BZh;x\n1;2\n", "PK;x\n1;2\n"]
)
def test_a_text_that_looks_odd_is_still_a_text(text: str) -> None:
    assert refusal(text.encode()) is None


@pytest.mark.parametrize(
    "text", ["≤5;b\n≤6;2\n", "•A;•B;•C\n•1;•2;•3\n", "∀;b\n∀;2\n", "ਅ;b\n1;2\n"]
)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-be"])
def test_half_a_wide_character_is_no_quote(encoding: str, text: str) -> None:
    assert refusal(text.encode(encoding)) is None


# ---------------------------------------------------------------- more than a block


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_a_header_longer_than_a_block_is_looked_past(encoding: str, line_end: str) -> None:
    header = ";".join(f"column {number}" for number in range(9000)) + line_end

    assert reason(header.encode(encoding)) == "The file holds a header and no rows."
    assert refusal((header + "1;2").encode(encoding)) is None


@pytest.mark.parametrize("ahead", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_rows_behind_many_blank_lines_are_found(ahead: int) -> None:
    blanks = b"\n" * ahead

    assert refusal(blanks + b"a;b\n1;2\n") is None
    assert refusal(b"a;b\n" + blanks + b"1;2\n") is None
    assert reason(blanks) == "The file is empty."


def test_a_header_with_only_blanks_behind_it_is_refused_however_long() -> None:
    assert reason(b"a;b\n" + b" \r\n" * BLOCK) == "The file holds a header and no rows."


def test_a_file_that_became_shorter_meanwhile_ends_where_it_ends() -> None:
    short = Sample(size=10**9, head=b"a;b\n", tail=b"a;b\n", read_at=lambda _: b"")

    verdict = content.refusal(short, allow_empty=False)

    assert verdict is not None


def test_of_a_file_with_rows_no_more_than_its_begin_is_read() -> None:
    def unexpected(offset: int) -> bytes:
        raise AssertionError(f"read at {offset}")

    head = b"a;b\n1;2\n" * (BLOCK // 8)
    large = Sample(size=10**9, head=head, tail=b"1;2\n", read_at=unexpected)

    assert content.refusal(large, allow_empty=False) is None


# ---------------------------------------------------------------- empty


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n \t\r\n", b"\xef\xbb\xbf", b"\xff\xfe\n\x00"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    """Behaviour A7."""
    verdict = refusal(data)

    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.INVALID, "The file is empty.")
    assert "allow_empty" in verdict.advice


@pytest.mark.parametrize("data", [b"", b"\n", b"a;b\n", b"\xff\xfe"])
def test_an_empty_file_is_taken_where_the_route_allows_it(data: bytes) -> None:
    """Behaviour A7."""
    assert refusal(data, allow_empty=True) is None


# ---------------------------------------------------------------- no text, or not all of it


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (zipped("xl/workbook.xml"), "an Excel workbook (.xlsx)"),
        (zipped("[Content_Types].xml"), "an Excel workbook (.xlsx)"),
        (zipped("a.csv"), "a ZIP archive (.zip)"),
        (zipped(), "a ZIP archive (.zip)"),
        (gzip.compress(b"a;b\n1;2\n", mtime=0), "a gzip archive (.gz)"),
        *((bz2.compress(b"a;b\n", level), "a bzip2 archive (.bz2)") for level in (1, 9)),
        (lzma.compress(b"a;b\n"), "an xz archive (.xz)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9), "an old Excel workbook (.xls)"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7-Zip archive (.7z)"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive (.rar)"),
        (b"\x28\xb5\x2f\xfd\x24", "a zstd archive (.zst)"),
        (b"%PDF-1.7\n%", "a PDF document"),
        (b"PAR1\x15\x04\x15\x00PAR1", "a Parquet file"),
    ],
)
@pytest.mark.parametrize("allow_empty", [False, True])
def test_what_is_no_csv_is_named_and_refused(data: bytes, what: str, allow_empty: bool) -> None:
    verdict = refusal(data, allow_empty=allow_empty)

    assert verdict is not None
    assert verdict.outcome is Outcome.INVALID
    assert verdict.reason == f"This is {what} and not a CSV file, whatever its name says."
    assert "drop" in verdict.advice


@pytest.mark.parametrize(
    ("begin", "words"),
    [(b"", "The file begins with NUL bytes"), (b"a;b\n", "The file holds a header and no rows")],
)
def test_behind_a_hole_nothing_is_looked_for_however_long_the_file_is(
    begin: bytes, words: str
) -> None:
    """A sparse file may claim to be a terabyte long."""
    read: list[int] = []

    def read_at(offset: int) -> bytes:
        read.append(offset)
        return bytes(BLOCK)

    sparse = Sample(size=2**40, head=begin.ljust(BLOCK, b"\x00"), tail=b"1;2\n", read_at=read_at)
    verdict = content.refusal(sparse, allow_empty=False)

    assert verdict is not None
    assert verdict.reason.startswith(words)
    assert len(read) < 20


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("nuls", [4, 4096, 2 * BLOCK])
@pytest.mark.parametrize("allow_empty", [False, True])
def test_a_copy_that_was_not_finished_is_refused_in_every_encoding(
    encoding: str, nuls: int, allow_empty: bool
) -> None:
    """Behaviour T7."""
    data = "a;b\n1;2\n".encode(encoding) + bytes(nuls)

    verdict = refusal(data, allow_empty=allow_empty)

    assert verdict is not None
    assert verdict.reason.startswith("The file ends in NUL bytes")


@pytest.mark.parametrize("data", [b"\x00", bytes(9), bytes(2 * BLOCK), b"a;b\n1;2\n\x00"])
def test_nuls_alone_or_one_at_the_end_of_a_plain_text_are_an_unfinished_copy(data: bytes) -> None:
    assert reason(data).startswith("The file ends in NUL bytes")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("last", ["\n", "€", "Ā", "਀"])
def test_nuls_that_belong_to_the_last_character_are_none_of_a_copy(
    encoding: str, last: str
) -> None:
    assert refusal(f"日;b\n日;{last}".encode(encoding, "replace")) is None
