"""A journal to damage, over and over: files in every state, put back after each trial."""

import contextlib
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acceptance_fixtures import command
from stages import STATES, held
from torture_fixtures import Dropped, World

from pigment_watcher.journal import Journal

NAME = "journal.db"
#: How the files end where the journal is sound: what was being pushed is not known.
SOUND = {
    "queued.csv": "done",
    "pushing.csv": "failed",
    "importing.csv": "done",
    "archiving.csv": "done",
}


class Scene:
    """What a service left that was killed with a file in each state.

    A file is put back by a rename: a copy would be another file.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.journal = world.state / NAME
        self._state = {path.name: path.read_bytes() for path in world.state.iterdir()}
        self._where = {one.path.name: self._path_of(one) for one in world.dropped}
        self._starts = {
            path: path.read_bytes() for path in world.folder.glob("*/processing/*/starts")
        }

    def put_back(self) -> None:
        """Let everything lie as it lay after the kill."""
        aside = self.world.folder / "aside"
        aside.mkdir()
        for one in self.world.dropped:
            self._path_of(one).rename(aside / one.path.name)
        for root in (self.world.state, *map(self.world.inbox, self.world.routes)):
            for entry in root.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for path, data in self._starts.items():
            path.parent.mkdir(mode=0o700, parents=True)
            path.write_bytes(data)
        for name, path in self._where.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (aside / name).rename(path)
        aside.rmdir()
        self.put_journal_back()

    def put_journal_back(self) -> None:
        """Put the undamaged journal back, as it was after the kill."""
        for path in self.world.state.iterdir():
            path.unlink()
        for name, data in self._state.items():
            (self.world.state / name).write_bytes(data)

    def has_its_journal(self) -> bool:
        """Return whether the journal is, byte by byte, as it was after the kill."""
        return self.journal.read_bytes() == self._state[NAME]

    def is_untouched(self) -> bool:
        """Return whether every file of people lies as it lay after the kill."""
        return all(path.exists() for path in self._where.values())

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run over what is there; what nobody can act on is no way to end."""
        ended = self.world.run()
        assert "Traceback" not in ended.stderr, ended.stderr
        assert ended.returncode in {0, 1}, ended.stderr
        return ended

    def expect_refused(self, *words: str, kind: str = "") -> None:
        """Check that a start refuses the journal in these words, and that nothing was touched."""
        before = self.pushes()
        ended = self.run()
        assert ended.returncode == 1, f"{kind}: {ended.stderr}"
        for said in (NAME, *words):
            assert said in ended.stderr, f"{kind}: {ended.stderr}"
        assert self.is_untouched()
        assert self.pushes() == before

    def expect_all_whole(self) -> None:
        """Check that every file is whole in one of the places that are meant for it."""
        roots = [self.world.inbox(route) for route in self.world.routes]
        for one in self.world.dropped:
            path = self._path_of(one)
            assert any(path.is_relative_to(root) for root in roots), f"{path} is nobody's place"

    def pushes(self) -> Counter[str]:
        """Return how often the bytes of each file came to the stand-in, by the file's name."""
        names = {one.sha256: one.path.name for one in self.world.dropped}
        return Counter(names[push.sha256] for push in self.world.pigment.pushes())

    def _path_of(self, one: Dropped) -> Path:
        found = [
            path
            for folder, _, names in os.walk(self.world.folder)
            for path in (Path(folder, name) for name in names)
            if path.suffix == ".csv" and path.read_bytes() == one.data
        ]
        assert len(found) == 1, f"{one.path.name} is in {len(found)} places: {found}"
        return found[0]


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Lend what a killed service left, with a file in each state; nothing holds them any more."""
    with held(folder, *STATES) as stage:
        stage.service.kill()
        stage.release()
        yield Scene(stage.world)


def close_orphans(world: World) -> None:
    """Say, a quarter of an hour later, that no other instance runs there any more."""
    with contextlib.closing(Journal.look(world.state)) as journal:
        own = journal.identity.instance
    others = set()
    for starts in world.folder.glob("*/processing/*/starts"):
        if starts.parent.name != own:
            long_ago = starts.stat().st_mtime - 3600.0
            os.utime(starts, (long_ago, long_ago))
            if any(starts.parent.glob("*/*.csv")):
                others.add(starts.parent.name)
    for instance in others:
        tell(world, "close-orphans", instance)


def tell(world: World, *words: str) -> str:
    """Give a command, which must succeed, and return its answer."""
    told = command(*words, "--config", world.config)
    assert told.returncode == 0, told.stderr
    return told.stdout
