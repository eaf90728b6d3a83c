"""Routes that look into sub-folders, and which names of a folder are files at all."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from acceptance_fixtures import ROWS, eventually
from writer_fixtures import NEVER, ROUTE, Watched, Writer, lines, start_without_rights, watched

pytestmark = pytest.mark.slow

POLLING = {"watch": "polling", "scan_every": "500ms"}
WAYS: tuple[Mapping[str, Any], ...] = ({"watch": "events", "scan_every": NEVER}, POLLING)


def text_of(path: str) -> str:
    """Return what the test writes into a file of this path."""
    return f"{ROWS}{path},4000,1\n"


def drop(here: Watched, *paths: str) -> None:
    """Put files into sub-folders, each by one rename."""
    for path in paths:
        (here.inbox / path).parent.mkdir(parents=True, exist_ok=True)
        part = here.folder / "dropping-below"
        part.write_text(text_of(path), encoding="utf-8")
        part.rename(here.inbox / path)


def finished(here: Watched, count: int, outcome: str = "imported") -> None:
    """Wait for so many ends of files of the route."""
    eventually(
        lambda: len(here.service.events("job.finished", route=ROUTE, outcome=outcome)) == count
    )


# ---------------------------------------------------------------- found, and rebuilt


@pytest.mark.parametrize("way", WAYS)
def test_nested_files_are_found_and_their_folders_rebuilt_under_done(
    tmp_path: Path, way: Mapping[str, Any]
) -> None:
    with watched(tmp_path, recursive=True, **way) as here:
        paths = ["top.csv", "north/2026/10/a.csv", "north/a.csv", "süd & mehr/b $.csv"]
        drop(here, *paths)
        finished(here, len(paths))
        here.expect_sent_once(*map(text_of, paths))
        for path in paths:
            assert (here.inbox / "done" / path).read_text() == text_of(path)
            assert not (here.inbox / path).exists()
        # A user's folders are never removed.
        assert (here.inbox / "north/2026/10").is_dir()
        assert not (here.inbox / "failed").is_dir() or not list((here.inbox / "failed").iterdir())


@pytest.mark.parametrize("way", WAYS)
def test_a_file_in_a_folder_that_was_made_or_moved_in_later_is_found(
    tmp_path: Path, way: Mapping[str, Any]
) -> None:
    with watched(tmp_path, recursive=True, **way) as here:
        here.let_settle()
        drop(here, "made/deep/a.csv")
        (tmp_path / "whole").mkdir()
        (tmp_path / "whole/b.csv").write_text(text_of("b"))
        (tmp_path / "whole").rename(here.inbox / "whole")
        finished(here, 2)
        drop(here, "made/deep/c.csv")
        finished(here, 3)
        here.expect_sent_once(text_of("made/deep/a.csv"), text_of("b"), text_of("made/deep/c.csv"))


def test_what_fails_is_rebuilt_under_failed_with_its_reason_beside_it(tmp_path: Path) -> None:
    with watched(tmp_path, recursive=True) as here:
        path = here.inbox / "north/2026/bad.csv"
        path.parent.mkdir(parents=True)
        path.write_text(f"{ROWS}SIMULATE-FAIL,4000,1\n")
        finished(here, 1, "failed")
        found = sorted(one.name for one in (here.inbox / "failed/north/2026").iterdir())
        assert found == ["bad.csv", "bad.csv.reason.txt"]


def test_what_fails_in_a_sub_folder_can_be_retried_and_is_then_rebuilt_under_done(
    tmp_path: Path,
) -> None:
    with watched(tmp_path, recursive=True) as here:
        path = here.inbox / "north/fixed.csv"
        path.parent.mkdir()
        path.write_text(f"{ROWS}SIMULATE-FAIL,4000,1\n")
        finished(here, 1, "failed")
        failed = here.inbox / "failed/north/fixed.csv"
        failed.write_text(ROWS)
        here.command("retry", failed)
        finished(here, 1)
        assert here.places("fixed.csv") == ["done/north/fixed.csv"]
        assert "PUT BACK" in failed.with_name("fixed.csv.reason.txt").read_text()


def test_files_of_one_name_in_two_folders_are_two_files(tmp_path: Path) -> None:
    with watched(tmp_path, recursive=True) as here:
        drop(here, "north/a.csv", "south/a.csv", "a.csv")
        finished(here, 3)
        assert here.places("a.csv") == ["done/a.csv", "done/north/a.csv", "done/south/a.csv"]


def test_a_slow_writer_in_a_sub_folder_is_waited_for(tmp_path: Path) -> None:
    parts = lines(20)
    with watched(tmp_path, recursive=True) as here, Writer() as writer:
        (here.inbox / "north").mkdir()
        writer.do("open", here.inbox / "north/slow.csv", "new")
        writer.do("write", "".join(parts[:10]))
        here.let_settle()
        assert here.claimed("slow.csv") == 0
        writer.do("write", "".join(parts[10:]))
        writer.do("close")
        finished(here, 1)
        here.expect_sent_once("".join(parts))


def test_a_marker_counts_in_the_folder_of_its_file(tmp_path: Path) -> None:
    with watched(tmp_path, recursive=True, marker="{name}.done") as here:
        drop(here, "north/a.csv", "south/a.csv")
        (here.inbox / "a.csv.done").touch()
        here.let_settle()
        assert here.claimed("a.csv") == 0
        (here.inbox / "south/a.csv.done").touch()
        finished(here, 1)
        here.expect_sent_once(text_of("south/a.csv"))
        assert here.places("a.csv") == ["done/south/a.csv", "north/a.csv"]
        assert here.places("a.csv.done") == ["a.csv.done"]


def test_sub_folders_are_left_alone_where_the_route_says_nothing(tmp_path: Path) -> None:
    with watched(tmp_path) as here:
        drop(here, "north/a.csv", "north/x.csv/b.csv", "top.csv")
        here.imported("top.csv")
        here.let_settle()
        here.expect_sent_once(text_of("top.csv"))
        assert here.places("a.csv") == ["north/a.csv"]


# ---------------------------------------------------------------- where it does not look


def test_nothing_of_our_own_is_taken_again(tmp_path: Path) -> None:
    with watched(tmp_path, recursive=True) as here:
        drop(here, "north/a.csv", "done/laid-here-by-hand.csv", "failed/this-too.csv")
        drop(here, "processing/theirs/1/b.csv")
        finished(here, 1)
        here.start_again()
        here.let_settle()
        here.expect_sent_once(text_of("north/a.csv"))
        assert here.places("laid-here-by-hand.csv") == ["done/laid-here-by-hand.csv"]


@pytest.mark.parametrize("way", WAYS)
def test_done_is_not_taken_again_when_its_path_leads_over_a_link(
    tmp_path: Path, way: Mapping[str, Any]
) -> None:
    (tmp_path / ROUTE).mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / ROUTE)
    said: Mapping[str, Any] = {
        "done": str(tmp_path / "linked/archive/done"),
        "failed": str(tmp_path / "linked/bad"),
    }
    with watched(tmp_path, recursive=True, **said, **way) as here:
        drop(here, "north/a.csv")
        (here.inbox / "north/b.csv").write_text(f"{ROWS}SIMULATE-FAIL,4000,1\n")
        finished(here, 1)
        finished(here, 1, "failed")
        here.let_settle(2)
        assert len(here.pushes()) == 2
        assert here.places("a.csv") == ["archive/done/north/a.csv"]
        assert here.places("b.csv") == ["bad/north/b.csv"]


def test_an_inbox_that_is_reached_over_a_link_is_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / ROUTE).symlink_to(tmp_path / "real")
    with watched(tmp_path, recursive=True, watch="events", scan_every="1h") as here:
        drop(here, "north/a.csv")
        finished(here, 1)
        drop(here, "north/b.csv")
        finished(here, 2)
        here.let_settle()
        here.expect_sent_once(text_of("north/a.csv"), text_of("north/b.csv"))
        assert (tmp_path / "real/done/north/a.csv").is_file()


def test_hidden_folders_and_those_of_other_programs_are_skipped_with_all_that_is_in_them(
    tmp_path: Path,
) -> None:
    skipped = [".stversions", "@eaDir", "__MACOSX", ".Trashes/501", "north/.git", "north/@eaDir/x"]
    with watched(tmp_path, recursive=True) as here:
        drop(here, *(f"{folder}/a.csv" for folder in skipped), "north/taken.csv")
        finished(here, 1)
        here.let_settle()
        here.expect_sent_once(text_of("north/taken.csv"))
        assert len(here.places("a.csv")) == len(skipped)


def test_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.csv").write_text(ROWS)
    with watched(tmp_path, recursive=True) as here:
        (here.inbox / "north").mkdir()
        (here.inbox / "north/link").symlink_to(tmp_path / "outside")
        (here.inbox / "circle").symlink_to(here.inbox)
        drop(here, "north/b.csv")
        finished(here, 1)
        here.let_settle()
        here.expect_sent_once(text_of("north/b.csv"))
        assert (tmp_path / "outside/a.csv").is_file()


@pytest.mark.parametrize("way", [{"watch": "events", "scan_every": "2s"}, POLLING])
def test_a_folder_that_may_not_be_read_stops_no_other(
    tmp_path: Path, way: Mapping[str, Any]
) -> None:
    def begin(inbox: Path) -> None:
        (inbox / "closed").mkdir()
        (inbox / "closed/a.csv").write_text(ROWS)
        (inbox / "closed").chmod(0)

    with watched(tmp_path, recursive=True, before=begin, start=start_without_rights, **way) as here:
        drop(here, "north/b.csv", "c.csv", "zz/d.csv")
        finished(here, 3)
        here.let_settle()
        assert here.claimed("a.csv") == 0
        assert len([line for line in here.service.lines if "closed" in str(line)]) <= 1
        assert here.service.events("route.lost") == []
        (here.inbox / "closed").chmod(0o755)
        here.let_settle(2)
        drop(here, "closed/e.csv")
        finished(here, 5)
        eventually(lambda: here.claimed("a.csv") == 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_folder_that_goes_while_it_is_looked_at_stops_nothing(
    tmp_path: Path, way: Mapping[str, Any]
) -> None:
    with watched(tmp_path, recursive=True, **way) as here:
        for number in range(20):
            drop(here, f"gone-{number}/deep/a.csv")
            shutil.rmtree(here.inbox / f"gone-{number}", ignore_errors=True)
        drop(here, "stays/b.csv")
        eventually(lambda: here.claimed("b.csv") == 1)
        eventually(lambda: here.places("b.csv") == ["done/stays/b.csv"])
        assert here.service.events("route.lost") == []


# ---------------------------------------------------------------- names


def test_case_does_not_matter_and_ignore_wins(tmp_path: Path) -> None:
    said: Mapping[str, Any] = {"files": ["*.csv", "*.Txt"], "ignore": "*-Draft*"}
    with watched(tmp_path, **said) as here:
        taken = ["A.CSV", "b.Csv", "c.TXT"]
        drop(here, *taken, "d-DRAFT.csv", "E-draft.TXT", "f.csv.tmp", "g.xlsx")
        finished(here, len(taken))
        here.let_settle()
        here.expect_sent_once(*map(text_of, taken))


def test_two_routes_on_one_inbox_take_each_what_is_theirs(tmp_path: Path) -> None:
    costs = {"directory": str(tmp_path / ROUTE), "files": "C-*.csv"}
    with watched(
        tmp_path, files="*.csv", ignore="c-*", recursive=True, routes={"costs": costs}
    ) as here:
        drop(here, "s.csv", "c-1.csv", "north/s.csv", "north/c-2.csv")
        eventually(lambda: len(here.service.events("job.finished", outcome="imported")) == 3)
        here.let_settle()
        routes = {line["file"]: line["route"] for line in here.service.events("job.finished")}
        assert routes["c-1.csv"] == "costs"
        # The second route does not look into sub-folders, and the first leaves these names alone.
        assert here.places("c-2.csv") == ["north/c-2.csv"]
