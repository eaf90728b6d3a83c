"""The page and the figures of a running service."""

import os
import shutil
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from acceptance_fixtures import ROWS, ServiceProcess, command, write_config
from notify_fixtures import webhook
from wall_fixtures import Wall, build

from pigment_watcher.simulator import Simulator

DOCS = Path(__file__).parents[2] / "docs"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_service_with_a_page_shows_what_it_does(tmp_path: Path, pigment: Simulator) -> None:
    port = free_port()
    config = write_config(tmp_path, pigment, top={"web": {"listen": f"127.0.0.1:{port}"}})
    with ServiceProcess(config) as service:
        service.ready()
        (tmp_path / "sales" / "september.csv").write_text(ROWS)
        service.wait_for("job.finished")
        url = f"http://127.0.0.1:{port}"
        assert "september.csv" in requests.get(url, timeout=30.0).text
        assert requests.get(f"{url}/healthz", timeout=30.0).json()["alarms"] == []
        figures = requests.get(f"{url}/metrics", timeout=30.0)
        assert 'files_total{outcome="imported",route="sales"} 1.0' in figures.text
        assert 'last_scan_age_seconds{route="sales"}' in figures.text
        assert service.stop() == 0
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=figures.content, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_port_that_is_taken_ends_the_start_in_words(tmp_path: Path, pigment: Simulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        config = write_config(tmp_path, pigment, top={"web": {"listen": f"127.0.0.1:{port}"}})
        with ServiceProcess(config) as service:
            assert service.wait() == 1
            said = " ".join(str(line) for line in service.lines)
    assert f"the page can't be shown on 127.0.0.1:{port} (web.listen)" in said
    assert "Traceback" not in said


def test_the_rules_to_alarm_by_are_right() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    subprocess.run([promtool, "check", "rules", DOCS / "alerts.yml"], check=True)


def test_a_service_tells_people_what_went_wrong_and_files_wait_for_nobody(
    tmp_path: Path, pigment: Simulator
) -> None:
    urls = tmp_path / "urls"
    with webhook() as (url, taken):
        urls.write_text(f"json://{url}\njson://127.0.0.1:9/nobody-listens\n")
        urls.chmod(0o600)
        top = {"environment": "test", "notify": {"urls_file": str(urls)}}
        config = write_config(tmp_path, pigment, top=top)
        with ServiceProcess(config) as service:
            service.ready()
            (tmp_path / "sales" / "empty.csv").write_text("a,b\n")
            (tmp_path / "sales" / "good.csv").write_text(ROWS)
            service.wait_for("job.finished", outcome="imported")
            assert service.stop() == 0  # what waits to be told is told now
    (said,) = taken.said
    assert said["title"] == "pigment-watcher test: 1 not imported"
    assert "empty.csv: The file holds a header and no rows." in said["message"]


def test_an_address_that_is_none_ends_the_start_in_words(
    tmp_path: Path, pigment: Simulator
) -> None:
    urls = tmp_path / "urls"
    urls.write_text("nonsense://secret")
    urls.chmod(0o600)
    config = write_config(tmp_path, pigment, top={"notify": {"urls_file": str(urls)}})
    ended = command("run", "--config", config)
    assert ended.returncode == 78
    assert "notify: address 1 of its file is no Apprise URL" in ended.stderr
    assert "secret" not in ended.stderr


@pytest.mark.slow
def test_a_heartbeat_comes_while_all_is_well_and_in_the_morning_how_the_day_was(
    tmp_path: Path, pigment: Simulator
) -> None:
    wall = Wall(build(tmp_path), tmp_path / "shift")
    wall.show(datetime(2026, 11, 30, 6, 59, 45, tzinfo=UTC).timestamp())
    urls = tmp_path / "urls"
    with webhook() as (url, taken):
        urls.write_text(f"json://{url}\n")
        urls.chmod(0o600)
        notify = {"urls_file": str(urls), "summary": "07:00", "heartbeat_url": f"http://{url}/beat"}
        config = write_config(tmp_path, pigment, top={"notify": notify})
        environ = {**os.environ, **wall.environ, "TZ": "UTC"}
        with ServiceProcess(config, environ=environ) as service:
            service.ready()
            with taken.came:
                assert taken.came.wait_for(lambda: taken.gets == ["/beat"], 30.0)
            (tmp_path / "sales" / "good.csv").write_text(ROWS)
            service.wait_for("job.finished", outcome="imported")
            assert taken.said == []
            taken.wait_for(1, 90.0)  # it looks at the clock each minute
            assert service.stop() == 0
    (summary,) = taken.said
    assert summary["title"] == "pigment-watcher: all is well"
    assert "The last 24 hours, as of 2026-11-30 07:00:" in summary["message"]
    assert "- sales: 1 imported" in summary["message"]
