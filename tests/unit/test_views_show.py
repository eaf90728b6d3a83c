import json

import pytest

from pigment_watcher.views import show

NO_UTF8 = b"caf\xe9.csv".decode("utf-8", "surrogateescape")


def test_bytes_that_are_no_text_show_as_hex() -> None:
    assert show.printable(NO_UTF8) == r"caf\xe9.csv"


def test_a_terminal_gets_nothing_to_obey() -> None:
    assert show.printable("a\x1b[2J\nb\u202e.csv") == r"a\x1b[2J\nb\u202e.csv"


def test_letters_of_any_language_stay() -> None:
    assert show.printable("Umsätze 売上.csv") == "Umsätze 売上.csv"


def test_several_lines_stay_lines() -> None:
    assert show.lines("one\ntwo\x07") == "one\ntwo\\x07"


def test_json_holds_no_half_characters_however_deep() -> None:
    value = {"file": NO_UTF8, "more": [{"path": NO_UTF8}], "size": 3, "none": None}

    told = json.dumps(show.plain(value), ensure_ascii=False).encode()

    assert json.loads(told)["more"][0]["path"] == r"caf\xe9.csv"


def test_json_keeps_line_ends_in_names() -> None:
    assert show.plain("a\nb") == "a\nb"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0.0 s"),
        (0.25, "0.2 s"),
        (12, "12 s"),
        (60, "1 min"),
        (61.9, "1 min 1 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_span_of_time_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert show.age(seconds) == told


def test_programs_get_utc_with_milliseconds() -> None:
    assert show.iso(1_790_000_000.5) == "2026-09-21T14:13:20.500Z"
    assert show.iso(None) is None


def test_one_byte_is_no_bytes() -> None:
    assert [show.size(1), show.size(1234)] == ["1 byte", "1,234 bytes"]


def test_columns_begin_below_each_other() -> None:
    assert show.table(["A", "NAME"], [["100", "x"], ["1", "long one"]]) == [
        "A    NAME",
        "100  x",
        "1    long one",
    ]
