"""The text beside a failed file."""

import codecs
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reason_samples
from hypothesis import given
from hypothesis import strategies as st
from policy_fixtures import IMPORT, LANE, importing, job

from pigment_watcher import reasons
from pigment_watcher.model import Job, Outcome, Report, Skipped, State
from pigment_watcher.policy import verdicts

BEGAN = 1_764_000_000.0
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)


@pytest.fixture(autouse=True)
def _local_time_is_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def failed(**changes: Any) -> Job:
    verdict = verdicts.import_failed("Rows: 7 are bad\nColumns: none")
    values = {
        "state": State.ARCHIVING,
        "created_at": BEGAN,
        "pushed_at": BEGAN + 10,
        "decided_at": BEGAN + 70,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "answer": verdict.answer,
        "advice": verdict.advice,
        "version": "1.2.3",
    }
    return importing(**values | changes)


def read(written: Job) -> str:
    return reasons.text(written).decode("utf-8-sig")


def test_it_says_what_happened_when_and_what_to_do_now() -> None:
    """Behaviour H8. Behaviour O1. Behaviour T25."""
    lines = read(failed()).split("\r\n")

    assert lines[:8] == [
        "NOT IMPORTED - a.csv",
        "",
        "What happened",
        "  Pigment received the file, and its import failed.",
        "",
        "What Pigment said",
        "  Rows: 7 are bad",
        "  Columns: none",
    ]
    advice = lines.index("What to do now")
    assert lines[advice + 1].startswith("  Open the block in Pigment")
    assert lines[lines.index("Details") + 1 :] == [
        "  File:          a.csv",
        "  Dropped in:    /srv/sales",
        "  Size:          6 bytes",
        "  Found:         2025-11-24 17:00:00 CET",
        "  Sent:          2025-11-24 17:00:10 CET",
        "  Ended:         2025-11-24 17:01:10 CET",
        f"  Import ID:     {IMPORT}",
        f"  Configuration: {LANE}",
        "  Route:         sales",
        "  Job:           7, by pigment-watcher 1.2.3",
        "",
    ]


def test_of_an_unsure_file_the_first_line_says_to_look_first() -> None:
    written = reasons.text(failed(outcome=Outcome.UNSURE))

    assert written.startswith(b"NOT KNOWN WHETHER IMPORTED - look before dropping it again\r\n")


def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    text = read(job(outcome=Outcome.INVALID, reason="The file is empty."))

    assert "  Sent:          never" in text
    assert "  Import ID:     none" in text
    assert "Ended:" not in text
    assert "What Pigment said" not in text
    assert "What to do now" not in text


def test_the_name_is_the_one_the_file_was_dropped_under() -> None:
    """Behaviour O1."""
    text = read(failed(name="a.csv", target=Path("/srv/sales/failed/a-20261123-101502.csv")))

    assert "  File:          a.csv\r\n" in text


def test_each_line_ends_as_windows_wants_it() -> None:
    written = reasons.text(failed(answer="one\ntwo\rthree\r\nfour\u2028five"))

    assert written.count(b"\n") == written.count(b"\r\n") == written.count(b"\r")


def test_plain_ascii_needs_no_byte_order_mark() -> None:
    assert not reasons.text(failed()).startswith(codecs.BOM_UTF8)


def test_other_letters_come_with_the_mark_that_windows_needs() -> None:
    written = reasons.text(failed(name="Umsätze.csv"))

    assert written.startswith(codecs.BOM_UTF8)
    assert "NOT IMPORTED - Umsätze.csv" in written.decode("utf-8-sig")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.csv", "a\\nb.csv"),
        ("a\x1b[31m.csv", "a\\x1b[31m.csv"),
        ("a\udcff.csv", "a\\udcff.csv"),
        ("\u202egpj.csv", "\\u202egpj.csv"),
    ],
)
def test_a_name_can_not_break_the_page(name: str, shown: str) -> None:
    """Behaviour T14."""
    assert f"  File:          {shown}\r\n" in read(failed(name=name))


def test_half_a_character_in_pigments_words_can_be_written() -> None:
    assert "  cut \\ud83d" in read(failed(answer="cut \ud83d"))


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_is_said_can_be_written_and_stays_within_its_lines(
    name: str, answer: str, advice: str
) -> None:
    lines = read(failed(name=name, answer=answer, advice=advice)).split("\r\n")

    assert lines[0].startswith("NOT IMPORTED - ")
    assert all(line.isprintable() for line in lines)
    titles = [line for line in lines[1:] if line and not line.startswith("  ")]
    assert set(titles) <= {"What happened", "What Pigment said", "What to do now", "Details"}


@pytest.mark.parametrize("name", ["a.csv", "Umsätze.csv"])
def test_a_file_that_was_put_back_is_told_above_the_old_text(name: str) -> None:
    old = reasons.text(failed(name=name))

    remarked = reasons.put_back(old, job(id=8, asked_by="anna"), BEGAN)

    text = remarked.decode("utf-8-sig")
    assert text.startswith(
        "PUT BACK into the queue on 2025-11-24 17:00:00 CET by anna, as job 8."
        " What follows is about the earlier attempt.\r\n\r\nNOT IMPORTED - "
    )
    assert text.endswith(old.decode("utf-8-sig"))
    assert remarked.startswith(codecs.BOM_UTF8) == old.startswith(codecs.BOM_UTF8)


def test_a_remark_names_nobody_where_nobody_is_known_and_keeps_to_ascii() -> None:
    nobody = reasons.put_back(b"old", job(id=8), BEGAN)
    umlaut = reasons.put_back(b"old", job(id=8, asked_by="jürgen"), BEGAN)

    assert b"CET, as job 8." in nobody
    assert b"by j\\xfcrgen, as job 8." in umlaut


# ---------------------------------------------------------------- what an import left out


def incomplete(**changes: Any) -> Job:
    """Return a job of whose file an import left something out."""
    skips = (
        Skipped(
            reason="MissingModalitySkippedDataRow",
            column="account",
            count=2,
            samples=("6777", "6778"),
        ),
        Skipped(reason="SomethingNew"),
    )
    report = Report(inserted=1200, skipped=2, created=1, skips=skips, more_kinds=4)
    verdict = verdicts.imported_with_skips(report, fails=False, may_repeat=True)
    return failed(
        **{
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "answer": "",
            "advice": verdict.advice,
            "report": report,
            **changes,
        }
    )


def read_report(written: Job) -> str:
    return reasons.report(written).decode("utf-8-sig")


def test_a_report_tells_what_was_left_out_why_and_what_to_do() -> None:
    lines = read_report(incomplete()).split("\r\n")

    assert lines[: lines.index("What to do now")] == [
        "IMPORTED, BUT ROWS ARE MISSING - a.csv",
        "",
        "What happened",
        "  Pigment imported the file and left 2 rows out.",
        "",
        "What Pigment reported",
        "  Inserted:      1,200",
        "  Left out:      2",
        "  Items created: 1",
        "",
        "What was left out",
        '  1. 2 in column "account": the item is not in its list in Pigment, so the row',
        "  was left out.",
        "     For example: 6777 | 6778",
        "     Pigment calls it: MissingModalitySkippedDataRow",
        "     What to do: Add the missing items to their list in Pigment, or correct",
        "     how they are written in the file.",
        "  2. some: for a reason that is not known here.",
        "     Pigment calls it: SomethingNew",
        "     What to do: Look at this import's Import Summary in Pigment.",
        "  And more, of 4 other kinds.",
        "",
    ]
    assert f"  Import ID:     {IMPORT}" in lines


@pytest.mark.parametrize("report", [None, Report(skipped=2)])
def test_a_report_that_can_not_tell_more_says_where_to_look(report: Report | None) -> None:
    assert "Pigment did not say what; the Import Summary may tell." in read_report(
        incomplete(report=report)
    )


def test_the_reason_of_an_import_that_counts_as_a_failure_names_the_report_beside_it() -> None:
    text = read(incomplete())

    assert text.startswith("IMPORTED, BUT ROWS ARE MISSING - a.csv\r\n")
    assert "The report beside this file lists it, with the causes." in text


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_was_left_out_can_be_written_and_stays_within_its_lines(
    reason: str, column: str, sample: str
) -> None:
    skips = (Skipped(reason=reason, column=column, samples=(sample,)),)
    written = reasons.report(incomplete(report=Report(skips=skips)))

    assert written.count(b"\n") == written.count(b"\r\n") == written.count(b"\r")
    lines = written.decode("utf-8-sig").split("\r\n")
    assert all(line.isprintable() for line in lines)
    assert len([line for line in lines if line and not line.startswith("  ")]) == 5


def test_the_page_that_shows_the_commonest_texts_is_right_to_the_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", reason_samples.ZONE)
    time.tzset()
    shown = (Path(__file__).parents[2] / "docs" / "reasons.md").read_text()
    assert shown == reason_samples.page()
