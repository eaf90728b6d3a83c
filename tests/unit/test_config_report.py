"""How problems are located, ordered and kept from repeating."""

from pathlib import Path

from pigment_watcher.config.report import Report

LINES = {(): 1, ("a",): 2, ("a", "b"): 3, ("a", "b", 0): 4, ("c",): 7}


def report() -> Report:
    return Report(Path("my.yaml"), LINES)


def test_a_problem_names_file_line_and_path() -> None:
    said = report()
    said.problem(("a", "b", 0), "is wrong")
    assert said.problems == ("my.yaml:4: a.b.0: is wrong",)


def test_a_missing_key_points_at_its_mapping() -> None:
    said = report()
    said.problem(("a", "missing"), "missing")
    said.problem(("nowhere", "at all"), "missing")
    assert said.problems == (
        "my.yaml:1: nowhere.at all: missing",
        "my.yaml:2: a.missing: missing",
    )


def test_a_file_without_lines_points_at_its_first() -> None:
    said = Report(Path("my.yaml"), {})
    said.problem((), "is empty")
    assert said.problems == ("my.yaml:1: is empty",)


def test_a_line_that_is_known_better_is_used() -> None:
    said = report()
    said.problem(("a",), "given twice", line=6)
    assert said.problems == ("my.yaml:6: a: given twice",)


def test_problems_stand_in_the_order_of_lines_and_remarks_apart() -> None:
    said = report()
    said.problem(("c",), "late")
    said.remark(("a",), "by the way")
    said.problem(("a", "b"), "early")
    said.problem(("a", "b"), "early, too")
    texts = [line.rsplit(": ", 1)[1] for line in said.problems]
    assert texts == ["early", "early, too", "late"]
    assert said.remarks == ("my.yaml:2: a: by the way",)


def test_nothing_more_is_said_of_what_is_unusable_or_below_it() -> None:
    said = report()
    said.unusable(("a",), "is wrong")
    said.problem(("a",), "follows")
    said.problem(("a", "b"), "follows")
    said.problem(("c",), "stands")
    assert said.problems == ("my.yaml:2: a: is wrong", "my.yaml:7: c: stands")


def test_a_key_with_a_line_end_keeps_its_problem_in_one_line() -> None:
    said = report()
    said.problem(("a\nb", ""), "is wrong")
    assert said.problems == ("my.yaml:1: 'a\\nb'.'': is wrong",)
