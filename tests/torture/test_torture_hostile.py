"""Shares that mean no good, or are used by people: odd entries, odd names, and races.

What can't be taken is left alone and said once; all else goes on.
"""

import contextlib
import os
import socket
import stat
import threading
import unicodedata
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, ServiceProcess, command, eventually
from drive_fixtures import need
from torture_fixtures import World, sampled

from pigment_watcher.model import Outcome
from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("7. hostile shares")

SECRET = b"month,account,amount\n2026-09,root,$6$nobody.may.read.this\n"
LONGEST = 255
NAMES = (
    "x" * (LONGEST - 4) + ".csv",
    "é" * 125 + "x.csv",
    "x." + "y" * (LONGEST - 2),
    "a\nb.csv",
    "a\r\tb.csv",
    "\x1b[31mred.csv",
    os.fsdecode(b"latin-\xe9.csv"),
    os.fsdecode(b"\xff\xfe\xfd"),
    "-rf.csv",
    "--config",
    "$(reboot).csv",
    "`id`; rm -rf *.csv",
    "'quoted\" \\.csv",
    "\u202evsc.exe",
    " before.csv",
    "after.csv ",
    "two  blanks.csv",
    "dot.csv.",
    unicodedata.normalize("NFC", "zürich.csv"),
    unicodedata.normalize("NFD", "zürich.csv"),
    "TWIN.csv",
    "twin.csv",
    "CON",
    "nul.csv",
    "a:b?.csv",
    "%2e%2e%2f.csv",
    "{name}.csv",
    "processing.csv",
    "done.txt",
    "starts",
    "1",
)


@pytest.mark.parametrize("ends", sampled(["refused", "imported"], 1))
def test_whatever_a_file_is_called_it_ends_where_it_belongs_and_so_does_its_namesake(
    tmp_path: Path, pigment: Simulator, record_property: Callable[[str, object], None], ends: str
) -> None:
    """Behaviours T14, G2, H1: the longest names, those that are no text, and twins."""
    world = World(tmp_path, pigment, routes={"sales": {"files": "*"}})
    if ends == "refused":
        pigment.script(Fault.answer(400, times=None))
    for _ in range(2):
        for name in NAMES:
            world.drop(name)
        world.recover()
    world.check()
    assert world.outcome_counts() == {ends: 2 * len(NAMES)}
    assert set(world.places().values()) == {"done" if ends == "imported" else "failed"}
    for told in ("status", "history"):
        assert command(told, "--config", world.config).returncode == 0
    record_property("faults", 2 * len(NAMES))


# ---------------------------------------------------------------- entries that are no files


def a_link_to_a_secret(inbox: Path, elsewhere: Path) -> None:
    (inbox / "odd.csv").symlink_to(elsewhere / "secret")


def a_link_to_a_folder(inbox: Path, elsewhere: Path) -> None:
    (inbox / "odd.csv").symlink_to(elsewhere)


def a_link_to_itself(inbox: Path, _: Path) -> None:
    (inbox / "odd.csv").symlink_to("odd.csv")


def a_link_to_nowhere(inbox: Path, elsewhere: Path) -> None:
    (inbox / "odd.csv").symlink_to(elsewhere / "nowhere")


def a_pipe(inbox: Path, _: Path) -> None:
    os.mkfifo(inbox / "odd.csv")


def a_socket(inbox: Path, _: Path) -> None:
    with contextlib.chdir(inbox), contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind("odd.csv")


def a_terminal(inbox: Path, _: Path) -> None:
    _make_device(inbox, stat.S_IFCHR, os.makedev(5, 0))


def a_disk(inbox: Path, _: Path) -> None:
    _make_device(inbox, stat.S_IFBLK, os.makedev(7, 0))


def _make_device(inbox: Path, kind: int, device: int) -> None:
    try:
        os.mknod(inbox / "odd.csv", kind | 0o600, device)
    except PermissionError:
        pytest.skip("only root may make devices")


def a_folder(inbox: Path, _: Path) -> None:
    (inbox / "odd.csv").mkdir()
    (inbox / "odd.csv" / "inner.csv").write_bytes(ROWS.encode())


ODD = (
    a_link_to_a_secret,
    a_link_to_a_folder,
    a_link_to_itself,
    a_link_to_nowhere,
    a_pipe,
    a_socket,
    a_terminal,
    a_disk,
    a_folder,
)


@pytest.mark.parametrize("make", sampled(ODD, 3))
def test_what_is_no_file_is_left_alone_and_said_once(
    tmp_path: Path, pigment: Simulator, make: Callable[[Path, Path], None]
) -> None:
    """Behaviours Q1, Q2, L1."""
    world = World(tmp_path, pigment)
    world.guard(tmp_path / "elsewhere" / "secret", SECRET)
    make(world.inbox(), tmp_path / "elsewhere")
    before = (world.inbox() / "odd.csv").lstat()
    with ServiceProcess(world.config) as service:
        service.wait_for("file.unclaimed", file="odd.csv")
        for number in range(2):
            world.drop(f"{number}.csv")
            service.wait_for("job.finished", file=f"{number}.csv", outcome="imported")
        assert len(service.events("file.unclaimed")) == 1
        assert "odd.csv: this is " in command("status", "--config", world.config).stdout
    after = (world.inbox() / "odd.csv").lstat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    world.check()


@pytest.mark.parametrize("to", sampled(["elsewhere", "done"], 1))
def test_a_hard_link_is_a_file_and_its_other_name_is_left_alone(
    tmp_path: Path, pigment: Simulator, to: str
) -> None:
    world = World(tmp_path, pigment)
    path = world.drop("a.csv")
    other = {
        "elsewhere": tmp_path / "elsewhere" / "a.csv",
        "done": world.inbox() / "done" / "a.csv",
    }[to]
    other.parent.mkdir(exist_ok=True)
    other.hardlink_to(path)
    data = path.read_bytes()
    world.run()
    done = world.inbox() / "done"
    if to == "done":
        world.take_away(path)
        assert [one.read_bytes() for one in done.iterdir()] == [data, data]
    if to == "elsewhere":
        assert other.read_bytes() == data
    assert len(pigment.pushes()) == 1
    world.check()


# ---------------------------------------------------------------- files that are odd


def rss_kb(pid: int) -> int:
    """Return the most memory that a process had, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


TERABYTE = 2**40
#: What a sparse file begins and ends with.
SPARSE = (
    (b"", b""),
    (ROWS.encode(), b""),
    (b"", b"a,b,1\n"),
    (b"month,account,amount\n", b"a,b,1\n"),
)


@pytest.mark.parametrize(("begin", "end"), sampled(SPARSE, 2))
def test_a_sparse_terabyte_holds_up_nothing(
    tmp_path: Path, pigment: Simulator, begin: bytes, end: bytes
) -> None:
    """Behaviours T7, H10: it is neither read whole nor kept in memory."""
    world = World(tmp_path, pigment, routes={"sales": {}, "near": {}})
    path = world.inbox() / "big.csv"
    with path.open("wb") as file:
        file.write(begin)
        try:
            file.truncate(TERABYTE)
        except OSError:
            pytest.skip("this file system takes no file of a terabyte")
        if end:
            os.pwrite(file.fileno(), end, TERABYTE - len(end))
    with ServiceProcess(world.config) as service:
        service.wait_for("job.finished", file="big.csv", outcome="invalid")
        for route in ("sales", "near"):
            world.drop("a.csv", route=route)
            service.wait_for("job.finished", route=route, file="a.csv", outcome="imported")
        assert rss_kb(service.pid) < 200_000
        assert service.stop() == 0
    assert len(pigment.pushes()) == 2
    failed = world.inbox() / "failed"
    (failed / "big.csv").unlink()
    (failed / "big.csv.reason.txt").unlink()
    world.check()


def test_a_terabyte_on_its_way_holds_up_no_other_lane_and_ends_with_the_service(
    tmp_path: Path, pigment: Simulator
) -> None:
    world = World(tmp_path, pigment, routes={"sales": {}, "near": {}})
    path = world.inbox() / "big.csv"
    with path.open("wb") as file:
        file.write(ROWS.encode() * 2000)
        try:
            file.truncate(TERABYTE)
        except OSError:
            pytest.skip("this file system takes no file of a terabyte")
        os.pwrite(file.fileno(), b"a,b,1\n", TERABYTE - 6)
    with ServiceProcess(world.config) as service:
        service.wait_for("job.pushing", file="big.csv")
        world.drop("a.csv", route="near")
        service.wait_for("job.finished", file="a.csv", outcome="imported")
        assert rss_kb(service.pid) < 200_000
        assert service.stop(40.0) == 0
    failed = world.inbox() / "failed"
    assert world.outcomes() == {"big.csv": Outcome.UNSURE, "a.csv": Outcome.IMPORTED}
    assert (failed / "big.csv").stat().st_size == TERABYTE
    (failed / "big.csv").unlink()
    (failed / "big.csv.reason.txt").unlink()
    world.check()


def test_a_file_that_we_may_not_read_is_said_once_and_stops_no_other(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviours H10, T13."""
    world = World(tmp_path, pigment)
    locked = world.drop("locked.csv")
    locked.chmod(0)
    world.drop("a.csv")
    need("setpriv", fuse=False)
    ended = world.run(under=("setpriv", "--bounding-set", "-dac_override,-dac_read_search"))
    assert ended.returncode == 1
    assert ended.stderr.count('"file.unreadable"') == 1
    assert world.places() == {"locked.csv": "inbox", "a.csv": "done"}
    assert "locked.csv" in command("status", "--config", world.config).stdout
    locked.chmod(0o600)
    world.recover().check()
    assert world.places() == {"locked.csv": "done", "a.csv": "done"}


# ---------------------------------------------------------------- races


@contextlib.contextmanager
def swapping(swap: Callable[[int], None]) -> Iterator[None]:
    """Swap something again and again, as fast as can be, until the block is over."""
    over = threading.Event()

    def run() -> None:
        number = 0
        while not over.is_set():
            with contextlib.suppress(OSError):
                swap(number)
            number += 1

    thread = threading.Thread(target=run, name="swapper")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("what", sampled(["link", "pipe", "folder"], 1))
def test_a_file_that_is_swapped_for_something_else_all_the_time_gives_nothing_away(
    tmp_path: Path, pigment: Simulator, what: str
) -> None:
    """Behaviours Q1, T9: between each look and the next there may be another thing of the name."""
    world = World(tmp_path, pigment, routes={"sales": {"scan_every": "1s"}, "near": {}})
    secret = world.guard(tmp_path / "elsewhere" / "secret", SECRET)
    path, part = world.inbox() / "swapped.csv", world.inbox() / ".part"
    sent: set[bytes] = set()

    def swap(number: int) -> None:
        data = f"{ROWS}swapped,{number},1\n".encode()
        sent.add(data)
        part.write_bytes(data)
        part.replace(path)
        if what == "folder":
            path.unlink()
            path.mkdir()
            path.rmdir()
        else:
            part.symlink_to(secret) if what == "link" else os.mkfifo(part)
            part.replace(path)

    with ServiceProcess(world.config) as service:
        service.ready()
        with swapping(swap):
            for number in range(3):
                world.drop(f"{number}.csv", route="near")
                service.wait_for("job.finished", file=f"{number}.csv", outcome="imported")
            eventually(lambda: len(sent) > 500, 60.0)
        assert service.stop() == 0
    known = {sha256(data).hexdigest() for data in sent} | {one.sha256 for one in world.dropped}
    assert {push.sha256 for push in pigment.pushes()} <= known
    part.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    world.recover().check()
