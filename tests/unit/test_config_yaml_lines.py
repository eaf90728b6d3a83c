"""How a YAML text is read: types, lines, and what is refused."""

import pytest

from pigment_watcher.config import yaml_lines


def tree(text: str) -> object:
    document = yaml_lines.parse(text)
    assert not document.faults
    return document.tree


def fault(text: str) -> tuple[int, str]:
    (only,) = yaml_lines.parse(text).faults
    return only.line, only.text


@pytest.mark.parametrize("word", ["NO", "no", "on", "Off", "yes", "y", "tRUE", "12:30", "=", "<<"])
def test_a_word_is_a_text(word: str) -> None:
    assert tree(f"a: {word}") == {"a": word}


@pytest.mark.parametrize("word", ["2026-11-23", "2026-11-23 10:15:02", "1_000", "0b1", "0x", ".."])
def test_a_date_and_an_odd_number_are_texts(word: str) -> None:
    assert tree(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("0644", 644),
        ("0o17", 15),
        ("0x1F", 31),
        ("+3", 3),
        ("-4", -4),
        ("1e3", 1e3),
        (".05", 0.05),
        ("8.", 8),
    ],
)
def test_a_number_is_what_yaml_1_2_says(word: str, value: float) -> None:
    assert tree(f"a: {word}") == {"a": value}


@pytest.mark.parametrize("word", ["null", "Null", "NULL", "~", ""])
def test_nothing_is_null(word: str) -> None:
    assert tree(f"a: {word}") == {"a": None}


@pytest.mark.parametrize(("word", "value"), [("true", True), ("TRUE", True), ("False", False)])
def test_true_and_false_are_flags(word: str, value: bool) -> None:
    assert tree(f"a: {word}") == {"a": value}


def test_what_is_quoted_is_a_text() -> None:
    assert tree("""{a: "true", b: '1', c: "*.csv"}""") == {"a": "true", "b": "1", "c": "*.csv"}


def test_a_key_is_always_a_text() -> None:
    assert tree("on: 1\n2024: 2\nnull: 3\n") == {"on": 1, "2024": 2, "null": 3}


def test_every_key_and_list_item_knows_its_line() -> None:
    lines = yaml_lines.parse("\na:\n  b:\n    - x\n    - y\n  c: {d: 1}\n").lines
    assert lines == {
        (): 2, ("a",): 2, ("a", "b"): 3, ("a", "b", 0): 4, ("a", "b", 1): 5,
        ("a", "c"): 6, ("a", "c", "d"): 6,
    }  # fmt: skip


def test_a_key_given_twice_is_a_fault_and_the_first_one_stands() -> None:
    document = yaml_lines.parse("a: 1\nb: 2\na: 3\n")
    assert document.tree == {"a": 1, "b": 2}
    assert document.faults == (
        yaml_lines.Fault(
            ("a",), 3, "given twice, first in line 1: keep one of them", unusable=False
        ),
    )


def test_an_alias_is_a_fault_where_it_stands() -> None:
    document = yaml_lines.parse("a: &x [1]\nb:\n  c: *x\n")
    assert document.tree == {"a": [1], "b": {"c": None}}
    (only,) = document.faults
    assert (only.where, only.line) == (("b", "c"), 3)
    assert "an alias (*x) is not allowed" in only.text


def test_aliases_that_would_multiply_end_at_once() -> None:
    lines = ["l0: &l0 [x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 20)]
    assert len(yaml_lines.parse("\n".join(lines)).faults) == 19 * 9


def test_an_alias_to_itself_is_a_fault() -> None:
    assert "an alias (*a) is not allowed" in fault("a: &a [*a]")[1]


@pytest.mark.parametrize("key", ["? [a]\n: 1", "? {a: 1}\n: 1", "&x a: 1\n*x : 2"])
def test_a_key_that_is_no_word_is_a_fault(key: str) -> None:
    assert fault(key)[1] == "a key must be a plain word"


@pytest.mark.parametrize("value", ["!foo 1", "!!python/name:os.system x", "!!set {a}", "!x [1]"])
def test_a_tag_is_a_fault(value: str) -> None:
    line, text = fault(f"a: 1\nb: {value}")
    assert line == 2
    assert "is not allowed: leave it out" in text


def test_a_number_too_long_to_convert_is_a_fault() -> None:
    assert fault(f"a: {'9' * 5000}") == (1, "not a number that can be used")
    assert tree(f"a: 0x{'f' * 5000}") == {"a": f"0x{'f' * 5000}"}


def test_a_syntax_error_has_its_line() -> None:
    line, text = fault("a: 1\nb: [1, 2\nc: 3\n")
    assert line == 3
    assert text.startswith("not YAML: ")
    assert not text.endswith(")")


def test_a_bare_star_is_told_about_quotes() -> None:
    assert fault("files: *.csv")[1].endswith('(a value that begins with * needs quotes: "*.csv")')


def test_a_tab_is_told_about_blanks() -> None:
    line, text = fault("a:\n\tb: 1\n")
    assert line == 2
    assert text.endswith("(indent with blanks, not with tabs)")


def test_a_control_character_is_a_fault_with_its_line() -> None:
    assert fault("a: 1\nb: \x01\n") == (2, "not YAML: the character U+0001 is not allowed")


def test_a_second_document_is_a_fault() -> None:
    assert "expected a single document" in fault("a: 1\n---\nb: 2\n")[1]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 5_000, "{a: " * 5_000])
def test_endless_nesting_is_a_fault_and_no_crash(text: str) -> None:
    assert fault(text) == (1, "not YAML: nested too deeply")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_nothing_is_no_fault(text: str) -> None:
    assert tree(text) is None
