"""Power cuts: every state that un-synced writes can leave, and a real ext4 that dies."""

import shutil
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from signal import SIGKILL

import careless_program
import crash_points
import pytest
from acceptance_fixtures import COMMAND
from disk_model import CALLS, Cut, Disk, cuts, events
from drive_fixtures import cut_power, disk_image
from torture_fixtures import ROUTE, World, sampled

from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.torture("3. power cuts")
traced = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

FILES = {
    "imported": b"month,account,amount\n2026-09,4000,1\n",
    "failed": b"month,account,amount\nSIMULATE-FAIL,4000,1\n",
}
MARKER = "{name}.ok"
#: The states of a run are shared out to so many tests; each makes the same run of its own.
SHARES = 6
#: Where a kill leaves on the disk what the next start finds and nobody has synced.
UNSYNCED = (
    "state-made",
    "processing-made",
    "home-made",
    "after-marker",
    "after-claim",
    "folder-made",
    "after-reason-named",
    "after-archive",
)
#: What a world keeps whatever its disk loses.
KEPT = ("config.yaml", "api-key")


class Replay:
    """A run of the service over one file, and the disk as a power cut in it may leave it.

    The file itself is always the same one, as its inode number is a part of what it is known by;
    only its change time is not as it was, so in its inbox it counts as a new one.
    """

    def __init__(self, folder: Path, pigment: Simulator, data: bytes, **route: object) -> None:
        self._pigment, self._data = pigment, data
        self._home, self._root, self._vault = folder, folder / "world", folder / "vault"
        self._root.mkdir()
        self.world = World(self._root, pigment, routes={ROUTE: route})
        self.path = self.world.drop("a.csv", data)
        self.marker = self.path.with_name(MARKER.format(name="a.csv"))
        if route.get("marker"):
            self.marker.touch()

    def cuts(self, *programs: Sequence[str | Path]) -> list[Cut]:
        """Run the service, and return what a power cut may leave at each moment.

        With more than one program it is killed in each but the last; the cut is in that one.
        """
        before, traces = Disk.of(self._root), []
        words = f"strace -f --seccomp-bpf -y -qq -xx -s 1000000 -e trace={CALLS} -o".split()
        for number, program in enumerate(programs, start=1):
            traces.append(self._home / f"trace-{number}")
            ended = self.world.run(under=[*words, traces[-1]], program=program)
            assert number == len(programs) or ended.returncode == -SIGKILL, ended.stderr
        self._pushes, self._imports = self._pigment.pushes(), self._pigment.imports()
        assert len(self._imports) == 1, ended.stderr
        self._put_away()
        *killed, last = events(traces, self._root, before, self._data)
        earlier = list(chain.from_iterable(killed))
        found = cuts(self._root, before, [*earlier, *last])
        return [cut for cut in found if cut.number >= len(earlier)]

    def check_all(self, cuts: Sequence[Cut]) -> None:
        """Check that each of these power cuts costs nothing."""
        for cut in cuts:
            self._check(cut)

    def _check(self, cut: Cut) -> None:
        """Start again on the disk, and with the ledger, as they were at a power cut."""
        self._restore(cut)
        try:
            self.world.recover().check()
            assert not self.marker.exists(), "the marker would release the next file of that name"
        except AssertionError as error:
            raise AssertionError(f"after a power cut, {cut.number}, {cut.told}: {error}") from error
        self._put_away()

    def _restore(self, cut: Cut) -> None:
        for entry in self._root.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name not in KEPT:
                entry.unlink()
        for path, data in cut.entries.items():
            if data is None:
                path.mkdir(exist_ok=True)
            elif data == self._data and self._vault.exists():
                self._vault.rename(path)
            elif path.name not in KEPT:
                path.write_bytes(data)
        self._pigment.reset()
        if cut.sent:
            book = self._pigment._book
            book._pushes.extend(self._pushes)
            book._backend._imports.update({one.id: one for one in self._imports})

    def _put_away(self) -> None:
        """Keep the file for the next state, wherever it lies now."""
        (found,) = [path for path, data in self.world.files().items() if data == self._data]
        found.rename(self._vault)


@traced
@pytest.mark.parametrize("share", sampled(range(SHARES), 1))
@pytest.mark.parametrize(
    ("ending", "load_mode", "marker"),
    [("imported", None, None), ("failed", "update", MARKER)],
)
def test_no_power_cut_costs_a_file(
    tmp_path: Path,
    pigment: Simulator,
    record_property: Callable[[str, object], None],
    *,
    ending: str,
    load_mode: str | None,
    marker: str | None,
    share: int,
) -> None:
    replay = Replay(tmp_path, pigment, FILES[ending], load_mode=load_mode, marker=marker)
    states = sampled(thinned(replay.cuts(COMMAND))[share::SHARES], 8)
    replay.check_all(states)
    record_property("faults", len(states))


@traced
@pytest.mark.parametrize("point", sampled(UNSYNCED, 1))
def test_no_power_cut_after_a_kill_costs_a_file(
    tmp_path: Path,
    pigment: Simulator,
    record_property: Callable[[str, object], None],
    *,
    point: str,
) -> None:
    replay = Replay(tmp_path, pigment, FILES["failed"], marker=MARKER)
    found = thinned(replay.cuts((sys.executable, crash_points.__file__, point), COMMAND))
    states = sampled(found[:: max(1, len(found) // 16)], 6)
    replay.check_all(states)
    record_property("faults", len(states))


def thinned(found: Sequence[Cut]) -> list[Cut]:
    """Return all states but those of SQLite's pages, which are many, and some of these."""
    pages = [cut for cut in found if cut.is_of_bytes]
    return [cut for cut in found if not cut.is_of_bytes] + pages[::16]


@traced
@pytest.mark.parametrize("design", careless_program.DESIGNS)
def test_a_careless_design_is_seen_to_lose_or_double(
    tmp_path: Path, pigment: Simulator, design: str
) -> None:
    replay = Replay(tmp_path, pigment, FILES["imported"])
    states = replay.cuts((sys.executable, careless_program.__file__, design))
    with pytest.raises(AssertionError, match="after a power cut"):
        replay.check_all(sorted(states, key=lambda cut: not cut.sent))


@pytest.mark.parametrize(
    "point", sampled((*crash_points.COMING, *crash_points.GOING, *crash_points.FAILING), 5)
)
def test_a_real_disk_that_loses_its_power_loses_no_file(
    tmp_path: Path, pigment: Simulator, point: str
) -> None:
    with disk_image(tmp_path / "disk") as disk:
        world = World(disk, pigment, routes={ROUTE: {"after_failure": "hold"}})
        world.drop(data=FILES["failed"])
        cut_power(disk, after=lambda: die(world, point))
        world.recover().check()


def die(world: World, point: str) -> None:
    """Run the service until it is killed at a point."""
    ended = world.run(program=(sys.executable, crash_points.__file__, point))
    assert ended.returncode == -SIGKILL, f"{point} was not reached: {ended.stderr}"
