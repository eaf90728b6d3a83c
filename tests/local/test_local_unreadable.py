"""Files that the service may not read: said in a handful of lines, and in nobody's way."""

from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, eventually
from writer_fixtures import Watched, start_without_rights, watched

pytestmark = pytest.mark.slow

MANY = 1_000
A_HANDFUL = 15


def close(inbox: Path, name: str, text: str = ROWS) -> Path:
    """Put a file into the inbox that nobody may read."""
    path = inbox / name
    path.write_text(text)
    path.chmod(0)
    return path


def said(here: Watched) -> list[str]:
    """Return the lines about files that can't be read."""
    return [str(line) for line in here.service.lines if "unreadable" in str(line)]


def test_a_thousand_unreadable_files_are_a_handful_of_lines(tmp_path: Path) -> None:
    def begin(inbox: Path) -> None:
        for number in range(MANY):
            close(inbox, f"closed-{number:04}.csv")

    with watched(
        tmp_path, before=begin, start=start_without_rights, watch="polling", scan_every="500ms"
    ) as here:
        # It is the youngest, so that all that can't be read comes before it.
        here.drop("open.csv", ROWS + "open,4000,1\n")
        here.imported("open.csv")
        here.let_settle(8)  # many scans later
        assert 1 <= len(said(here)) <= A_HANDFUL
        assert here.claimed("closed-0000.csv") == 0
        mended = ["closed-0000.csv", "closed-0500.csv", f"closed-{MANY - 1:04}.csv"]
        for name in mended:
            (here.inbox / name).chmod(0o644)
        for name in mended:
            here.imported(name)
        assert len(said(here)) <= A_HANDFUL
        here.start_again()
        here.let_settle(2)
        assert len(said(here)) <= A_HANDFUL


def test_the_only_unreadable_file_delays_no_readable_one(tmp_path: Path) -> None:
    with watched(tmp_path, start=start_without_rights) as here:
        close(here.inbox, "0-first-in-every-order.csv")
        here.drop("later.csv", ROWS + "later,4000,1\n")
        here.imported("later.csv")
        here.let_settle()
        assert here.claimed("0-first-in-every-order.csv") == 0


def test_an_unreadable_file_is_said_once_and_taken_when_it_can_be_read(tmp_path: Path) -> None:
    with watched(tmp_path, start=start_without_rights, watch="polling", scan_every="500ms") as here:
        path = close(here.inbox, "closed.csv")
        here.service.wait_for("file.unreadable", file="closed.csv")
        here.let_settle(3)
        assert len(here.service.events("file.unreadable")) == 1
        path.chmod(0o644)
        here.imported("closed.csv")
        here.expect_sent_once(ROWS)
        eventually(lambda: len(here.service.events("file.readable")) == 1)


def test_an_unreadable_file_that_goes_is_forgotten(tmp_path: Path) -> None:
    with watched(tmp_path, start=start_without_rights, watch="polling", scan_every="500ms") as here:
        path = close(here.inbox, "closed.csv")
        here.service.wait_for("file.unreadable", file="closed.csv")
        path.unlink()
        eventually(lambda: len(here.service.events("file.readable")) == 1)
        assert here.service.events("job.finished") == []
