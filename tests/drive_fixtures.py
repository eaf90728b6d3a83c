"""Drives that come and go: sshfs, a disk image, and a drive full of faults.

Each needs root, /dev/fuse and programs; where it can't be had, the test is skipped with the reason.
While a drive hangs, no test may touch it: nobody could end that call.
"""

import contextlib
import ctypes.util
import fcntl
import itertools
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import pytest
from acceptance_fixtures import eventually

if TYPE_CHECKING:
    from faulty_drive import What

_SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server")
_FAULTY_DRIVE = Path(__file__).with_name("faulty_drive.py")

#: An ioctl of ext4 that stops all writing at once, and its word for "not even the journal".
_EXT4_SHUTDOWN, _WITHOUT_FLUSH = 0x8004587D, 2

#: What makes sshfs look at the server each time; it would believe its memory for 20 s.
_SSHFS_OPTIONS = "dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0"


def need(*programs: str, fuse: bool = True) -> None:
    """Skip the test where a drive that needs these programs can't be had."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount drives")
    if fuse and not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("this machine has no /dev/fuse")
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def is_mounted(point: Path) -> bool:
    """Return whether anything is mounted there, without touching it."""
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    return any(line.split(" ")[4] == str(point) for line in lines)


def names(folder: Path) -> list[str]:
    """Return the names of all that lies in a folder, sorted."""
    return sorted(entry.name for entry in folder.iterdir())


class Daemon:
    """A program that runs until it is ended, or this process dies; its words go to a file."""

    def __init__(
        self, *command: str | Path, log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self._log = log
        with log.open("ab") as words:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def words(self) -> str:
        """What it said."""
        return self._log.read_text(errors="replace")

    def wait_for_mount(self, point: Path) -> None:
        """Return once something is mounted; raises AssertionError if it ends before."""
        eventually(lambda: is_mounted(point) or not self.is_running)
        assert self.is_running, f"it could not mount {point}:\n{self.words}"

    def wait(self) -> None:
        """Wait until it has ended by itself."""
        self._process.wait(15.0)

    def kill(self) -> None:
        """End it and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def unmount(point: Path) -> None:
    """Take away all that is mounted there, in use or not."""
    while is_mounted(point):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=True)


# ---------------------------------------------------------------- sshfs


class SshfsShare:
    """A folder seen through sshfs: `behind` is the server's side, `point` ours.

    The server is a process of its own on a pipe, without a network.
    """

    def __init__(self, folder: Path, server: str, options: str = "") -> None:
        self._options = ",".join(filter(None, (_SSHFS_OPTIONS, options)))
        self.point = folder / "point"
        self.behind = folder / "behind"
        self._pid_file = folder / "server.pid"
        self._connect = folder / "connect"
        self._log = folder / "sshfs.log"
        self._client: Daemon | None = None
        for made in (self.point, self.behind):
            made.mkdir(parents=True)
        # sshfs gives it the arguments of ssh, which lead nowhere here.
        part = self._pid_file.with_suffix(".part")
        self._connect.write_text(
            f"#!/bin/sh\necho $$ >'{part}'\nmv '{part}' '{self._pid_file}'\nexec {server}\n"
        )
        self._connect.chmod(0o700)

    @property
    def pid(self) -> int:
        """The server's process ID."""
        return int(self._pid_file.read_text())

    def mount(self) -> None:
        """Mount it, with a new server."""
        options = f"ssh_command={self._connect},{self._options}"
        source = f"server:{self.behind}"
        self._pid_file.unlink(missing_ok=True)
        self._client = Daemon("sshfs", "-f", "-o", options, source, self.point, log=self._log)
        self._client.wait_for_mount(self.point)
        eventually(self._pid_file.exists)  # it is mounted before its server is started

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let the server answer nobody while the block runs."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def kill_server(self) -> None:
        """Let the server die; its mount goes with it."""
        os.kill(self.pid, signal.SIGKILL)
        self._has_ended()

    def unmount(self) -> None:
        """Unmount it, as somebody would by hand."""
        unmount(self.point)
        self._has_ended()

    def _has_ended(self) -> None:
        if self._client is not None:
            self._client.wait()
        eventually(lambda: not is_mounted(self.point))

    def close(self) -> None:
        """Take it away, in whatever state it is; calls that hang in it end with an error."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        if self._client is not None:
            self._client.kill()
        unmount(self.point)


@contextmanager
def sshfs_share(folder: Path, *, mounted: bool = True, options: str = "") -> Iterator[SshfsShare]:
    """Share a new folder with ourselves; `folder/point` is where it is mounted."""
    need("sshfs", "fusermount3")
    server = next((path for path in _SFTP_SERVERS if Path(path).exists()), None)
    if server is None:
        pytest.skip("there is no sftp-server")
    share = SshfsShare(folder, server, options)
    try:
        if mounted:
            share.mount()
        yield share
    finally:
        share.close()


# ---------------------------------------------------------------- a disk image


@contextmanager
def disk_image(folder: Path, megabytes: int = 16) -> Iterator[Path]:
    """Mount a new ext4 of its own in a new folder."""
    need("mkfs.ext4", fuse=False)
    folder.mkdir()
    image = folder.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(megabytes * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    if not _mount_image(folder):
        pytest.skip("disk images can't be mounted here")
    try:
        yield folder
    finally:
        unmount(folder)
        image.unlink()


def _mount_image(folder: Path) -> bool:
    mount = ["mount", "-o", "loop", str(folder.with_suffix(".image")), str(folder)]
    return subprocess.run(mount, check=False, capture_output=True).returncode == 0


def cut_power(folder: Path, after: Callable[[], None]) -> None:
    """Let a disk image lose what is not on it after something was done, and mount it anew."""
    subprocess.run(["sync", "--file-system", folder], check=True)
    after()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _EXT4_SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
    finally:
        os.close(descriptor)
    subprocess.run(["umount", folder], check=True)
    assert _mount_image(folder)


# ---------------------------------------------------------------- faults


class Fault:
    """Something that goes wrong on a faulty drive, until it is over."""

    def __init__(self, drive: "FaultyDrive", name: str) -> None:
        self._drive = drive
        self._name = name

    @property
    def hits(self) -> int:
        """How many calls it struck."""
        return self._drive.hits(self._name)

    def has_struck(self, times: int = 1, timeout_s: float = 60.0) -> None:
        """Return once it struck so many calls."""
        eventually(lambda: self.hits >= times, timeout_s)

    def has_struck_again(self, times: int = 1) -> None:
        """Return once it struck so many calls more."""
        self.has_struck(self.hits + times)

    def end(self) -> None:
        """Let it be over."""
        self._drive.forget(self._name)


class FaultyDrive:
    """A drive whose calls go wrong as told: `behind` is the folder it shows, `point` the drive.

    The kernel asks for the attributes of a name twice before it believes in an error, and opens
    twice where it hears ESTALE.
    """

    def __init__(self, folder: Path, library: str) -> None:
        self.point = folder / "point"
        self.behind = folder / "behind"
        self._hits = folder / "hits"
        for made in (self.point, self.behind, self._hits):
            made.mkdir(parents=True)
        self._rules: dict[str, object] = {}
        self._file = folder / "rules.json"
        self._numbers = itertools.count(1)
        self._write()
        self._daemon = Daemon(
            sys.executable,
            _FAULTY_DRIVE,
            self.behind,
            self.point,
            self._file,
            self._hits,
            log=folder / "drive.log",
            environ={"FUSE_LIBRARY_PATH": library, "COVERAGE_PROCESS_CONFIG": ""},
        )
        self._daemon.wait_for_mount(self.point)

    def fault(self, call: str, error: str = "", path: str = "*", **what: Unpack["What"]) -> Fault:
        """Let calls go wrong from now on; the words are those of `faulty_drive.Rule`."""
        name = f"fault-{next(self._numbers)}"
        self._rules[name] = {"call": call, "error": error, "path": path, **what}
        self._write()
        return Fault(self, name)

    def hits(self, name: str) -> int:
        """Return how many calls a fault struck."""
        file = self._hits / name
        return file.stat().st_size if file.exists() else 0

    def forget(self, name: str) -> None:
        """Let a fault strike no more."""
        del self._rules[name]
        self._write()

    def _write(self) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(self._rules))
        part.replace(self._file)

    def close(self) -> None:
        """Take it away."""
        self._daemon.kill()
        unmount(self.point)


@contextmanager
def faulty_drive(folder: Path) -> Iterator[FaultyDrive]:
    """Mount a drive of faults; `folder/point` is where."""
    need("fusermount3")
    library = ctypes.util.find_library("fuse3")
    if library is None:
        pytest.skip("libfuse3 is not installed")
    drive = FaultyDrive(folder, library)
    try:
        yield drive
    finally:
        drive.close()
