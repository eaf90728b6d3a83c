"""Markers: a file is complete when the second one, that says so, stands beside it."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from acceptance_fixtures import ROWS, eventually
from writer_fixtures import ROUTE, Watched, Writer, lines, names_of, watched

from pigment_watcher.simulator import Fault

pytestmark = pytest.mark.slow

FIRST = f"{ROWS}first,4000,1\n"
SECOND = f"{ROWS}second,4000,1\n"


def nothing_is_left(here: Watched, *names: str) -> None:
    """Check that nothing of these names is anywhere in the inbox or below it."""
    for name in names:
        assert here.places(name) == []


def marker_in_processing(here: Watched) -> list[Path]:
    """Return the markers that were claimed with their files."""
    return sorted((here.inbox / "processing").glob("*/*/.marker"))


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("marker", "name", "beside_it"),
    [
        ("{name}.done", "sales.csv", "sales.csv.done"),
        ("{stem}.ok", "sales.csv", "sales.ok"),
        ("done-{name}", "sales.csv", "done-sales.csv"),
        ("READY", "sales.csv", "READY"),
        ("{stem}.ok", "sales.2026.10.csv", "sales.2026.10.ok"),
        ("{name}.done", "$a$.csv", "$a$.csv.done"),
        ("{stem}.ok", "[a](b)+{c}.csv", "[a](b)+{c}.ok"),
        ("{name}.done", "été 2026.csv", "été 2026.csv.done"),
    ],
)
def test_a_file_is_taken_when_its_marker_stands_beside_it_and_the_marker_goes_with_it(
    tmp_path: Path, marker: str, name: str, beside_it: str
) -> None:
    with watched(tmp_path, marker=marker) as here:
        here.drop(name, FIRST)
        here.let_settle()
        assert here.claimed(name) == 0
        (here.inbox / beside_it).touch()
        here.imported(name)
        here.expect_sent_once(FIRST)
        assert here.places(name) == [f"done/{name}"]
        eventually(lambda: here.places(beside_it) == [])
        eventually(lambda: list((here.inbox / "processing").glob("*/*/*")) == [])


def test_a_file_alone_is_never_taken_however_long_it_is_quiet(tmp_path: Path) -> None:
    with watched(tmp_path, marker="{name}.done") as here:
        here.drop("alone.csv")
        here.let_settle(3)
        here.start_again()
        here.let_settle()
        assert here.claimed("alone.csv") == 0
        assert here.places("alone.csv") == ["alone.csv"]


def test_a_marker_alone_is_no_file_and_stays_until_its_file_comes(tmp_path: Path) -> None:
    # This marker looks like data by its name.
    with watched(tmp_path, marker="done-{name}") as here:
        (here.inbox / "done-late.csv").write_text("a marker, whatever stands in it\n")
        here.drop("other.csv", SECOND)
        (here.inbox / "done-other.csv").touch()
        here.imported("other.csv")
        assert here.places("done-late.csv") == ["done-late.csv"]
        here.drop("late.csv", FIRST)
        here.imported("late.csv")
        here.expect_sent_once(FIRST, SECOND)
        eventually(lambda: here.places("done-late.csv") == [])


def test_of_two_files_only_the_one_with_a_marker_is_taken(tmp_path: Path) -> None:
    with watched(tmp_path, marker="{stem}.ok") as here:
        here.drop("a.csv", FIRST)
        here.drop("ab.csv", SECOND)
        (here.inbox / "a.ok").touch()
        here.imported("a.csv")
        assert here.places("ab.csv") == ["ab.csv"]
        (here.inbox / "ab.ok").touch()
        here.imported("ab.csv")
        here.expect_sent_once(FIRST, SECOND)


def test_a_folder_of_a_markers_name_releases_nothing(tmp_path: Path) -> None:
    with watched(tmp_path, marker="{name}.done") as here:
        (here.inbox / "a.csv.done").mkdir()
        here.drop("a.csv", FIRST)
        here.let_settle()
        assert here.claimed("a.csv") == 0


# ---------------------------------------------------------------- a fixed name


def test_a_fixed_marker_releases_all_that_is_there_and_goes_with_the_last_of_it(
    tmp_path: Path,
) -> None:
    texts = {f"{number}.csv": f"{ROWS}{number},4000,1\n" for number in range(5)}
    with watched(tmp_path, marker="READY") as here:
        for name, text in texts.items():
            here.drop(name, text)
        (here.inbox / "READY").touch()
        for name in texts:
            here.imported(name)
        here.expect_sent_once(*texts.values())
        eventually(lambda: here.places("READY") == [])
        here.drop("later.csv")
        here.let_settle()
        assert here.claimed("later.csv") == 0


# ---------------------------------------------------------------- what becomes of it


@pytest.mark.parametrize(
    ("text", "fault", "outcome"),
    [
        (f"{ROWS}SIMULATE-FAIL,4000,1\n", None, "failed"),
        ("", None, "invalid"),
        (FIRST, Fault.answer(422), "refused"),
        (FIRST, Fault.lost_answer(), "unsure"),
    ],
)
def test_the_marker_of_a_file_that_ends_in_failed_goes_too(
    tmp_path: Path, text: str, fault: Fault | None, outcome: str
) -> None:
    with watched(tmp_path, marker="{name}.done") as here:
        if fault is not None:
            here.pigment.script(fault)
        here.drop("bad.csv", text)
        (here.inbox / "bad.csv.done").touch()
        here.service.wait_for("job.finished", 20.0, file="bad.csv", outcome=outcome)
        assert names_of((here.inbox / "failed").iterdir()) == ["bad.csv", "bad.csv.reason.txt"]
        nothing_is_left(here, "bad.csv.done", ".marker")


def test_an_old_marker_never_releases_the_next_file_of_the_same_name(tmp_path: Path) -> None:
    with watched(tmp_path, marker="{name}.done", import_s=float("inf")) as here:
        here.drop("daily.csv", FIRST)
        (here.inbox / "daily.csv.done").touch()
        here.service.wait_for("job.pushed", file="daily.csv")
        here.drop("daily.csv", SECOND)  # while the first is on its way
        here.let_settle()
        assert here.claimed("daily.csv") == 1
        here.pigment.finish(here.pigment.imports()[0].id)
        here.imported("daily.csv")
        here.let_settle()
        assert here.claimed("daily.csv") == 1
        (here.inbox / "daily.csv.done").touch()
        eventually(lambda: here.claimed("daily.csv") == 2)


def test_a_crash_after_the_claim_does_not_bring_the_marker_back(tmp_path: Path) -> None:
    with watched(tmp_path, marker="{name}.done") as here:
        here.pigment.stop()
        here.drop("daily.csv", FIRST)
        (here.inbox / "daily.csv.done").touch()
        here.service.wait_for("job.claimed", file="daily.csv")
        here.drop("daily.csv", SECOND)
        here.start_again()
        here.pigment.start()
        here.imported("daily.csv", 30.0)
        here.let_settle()
        here.expect_sent_once(FIRST)
        assert here.places("daily.csv") == ["daily.csv", "done/daily.csv"]


def test_a_marker_waits_in_processing_while_the_push_of_its_file_waits(tmp_path: Path) -> None:
    with watched(tmp_path, marker="{name}.done") as here:
        here.pigment.stop()
        here.drop("a.csv", FIRST)
        (here.inbox / "a.csv.done").write_text("a word of its writer")
        here.service.wait_for("job.claimed", file="a.csv")
        eventually(lambda: len(here.service.events("destination.unavailable")) == 1)
        nothing_is_left(here, "a.csv.done")
        (kept,) = marker_in_processing(here)
        assert kept.read_text() == "a word of its writer"
        assert names_of(kept.parent.iterdir()) == [".marker", "a.csv"]
        here.pigment.start()
        here.imported("a.csv", 30.0)
        here.expect_sent_once(FIRST)
        eventually(lambda: marker_in_processing(here) == [])


def test_a_file_and_its_marker_come_back_when_their_route_goes(tmp_path: Path) -> None:
    other = {"costs": {"marker": "{name}.done"}}
    with watched(tmp_path, marker="{name}.done", routes=other) as here:
        here.pigment.stop()
        here.drop("a.csv", FIRST)
        (here.inbox / "a.csv.done").write_text("a word of its writer")
        here.service.wait_for("job.claimed", file="a.csv")
        eventually(lambda: marker_in_processing(here) != [])
        reload_without_sales(here)
        eventually(lambda: here.places("a.csv") == ["a.csv"], 30.0)
        eventually(lambda: here.places("a.csv.done") == ["a.csv.done"])
        assert (here.inbox / "a.csv").read_text() == FIRST
        assert (here.inbox / "a.csv.done").read_text() == "a word of its writer"
        assert marker_in_processing(here) == []


def reload_without_sales(here: Watched) -> None:
    """Take the route out of the configuration and let the service read it."""
    said = yaml.safe_load(here.config.read_text())
    del said["routes"][ROUTE]
    here.config.write_text(yaml.safe_dump(said))
    here.service.signal(signal.SIGHUP)


# ---------------------------------------------------------------- the cure


def test_half_a_file_of_a_writer_that_was_killed_is_never_taken_without_its_marker(
    tmp_path: Path,
) -> None:
    parts = lines(20)
    with watched(tmp_path, marker="{name}.done") as here:
        with Writer() as writer:
            writer.do("open", here.inbox / "a.csv", "new")
            writer.do("write", "".join(parts[:10]))
            writer.kill()
        here.let_settle(2)
        assert here.claimed("a.csv") == 0
        with Writer() as writer:  # the export is started again
            writer.do("open", here.inbox / "a.csv", "new")
            writer.do("write", "".join(parts))
            writer.do("close")
        (here.inbox / "a.csv.done").touch()
        here.imported("a.csv")
        here.expect_sent_once("".join(parts))


def test_a_file_that_is_still_open_is_waited_for_whatever_its_marker_says(tmp_path: Path) -> None:
    parts = lines(20)
    with watched(tmp_path, marker="{name}.done") as here, Writer() as writer:
        writer.do("open", here.inbox / "a.csv", "new")
        writer.do("write", "".join(parts[:10]))
        (here.inbox / "a.csv.done").touch()
        here.let_settle()
        assert here.claimed("a.csv") == 0
        writer.do("write", "".join(parts[10:]))
        writer.do("close")
        here.imported("a.csv")
        here.expect_sent_once("".join(parts))


@pytest.mark.parametrize("said", [{}, {"watch": "polling", "scan_every": "500ms"}])
def test_two_routes_of_one_inbox_have_markers_of_their_own(
    tmp_path: Path, said: Mapping[str, Any]
) -> None:
    inbox = str(tmp_path / ROUTE)
    costs = {"directory": inbox, "files": "c-*.csv", "marker": "{stem}.ok", **said}
    with watched(
        tmp_path, files="s-*.csv", marker="{name}.done", routes={"costs": costs}, **said
    ) as here:
        for name, text in (("s-1.csv", FIRST), ("c-1.csv", SECOND)):
            here.drop(name, text)
        for marker in ("s-1.ok", "c-1.csv.done", "s-1.csv.done"):
            (here.inbox / marker).touch()
        here.imported("s-1.csv")
        assert here.claimed("c-1.csv") == 0
        (here.inbox / "c-1.ok").touch()
        here.imported("c-1.csv")
        here.expect_sent_once(FIRST, SECOND)
        assert names_of(path for path in here.inbox.iterdir() if path.is_file()) == [
            "c-1.csv.done",
            "s-1.ok",
        ]
