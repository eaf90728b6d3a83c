"""Writers that take their time, on a local disk: each file is taken once, whole, or not at all."""

import os
import time
from pathlib import Path

import pytest
from writer_fixtures import Watched, Writer, lines, watched

pytestmark = pytest.mark.slow

PARTS = lines(40)
WHOLE = "".join(PARTS)
HALF = "".join(PARTS[:20])
REST = "".join(PARTS[20:])
PACE_S = 0.1
#: Many times the pace, so that a slow machine does not make a pause of it.
QUIET = "1500ms"


def taken_whole(here: Watched, name: str, text: str = WHOLE) -> None:
    """Wait for the import, and check that it was this text, once."""
    here.imported(name)
    here.expect_sent_once(text)
    assert (here.inbox / "done" / name).read_text() == text


# ---------------------------------------------------------------- the file is held open


def test_a_file_that_grows_by_many_small_appends_is_taken_when_the_last_is_written(
    tmp_path: Path,
) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", here.inbox / "slow.csv", "new")
        writer.do("appends", PARTS, 0.02)
        assert here.claimed("slow.csv") == 0
        writer.do("close")
        taken_whole(here, "slow.csv")


def test_a_pause_longer_than_quiet_is_waited_for_while_the_file_is_open(tmp_path: Path) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", here.inbox / "slow.csv", "new")
        writer.do("write", HALF)
        here.let_settle(3)
        assert here.claimed("slow.csv") == 0
        writer.do("write", REST)
        writer.do("close")
        taken_whole(here, "slow.csv")


def test_a_file_that_is_open_at_the_start_is_waited_for(tmp_path: Path) -> None:
    with Writer() as writer:

        def begin(inbox: Path) -> None:
            writer.do("open", inbox / "slow.csv", "new")
            writer.do("write", HALF)

        with watched(tmp_path, before=begin) as here:
            here.let_settle()
            assert here.claimed("slow.csv") == 0
            writer.do("write", REST)
            writer.do("close")
            taken_whole(here, "slow.csv")


def test_an_open_file_holds_no_other_back_and_is_no_trouble_worth_a_word(tmp_path: Path) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", here.inbox / "slow.csv", "new")
        writer.do("write", HALF)
        here.drop("other.csv")
        here.imported("other.csv")
        here.let_settle()
        about_it = [line for line in here.service.lines if line.get("file") == "slow.csv"]
        assert [line for line in about_it if line.get("level") != "debug"] == []


@pytest.mark.parametrize("grow", ["truncate", "allocate"])
def test_a_file_of_its_final_size_is_waited_for_until_it_is_filled(
    tmp_path: Path, grow: str
) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", here.inbox / "slow.csv", "new")
        writer.do(grow, len(WHOLE))
        here.let_settle()
        writer.do("write_at", 0, HALF)
        here.let_settle()
        assert here.claimed("slow.csv") == 0
        writer.do("write_at", len(HALF), REST)
        writer.do("close")
        taken_whole(here, "slow.csv")


def test_a_file_that_is_written_through_memory_is_waited_for_though_it_is_closed(
    tmp_path: Path,
) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", here.inbox / "slow.csv", "new")
        writer.do("truncate", len(WHOLE))
        writer.do("map", len(WHOLE))
        writer.do("close")
        # Written from its end, so that no rule about an empty tail can be what waits.
        writer.do("store", len(HALF), REST)
        here.let_settle()
        assert here.claimed("slow.csv") == 0
        writer.do("store", 0, HALF)
        writer.do("unmap")
        taken_whole(here, "slow.csv")


def test_two_writers_must_both_be_done(tmp_path: Path) -> None:
    with watched(tmp_path) as here, Writer() as first, Writer() as second:
        first.do("open", here.inbox / "slow.csv", "new")
        second.do("open", here.inbox / "slow.csv", "append")
        first.do("write", HALF)
        first.do("close")
        here.let_settle()
        assert here.claimed("slow.csv") == 0
        second.do("write", REST)
        second.do("close")
        taken_whole(here, "slow.csv")


def test_a_writer_behind_another_name_of_the_file_is_waited_for(tmp_path: Path) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", tmp_path / "elsewhere.csv", "new")
        writer.do("write", HALF)
        (here.inbox / "linked.csv").hardlink_to(tmp_path / "elsewhere.csv")
        here.let_settle()
        assert here.claimed("linked.csv") == 0
        writer.do("write", REST)
        writer.do("close")
        taken_whole(here, "linked.csv")


# ---------------------------------------------------------------- the file is closed in between


def test_a_file_that_is_opened_for_each_append_is_taken_after_the_last(tmp_path: Path) -> None:
    with watched(tmp_path, quiet=QUIET) as here, Writer() as writer:
        writer.do("cycles", here.inbox / "slow.csv", PARTS, PACE_S)
        assert here.claimed("slow.csv") == 0
        taken_whole(here, "slow.csv")


def test_a_closed_file_that_ends_in_nothing_but_zeros_is_never_pushed(tmp_path: Path) -> None:
    # On this disk it is known that nobody has it open: nobody is about to fill it.
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", here.inbox / "slow.csv", "new")
        writer.do("truncate", len(WHOLE))
        writer.do("write_at", 0, HALF)
        writer.do("close")
        here.service.wait_for("job.finished", file="slow.csv", outcome="invalid")
        assert here.pushes() == []
        assert here.places("slow.csv") == ["failed/slow.csv"]


def test_a_writer_that_is_killed_leaves_what_can_not_be_told_from_a_whole_file(
    tmp_path: Path,
) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", here.inbox / "half.csv", "new")
        writer.do("write", HALF)
        here.let_settle()
        assert here.claimed("half.csv") == 0
        writer.kill()
        taken_whole(here, "half.csv", HALF)


def test_without_quiet_a_file_that_is_closed_half_way_is_seen_truncated(tmp_path: Path) -> None:
    # What the tests above hold off does happen: where nothing is asked of a file, half is pushed.
    with watched(tmp_path, quiet="0s") as here, Writer() as writer:
        writer.do("open", here.inbox / "half.csv", "new")
        writer.do("write", HALF)
        writer.do("close")
        here.imported("half.csv")
        here.expect_sent_once(HALF)


# ---------------------------------------------------------------- programs people use


def test_a_copy_under_a_hidden_name_is_taken_after_its_rename(tmp_path: Path) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        hidden = here.inbox / ".sales.csv.Xa3f9Q"
        writer.do("open", hidden, "new")
        writer.do("write", HALF)
        here.let_settle()
        writer.do("write", REST)
        writer.do("close")
        here.let_settle()
        assert here.pushes() == []
        hidden.rename(here.inbox / "sales.csv")
        taken_whole(here, "sales.csv")


def test_a_copy_straight_onto_its_name_is_taken_when_it_is_over(tmp_path: Path) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        writer.do("open", here.inbox / "sales.csv", "new")
        writer.do("appends", PARTS, 0.01)
        here.let_settle()
        assert here.claimed("sales.csv") == 0
        writer.do("close")
        taken_whole(here, "sales.csv")


def test_a_copy_that_keeps_an_old_time_is_taken_once_and_whole(tmp_path: Path) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        path = here.inbox / "old.csv"
        writer.do("open", path, "new")
        writer.do("appends", PARTS, 0.01)
        writer.do("close")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        taken_whole(here, "old.csv")
        assert (here.inbox / "done/old.csv").stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize("hours", [2, 24 * 365 * 50])
def test_a_time_in_the_future_delays_nothing_and_lets_nothing_through_early(
    tmp_path: Path, hours: int
) -> None:
    with watched(tmp_path) as here, Writer() as writer:
        path = here.inbox / "future.csv"
        at = int(time.time()) + hours * 3600
        writer.do("open", path, "new")
        writer.do("write", HALF)
        os.utime(path, (at, at))
        here.let_settle()
        assert here.claimed("future.csv") == 0
        writer.do("write", REST)
        writer.do("close")
        os.utime(path, (at, at))
        taken_whole(here, "future.csv")


# ---------------------------------------------------------------- one name, several files


def test_a_file_that_is_replaced_while_it_settles_is_taken_as_it_is_now(tmp_path: Path) -> None:
    with watched(tmp_path, quiet=QUIET) as here:
        versions = [f"{WHOLE}version-{number},4000,1\n" for number in range(5)]
        for text in versions:
            here.drop("again.csv", text)
        taken_whole(here, "again.csv", versions[-1])


def test_a_file_of_the_same_size_and_time_that_replaces_another_settles_anew(
    tmp_path: Path,
) -> None:
    with watched(tmp_path, quiet=QUIET) as here, Writer() as writer:
        path = here.drop("twin.csv", HALF)
        at = path.stat().st_mtime_ns
        other = HALF.replace("row", "ROW")
        new = tmp_path / "new"
        writer.do("open", new, "new")
        writer.do("write", other)
        os.utime(new, ns=(at, at))
        new.rename(path)
        here.let_settle()
        assert here.claimed("twin.csv") == 0  # its writer still holds it
        writer.do("close")
        taken_whole(here, "twin.csv", other)


def test_a_name_that_is_dropped_again_while_the_first_is_imported_is_imported_after_it(
    tmp_path: Path,
) -> None:
    with watched(tmp_path, import_s=float("inf")) as here:
        texts = [WHOLE + "first,4000,1\n", WHOLE + "second,4000,1\n"]
        here.drop("daily.csv", texts[0])
        here.service.wait_for("job.pushed", file="daily.csv")
        here.drop("daily.csv", texts[1])
        here.service.wait_for("job.claimed", after=len(here.service.lines) - 1, file="daily.csv")
        assert len(here.pigment.pushes()) == 1
        for count in (1, 2):
            here.pigment.wait_for(lambda pigment, count=count: len(pigment.imports()) == count)  # type: ignore[misc]
            here.pigment.finish(here.pigment.imports()[-1].id)
        here.pigment.wait_for(lambda _: len(here.service.events("job.finished")) == 2)
        here.expect_sent_once(*texts)
        done = sorted((here.inbox / "done").iterdir(), key=lambda path: len(path.name))
        assert [path.read_text() for path in done] == texts
        assert done[0].name == "daily.csv"
