"""Many files at once: the kernel's queue of events runs over, and nothing is lost or doubled."""

import dataclasses
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, configuration_id, eventually
from rig_fixtures import Rig, rig, route
from writer_fixtures import NEVER, ROUTE, Watched, sha256, watched

pytestmark = pytest.mark.slow

FILES = 60_000
#: Every so-manieth file is one that a route takes.
TAKEN_EVERY = 200
#: So many routes share the inbox, each with a lane of its own, so that the pushes go side by side.
LANES = 15
#: A look at so many files takes a slow machine seconds, and one that a hint asks for rests for ten
#: times that.
PATIENCE_S = 240.0


def text_of(number: int) -> str:
    """Return what stands in a file that is taken."""
    return f"{ROWS}{number},4000,1\n"


def burst(inbox: Path) -> None:
    """Write all files, as fast as one process can."""
    for number in range(FILES):
        if number % TAKEN_EVERY == TAKEN_EVERY - 1:
            lane = number // TAKEN_EVERY % LANES
            (inbox / f"take{lane}-{number}.csv").write_text(text_of(number))
        else:
            os.close(os.open(inbox / f"other-{number}.txt", os.O_CREAT | os.O_WRONLY, 0o644))


def burst_while_it_listens(here: Watched) -> None:
    burst(here.inbox)


def burst_while_it_stands_still(here: Watched) -> None:
    # Nobody reads the events, so that the queue runs over for certain.
    here.service.signal(signal.SIGSTOP)
    burst(here.inbox)
    here.service.signal(signal.SIGCONT)


@pytest.mark.parametrize("act", [burst_while_it_listens, burst_while_it_stands_still])
def test_a_burst_that_overflows_the_queue_of_events_loses_and_doubles_nothing(
    tmp_path: Path, act: Callable[[Watched], None]
) -> None:
    assert int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) < FILES * 2
    lanes = {
        f"lane{lane}": {"directory": str(tmp_path / ROUTE), "files": f"take{lane}-*.csv"}
        | {"configuration_id": configuration_id(f"lane{lane}"), "scan_every": NEVER}
        for lane in range(1, LANES)
    }
    wanted = {sha256(text_of(number)) for number in range(TAKEN_EVERY - 1, FILES, TAKEN_EVERY)}
    with watched(
        tmp_path, import_s=0.0, files="take0-*.csv", routes=lanes, scan_every=NEVER
    ) as here:
        here.let_settle()
        act(here)
        eventually(lambda: len(here.service.events("job.finished")) == len(wanted) + 1, PATIENCE_S)
        sent = Counter(push.sha256 for push in here.pushes())
        assert sent == Counter(dict.fromkeys(wanted, 1))
        assert len(list((here.inbox / "done").iterdir())) == len(wanted) + 1
        assert len([path for path in here.inbox.iterdir() if path.is_file()]) == FILES - len(wanted)
        # And it still hears what comes: no scan by the clock is due for an hour.
        here.drop("take0-after.csv")
        here.imported("take0-after.csv", PATIENCE_S)
    shutil.rmtree(tmp_path / ROUTE)  # pytest keeps what the last runs left


# ---------------------------------------------------------------- what lies in done/

LISTED: list[str] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"os.scandir", "os.listdir"} and isinstance(arguments[0], str | os.PathLike):
        LISTED.append(os.fspath(arguments[0]))


# A hook of the interpreter sees every listing, whatever function makes it.
sys.addaudithook(_note)


@pytest.mark.parametrize("recursive", [False, True])
def test_what_lies_in_done_and_failed_is_never_looked_through(
    tmp_path: Path, *, recursive: bool
) -> None:
    inbox = tmp_path / "in"
    (inbox / "north").mkdir(parents=True)
    wanted = dataclasses.replace(route(inbox), recursive=recursive)
    with rig(tmp_path, wanted) as one:
        for folder in ("done/north", "failed/north"):
            (inbox / folder).mkdir(parents=True)
            (inbox / folder / "old.csv").write_text(ROWS)
        LISTED.clear()
        one.put("a.csv")
        one.look()
        one.look()
        assert str(inbox) in LISTED
        assert (str(inbox / "north") in LISTED) is recursive
        assert [path for path in LISTED if "/done" in path or "/failed" in path] == []
        assert _names(one) == ["a.csv"]


def _names(one: Rig) -> list[str]:
    return [job.name for job in one.all_jobs()]
