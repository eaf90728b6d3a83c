"""What is read of Pigment's detailed report, of which anything may be missing or wrong."""

import copy
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigment_watcher.model import Report, Skipped
from pigment_watcher.pigment import answers, reports
from pigment_watcher.pigment.answers import Answer

KEY = "k3y0fTheNewFormat"
IMPORT = "f2b03cab-ba63-4525-bd59-c597f6721973"
BLOCK = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"

#: As Pigment's own description of its API has it.
WHOLE: dict[str, Any] = {
    "blockType": "Metric",
    "summary": {"insertedCount": 10, "updatedCount": 4, "deletedCount": 1, "skippedCount": 3},
    "impactedBlocks": [
        {
            "blockId": BLOCK,
            "scenarioId": None,
            "insertedCount": 10,
            "updatedCount": 4,
            "deletedCount": 1,
            "skippedData": [
                {
                    "count": 1,
                    "reason": "ParsingError",
                    "sourceColumnName": "amount",
                    "samples": ["12,5x"],
                },
                {
                    "count": 2,
                    "reason": "MissingModalitySkippedDataRow",
                    "sourceColumnName": "account",
                    "samples": ["6777", "6778"],
                },
            ],
        }
    ],
    "autoCreatedDimensionModalities": [{"blockId": BLOCK, "count": 7}],
}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
COUNTS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "count": COUNTS,
        "reason": ANYTHING,
        "sourceColumnName": ANYTHING,
        "samples": st.lists(ANYTHING, max_size=8) | ANYTHING,
    },
)
BLOCKS = st.fixed_dictionaries(
    {},
    optional={
        "insertedCount": COUNTS,
        "skippedData": st.lists(ENTRIES | ANYTHING, max_size=30) | ANYTHING,
    },
)
#: Of the right form here and there.
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "summary": st.fixed_dictionaries({}, optional={"skippedCount": COUNTS}) | ANYTHING,
        "impactedBlocks": st.lists(BLOCKS | ANYTHING, max_size=3) | ANYTHING,
        "autoCreatedDimensionModalities": st.lists(ENTRIES | ANYTHING, max_size=3) | ANYTHING,
    },
)


def read(value: Any) -> Report:
    report = reports.read(value, secret=KEY)
    assert report is not None
    return report


def skipping(*entries: Any, **summary: Any) -> Report:
    """Return what is read of a report with these entries of skipped data."""
    return read({"summary": summary, "impactedBlocks": [{"skippedData": list(entries)}]})


# ---------------------------------------------------------------- what is told


def test_a_whole_report_is_read_with_the_most_frequent_kind_first() -> None:
    assert read(WHOLE) == Report(
        inserted=10,
        updated=4,
        deleted=1,
        skipped=3,
        created=7,
        skips=(
            Skipped(
                reason="MissingModalitySkippedDataRow",
                column="account",
                count=2,
                samples=("6777", "6778"),
            ),
            Skipped(reason="ParsingError", column="amount", count=1, samples=("12,5x",)),
        ),
    )


@pytest.mark.parametrize("path", [*WHOLE, *(("summary", name) for name in WHOLE["summary"])])
@pytest.mark.parametrize("junk", [None, 7, "x", [], [None], {}, True])
def test_anything_may_be_junk_and_the_rest_is_read(path: Any, junk: Any) -> None:
    value = copy.deepcopy(WHOLE)
    *outer, last = path if isinstance(path, tuple) else (path,)
    holder = value[outer[0]] if outer else value
    holder[last] = junk

    report = read(value)

    assert report.has_skips or path in ("impactedBlocks", ("summary", "skippedCount"))
    assert report.created == (None if path == "autoCreatedDimensionModalities" else 7)


@pytest.mark.parametrize("junk", [None, 7, 1.5, "x", True, [], [WHOLE]])
def test_what_is_no_object_is_no_report(junk: Any) -> None:
    assert reports.read(junk, secret=KEY) is None


def test_counts_that_the_summary_lacks_are_added_up_from_the_blocks() -> None:
    value = {"impactedBlocks": [{"insertedCount": 2}, {"insertedCount": 3, "updatedCount": 1}, 5]}

    assert read(value).counts == {"inserted": 5, "updated": 1}


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, 3),
        (3.0, 3),
        (2**200, reports.LARGEST),
        (1e300, reports.LARGEST),
        (-1, None),
        (1.5, None),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
        ("3", None),
    ],
)
def test_a_count_is_a_whole_number_of_a_sensible_size(count: Any, expected: int | None) -> None:
    assert read({"summary": {"insertedCount": count}}).inserted == expected


# ---------------------------------------------------------------- what was left out


def test_the_summary_counts_the_rows_that_were_left_out() -> None:
    report = skipping({"count": 2, "reason": "A"}, {"count": 3, "reason": "B"}, skippedCount=4)

    assert report.skipped == 4


@pytest.mark.parametrize("summary", [{}, {"skippedCount": None}, {"skippedCount": 0}])
def test_what_was_left_out_counts_although_the_summary_does_not_know(summary: Any) -> None:
    report = skipping({"count": 2, "reason": "A"}, {"count": 3, "reason": "B"}, **summary)

    assert (report.skipped, report.has_skips) == (5, True)


@pytest.mark.parametrize("count", [None, "three", -3, True])
def test_something_was_left_out_even_if_nobody_says_how_much(count: Any) -> None:
    report = skipping({"count": count, "reason": "ParsingError"}, skippedCount=0)

    assert (report.skipped, report.has_skips) == (None, True)
    assert report.skips == (Skipped(reason="ParsingError"),)


def test_a_summary_alone_tells_that_rows_were_left_out() -> None:
    assert read({"summary": {"skippedCount": 1}}).has_skips


@pytest.mark.parametrize(
    ("value", "skipped"),
    [
        ({}, None),
        ({"summary": {}, "impactedBlocks": []}, None),
        ({"impactedBlocks": [{"skippedData": None}]}, None),
        ({"impactedBlocks": [{"skippedData": []}, {}]}, None),
        ({"impactedBlocks": [{"skippedData": []}]}, 0),
        ({"impactedBlocks": [{"skippedData": [{"count": 0, "reason": "ParsingError"}]}]}, 0),
        ({"summary": {"skippedCount": 0}}, 0),
    ],
)
def test_nothing_was_left_out_only_where_that_is_told(value: Any, skipped: int | None) -> None:
    report = read(value)

    assert (report.skipped, report.has_skips) == (skipped, False)


def test_one_kind_in_several_blocks_is_told_once() -> None:
    one = {"count": 1, "reason": "A", "sourceColumnName": "c", "samples": ["x", "y"]}
    other = {"count": None, "reason": "A", "sourceColumnName": "c", "samples": ["y", "z"]}
    report = read({"impactedBlocks": [{"skippedData": [one]}, {"skippedData": [other]}]})

    assert report.skips == (Skipped(reason="A", column="c", count=1, samples=("x", "y", "z")),)


# ---------------------------------------------------------------- bounds


def test_an_evil_report_is_kept_small() -> None:
    samples = [f"{number}" + "\U0001f600" * 200 for number in range(30)]
    entry = {"count": 1, "sourceColumnName": "c" * 200, "samples": samples}
    entries = [{**entry, "reason": f"{number}"} for number in range(1000)]
    report = skipping(*entries)

    assert (len(report.skips), report.more_kinds, report.skipped) == (20, 980, 1000)
    assert len(json.dumps(dataclasses.asdict(report), ensure_ascii=False).encode()) < 40 * 1024


def test_samples_are_cut_and_each_is_told_once() -> None:
    samples: list[Any] = ["a", "a", None, {}, 7, "b" * 100, "c", "d", "e"]
    (kind,) = skipping({"count": 1, "samples": samples}).skips

    assert kind.samples == ("a", "7", "b" * 80, "c", "d")


def test_a_text_of_several_lines_is_one_line() -> None:
    (kind,) = skipping(
        {"count": 1, "samples": ["a\r\nb\x1b[31m"], "sourceColumnName": "x\ny"}
    ).skips

    assert (kind.column, kind.samples) == ("x y", ("a b [31m",))


def test_no_text_of_a_report_shows_the_key() -> None:
    entry = {"count": 1, "reason": KEY, "sourceColumnName": f"a {KEY}", "samples": [KEY * 2]}

    assert KEY not in repr(skipping(entry))


@given(ANYTHING | NEARLY)
def test_no_json_whatever_raises_anything(value: Any) -> None:
    report = reports.read(value, secret=KEY)

    assert (report is None) == (not isinstance(value, dict))
    if report is not None:
        assert all(0 <= count <= reports.LARGEST for count in report.counts.values())
        assert len(report.skips) <= reports.KINDS
        assert len(json.dumps(dataclasses.asdict(report))) < 256 * 1024


@given(
    st.dictionaries(st.sampled_from(["errorsDetails", "detailedReport", "x"]), NEARLY | ANYTHING)
)
def test_a_status_is_known_whatever_stands_beside_it(beside: Any) -> None:
    content = json.dumps({**beside, "importId": IMPORT, "importStatus": "Completed"}).encode()

    status = answers.import_status(
        Answer(status=200, content=content), asked_for=IMPORT, secret=KEY
    )

    assert status.import_id == IMPORT
