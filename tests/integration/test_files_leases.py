"""Whether another program has a file open for writing, asked of the kernel."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from claim_fixtures import ROWS, print_of
from writer_fixtures import Writer

from pigment_watcher import errors
from pigment_watcher.files import claims, leases, reading
from pigment_watcher.model import Fingerprint

AS_ROOT = os.geteuid() == 0
_NOBODY = 65534

#: Keeps others from the file until it is asked to give that up, as a file server does.
_LEASER = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(ROWS)
    return path


@pytest.fixture
def writer() -> Iterator[Writer]:
    with Writer() as program:
        yield program


@contextmanager
def leased(path: Path) -> Iterator[None]:
    """Let another process hold the file for itself alone."""
    with subprocess.Popen(
        [sys.executable, "-c", _LEASER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.kill()


def asked(path: Path) -> bool | None:
    """Return what is answered of a file that is opened for the question."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return leases.has_writer(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------- the question


def test_a_file_that_lies_there_has_no_writer(path: Path) -> None:
    with path.open("rb"):
        assert asked(path) is False


def test_a_program_that_pauses_with_the_file_open_is_seen(path: Path, writer: Writer) -> None:
    writer.do("open", path, "there")
    assert asked(path) is True

    writer.do("close")
    assert asked(path) is False


def test_a_program_that_died_with_the_file_open_writes_no_more(path: Path, writer: Writer) -> None:
    writer.do("open", path, "there")
    writer.kill()
    assert asked(path) is False


def test_a_shared_mapping_counts_after_the_file_was_closed(path: Path, writer: Writer) -> None:
    writer.do("open", path, "there")
    writer.do("map", len(ROWS))
    writer.do("close")
    assert asked(path) is True

    writer.do("unmap")
    assert asked(path) is False


def test_who_writes_by_another_name_of_the_file_is_seen(path: Path, writer: Writer) -> None:
    other = path.with_name("other")
    other.hardlink_to(path)
    writer.do("open", other, "there")
    assert asked(path) is True


def test_the_question_is_over_at_once(path: Path) -> None:
    """A writer that came later would have to wait for us."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert leases.has_writer(descriptor) is False
        assert fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_UNLCK
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    finally:
        os.close(descriptor)


def test_of_another_users_file_nobody_can_tell_without_the_right() -> None:
    """Somebody else's that everybody may read."""
    path = Path("/etc/passwd")
    if AS_ROOT:
        os.seteuid(_NOBODY)
    try:
        assert path.stat().st_uid != os.geteuid()
        assert asked(path) is None
    finally:
        if AS_ROOT:
            os.seteuid(0)


def test_of_what_is_no_file_nobody_can_tell(tmp_path: Path) -> None:
    assert asked(tmp_path) is None


# ---------------------------------------------------------------- what follows for a claim


def test_a_file_that_is_open_elsewhere_is_busy_where_that_is_asked_for(
    path: Path, writer: Writer
) -> None:
    settled = print_of(path)
    writer.do("open", path, "there")

    claims.check(path, settled)
    with pytest.raises(errors.FileBusy, match="another program has it open for writing"):
        claims.check(path, settled, exclusive=True)

    writer.do("close")
    claims.check(path, settled, exclusive=True)


def test_a_file_that_is_open_elsewhere_is_not_lent_where_that_is_asked_for(
    path: Path, writer: Writer
) -> None:
    writer.do("open", path, "there")

    with reading.opened(path, print_of(path)) as file:
        assert file.read() == ROWS
    with pytest.raises(errors.FileBusy):
        reading.opened(path, print_of(path), exclusive=True).__enter__()


@pytest.fixture
def settled(path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Fingerprint:
    """Return what a file was until its writer ended, between our last look and the question."""
    found, ask = print_of(path), leases.has_writer
    writer.do("open", path, "append")

    def just_ended(descriptor: int) -> bool | None:
        writer.do("write", "2026-10,1\n")
        writer.do("close")
        return ask(descriptor)

    monkeypatch.setattr(leases, "has_writer", just_ended)
    return found


def test_what_was_written_before_the_question_is_a_change(path: Path, settled: Fingerprint) -> None:
    with pytest.raises(errors.FileChanged):
        claims.check(path, settled, exclusive=True)


def test_what_was_written_before_the_question_is_not_lent(path: Path, settled: Fingerprint) -> None:
    with pytest.raises(errors.FileChanged):
        reading.opened(path, settled, exclusive=True).__enter__()


def test_a_file_that_a_program_has_for_itself_alone_is_busy(path: Path) -> None:
    """The kernel asks a file server to give it up, and answers us "not now"."""
    with leased(path), pytest.raises(errors.FileBusy, match="another program has it open"):
        claims.check(path, print_of(path))
    claims.check(path, print_of(path))
