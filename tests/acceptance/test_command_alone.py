"""Commands that need no service: usage, check, push, demo, simulate."""

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import COMMAND, ROWS, command, configuration_id, write_config

from pigment_watcher.simulator import Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(import_s=0.1) as simulator:
        yield simulator


@pytest.mark.parametrize(
    "arguments",
    [["rnu"], ["run", "--twice"], ["push"], ["retry"], ["history", "--limit", "0"], ["trace"]],
)
def test_a_wrong_usage_exits_2_and_says_where_help_is(arguments: list[str]) -> None:
    told = command(*arguments)

    assert told.returncode == 2
    assert "--help' for help." in told.stderr


@pytest.mark.parametrize("name", ["run", "check", "status", "history"])
def test_a_bad_configuration_exits_78(tmp_path: Path, name: str) -> None:
    config = write_config(tmp_path, routes={"sales": {"configuration_id": "33d0"}})

    told = command(name, "--config", config)

    assert (told.returncode, told.stdout) == (78, "")
    assert re.fullmatch(
        re.escape(str(config))
        + r":\d+: routes\.sales\.configuration_id: not a UUID: '33d0'[^\n]*\n",
        told.stderr,
    )


def test_help_and_version_do_not_load_what_only_commands_need() -> None:
    shown = "import sys; sys.argv[1:] = ['--help']; from pigment_watcher.cli import main\n"
    code = shown + "try:\n    main()\nexcept SystemExit:\n    print(*sys.modules, sep='\\n')"
    told = subprocess.run(
        [COMMAND[0], "-c", code], capture_output=True, text=True, timeout=30, check=True
    )

    loaded = set(told.stdout.splitlines())
    assert "pigment_watcher.cli.group" in loaded
    assert not loaded & {"requests", "pydantic", "structlog", "rich", "yaml"}


def test_check_of_a_good_configuration_exits_0(tmp_path: Path, simulator: Simulator) -> None:
    told = command("check", "--online", "--config", write_config(tmp_path, simulator))

    assert told.returncode == 0
    assert told.stdout.endswith(f"1 route, no problems\nkey default: accepted by {simulator.url}\n")


def test_a_push_by_hand_exits_by_the_end_of_its_import(
    tmp_path: Path, simulator: Simulator
) -> None:
    config = write_config(tmp_path, simulator)
    (tmp_path / "good.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "bad.csv").write_text("a\nSIMULATE-FAIL\n", encoding="utf-8")
    options = ("--configuration-id", configuration_id("sales"), "--config", config)

    good = command("push", tmp_path / "good.csv", *options)
    bad = command("push", tmp_path / "bad.csv", *options)

    assert (good.returncode, bad.returncode) == (0, 1)
    assert len(simulator.pushes()) == 2


def test_the_demo_ends_by_itself_and_as_planned(tmp_path: Path) -> None:
    began = time.monotonic()
    told = command("demo", env={**os.environ, "TMPDIR": str(tmp_path), "HTTP_PROXY": "http://x:1"})

    assert (told.returncode, told.stderr) == (0, "")
    assert time.monotonic() - began < 20
    assert told.stdout.endswith("All 11 files ended as planned.\n")
    assert "costs/failed/costs-typo.csv.reason.txt says:" in told.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_can_be_kept_and_looked_into(tmp_path: Path) -> None:
    told = command("demo", "--keep", env={**os.environ, "TMPDIR": str(tmp_path)})
    (folder,) = tmp_path.iterdir()

    history = command("history", "--config", folder / "config.yaml")

    assert f"history --config {folder}/config.yaml" in told.stdout
    assert len(history.stdout.splitlines()) == 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_serves_until_it_is_ended(number: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND, "simulate", "--port", "0", "--key", "AKeyOfMine"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert url is not None
        with urllib.request.urlopen(url[0], timeout=5) as answer:
            assert b"stand-in" in answer.read()
        process.send_signal(number)
        rest = process.stdout.read()

    assert process.returncode == 0
    assert "AKeyOfMine" in first
    assert rest.endswith("Ended after 0 pushes.\n")


@pytest.mark.parametrize(("options", "status"), [((), 401), (("--without-v1",), 404)])
def test_the_simulator_may_stand_in_for_a_host_without_v1(
    options: tuple[str, ...], status: int
) -> None:
    with subprocess.Popen(
        [*COMMAND, "simulate", "--port", "0", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert url is not None
        with pytest.raises(urllib.error.HTTPError) as said:
            urllib.request.urlopen(f"{url[0]}/api/v1/import/1/status", timeout=5)
        said.value.close()
        process.terminate()
        process.stdout.read()

    assert said.value.code == status


def test_the_simulator_says_when_its_port_is_taken(simulator: Simulator) -> None:
    told = command("simulate", "--port", simulator.url.rpartition(":")[2])

    assert told.returncode == 1
    assert "choose another port, or end what uses it" in told.stderr
