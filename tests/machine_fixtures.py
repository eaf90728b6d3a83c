"""Machines with a real systemd: a Debian tree, booted as PID 1 of its own namespaces.

They need root, debootstrap and a mirror; where one can't be had, the test is skipped with the
reason. A tree is made once and kept; a machine writes into an overlay of it, and leaves nothing
behind.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from acceptance_fixtures import eventually

#: Where trees are kept; CI makes them anew.
_TREES = Path("/var/tmp/pigment-watcher-machines")

_BOOT = Path(__file__).with_name("machine_boot.sh")

_PACKAGES = "systemd,systemd-sysv,dbus,procps,python3,python3-venv,ca-certificates,make"

#: What belongs to a whole machine and would only fail, or touch this one.
_MASKED = """
apt-daily-upgrade.timer apt-daily.timer console-getty.service dev-hugepages.mount
dev-mqueue.mount dpkg-db-backup.timer getty.target ldconfig.service
proc-sys-fs-binfmt_misc.automount run-lock.mount sys-fs-fuse-connections.mount
sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount systemd-binfmt.service
systemd-firstboot.service systemd-hostnamed.socket systemd-journal-catalog-update.service
systemd-journal-flush.service systemd-logind.service systemd-modules-load.service
systemd-networkd.service systemd-pcrphase.service systemd-resolved.service
systemd-sysctl.service systemd-sysusers.service systemd-timesyncd.service
systemd-tmpfiles-clean.timer systemd-tmpfiles-setup-dev-early.service
systemd-tmpfiles-setup-dev.service systemd-udev-trigger.service systemd-udevd.service
systemd-update-done.service systemd-update-utmp.service
""".split()  # noqa: SIM905  # a line each would be a page

#: A terminal's settings aside, what a command there finds in its environment.
_ENVIRON = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}

_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"

#: Seconds within which a command there ends.
COMMAND_S = 240.0


class Machine:
    """A booted machine: `root` is its file system as it is seen from here."""

    def __init__(self, root: Path, log: Path, shared: Path | None, lent: Sequence[Path]) -> None:
        self.root = root
        self._log = log
        environ = {**os.environ, "LENT": "\n".join(map(str, lent))}
        if shared is not None:
            environ["SHARED"] = str(shared)
        with log.open("w") as said:
            self._boot = subprocess.Popen(
                [_BOOT, root],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid = 0
        try:
            eventually(self._is_booted)
        except BaseException:
            self.close()
            raise

    def run(
        self,
        *command: str | Path,
        check: bool = True,
        given: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there as root; with `check`, one that fails is the test's failure."""
        enter = ["nsenter", "-t", str(self._pid), "-m", "-u", "-i", "-p", "-C", "-r", "-w"]
        ended = subprocess.run(
            [*enter, *map(str, command)],
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=COMMAND_S,
            check=False,
            env={**_ENVIRON, **(environ or {})},
        )
        if check and ended.returncode != 0:
            raise AssertionError(f"{command}: {ended.returncode}\n{ended.stdout}{ended.stderr}")
        return ended

    def told(self, *command: str | Path) -> str:
        """Return what a command that succeeds prints."""
        return self.run(*command).stdout.strip()

    def shown(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.told("systemctl", "show", "--value", f"--property={name}", unit)

    def journal(self, unit: str = "pigment-watcher.service") -> list[dict[str, Any]]:
        """Return a unit's lines in systemd's journal, systemd's own about it among them."""
        self.run("journalctl", "--sync")
        lines = self.told("journalctl", "-u", unit, "-o", "json", "--no-pager", "--all")
        return [json.loads(line) for line in lines.splitlines()]

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put a file there."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"',
                 "sh", path, f"{mode:o}", given=text)  # fmt: skip

    def seen_from_here(self, pid: str) -> int:
        """Return the number that a process of the machine has outside of it."""
        own = Path(f"/proc/{self._pid}/ns/pid").readlink()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                numbers = re.search(
                    r"^NSpid:\s+(.*)$", (process / "status").read_text(), re.MULTILINE
                )
                is_inside = (process / "ns/pid").readlink() == own
                if numbers and is_inside and numbers[1].split()[-1] == pid:
                    return int(process.name)
        raise AssertionError(f"no process {pid} runs there")

    def close(self) -> None:
        """Shut it down, and wait until nothing of it runs."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGRTMIN + 3)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._boot.wait(20.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._boot.pid, signal.SIGKILL)
        self._boot.wait()
        for group in Path("/sys/fs/cgroup").glob(f"**/machine-{self._boot.pid}"):
            for folder in sorted((group, *group.glob("**/*/")), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def _is_booted(self) -> bool:
        if self._boot.poll() is not None:
            pytest.skip(f"no machine can be booted here: {self._log.read_text().strip()[-300:]}")
        own = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children")
        for child in own.read_text().split():
            # What the script ran before it became the machine's parent may be over by now.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    self._pid = int(child)
        if not self._pid:
            return False
        ended = self.run("systemctl", "is-system-running", "--wait", check=False)
        return ended.stdout.strip() in {"running", "degraded"}


def release() -> str:
    """Return the Debian release of this machine, whose Python the wheels of a checkout fit."""
    lines = Path("/etc/os-release").read_text().splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    return said.get("VERSION_CODENAME", "").strip('"')


@contextmanager
def machine(
    folder: Path,
    name: str | None = None,
    *,
    shared: Path | None = None,
    lent: Sequence[Path] = (),
    below: Path | None = None,
) -> Iterator[Machine]:
    """Boot a clean machine of a Debian release.

    What is mounted below `shared` later is seen there; `lent` folders can be read where they are.
    `below` is an upper folder kept from another machine.
    """
    tree = _tree(name or release())
    with _overlay(folder, [tree] if below is None else [below, tree]) as root:
        booted = Machine(root, folder / "boot.log", shared, lent)
        try:
            yield booted
        finally:
            booted.close()


@contextmanager
def _overlay(folder: Path, lower: list[Path]) -> Iterator[Path]:
    upper, work, root = folder / "upper", folder / "work", folder / "root"
    for made in (upper, work, root):
        made.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    command: list[str | Path] = ["mount", "-t", "overlay", "overlay", "-o", options, root]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        pytest.skip(f"no overlay can be mounted here: {ended.stderr.strip()}")
    try:
        yield root
    finally:
        subprocess.run(["umount", "-l", root], check=True)


def _tree(name: str) -> Path:
    """Return a clean tree of a release, made now if there is none."""
    if os.geteuid() != 0:
        pytest.skip("only root may boot machines")
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not installed")
    _TREES.mkdir(exist_ok=True)
    with (_TREES / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of several processes need it at once
        tree = _TREES / name
        if not tree.is_dir():
            _make_tree(name, tree)
        return tree


def _make_tree(name: str, tree: Path) -> None:
    made = Path(tempfile.mkdtemp(dir=_TREES))
    made.chmod(0o755)
    command: list[str | Path] = [
        "debootstrap",
        "--variant=minbase",
        f"--include={_PACKAGES}",
        name,
        made,
        _mirror(),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        shutil.rmtree(made, ignore_errors=True)
        pytest.skip(f"no tree of {name} can be made: {ended.stdout.strip()[-300:]}")
    for unit in _MASKED:
        masked = made / "etc/systemd/system" / unit
        masked.unlink(missing_ok=True)
        masked.symlink_to("/dev/null")
    # What this machine trusts, and where it gets its packages from.
    shutil.copy(f"/{_CERTIFICATES}", made / _CERTIFICATES)
    for file in ("etc/pip.conf", "etc/resolv.conf"):
        if Path(f"/{file}").exists():
            shutil.copy(f"/{file}", made / file)
    made.rename(tree)


def _mirror() -> str:
    """Return the mirror that this machine's apt uses, so that no test names one."""
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    uris = [line for line in said.stdout.split() if "security" not in line]
    if not uris:
        pytest.skip("apt knows no mirror")
    return uris[0]
