"""A drive that answers with errors: nothing is lost, nothing comes twice, little is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import ServiceProcess, command
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
from drive_fixtures import FaultyDrive, faulty_drive, names

from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.slow

#: What the errors of a share are that went away, or is going.
GONE = ("EIO", "ESTALE", "ETIMEDOUT", "EHOSTDOWN", "ENOTCONN", "EACCES")
#: What a file of another program answers to a rename.
BUSY = ("EBUSY", "ETXTBSY")


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[FaultyDrive]:
    with faulty_drive(tmp_path / "drive") as drive:
        yield drive


# ---------------------------------------------------------------- claims


@pytest.mark.parametrize("error", BUSY)
def test_a_file_that_can_not_be_renamed_yet_is_tried_again_and_leaves_no_trace_of_it(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive, error: str
) -> None:
    fault = drive.fault("rename", error, "/busy.csv", times=3)
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "busy.csv", "free.csv")
        finished(service, "free.csv", "busy.csv", timeout_s=60.0)
        assert lost_and_found(service) == []
    assert fault.hits == 3
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "busy.csv", "free.csv")
    assert outcomes(config) == {"busy.csv": ["imported"], "free.csv": ["imported"]}


def test_a_claim_that_is_answered_with_an_error_although_it_worked_counts(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    fault = drive.fault("rename", "ENOENT", "/a.csv", times=1, after=True)
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "a.csv")
        finished(service, "a.csv")
    assert fault.hits == 1
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "a.csv")
    assert outcomes(config) == {"a.csv": ["imported"]}


@pytest.mark.parametrize("error", ["EIO", "ETIMEDOUT", "EACCES", "EBUSY"])
def test_whatever_a_claim_is_answered_that_worked_its_file_is_imported_once(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive, error: str
) -> None:
    fault = drive.fault("rename", error, "/a.csv", times=1, after=True)
    with ServiceProcess(configured(tmp_path, pigment, drive.point)) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "a.csv")
        finished(service, "a.csv", timeout_s=90.0)
    assert fault.hits == 1
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "a.csv")


def test_a_drive_without_hard_links_and_flags_of_renames_is_used_all_the_same(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    flags = drive.fault("rename", "EINVAL", flagged=True)
    links = drive.fault("link", "EPERM")
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "a.csv", "b.csv")
        finished(service, "a.csv", "b.csv")
        before = len(service.lines)
        (drive.behind / "a.csv").write_bytes(content("another"))  # its name in done/ is taken
        service.wait_for("job.finished", 30.0, after=before, file="a.csv", outcome="imported")
    assert flags.hits
    assert links.hits
    each_came_once(pigment, [*handed_in, content("another")])
    assert (drive.behind / "done" / "a.csv").read_bytes() == content("a.csv")
    assert len(names(drive.behind / "done")) == 3


def test_a_drive_that_can_sync_no_folder_and_change_no_mode_is_used_all_the_same(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    drive.fault("fsyncdir", "EINVAL")
    drive.fault("chmod", "EPERM")
    drive.fault("utimens", "EPERM")
    with ServiceProcess(configured(tmp_path, pigment, drive.point)) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "a.csv")
        finished(service, "a.csv")
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "a.csv")


# ---------------------------------------------------------------- the whole drive


@pytest.mark.parametrize("error", GONE)
def test_a_drive_that_answers_everything_with_an_error_for_a_while_loses_and_doubles_nothing(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive, error: str
) -> None:
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "before.csv")
        finished(service, "before.csv")
        fault = drive.fault("*", error)
        service.wait_for("route.lost", 30.0, route="sales")
        is_said_to_be_lost(config, "sales")
        handed_in += hand_in(drive.behind, "meanwhile.csv") + hand_in(tmp_path / "near", "near.csv")
        finished(service, "near.csv")
        fault.has_struck_again()
        fault.end()
        finished(service, "meanwhile.csv")
        service.wait_for("route.found", route="sales")
        assert lost_and_found(service) == ["route.lost", "route.found"]
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "before.csv", "meanwhile.csv")
    assert all(ended == ["imported"] for ended in outcomes(config).values())


@pytest.mark.parametrize("error", ["EIO", "ESTALE"])
def test_a_folder_that_can_not_be_listed_for_a_while_is_lost_and_found(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive, error: str
) -> None:
    with ServiceProcess(configured(tmp_path, pigment, drive.point)) as service:
        service.ready()
        fault = drive.fault("readdir", error)
        service.wait_for("route.lost", 30.0, route="sales")
        handed_in = hand_in(drive.behind, "meanwhile.csv")
        fault.has_struck_again()
        fault.end()
        finished(service, "meanwhile.csv")
        assert lost_and_found(service) == ["route.lost", "route.found"]
    each_came_once(pigment, handed_in)


def test_a_file_that_settles_while_the_drive_blinks_is_neither_forgotten_nor_halved(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    with ServiceProcess(configured(tmp_path, pigment, drive.point, quiet="2s")) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "a.csv")
        for error in ("EIO", "ESTALE", "ENOENT"):
            fault = drive.fault("readdir", error)
            fault.has_struck_again()
            fault.end()
        finished(service, "a.csv")
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "a.csv")


def test_a_listing_that_is_empty_for_some_looks_forgets_nothing(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "before.csv")
        finished(service, "before.csv")
        fault = drive.fault("readdir", empty=True)
        handed_in += hand_in(drive.behind, "meanwhile.csv")
        fault.has_struck_again(3)
        assert service.events("job.claimed", file="meanwhile.csv") == []
        fault.end()
        finished(service, "meanwhile.csv")
    each_came_once(pigment, handed_in)
    assert outcomes(config) == {"before.csv": ["imported"], "meanwhile.csv": ["imported"]}


# ---------------------------------------------------------------- one file


def test_a_file_that_can_not_even_be_looked_at_stops_no_other(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    fault = drive.fault("getattr", "EIO", "/bad.csv")
    with ServiceProcess(configured(tmp_path, pigment, drive.point)) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "bad.csv", "a.csv", "b.csv")
        finished(service, "a.csv", "b.csv")
        assert fault.hits
        fault.end()
        finished(service, "bad.csv", timeout_s=90.0)
        assert lost_and_found(service) == []
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "bad.csv", "a.csv", "b.csv")


@pytest.mark.parametrize("error", ["EACCES", "EIO"])
def test_a_file_that_can_not_be_opened_stops_no_other_and_is_taken_when_it_can(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive, error: str
) -> None:
    fault = drive.fault("open", error, "/locked.csv")
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "locked.csv", "a.csv")
        finished(service, "a.csv")
        fault.has_struck_again(2)
        fault.end()
        finished(service, "locked.csv")
        assert service.events("file.unreadable") == []  # it may have been a writer's
        assert lost_and_found(service) == []
    each_came_once(pigment, handed_in)
    assert outcomes(config) == {"a.csv": ["imported"], "locked.csv": ["imported"]}


def test_a_file_that_can_not_be_opened_for_a_minute_is_said_once_and_taken_back(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    fault = drive.fault("open", "EACCES", "/locked.csv")
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "locked.csv")
        service.wait_for("file.unreadable", 75.0, file="locked.csv")
        looks = drive.fault("readdir")
        looks.has_struck(2)
        assert "locked.csv: " in command("status", "--config", config).stdout
        assert len(service.events("file.unreadable")) == 1
        assert service.stop() == 0
    fault.end()
    with ServiceProcess(config) as service:
        finished(service, "locked.csv")
        assert service.events("file.unreadable") == []
    assert "locked.csv:" not in command("status", "--config", config).stdout
    each_came_once(pigment, handed_in)


def test_a_claimed_file_that_can_not_be_read_for_a_while_is_sent_when_it_can(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    fault = drive.fault("read", "EIO", "/processing/*/a.csv", times=2)
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "a.csv")
        ended = service.wait_for("job.finished", 90.0, file="a.csv")
    assert fault.hits
    assert ended["outcome"] == "imported"
    each_came_once(pigment, handed_in)


def test_an_archive_that_fails_for_a_while_is_made_up_for_and_nothing_is_sent_again(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    fault = drive.fault("rename", "EIO", "/processing/*/a.csv", times=2)
    config = configured(tmp_path, pigment, drive.point)
    with ServiceProcess(config) as service:
        service.ready()
        handed_in = hand_in(drive.behind, "a.csv")
        finished(service, "a.csv", timeout_s=90.0)
    assert fault.hits == 2
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "a.csv")


# ---------------------------------------------------------------- slow answers


def test_a_drive_that_answers_slowly_is_not_lost(
    tmp_path: Path, pigment: Simulator, drive: FaultyDrive
) -> None:
    drive.fault("readdir", delay_s=1.5)
    drive.fault("rename", delay_s=1.5)
    with ServiceProcess(configured(tmp_path, pigment, drive.point)) as service:
        service.ready(30.0)
        handed_in = hand_in(drive.behind, "a.csv", "b.csv")
        finished(service, "a.csv", "b.csv", timeout_s=60.0)
        assert lost_and_found(service) == []
    each_came_once(pigment, handed_in)
    each_is_done(drive.behind, "a.csv", "b.csv")
