"""Which drive each folder lies on, what it lay on before, and whether it may be used now."""

import functools
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pigment_watcher import errors, mounts
from pigment_watcher.drives.drive import Drive
from pigment_watcher.files import moves
from pigment_watcher.mounts import Mount
from pigment_watcher.running import CALL_S, Run

_AUTOFS = "autofs"


class Drives:
    """The drives of all folders; safe to use from any thread.

    `known` is what folders lay on at an earlier time; what is learnt is passed to `remember`.
    """

    def __init__(
        self,
        known: Mapping[Path, Mount],
        remember: Callable[[Mapping[Path, Mount]], None],
        home: Callable[[Path], Path],
    ) -> None:
        self._known = dict(known)
        #: What was learnt and is not passed on yet.
        self._learnt: dict[Path, Mount] = {}
        self._remember = remember
        self._home = home
        # Guards all below.
        self._lock = threading.Lock()
        self._local = Drive()
        self._others: dict[Path, Drive] = {}
        self._of: dict[Path, Drive] = {}
        self._mounted = mounts.table()
        #: Whether drives are found anew though nothing was mounted meanwhile.
        self._is_stale = False

    def of(self, folder: Path) -> Drive:
        """Return the drive of a folder, without touching it.

        One that is away stays the drive of its folders: what lies beneath its mount point is not
        theirs.
        """
        with self._lock:
            drive = self._of.get(folder)
            if drive is None:
                drive = self._of[folder] = self._find(folder)
            return drive

    def between(self, one: Path, other: Path) -> Drive:
        """Return the drive by which files are moved between two folders."""
        drive = self.of(one)
        return self.of(other) if drive.is_local else drive

    def refresh(self) -> bool:
        """Return whether something was mounted or unmounted; then all drives are found anew."""
        with self._lock:
            mounted = self._table()
            if mounted == self._mounted and not self._is_stale:
                return False
            self._mounted, self._of, self._is_stale = mounted, {}, False
            return True

    def expect(
        self, folder: Path, run: Run, *, require_mount: bool = False, within_s: float = CALL_S
    ) -> Mount:
        """Return what a folder lies on, or that in which it would be made, if it may be used.

        Raises FolderLost if it lay on something else before, FolderError.
        """
        with self._lock:
            place, before = self._before(folder)
        now, has_home = run(functools.partial(examine, folder, self._home(place)), within_s)
        why = mounts.why_lost(now, before, has_home=has_home)
        if require_mount and now.point == Path("/"):
            why = "require_mount is set, and nothing is mounted there"
        if now.kind == _AUTOFS:
            why = "nothing is mounted there: the automounter found nothing"
        if why is not None:
            raise errors.FolderLost(str(folder), why)
        return now

    def remember(self, folder: Path, now: Mount) -> None:
        """Know what a folder lies on from now on; see `save`."""
        with self._lock:
            if self._known.get(folder) != now:
                self._known[folder] = self._learnt[folder] = now

    def save(self) -> None:
        """Pass on what was learnt, all at once. Raises JournalError."""
        with self._lock:
            learnt = dict(self._learnt)
        if learnt:
            self._remember(learnt)
        with self._lock:
            for folder, now in learnt.items():
                if self._learnt.get(folder) == now:
                    del self._learnt[folder]

    def knows(self, folder: Path, now: Mount) -> bool:
        """Return whether a folder is known to have lain on just this before."""
        with self._lock:
            return self._known.get(folder) == now

    def forget(self, folders: Collection[Path]) -> None:
        """Take folders as they are found next."""
        with self._lock:
            for folder in folders:
                self._known.pop(folder, None)
                self._learnt.pop(folder, None)
            self._is_stale = True

    def give_up(self) -> None:
        """Wait for no call of a helper any longer; it fails as if its drive were lost."""
        for drive in self._helped():
            drive.give_up()

    def close(self) -> None:
        """Let all helpers go; those that hang are left behind."""
        for drive in self._helped():
            drive.close()

    def _helped(self) -> list[Drive]:
        with self._lock:
            return list(self._others.values())

    def _find(self, folder: Path) -> Drive:
        _, now = mounts.resolve(folder, self._table())
        _, before = self._before(folder)
        if now.is_local and (before is None or before.is_local):
            return self._local
        mount = before if now.is_local and before is not None else now
        return self._others.setdefault(mount.point, Drive(mount.point))

    def _table(self) -> str:
        """Return what is mounted; if that can't be read now, it is taken for as it was."""
        return mounts.table() or self._mounted

    def _before(self, folder: Path) -> tuple[Path, Mount | None]:
        """Return the nearest folder of which something is known, and what it lay on."""
        for place in mounts.upwards(folder):
            if place in self._known:
                return place, self._known[place]
        return folder, None


def examine(folder: Path, home: Path) -> tuple[Mount, bool]:
    """Return what a folder lies on, or that in which it would be made, and whether we live there.

    Raises FolderError.
    """
    with moves.translated(folder):
        nearest = next(place for place in mounts.upwards(folder) if place.is_dir())
        return mounts.of(nearest), home.is_dir()
