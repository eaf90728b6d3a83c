from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import command, configuration_id, write_config
from cli_fixtures import a_journal, run
from drive_fixtures import sshfs_share

from pigment_watcher import mounts
from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def test_a_good_configuration_is_told_route_by_route(tmp_path: Path) -> None:
    routes: dict[str, dict[str, object]] = {
        "sales": {"load_mode": "update", "files": ["*.csv", "*.txt"], "quiet": "auto"},
        "costs": {"load_mode": "append", "watch": "polling", "recursive": True, "marker": "OK"},
    }
    told = run("check", "--config", write_config(tmp_path, routes=routes))
    mount = mounts.of(tmp_path)

    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        f"sales: {tmp_path}/sales -> {configuration_id('sales')}",
        "  files: *.csv, *.txt",
        f"  on {mount.kind} on {mount.point}, watched by events, and a look every 1 min",
        "  complete: unchanged for 2.0 s and open for writing nowhere",
        "  load_mode update: rows are overwritten, so a push whose answer is lost is repeated",
        f"costs: {tmp_path}/costs -> {configuration_id('costs')}",
        "  files: *.csv, in sub-folders, too",
        f"  on {mount.kind} on {mount.point}, watched by polling, every 5.0 s",
        "  complete: unchanged for 0.3 s and open for writing nowhere, and OK stands beside it",
        "  load_mode append: a file whose push got no answer waits in failed/ for a person",
        "2 routes, no problems",
    ]


def test_a_lost_share_is_told_and_is_no_problem(tmp_path: Path) -> None:
    config = write_config(tmp_path, routes={"sales": {"load_mode": "append"}})
    before = (tmp_path / "sales").stat().st_mtime_ns
    share = mounts.Mount("cifs", "//nas/share", tmp_path)
    with a_journal(tmp_path) as journal:
        journal.identity.remember_drives({tmp_path / "sales": share})

    told = run("check", "--config", config)

    assert told.exit_code == 0
    remark, *lines = told.stdout.splitlines()
    assert remark.endswith(
        f"routes.sales.directory: {tmp_path}/sales: //nas/share (cifs) is not mounted on "
        f"{tmp_path}; lost for now, and used as soon as it is back (remark)"
    )
    assert lines == [
        f"sales: {tmp_path}/sales -> {configuration_id('sales')}",
        "  files: *.csv",
        "  lost: it will be watched as soon as it is back",
        "  load_mode append: a file whose push got no answer waits in failed/ for a person",
        "1 route, no problems",
    ]
    assert (tmp_path / "sales").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_network_drive_is_told_with_how_it_is_watched(tmp_path: Path) -> None:
    with sshfs_share(tmp_path / "far") as far:
        route = {"directory": str(far.point), "quiet": "auto"}
        told = run("check", "--config", write_config(tmp_path, routes={"sales": route}))
        watching = {**route, "watch": "events"}
        events = run("check", "--config", write_config(tmp_path, routes={"sales": watching}))

    drive = f"fuse.sshfs server:{far.behind} on {far.point}"
    assert f"\n  on {drive}, watched by polling, every 5.0 s\n" in told.stdout
    assert "\n  complete: unchanged for 30 s\n" in told.stdout
    assert "events tell only" not in told.stdout
    assert "on a drive of the kind fuse.sshfs events tell only of what this" in events.stdout
    assert (told.exit_code, events.exit_code) == (0, 0)


@pytest.mark.slow
def test_a_share_that_hangs_holds_no_command_up(tmp_path: Path) -> None:
    with sshfs_share(tmp_path / "far") as far:
        inbox = far.point / "in"
        inbox.mkdir()
        config = write_config(tmp_path, routes={"sales": {"directory": str(inbox)}})
        with far.hanging():
            check = command("check", "--config", config, timeout_s=20)
            status = command("status", "--config", config, timeout_s=5)
        assert list(far.behind.iterdir()) == [far.behind / "in"]
        assert list((far.behind / "in").iterdir()) == []

    assert check.returncode == 0
    assert f"{inbox}: it did not answer within 5 s; lost for now" in check.stdout
    assert "  lost: it will be watched as soon as it is back" in check.stdout
    assert "Traceback" not in check.stderr + status.stderr


def test_a_load_mode_that_is_not_said_is_remarked(tmp_path: Path) -> None:
    told = run("check", "--config", write_config(tmp_path))

    assert "routes.sales.load_mode: not said, so it counts as append" in told.stdout
    assert told.stdout.endswith("1 route, no problems\n")


def test_a_missing_key_is_a_remark_as_long_as_nobody_is_asked(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "api-key").unlink()

    offline, online = run("check", "--config", config), run("check", "--online", "--config", config)

    assert (offline.exit_code, online.exit_code) == (0, 78)
    assert "no API key" in offline.stdout
    assert "no API key" in online.stderr


def test_problems_are_told_all_at_once(tmp_path: Path) -> None:
    config = write_config(tmp_path, routes={"a": {"order": "size"}, "b": {"quiet": "5"}})

    told = run("check", "--config", config)

    assert told.exit_code == 78
    assert ["routes.a.order" in told.stderr, "routes.b.quiet" in told.stderr] == [True, True]


def test_online_probes_every_key_and_pushes_nothing(tmp_path: Path, simulator: Simulator) -> None:
    other = tmp_path / "other-key"
    other.write_text("AnotherKey", encoding="ascii")
    other.chmod(0o600)
    routes: dict[str, dict[str, object]] = {"sales": {}, "costs": {"api_key_file": str(other)}}

    told = run("check", "--online", "--config", write_config(tmp_path, simulator, routes=routes))

    assert told.exit_code == 1
    assert f"key default: accepted by {simulator.url}" in told.stdout
    assert f"key {other}: refused: the server answered 401" in told.stderr
    assert [call.method for call in simulator.calls()] == ["GET", "GET"]
    assert DEMO_KEY not in told.output


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.answer(302, on="probe", headers={"Location": "https://x.test/"}), "it redirects to"),
        (Fault.answer(500, on="probe"), "the server answered 500; try again later"),
        (Fault.act("reset_at_once", on="probe"), "; correct pigment.url, the proxy or the network"),
    ],
)
def test_online_tells_what_to_do_about_a_destination_that_is_not_well(
    tmp_path: Path, simulator: Simulator, fault: Fault, words: str
) -> None:
    simulator.script(fault)

    told = run("check", "--online", "--config", write_config(tmp_path, simulator))

    assert told.exit_code == 1
    assert words in told.stderr


def test_online_counts_its_request(tmp_path: Path, simulator: Simulator) -> None:
    with a_journal(tmp_path) as journal:
        told = run("check", "--online", "--config", write_config(tmp_path, simulator))
        counted = journal.calls.count(simulator.url.removeprefix("http://"), 0.0)

    assert (told.exit_code, counted) == (0, 1)
