from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import configuration_id, write_config
from cli_fixtures import a_journal, run

from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def test_a_good_configuration_is_told_route_by_route(tmp_path: Path) -> None:
    routes: dict[str, dict[str, object]] = {
        "sales": {"load_mode": "update", "files": ["*.csv", "*.txt"]},
        "costs": {"load_mode": "append", "watch": "polling"},
    }
    told = run("check", "--config", write_config(tmp_path, routes=routes))

    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        f"sales: {tmp_path}/sales -> {configuration_id('sales')}",
        "  watched by events, and a look every 1 min; files: *.csv, *.txt",
        "  load_mode update: rows are overwritten, so a push whose answer is lost is repeated",
        f"costs: {tmp_path}/costs -> {configuration_id('costs')}",
        "  watched by polling, every 5.0 s; files: *.csv",
        "  load_mode append: a file whose push got no answer waits in failed/ for a person",
        "2 routes, no problems",
    ]


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
