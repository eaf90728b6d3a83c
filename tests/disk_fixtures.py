"""A small file system of its own, where this machine lets us mount one."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_BLOCK = 512


@contextmanager
def small_disk(folder: Path, kilobytes: int = 300, *, inodes: int = 0) -> Iterator[Path]:
    """Mount a file system in a new folder; skip the test where that is not allowed.

    It holds as many files as are asked for; 0: as it likes.
    """
    folder.mkdir()
    options = f"size={kilobytes}k" + (f",nr_inodes={inodes}" if inodes else "")
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system, and a container may forbid it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free_bytes(folder: Path) -> int:
    """Return how much fits on the file system of a folder."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def noted_syncs(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[], object] = lambda: None
) -> list[tuple[Path, object]]:
    """Return what is synced from now on, each with what was seen at that moment."""
    fsync = os.fsync
    noted: list[tuple[Path, object]] = []

    def noting(descriptor: int) -> None:
        noted.append((Path(f"/proc/self/fd/{descriptor}").readlink(), look()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return noted


@contextmanager
def filled(folder: Path, leaving: int = 0) -> Iterator[None]:
    """Fill the file system of a folder until no more than so many bytes are free, to anybody."""
    filler = folder / ".filler"
    with filler.open("xb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1024 * 1024, _BLOCK):
            while _bytes_for_root(folder) - leaving >= size:
                file.write(bytes(size))
    try:
        yield
    finally:
        filler.unlink()


def _bytes_for_root(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bfree * found.f_frsize


@contextmanager
def crowded(folder: Path, leaving: int) -> Iterator[None]:
    """Fill the file system of a folder with empty files, until so many more can be made."""
    crowd = folder / ".crowd"
    crowd.mkdir()
    for number in range(os.statvfs(folder).f_favail - leaving):
        (crowd / str(number)).touch()
    try:
        yield
    finally:
        shutil.rmtree(crowd)
