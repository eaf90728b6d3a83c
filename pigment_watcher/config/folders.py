"""Tries whether the service can really use the folders and files that it is given."""

import errno
import os
import ssl
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from pigment_watcher import model, mounts
from pigment_watcher.config.report import Report
from pigment_watcher.config.yaml_lines import Where

#: Every intake ignores what begins with a dot.
_PROBE = ".pigment-watcher-probe-"


def inbox(
    route: model.Route, report: Report, seen: Callable[[], Collection[Path]]
) -> mounts.Mount | None:
    """Try the inbox of a route; return its mount, None where it is of no use.

    One that is missing but was `seen` at an earlier start is a lost share, and no problem.
    """
    directory, where = route.rules.directory, ("routes", route.name, "directory")
    try:
        mount = _mount(directory)
    except OSError as error:
        if isinstance(error, PermissionError | NotADirectoryError) or directory not in seen():
            report.problem(where, _words(error, directory))
        return None
    if mount.is_network:
        text = f"{directory} lies on a network drive ({mount.kind}): not yet supported"
        report.problem(where, f"{text} by this version")
        return None
    usable = _attempt(_write, directory, where, report)
    if usable and os.path.lexists(directory / "processing"):
        usable = _attempt(_claim, directory / "processing", where, report)
    return mount if usable else None


def archives(route: model.Route, report: Report) -> None:
    """Try whether the done and failed folders of a route can be written, or made."""
    for key, folder in (("done", route.rules.done), ("failed", route.rules.failed)):
        _attempt(_write, _nearest(folder), ("routes", route.name, key), report)


def state(directory: Path, report: Report) -> None:
    """Try the state directory, or whether it can be made; only the service's own user makes it."""
    where, nearest = ("state_directory",), _nearest(directory)
    if not (_attempt(_write, nearest, where, report) and _attempt(_list, nearest, where, report)):
        return
    mount = _mount(nearest)
    if mount.is_network:
        text = f"{directory} lies on a network file system ({mount.kind}): put it on a local disk"
        report.problem(where, text)


def certificates(bundle: Path, report: Report) -> None:
    """Try whether a file holds certificates that TLS can use."""
    try:
        ssl.create_default_context(cafile=bundle)
    except OSError as error:
        said = error.strerror or str(error)
        report.problem(("pigment", "ca_bundle"), f"no certificates (PEM) in {bundle}: {said}")


# ---------------------------------------------------------------- attempts


def _attempt(deed: Callable[[Path], None], folder: Path, where: Where, report: Report) -> bool:
    try:
        deed(folder)
    except OSError as error:
        # A full disk is no fault of the configuration: the service waits for room.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            report.problem(where, _words(error, folder))
            return False
    return True


def _mount(folder: Path) -> mounts.Mount:
    # Listed first, for the plain OSError that tells what is wrong with it.
    _list(folder)
    return mounts.of(folder)


def _list(folder: Path) -> None:
    with os.scandir(folder) as entries:
        next(entries, None)


def _write(folder: Path) -> None:
    _new_file(folder).unlink()


def _claim(processing: Path) -> None:
    """Move a file from the inbox to its processing folder, as a claim does."""
    probe = _new_file(processing.parent)
    try:
        probe = probe.rename(processing / probe.name)
    finally:
        probe.unlink()


def _new_file(folder: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=_PROBE, dir=folder)
    os.close(handle)
    return Path(name)


def _nearest(folder: Path) -> Path:
    """Return the folder itself, or that above it in which it would be made."""
    return next(place for place in (folder, *folder.parents) if os.path.lexists(place))


def _words(error: OSError, folder: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"no such folder: {folder}: make it, or correct the path"
    if isinstance(error, NotADirectoryError):
        return f"is a file, not a folder: {folder}"
    if isinstance(error, PermissionError):
        return f"permission denied: {folder}: the service's user must be able to list and change it"
    if error.errno == errno.EXDEV:
        return f"must be an ordinary folder on the file system of the inbox: {folder}"
    return f"can't be used: {folder}: {error.strerror}"
