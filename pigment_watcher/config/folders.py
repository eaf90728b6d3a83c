"""Tries whether the service can really use the folders and files that it is given."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pigment_watcher import errors, model, mounts
from pigment_watcher.config.report import Report
from pigment_watcher.config.yaml_lines import Where
from pigment_watcher.running import Run

#: What a file is called by which it is learnt whether a folder can be written; a number follows.
#: Every intake ignores what begins with a dot.
_PROBE = ".pigment-watcher-probe-"

#: So long a drive is waited for: one that is slower is found by the service as well, only later.
_ANSWER_S = 5.0

#: A probe that is older was left by somebody who was killed.
_LEFT_S = 60.0

#: What is seen of an automounter while nothing is mounted.
_AUTOFS = "autofs"

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))

#: What a drive says whose server is away.
_AWAY = frozenset(
    (
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EIO,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENODEV,
        errno.ENOTCONN,
        errno.ENXIO,
        errno.EREMOTEIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
    )
)


def tried(
    routes: Sequence[model.Route],
    known: Mapping[Path, mounts.Mount],
    run_for: Callable[[Path], Run],
    report: Report,
) -> dict[Path, mounts.Mount]:
    """Try the folders of all routes; return what the inboxes lie on that can be used.

    A drive that is lost is remarked, and no problem; nothing is written where it should be.
    """
    drives: dict[Path, mounts.Mount] = {}
    for route in routes:
        trial = _Trial(route, known, run_for, report)
        mount = trial.inbox()
        if mount is not None:
            drives[route.rules.directory] = mount
            trial.archives(mount)
    return drives


def state(directory: Path, report: Report) -> bool:
    """Try the state directory, or whether it can be made; only the service's own user makes it."""
    where = ("state_directory",)
    # By what is mounted first, which asks no server that may be dead.
    mount = mounts.resolve(directory)[1]
    if not mount.is_network:
        nearest = mounts.nearest(directory)
        try:
            _write(nearest)
            mount = _mount(nearest)
        except OSError as error:
            report.problem(where, _words(error, nearest))
            return False
    if mount.is_network:
        text = f"{directory} lies on a network file system ({mount.kind}): put it on a local disk"
        report.problem(where, text)
    return not mount.is_network


def certificates(bundle: Path, report: Report) -> None:
    """Try whether a file holds certificates that TLS can use."""
    import ssl  # noqa: PLC0415  # most name no file, and it takes long to read

    try:
        ssl.create_default_context(cafile=bundle)
    except OSError as error:
        said = error.strerror or str(error)
        report.problem(("pigment", "ca_bundle"), f"no certificates (PEM) in {bundle}: {said}")


# ---------------------------------------------------------------- a route


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is tried for one route, and told of it."""

    route: model.Route
    known: Mapping[Path, mounts.Mount]
    run_for: Callable[[Path], Run]
    report: Report

    def inbox(self) -> mounts.Mount | None:
        """Try the inbox; return its mount, None where it is of no use or lost."""
        directory = self.route.rules.directory
        processing, run = directory / "processing", self.run_for(directory)
        usable = None
        with self._told("directory", directory):
            mount, has_home, is_sticky = run(partial(_look, directory), _ANSWER_S)
            self._expect(directory, mount, has_home=has_home)
            self._advise(mount, is_sticky=is_sticky)
            run(partial(_write, directory), _ANSWER_S)
            with self._told("directory", processing):
                run(partial(_claim, processing), _ANSWER_S)
                usable = mount
        return usable

    def archives(self, beside: mounts.Mount) -> None:
        """Try whether done and failed can be written, or made; the inbox lies on `beside`."""
        for key, folder in (("done", self.route.rules.done), ("failed", self.route.rules.failed)):
            run = self.run_for(folder)
            with self._told(key, folder):
                nearest = run(partial(mounts.nearest, folder), _ANSWER_S)
                mount = mounts.resolve(folder)[1]
                self._expect(folder, mount, has_home=self._is_beside(folder, mount, beside))
                with self._told(key, nearest):
                    run(partial(_write, nearest), _ANSWER_S)

    def _expect(self, folder: Path, now: mounts.Mount, *, has_home: bool) -> None:
        """Raise FolderLost where a folder does not lie on the drive on which it should."""
        why = mounts.why_lost(now, self._before(folder, now), has_home=has_home)
        if self._needs_mount(folder) and now.point == Path("/"):
            why = "require_mount is set, and nothing is mounted there"
        if now.kind == _AUTOFS:
            why = "the automounter found nothing to mount there"
        if why is not None:
            raise errors.FolderLost(str(folder), why)

    def _before(self, folder: Path, now: mounts.Mount) -> mounts.Mount | None:
        """Return what a folder lay on; what is new should lie where those around it did."""
        if folder in self.known:
            return self.known[folder]
        around = {mount.point: mount for mount in self.known.values()} | dict(self.known)
        around.pop(Path("/"), None)  # what is always there
        places = (folder, *folder.parents, *mounts.resolve(folder)[0].parents)
        before = next((around[place] for place in places if place in around), None)
        has_its_own = before is not None and before.point in now.point.parents
        return None if has_its_own else before

    def _is_beside(self, folder: Path, now: mounts.Mount, beside: mounts.Mount) -> bool:
        """Return whether a folder came with the inbox to where that is now."""
        inbox = self.route.rules.directory
        return now == beside and self._before(folder, now) == self._before(inbox, beside)

    def _needs_mount(self, folder: Path) -> bool:
        return self.route.require_mount and folder == self.route.rules.directory

    def _advise(self, mount: mounts.Mount, *, is_sticky: bool) -> None:
        if self.route.watch is model.Watch.EVENTS and not mount.is_local:
            self.report.remark(
                self._where("watch"),
                f"on a drive of the kind {mount.kind} events tell only of what this machine itself "
                "writes: it is taken for granted that nobody else does; else let it be auto",
            )
        if is_sticky:
            inbox = self.route.rules.directory
            self.report.remark(
                self._where("directory"),
                f"its sticky bit lets nobody but their owners move files away: chmod -t {inbox}, "
                "unless all of them belong to the service's user",
            )

    @contextlib.contextmanager
    def _told(self, key: str, folder: Path) -> Iterator[None]:
        """Report what fails within, as a problem or as a drive that is lost."""
        try:
            yield
        except errors.FolderError as error:
            self._lost(key, folder, error.message)
        except OSError as error:
            if self._is_away(folder, error):
                self._lost(key, folder, error.strerror)
            else:
                self.report.problem(self._where(key), _words(error, folder))

    def _is_away(self, folder: Path, error: OSError) -> bool:
        """Return whether an error means that the drive is lost, and not that the path is wrong."""
        before = self.known.get(folder)
        if isinstance(error, FileNotFoundError):
            return before is not None or self._needs_mount(folder) or self._is_elsewhere(folder)
        if isinstance(error, PermissionError):
            # The rights on a share are given by its server, which may be ailing.
            return before is not None and not before.is_local
        if error.errno == errno.EROFS:
            # The kernel makes a disk that fails read-only; the folder was right before.
            return self._was_used(folder)
        is_local = mounts.resolve(folder)[1].is_local
        return error.errno in _AWAY and (before is not None or not is_local)

    def _was_used(self, folder: Path) -> bool:
        """Return whether a folder was of use before, or one in it, or that in which it is."""
        return any(
            known.is_relative_to(folder) or folder.is_relative_to(known) for known in self.known
        )

    def _is_elsewhere(self, folder: Path) -> bool:
        mount = mounts.resolve(folder)[1]
        return mounts.why_lost(mount, self._before(folder, mount), has_home=False) is not None

    def _lost(self, key: str, folder: Path, why: str | None) -> None:
        text = f"{folder}: {why}; lost for now, and used as soon as it is back"
        self.report.remark(self._where(key), text)

    def _where(self, key: str) -> Where:
        return ("routes", self.route.name, key)


# ---------------------------------------------------------------- calls

# Any of these may be made by another process: functions of the module, and plain values.


def _look(directory: Path) -> tuple[mounts.Mount, bool, bool]:
    """Return the mount of an inbox, whether it holds the home of an instance, and if it is sticky.

    From a sticky folder of somebody else, a file can be moved away by its owner only.
    """
    mount = _mount(directory)
    found = directory.stat()
    is_sticky = bool(found.st_mode & stat.S_ISVTX) and found.st_uid != os.geteuid()
    has_home = False
    with contextlib.suppress(OSError), os.scandir(directory / "processing") as entries:
        has_home = any(entry.is_dir(follow_symlinks=False) for entry in entries)
    return mount, has_home, is_sticky


def _mount(folder: Path) -> mounts.Mount:
    # Listed first, for the plain OSError that tells what is wrong with it.
    with os.scandir(folder) as entries:
        next(entries, None)
    return mounts.of(folder)


def _write(folder: Path) -> None:
    with _unless_full(), _probe(folder):
        pass


def _claim(processing: Path) -> None:
    """Move a file from the inbox to its processing folder, where there is one, as a claim does."""
    if not os.path.lexists(processing):
        return
    if processing.is_symlink():
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), os.fsdecode(processing))
    with _unless_full(), _probe(processing.parent) as probe, _probe(processing) as place:
        probe.rename(place)


@contextlib.contextmanager
def _unless_full() -> Iterator[None]:
    """Pass over a full disk, which is no fault of the configuration: the service waits for room."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise


@contextlib.contextmanager
def _probe(folder: Path) -> Iterator[Path]:
    """Lend an empty file, and remove those that somebody who was killed left here."""
    taken: list[Path] = []
    while True:
        probe = folder / f"{_PROBE}{len(taken)}"
        try:
            os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            break
        except FileExistsError:
            taken.append(probe)
    try:
        before = probe.lstat().st_mtime - _LEFT_S  # as this drive tells the time
        for left in taken:
            with contextlib.suppress(OSError):  # another removed it, or only its owner may
                _remove_left(left, before)
        yield probe
    finally:
        probe.unlink(missing_ok=True)


def _remove_left(probe: Path, before: float) -> None:
    found = probe.lstat()
    if stat.S_ISREG(found.st_mode) and found.st_size == 0 and found.st_mtime < before:
        probe.unlink()


def _words(error: OSError, folder: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"no such folder: {folder}: make it, or correct the path"
    if isinstance(error, NotADirectoryError):
        return f"is a file, not a folder: {folder}"
    if isinstance(error, PermissionError):
        return f"permission denied: {folder}: the service's user must be able to list and change it"
    if error.errno == errno.EROFS:
        return (
            f"is read-only: {folder}: if it is so for the service only, its unit does not list the"
            " folder: put what `pigment-watcher systemd-dropin` prints beside it"
        )
    if error.errno == errno.EXDEV:
        return f"must be an ordinary folder on the file system of the inbox: {folder}"
    return f"can't be used: {folder}: {error.strerror}"
