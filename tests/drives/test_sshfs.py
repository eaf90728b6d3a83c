"""A folder on an sshfs share: what the server's side writes, and what a server can do to us."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess, command, eventually
from delivery_fixtures import (
    configured,
    content,
    each_came_once,
    each_is_done,
    finished,
    hand_in,
    is_said_to_be_lost,
    lost_and_found,
    outcomes,
)
from drive_fixtures import SshfsShare, names, sshfs_share
from systemd_fixtures import manager_at

from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.slow

#: A drive that hangs is lost after 20 s; what has nothing to do with it does not wait for that.
HANG_S = 45.0
MEANWHILE_S = 18.0
#: As `write_config` has it.
STOP_GRACE_S = 5.0
#: What systemd would allow in the test of its watchdog, in seconds.
WATCHDOG_S = 4.0


@pytest.fixture
def share(tmp_path: Path) -> Iterator[SshfsShare]:
    with sshfs_share(tmp_path / "share") as share:
        yield share


# ---------------------------------------------------------------- a share that works


def test_files_that_the_server_writes_are_imported_and_archived_on_the_share(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    before = hand_in(share.behind, "before.csv")
    with ServiceProcess(configured(tmp_path, pigment, share.point)) as service:
        service.ready()
        while_it_runs = hand_in(share.behind, "a.csv", "b.csv")
        finished(service, "before.csv", "a.csv", "b.csv")
        assert service.stop() == 0
    each_came_once(pigment, before + while_it_runs)
    each_is_done(share.behind, "before.csv", "a.csv", "b.csv")


def test_a_slow_writer_on_the_server_is_waited_for(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    whole = content("slow.csv", rows=10)
    pause = threading.Event()
    with ServiceProcess(configured(tmp_path, pigment, share.point)) as service:
        service.ready()
        with (share.behind / "slow.csv").open("wb", buffering=0) as file:
            for line in whole.splitlines(keepends=True):
                file.write(line)
                pause.wait(0.4)  # shorter than the quiet time, and much longer in all
        finished(service, "slow.csv")
    each_came_once(pigment, [whole])


def test_a_name_that_is_replaced_on_the_server_while_it_settles_is_sent_as_it_is_in_the_end(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    with ServiceProcess(configured(tmp_path, pigment, share.point)) as service:
        service.ready()
        for name in ("first", "second"):
            (share.behind / "part.tmp").write_bytes(content(name))
            (share.behind / "part.tmp").rename(share.behind / "a.csv")
        finished(service, "a.csv")
    each_came_once(pigment, [content("second")])


def test_what_was_imported_before_is_refused_and_what_is_old_is_removed_on_the_share(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    """Helpers read, compare and remove there, and know the files although their numbers change."""
    (once,) = hand_in(share.behind, "a.csv")
    config = configured(tmp_path, pigment, share.point, duplicates="refuse", keep_done="1s")
    with ServiceProcess(config) as service:
        finished(service, "a.csv")
        (share.behind / "b.csv").write_bytes(once)
        service.wait_for("job.finished", 20.0, file="b.csv", outcome="invalid")
        (share.behind / "done" / "mine.csv").write_bytes(once)
        assert service.stop() == 0
    with ServiceProcess(config) as service:
        service.wait_for("file.removed", 20.0, file="a.csv")
        assert service.stop() == 0
    assert names(share.behind / "done") == ["mine.csv"]
    assert names(share.behind / "failed") == ["b.csv", "b.csv.reason.txt"]
    each_came_once(pigment, [once])


# ---------------------------------------------------------------- a share that hangs


def test_a_share_that_hangs_stops_neither_other_routes_nor_the_watchdog_nor_a_stop(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    config = configured(tmp_path, pigment, share.point)
    with manager_at(tmp_path / "notify", silence_s=WATCHDOG_S) as manager:
        environ = {**manager.environ, "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}
        with ServiceProcess(config, environ=environ) as service:
            service.ready()
            with share.hanging():
                near = hand_in(tmp_path / "near", "at_once.csv")
                finished(service, "at_once.csv", timeout_s=MEANWHILE_S)
                give_up = time.monotonic() + HANG_S
                while not service.events("route.lost", route="sales"):
                    manager.wait_for("WATCHDOG=1")  # at any time, or systemd would kill the service
                    assert time.monotonic() < give_up
                is_said_to_be_lost(config, "sales")
                near += hand_in(tmp_path / "near", "later.csv")
                finished(service, "later.csv")
                manager.wait_for("WATCHDOG=1")
                assert "folder lost" in manager.status
                assert service.stop(timeout_s=5.0) == 0
    each_came_once(pigment, near)


def test_a_stop_just_after_a_share_began_to_hang_waits_no_longer_than_its_grace(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    config = configured(tmp_path, pigment, share.point)
    with ServiceProcess(config) as service:
        service.ready()
        with share.hanging():
            at_work = hand_in(tmp_path / "near", "a.csv")
            finished(service, "a.csv", timeout_s=MEANWHILE_S)
            # By now the share's own thread waits for an answer.
            assert service.stop(timeout_s=STOP_GRACE_S + 5.0) == 0
    each_came_once(pigment, at_work)


def test_a_share_that_hung_and_goes_on_is_found_by_itself(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    with ServiceProcess(configured(tmp_path, pigment, share.point)) as service:
        service.ready()
        handed_in = hand_in(share.behind, "before.csv")
        finished(service, "before.csv")
        with share.hanging():
            handed_in += hand_in(share.behind, "meanwhile.csv")
            service.wait_for("route.lost", HANG_S, route="sales")
        service.wait_for("route.found", route="sales")
        handed_in += hand_in(share.behind, "after.csv")
        finished(service, "meanwhile.csv", "after.csv")
        assert lost_and_found(service) == ["route.lost", "route.found"]
    each_came_once(pigment, handed_in)
    each_is_done(share.behind, "before.csv", "meanwhile.csv", "after.csv")


def test_a_start_while_a_share_hangs_waits_for_it_no_longer_than_for_any_call(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    config = configured(tmp_path, pigment, share.point)
    with ServiceProcess(config) as service:
        service.ready()
        assert service.stop() == 0
    handed_in = hand_in(share.behind, "far.csv") + hand_in(tmp_path / "near", "near.csv")
    with ServiceProcess(config) as service:
        with share.hanging():
            service.ready(HANG_S)
            finished(service, "near.csv", timeout_s=MEANWHILE_S)
            service.wait_for("route.lost", HANG_S, route="sales")
            is_said_to_be_lost(config, "sales")
        finished(service, "far.csv")
        assert lost_and_found(service) == ["route.lost", "route.found"]
    each_came_once(pigment, handed_in)


def test_an_upload_from_a_share_that_hangs_stops_no_other_route(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    big = content("big.csv", rows=1_500_000)
    pigment.script(Fault.slow(0.5, content=b"big.csv"))
    config = configured(tmp_path, pigment, share.point)
    with ServiceProcess(config) as service:
        service.ready()
        (share.behind / "big.tmp").write_bytes(big)
        (share.behind / "big.tmp").rename(share.behind / "big.csv")
        service.wait_for("job.pushing", file="big.csv")
        with share.hanging():
            near = hand_in(tmp_path / "near", "a.csv", "b.csv", "c.csv")
            finished(service, "a.csv", "b.csv", "c.csv", timeout_s=MEANWHILE_S)
            service.wait_for("route.lost", HANG_S, route="sales")
        eventually(lambda: list(outcomes(config).get("big.csv", [None])) != [None], HANG_S)
    # Half of it may have left: by default nobody sends it again.
    assert outcomes(config)["big.csv"] in (["unsure"], ["imported"])
    whole = [push.sha256 for push in pigment.pushes() if push.whole]
    assert len(whole) == len(set(whole))
    assert {push.size for push in pigment.pushes()} >= {len(one) for one in near}


# ---------------------------------------------------------------- a share that is away


def test_a_share_whose_server_dies_is_lost_and_goes_on_when_it_is_mounted_again(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    config = configured(tmp_path, pigment, share.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(share.behind, "before.csv")
        finished(service, "before.csv")
        share.kill_server()
        handed_in += hand_in(share.behind, "meanwhile.csv")
        service.wait_for("route.lost", route="sales")
        is_said_to_be_lost(config, "sales")
        handed_in += hand_in(tmp_path / "near", "near.csv")
        finished(service, "near.csv")
        assert names(share.point) == []
        share.mount()
        finished(service, "meanwhile.csv")
        assert lost_and_found(service) == ["route.lost", "route.found"]
        assert service.stop() == 0
    share.unmount()
    assert names(share.point) == []
    each_came_once(pigment, handed_in)
    each_is_done(share.behind, "before.csv", "meanwhile.csv")
    assert set(outcomes(config)) == {"before.csv", "meanwhile.csv", "near.csv"}


@pytest.mark.parametrize("inbox", [".", "in"])
def test_a_start_while_a_known_share_is_away_writes_nothing_beneath_it(
    tmp_path: Path, pigment: Simulator, share: SshfsShare, inbox: str
) -> None:
    config = configured(tmp_path, pigment, share.point, directory=str(share.point / inbox))
    with ServiceProcess(config) as service:
        service.ready()
        assert service.stop() == 0
    share.unmount()
    handed_in = hand_in(share.behind / inbox, "meanwhile.csv")
    with ServiceProcess(config) as service:
        service.ready()
        service.wait_for("route.lost", route="sales")
        is_said_to_be_lost(config, "sales")
        handed_in += hand_in(tmp_path / "near", "near.csv")
        finished(service, "near.csv")
        assert names(share.point) == []
        share.mount()
        finished(service, "meanwhile.csv")
        service.wait_for("route.found", route="sales")
        assert service.stop() == 0
    share.unmount()
    assert names(share.point) == []
    each_came_once(pigment, handed_in)
    each_is_done(share.behind / inbox, "meanwhile.csv")


def test_a_file_that_lies_beneath_a_lost_share_is_not_taken(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    config = configured(tmp_path, pigment, share.point)
    with ServiceProcess(config) as service:
        service.ready()
        share.unmount()
        service.wait_for("route.lost", route="sales")
        hand_in(share.point, "misplaced.csv")
        handed_in = hand_in(tmp_path / "near", "near.csv")
        finished(service, "near.csv")
        misplaced = names(share.point)
        share.mount()
        service.wait_for("route.found", route="sales")
        assert service.stop() == 0
    share.unmount()
    assert misplaced == names(share.point) == ["misplaced.csv"]
    each_came_once(pigment, handed_in)


def test_what_was_claimed_on_a_share_is_finished_when_the_share_is_back(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    config = configured(tmp_path, pigment, share.point)
    with ServiceProcess(config) as service:
        service.ready()
        assert pause(config) == 0
        handed_in = hand_in(share.behind, "a.csv", "b.csv")
        for name in ("a.csv", "b.csv"):
            service.wait_for("job.claimed", file=name)
        share.unmount()
        service.wait_for("route.lost", route="sales")
        assert resume(config) == 0
        handed_in += hand_in(tmp_path / "near", "near.csv")
        finished(service, "near.csv")
        share.mount()
        finished(service, "a.csv", "b.csv")
        assert lost_and_found(service) == ["route.lost", "route.found"]
    each_came_once(pigment, handed_in)
    each_is_done(share.behind, "a.csv", "b.csv")
    assert outcomes(config) == {name: ["imported"] for name in ("a.csv", "b.csv", "near.csv")}


def test_what_was_claimed_on_a_share_waits_over_a_restart_while_the_share_is_away(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    config = configured(tmp_path, pigment, share.point)
    with ServiceProcess(config) as service:
        service.ready()
        assert pause(config) == 0
        handed_in = hand_in(share.behind, "a.csv")
        service.wait_for("job.claimed", file="a.csv")
        service.kill()
    share.unmount()
    with ServiceProcess(config) as service:
        service.ready()
        assert resume(config) == 0
        service.wait_for("route.lost", route="sales")
        handed_in += hand_in(tmp_path / "near", "near.csv")
        finished(service, "near.csv")
        assert names(share.point) == []
        share.mount()
        finished(service, "a.csv")
    each_came_once(pigment, handed_in)
    each_is_done(share.behind, "a.csv")
    assert outcomes(config) == {"a.csv": ["imported"], "near.csv": ["imported"]}


def test_an_import_that_ends_while_its_share_is_away_is_archived_when_it_is_back(
    tmp_path: Path, share: SshfsShare
) -> None:
    with Simulator(import_s=float("inf")) as pigment:
        config = configured(tmp_path, pigment, share.point)
        with ServiceProcess(config) as service:
            service.ready()
            handed_in = hand_in(share.behind, "a.csv")
            pigment.wait_for(lambda simulator: len(simulator.imports()) == 1, 20.0)
            service.wait_for("job.pushed", file="a.csv")
            share.kill_server()
            service.wait_for("route.lost", route="sales")
            pigment.finish(pigment.imports()[0].id)
            eventually(lambda: bool(service.events("job.decided", file="a.csv")), 30.0)
            assert names(share.point) == []
            share.mount()
            finished(service, "a.csv")
        each_came_once(pigment, handed_in)
    each_is_done(share.behind, "a.csv")


# ---------------------------------------------------------------- require_mount


def test_a_share_that_must_be_mounted_is_lost_at_the_first_start_without_it(
    tmp_path: Path, pigment: Simulator, share: SshfsShare
) -> None:
    share.unmount()
    config = configured(tmp_path, pigment, share.point, require_mount=True)
    hand_in(share.point, "beneath.csv")
    with ServiceProcess(config) as service:
        service.ready()
        service.wait_for("route.lost", route="sales")
        is_said_to_be_lost(config, "sales")
        handed_in = hand_in(tmp_path / "near", "near.csv")
        finished(service, "near.csv")
        assert names(share.point) == ["beneath.csv"]
        share.mount()
        handed_in += hand_in(share.behind, "a.csv")
        finished(service, "a.csv")
        assert service.stop() == 0
    each_came_once(pigment, handed_in)
    each_is_done(share.behind, "a.csv")


# ---------------------------------------------------------------- helpers


def pause(config: Path) -> int:
    return command("pause", "sales", "--config", config).returncode


def resume(config: Path) -> int:
    return command("resume", "sales", "--config", config).returncode
