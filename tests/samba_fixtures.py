"""A Samba server on loopback, its client, and its share as a drive through FUSE."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acceptance_fixtures import eventually
from drive_fixtures import Daemon, need, unmount

#: The only port that smbnetfs knows.
_PORT = 445
_FOLDERS = ("state", "cache", "lock", "pid", "private", "log", "ncalrpc")

_SERVER = """
[global]
  workgroup = LAB
  netbios name = LAB
  server role = standalone server
  smb ports = {port}
  interfaces = 127.0.0.1/8
  bind interfaces only = yes
  disable netbios = yes
  map to guest = Bad User
  guest account = nobody
  log file = {folder}/log/%m.log
  state directory = {folder}/state
  cache directory = {folder}/cache
  lock directory = {folder}/lock
  pid directory = {folder}/pid
  private dir = {folder}/private
  ncalrpc dir = {folder}/ncalrpc
  passdb backend = tdbsam:{folder}/private/passdb.tdb
  load printers = no
  printcap name = /dev/null
  disable spoolss = yes
  server min protocol = SMB2
[data]
  path = {shared}
  read only = no
  guest ok = yes
  force user = root
"""

_CLIENT = {
    "smb.conf": "[global]\n  workgroup = LAB\n  client min protocol = SMB2\n",
    "smbnetfs.conf": 'include "smbnetfs.auth"\ninclude "smbnetfs.host"\n',
    "smbnetfs.auth": 'auth "127.0.0.1" "guest" "none"\n',
    "smbnetfs.host": 'host "127.0.0.1" visible=true\n',
}


class Samba:
    """A server that shares the folder `shared` with everybody."""

    def __init__(self, folder: Path, port: int) -> None:
        self.shared = folder / "shared"
        self._folder = folder
        self._port = port
        for made in (self.shared, *(folder / name for name in _FOLDERS)):
            made.mkdir(parents=True)
        self._settings = folder / "smbd.conf"
        self._settings.write_text(_SERVER.format(folder=folder, shared=self.shared, port=port))
        self._daemon: Daemon | None = None

    def start(self) -> None:
        """Serve."""
        self._daemon = Daemon(
            "smbd",
            "--foreground",
            "--no-process-group",
            "--debug-stdout",
            f"--configfile={self._settings}",
            log=self._folder / "smbd.log",
        )
        daemon = self._daemon
        eventually(lambda: _listens(self._port) or not daemon.is_running)
        assert daemon.is_running, daemon.words

    def stop(self) -> None:
        """Die, with all connections."""
        if self._daemon is not None:
            self._daemon.kill()

    def client(self, *commands: str) -> None:
        """Let smbclient do something; it must succeed."""
        done = subprocess.run(
            self._client("; ".join(commands)), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @contextmanager
    def putting(self, content: bytes, name: str) -> Iterator[None]:
        """Have a file open from the client's side during the block, and written at its end."""
        client = subprocess.Popen(
            self._client(f"put - {name}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually((self.shared / name).exists)
            yield
            client.communicate(content, timeout=60.0)
        finally:
            client.kill()
            client.wait()
        assert client.returncode == 0

    def _client(self, commands: str) -> list[str]:
        return ["smbclient", "-p", str(self._port), "-N", "//127.0.0.1/data", "-c", commands]


def _listens(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def samba(folder: Path) -> Iterator[Samba]:
    """Serve a new folder on loopback."""
    need("smbd", "smbclient", fuse=False)
    if _listens(_PORT):
        pytest.skip("another program serves SMB on this machine")
    server = Samba(folder, _PORT)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def smb_drive(folder: Path) -> Iterator[Path]:
    """Mount what a server on this machine shares; what it shows lies in the folder yielded."""
    need("smbnetfs", "fusermount3")
    point, home = folder / "point", folder / "home"
    (home / ".smb").mkdir(parents=True)
    point.mkdir()
    for name, text in _CLIENT.items():
        (home / ".smb" / name).write_text(text)
        (home / ".smb" / name).chmod(0o600)
    drive = Daemon(
        "smbnetfs", "-f", point, log=folder / "smbnetfs.log", environ={"HOME": os.fspath(home)}
    )
    try:
        drive.wait_for_mount(point)
        shared = point / "127.0.0.1" / "data"
        eventually(shared.is_dir)
        yield shared
    finally:
        drive.kill()
        unmount(point)
