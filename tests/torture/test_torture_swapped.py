"""The inbox, or a folder above it, becomes a link to another folder while files are held."""

from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, eventually
from stages import STATES, Stage, file_of, held, route_of
from torture_fixtures import sampled

from pigment_watcher.model import Outcome, State

pytestmark = pytest.mark.torture("7. hostile shares")

#: Long enough for a machine that does much else.
SOON_S = 60.0
#: What is said when a file, or the folder for it, can't be found.
STUCK = frozenset({"file.unreadable", "job.archive_stuck"})
CASES = [(which, state) for state in STATES for which in ("inbox", "above")]


def swapped(stage: Stage, state: State, which: str, *, for_itself: bool) -> tuple[Path, Path]:
    """Put a link in place of a folder: to itself, moved, or to another that is like it, and empty.

    Returns where the link is and where the folder is now.
    """
    inbox = stage.world.inbox(route_of(state))
    here = inbox if which == "inbox" else inbox.parent
    there = here.rename(here.with_name("moved"))
    other = there
    if not for_itself:
        other = here.with_name("other")
        (other / inbox.relative_to(here)).mkdir(parents=True)
    here.symlink_to(other)
    return here, there


@pytest.mark.parametrize(("which", "state"), sampled(CASES, 2))
def test_a_folder_that_was_moved_and_linked_goes_on_as_it_was(
    tmp_path: Path, which: str, state: State
) -> None:
    keys = {"directory": str(tmp_path / "above" / "in"), "scan_every": "1s"}
    with held(tmp_path, state, routes={route_of(state): keys}) as stage:
        world = stage.world
        swapped(stage, state, which, for_itself=True)
        stage.release()
        new = world.drop("new.csv", route=route_of(state))
        for name in (file_of(state), new.name):
            stage.service.wait_for("job.finished", SOON_S, file=name, outcome="imported")
        assert stage.service.stop() == 0
        world.check()
        assert set(world.places().values()) == {"done"}


@pytest.mark.parametrize("is_used", sampled([True, False], 1))
@pytest.mark.parametrize(("which", "state"), sampled(CASES, 2))
def test_another_folder_in_place_of_the_inbox_costs_and_doubles_nothing(
    tmp_path: Path, which: str, state: State, *, is_used: bool
) -> None:
    """What was claimed waits for its folder, or is found there when that is back."""
    keys = {"directory": str(tmp_path / "above" / "in"), "scan_every": "1s"}
    with held(tmp_path, state, routes={route_of(state): keys}) as stage:
        world = stage.world
        link, folder = swapped(stage, state, which, for_itself=False)
        stage.release()
        if is_used:
            inbox = world.inbox(route_of(state))
            (inbox / "new.csv").write_bytes(f"{ROWS}new,0,1\n".encode())
            stage.service.wait_for("job.finished", SOON_S, file="new.csv", outcome="imported")
            assert (inbox / "done" / "new.csv").is_file()
        elif state is not State.ARCHIVING:  # which is stuck already, and that is said once
            eventually(lambda: any(line.get("event") in STUCK for line in stage.service.lines))
        stage.service.stop()
        assert len(stage.pigment.pushes()) <= 1 + is_used
        link.unlink()
        folder.rename(link)
        stage.unblock()
        world.recover().check()
        if not is_used:
            assert world.outcomes() == {file_of(state): Outcome.IMPORTED}
        sent = [push.sha256 for push in stage.pigment.pushes()]
        assert len(sent) == len(set(sent))
