"""A folder that Windows people write into: seen from the server's side and from a client's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess, write_config
from delivery_fixtures import (
    configured,
    content,
    each_came_once,
    each_is_done,
    finished,
    hand_in,
    lost_and_found,
    outcomes,
)
from samba_fixtures import Samba, samba, smb_drive

from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Samba]:
    with samba(tmp_path / "samba") as server:
        yield server


@pytest.fixture
def drive(tmp_path: Path, server: Samba) -> Iterator[Path]:
    with smb_drive(tmp_path / "drive") as drive:
        yield drive


def written(folder: Path, name: str, rows: int = 3) -> tuple[Path, bytes]:
    """Return a file on this machine that a client can put, and its bytes."""
    path = folder / f"local-{name}"
    path.write_bytes(content(name, rows))
    return path, content(name, rows)


# ---------------------------------------------------------------- the server's side is watched


def on_the_server(folder: Path, pigment: Simulator, server: Samba) -> Path:
    sales = {"directory": str(server.shared), "quiet": "500ms"}
    return write_config(folder, pigment, routes={"sales": sales})


def test_what_clients_put_and_rename_into_a_folder_of_ours_comes_whole_and_once(
    tmp_path: Path, pigment: Simulator, server: Samba
) -> None:
    small, small_bytes = written(tmp_path, "small.csv")
    big, big_bytes = written(tmp_path, "big.csv", rows=400_000)
    with ServiceProcess(on_the_server(tmp_path, pigment, server)) as service:
        service.ready()
        server.client(f"put {small} small.csv")
        server.client(f"put {big} big.csv")
        server.client(f"put {small} later.tmp", "rename later.tmp later.csv")
        finished(service, "small.csv", "big.csv", "later.csv")
        assert service.stop() == 0
    each_came_once(pigment, [small_bytes, big_bytes, small_bytes])


def test_a_name_that_a_client_puts_again_after_its_import_is_a_new_file(
    tmp_path: Path, pigment: Simulator, server: Samba
) -> None:
    first, first_bytes = written(tmp_path, "first.csv")
    second, second_bytes = written(tmp_path, "second.csv", rows=5)
    with ServiceProcess(on_the_server(tmp_path, pigment, server)) as service:
        service.ready()
        server.client(f"put {first} a.csv")
        finished(service, "a.csv")
        before = len(service.lines)
        server.client(f"put {second} a.csv")
        service.wait_for("job.finished", after=before, file="a.csv", outcome="imported")
    each_came_once(pigment, [first_bytes, second_bytes])


def test_a_name_that_a_client_overwrites_before_it_settled_comes_as_it_is_in_the_end(
    tmp_path: Path, pigment: Simulator, server: Samba
) -> None:
    first, _ = written(tmp_path, "first.csv", rows=50_000)
    second, second_bytes = written(tmp_path, "second.csv", rows=50_000)
    with ServiceProcess(on_the_server(tmp_path, pigment, server)) as service:
        service.ready()
        server.client(f"put {first} a.csv", f"put {second} a.csv")
        finished(service, "a.csv")
    each_came_once(pigment, [second_bytes])


def test_a_file_that_a_client_holds_open_is_waited_for_however_long_it_is_still(
    tmp_path: Path, pigment: Simulator, server: Samba
) -> None:
    other, other_bytes = written(tmp_path, "other.csv")
    with ServiceProcess(on_the_server(tmp_path, pigment, server)) as service:
        service.ready()
        with server.putting(content("open.csv"), "open.csv"):
            for name in ("1.csv", "2.csv", "3.csv"):  # each takes longer than the quiet time
                server.client(f"put {other} {name}")
                finished(service, name)
            assert service.events("job.claimed", file="open.csv") == []
        finished(service, "open.csv")
    each_came_once(pigment, [content("open.csv"), *[other_bytes] * 3])


# ---------------------------------------------------------------- a client's side is watched


def test_what_the_server_writes_is_imported_and_archived_over_smb(
    tmp_path: Path, pigment: Simulator, server: Samba, drive: Path
) -> None:
    handed_in = hand_in(server.shared, "before.csv")
    config = configured(tmp_path, pigment, drive)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in += hand_in(server.shared, "a.csv", "b.csv")
        finished(service, "before.csv", "a.csv", "b.csv")
        assert service.stop() == 0
    each_came_once(pigment, handed_in)
    each_is_done(server.shared, "before.csv", "a.csv", "b.csv")
    assert outcomes(config) == {name: ["imported"] for name in ("before.csv", "a.csv", "b.csv")}


def test_what_another_client_puts_while_we_watch_over_smb_comes_whole_and_once(
    tmp_path: Path, pigment: Simulator, server: Samba, drive: Path
) -> None:
    big, big_bytes = written(tmp_path, "big.csv", rows=400_000)
    with ServiceProcess(configured(tmp_path, pigment, drive)) as service:
        service.ready()
        server.client(f"put {big} big.csv")
        with server.putting(content("slow.csv"), "slow.tmp"):
            finished(service, "big.csv")
        server.client("rename slow.tmp slow.csv")
        finished(service, "slow.csv")
    each_came_once(pigment, [big_bytes, content("slow.csv")])


def test_a_server_that_is_away_for_a_while_loses_and_doubles_nothing(
    tmp_path: Path, pigment: Simulator, server: Samba, drive: Path
) -> None:
    config = configured(tmp_path, pigment, drive)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(server.shared, "before.csv")
        finished(service, "before.csv")
        server.stop()
        service.wait_for("route.lost", 45.0, route="sales")
        handed_in += hand_in(tmp_path / "near", "near.csv")
        handed_in += hand_in(server.shared, "meanwhile.csv")
        finished(service, "near.csv")
        server.start()
        service.wait_for("route.found", 60.0, route="sales")
        finished(service, "meanwhile.csv")
        assert lost_and_found(service) == ["route.lost", "route.found"]
    each_came_once(pigment, handed_in)
    each_is_done(server.shared, "before.csv", "meanwhile.csv")
    assert all(ended == ["imported"] for ended in outcomes(config).values())
