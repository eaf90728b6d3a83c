"""What an answer of the server is taken for."""

import email.utils
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigment_watcher import errors
from pigment_watcher.model import ImportState
from pigment_watcher.pigment import answers
from pigment_watcher.pigment.answers import Answer

KEY = "k3y0fTheNewFormat"
IMPORT = "f2b03cab-ba63-4525-bd59-c597f6721973"
NOW = 1_800_000_000.0


def ok(found: Any) -> Answer:
    return Answer(status=200, content=json.dumps(found).encode())


def status_answer(**changes: Any) -> Answer:
    return ok({"importId": IMPORT, "importStatus": "InProgress"} | changes)


# ---------------------------------------------------------------- a push


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_import_id_is_read_in_any_encoding_that_json_knows(encoding: str) -> None:
    content = json.dumps({"importId": IMPORT, "more": 1}).encode(encoding)

    assert answers.import_id(Answer(status=200, content=content)) == IMPORT


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"null", b'"x"', b"[" * 20_000, b"1" * 10_000],
    ids=["empty", "garbage", "null", "text", "deep", "long number"],
)
def test_a_200_without_an_object_is_not_known(content: bytes) -> None:
    with pytest.raises(errors.NotKnown, match="answered 200, but with"):
        answers.import_id(Answer(status=200, content=content))


@pytest.mark.parametrize(
    "value", [None, 7, "", "x", IMPORT + "\n", f"{{{IMPORT}}}", IMPORT.replace("-", ""), [IMPORT]]
)
def test_an_import_id_that_is_no_uuid_is_not_known(value: Any) -> None:
    with pytest.raises(errors.NotKnown, match="no importId that is a UUID"):
        answers.import_id(ok({"importId": value}))


def test_a_200_that_broke_off_is_not_known_even_if_it_reads_well() -> None:
    answer = Answer(status=200, content=b"{}", broken="timed out")

    with pytest.raises(errors.NotKnown, match="timed out"):
        answers.fields(answer)


@pytest.mark.parametrize("status", [101, 201, 204, 304, 400, 503])
def test_any_status_but_200_is_what_the_server_said(status: int) -> None:
    answer = Answer(status=status, content=b"no", retry_after_s=5.0, location="/x", broken="cut")

    with pytest.raises(errors.ServerSaid) as caught:
        answers.fields(answer)

    said = caught.value
    assert (said.status, said.excerpt, said.retry_after_s, said.location) == (
        status,
        "no",
        5.0,
        "/x",
    )


# ---------------------------------------------------------------- a status


@pytest.mark.parametrize("state", list(ImportState))
def test_each_import_status_is_known(state: ImportState) -> None:
    status = answers.import_status(
        status_answer(importStatus=state.value), asked_for=IMPORT, secret=KEY
    )

    assert status.state is state
    assert (status.created_at, status.completed_at, status.errors) == (None, None, ())


def test_a_status_holds_times_and_reasons() -> None:
    answer = status_answer(
        createdAt="2023-10-04T16:17:07Z",
        completedAt="2023-10-04T16:17:10Z",
        errorsDetails=[{"name": "Rows", "description": "bad"}, {"name": None}, "junk"],
    )

    status = answers.import_status(answer, asked_for=IMPORT.upper(), secret=KEY)

    assert status.created_at == "2023-10-04T16:17:07Z"
    assert status.completed_at == "2023-10-04T16:17:10Z"
    assert status.errors == (("Rows", "bad"), ("", ""))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"importId": "33d0d7d0-6125-47c4-b36a-882f4ed53b33"}, "another import"),
        ({"importId": None}, "another import"),
        ({"importStatus": "Queued"}, "importStatus"),
        ({"importStatus": None}, "importStatus"),
        ({"importStatus": ["Failed"]}, "importStatus"),
    ],
)
def test_a_status_that_does_not_fit_is_not_known(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(errors.NotKnown, match=match):
        answers.import_status(status_answer(**changes), asked_for=IMPORT, secret=KEY)


def test_a_status_that_repeats_the_key_does_not_show_it() -> None:
    said = f"you said Bearer {KEY}"
    answer = status_answer(
        createdAt=said, completedAt=KEY, errorsDetails=[{"name": KEY, "description": said}]
    )

    status = answers.import_status(answer, asked_for=IMPORT, secret=KEY)

    assert KEY not in repr(status)
    assert status.errors == (("<hidden>", "you said Bearer <hidden>"),)


@pytest.mark.parametrize("junk", [None, 7, "x", {}, [[]]])
def test_junk_beside_the_status_does_not_matter(junk: Any) -> None:
    answer = status_answer(createdAt=[junk], errorsDetails=junk)

    assert answers.import_status(answer, asked_for=IMPORT, secret=KEY).errors == ()


def test_of_endless_reasons_the_first_are_kept_and_cut() -> None:
    answer = status_answer(errorsDetails=[7, *[{"name": "n" * 5000, "description": "d"}] * 1000])

    assert (
        answers.import_status(answer, asked_for=IMPORT, secret=KEY).errors
        == (("n" * 1000, "d"),) * 50
    )


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ""),
        (b"Bad\r\n\trequest\x00 \x1b[31mred", "Bad request [31mred"),
        ("\u202egnp.exe gr\u00f6\u00dfer".encode(), "gnp.exe gr\u00f6\u00dfer"),
        (b'{"message": "a < b and <x>"}', '{"message": "a < b and <x>"}'),
        (b" <html><style>p {}</style><p>No<br>way &lt;3</p><!-- x -->", "No way <3"),
        (b"<script>var secret = 1", ""),
    ],
)
def test_an_excerpt_is_one_line_of_plain_words(content: bytes, expected: str) -> None:
    assert answers.excerpt(content, secret=KEY) == expected


def test_an_excerpt_is_cut_only_after_the_key_was_hidden() -> None:
    content = b"x" * 295 + KEY.encode()

    assert answers.excerpt(content, secret=KEY) == "x" * 295 + "<hidd"


@pytest.mark.parametrize("piece", [b"<", b"<script", b"<!--", b"<a ", b"&"])
def test_hostile_html_takes_no_time(piece: bytes) -> None:
    content = b"<" + piece * (answers.ANSWER_BYTES // len(piece))
    began_at = time.monotonic()

    answers.excerpt(content, secret=KEY)

    assert time.monotonic() - began_at < 2


@given(st.binary(), st.binary())
def test_no_excerpt_holds_the_key_or_a_line_end(before: bytes, after: bytes) -> None:
    excerpt = answers.excerpt(before + KEY.encode() + after, secret=KEY)

    assert KEY not in excerpt
    assert excerpt == "" or excerpt.isprintable()


# ---------------------------------------------------------------- Retry-After


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        (" 17 ", 17.0),
        ("86401", 86400.0),
        ("9" * 5000, 86400.0),
        (email.utils.formatdate(NOW + 90, usegmt=True), 90.0),
        (email.utils.formatdate(NOW + 90).replace("-0000", ""), 90.0),
        (email.utils.formatdate(NOW - 90, usegmt=True), 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_a_day(value: str, expected: float) -> None:
    assert answers.retry_after_s(value, now=NOW) == expected


@pytest.mark.parametrize(
    "value", [None, "", "-1", "1.5", "inf", "nan", "\u00b2", "soon", "1 Jan", "99999999999 Jan 1"]
)
def test_a_retry_after_without_sense_is_none(value: str | None) -> None:
    assert answers.retry_after_s(value, now=NOW) is None


@given(st.text())
def test_no_retry_after_raises(value: str) -> None:
    seconds = answers.retry_after_s(value, now=NOW)

    assert seconds is None or 0 <= seconds <= answers.LONGEST_RETRY_AFTER_S
