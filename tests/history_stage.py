"""Where histories happen: folders in memory, one stand-in, and what only costs time left out."""

import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from history_checks import check, check_end
from history_fixtures import History

from pigment_watcher import mounts
from pigment_watcher.simulator import Simulator

#: A file system in memory: a kill takes nothing from what the kernel has.
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Stage:
    """Folders for histories, on two file systems where that can be, and a stand-in.

    Its imports last until a history says how they end.
    """

    folder: Path
    elsewhere: Path
    pigment: Simulator

    @property
    def has_two_drives(self) -> bool:
        """Whether a file is copied between the two."""
        return self.folder.stat().st_dev != self.elsewhere.stat().st_dev

    @contextmanager
    def history(self) -> Iterator[History]:
        """Lend a history at its begin."""
        self.pigment.reset()
        folder, elsewhere = (
            Path(tempfile.mkdtemp(dir=place)) for place in (self.folder, self.elsewhere)
        )
        history = History(folder, elsewhere, self.pigment)
        try:
            yield history
        finally:
            history.close()
            shutil.rmtree(folder)
            shutil.rmtree(elsewhere)

    def play(self, happens: Callable[[History], None]) -> None:
        """Let one history happen, and check how it goes on and ends."""
        with self.history() as history:
            happens(history)
            check(history)
            check_end(history)


@contextmanager
def staged(elsewhere: Path) -> Iterator[Stage]:
    """Lend a stage."""
    no_authorities = elsewhere / "no-authorities"
    no_authorities.mkdir()
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        Simulator(import_s=float("inf")) as pigment,
    ):
        # Nothing is mounted meanwhile, and nothing is spoken over TLS.
        patch.setattr(mounts, "resolve", functools.lru_cache(mounts.resolve))
        patch.setenv("REQUESTS_CA_BUNDLE", str(no_authorities))
        yield Stage(Path(folder), elsewhere, pigment)
