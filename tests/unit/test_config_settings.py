"""What the settings are when the file says little, and when it says everything."""

import dataclasses
from pathlib import Path

import pytest
from config_fixtures import ENVIRON, OTHER_UUID, UUID, load, minimal, route

from pigment_watcher import config, model
from pigment_watcher.model import (
    AfterFailure,
    DetailedReport,
    Duplicates,
    Limit,
    LoadMode,
    Order,
    SkippedRows,
    Watch,
)

EVERYTHING = f"""
pigment:
  url: https://gate.example.com:8443/
  detailed_report: false
  connect_timeout: 1s
  answer_timeout: 2s
  import_deadline: 3s
  request_limit: {{requests: 4, per: 5s}}
  push_limit: {{requests: 6}}
  ca_bundle: ca.pem
  proxy: http://me:pass-word@proxy:3128
state_directory: state/
workers: 64
stop_grace: 0s
keep_history: 1d
log: {{level: debug, format: json}}
routes:
  a.b_c-1:
    directory: in/./x/../sales/
    configuration_id: {UUID.upper()}
    load_mode: update
    files: ["*.CSV", "*.txt"]
    ignore: old*
    watch: events
    scan_every: 7s
    require_mount: true
    recursive: true
    quiet: 0s
    marker: "{{name}}.done"
    order: name
    after_failure: hold
    allow_empty: true
    duplicates: refuse
    keep_done: 90d
    keep_failed: 1h
    done: ../done
    failed: /srv/failed
"""


def only_route(folder: Path, text: str) -> model.Route:
    (only,) = load(folder, text).routes
    return only


def test_the_defaults_are_these(tmp_path: Path) -> None:
    settings = load(tmp_path, minimal())
    assert settings == config.Settings(
        file=tmp_path / "config.yaml",
        url="https://pigment.app",
        host="pigment.app:443",
        keys={"default": config.Secret(ENVIRON["PIGMENT_API_KEY"])},
        connect_timeout_s=10,
        answer_timeout_s=120,
        import_deadline_s=6 * 3600,
        request_limit=Limit(400, 300),
        push_limit=Limit(290, 3600),
        ca_bundle=None,
        proxy=None,
        detailed_report=DetailedReport.AUTO,
        state_directory=Path("/var/lib/pigment-watcher"),
        workers=4,
        stop_grace_s=90,
        keep_history_s=400 * 86400,
        log_level="info",
        log_format="auto",
        routes=settings.routes,
        remarks=settings.remarks,
    )


def test_the_defaults_of_a_route_are_these(tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    assert only_route(tmp_path, minimal()) == model.Route(
        name="sales",
        configuration_id=UUID,
        rules=model.Rules(
            directory=inbox,
            done=inbox / "done",
            failed=inbox / "failed",
            load_mode=None,
            order=Order.MODIFIED,
            after_failure=AfterFailure.CONTINUE,
            skipped_rows=SkippedRows.ACCEPT,
            allow_empty=False,
            duplicates=Duplicates.ACCEPT,
            quiet_s=None,
            key="default",
        ),
        files=("*.csv",),
        ignore=(),
        watch=Watch.AUTO,
        scan_every_s=None,
        require_mount=False,
        recursive=False,
        marker=None,
        keep_done_s=None,
        keep_failed_s=None,
    )


def test_every_key_arrives_where_it_belongs(tmp_path: Path) -> None:
    settings = load(tmp_path, EVERYTHING)
    assert dataclasses.replace(settings, keys={}, routes=()) == config.Settings(
        file=tmp_path / "config.yaml",
        url="https://gate.example.com:8443",
        host="gate.example.com:8443",
        keys={},
        connect_timeout_s=1,
        answer_timeout_s=2,
        import_deadline_s=3,
        request_limit=Limit(4, 5),
        push_limit=Limit(6, 3600),
        ca_bundle=tmp_path / "ca.pem",
        proxy="http://me:pass-word@proxy:3128",
        detailed_report=DetailedReport.NEVER,
        state_directory=tmp_path / "state",
        workers=64,
        stop_grace_s=0,
        keep_history_s=86400,
        log_level="debug",
        log_format="json",
        routes=(),
    )


def test_every_key_of_a_route_arrives_where_it_belongs(tmp_path: Path) -> None:
    inbox = tmp_path / "in" / "sales"
    assert only_route(tmp_path, EVERYTHING) == model.Route(
        name="a.b_c-1",
        configuration_id=UUID,
        rules=model.Rules(
            directory=inbox,
            done=tmp_path / "in" / "done",
            failed=Path("/srv/failed"),
            load_mode=LoadMode.UPDATE,
            order=Order.NAME,
            after_failure=AfterFailure.HOLD,
            allow_empty=True,
            duplicates=Duplicates.REFUSE,
            quiet_s=0,
        ),
        files=("*.CSV", "*.txt"),
        ignore=("old*",),
        watch=Watch.EVENTS,
        scan_every_s=7,
        require_mount=True,
        recursive=True,
        marker="{name}.done",
        keep_done_s=90 * 86400,
        keep_failed_s=3600,
    )


def test_auto_and_nothing_mean_the_default(tmp_path: Path) -> None:
    autos = ("watch: auto", "scan_every: auto", "quiet: auto")
    spelled = minimal(*autos, "load_mode: null", "marker: null")
    assert only_route(tmp_path, spelled) == only_route(tmp_path, minimal())


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://pigment.app/", "pigment.app:443"),
        ("http://localhost", "localhost:80"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_host_of_the_request_budget_has_its_port(url: str, host: str, tmp_path: Path) -> None:
    assert load(tmp_path, f"pigment: {{url: '{url}'}}\n{minimal()}").host == host


def test_links_in_a_path_stay_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "in").symlink_to("real")
    assert only_route(tmp_path, minimal()).rules.directory == tmp_path / "in"


def test_two_slashes_in_front_mean_one(tmp_path: Path) -> None:
    text = minimal().replace("directory: in", "directory: //srv/in")
    assert str(only_route(tmp_path, text).rules.directory) == "/srv/in"


def test_paths_begin_at_the_folder_of_the_file_wherever_we_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    assert only_route(Path("etc"), minimal()).rules.directory == tmp_path / "etc" / "in"


def test_routes_keep_the_order_of_the_file(tmp_path: Path) -> None:
    text = "routes:\n" + route("z", directory="z") + route("a", directory="a")
    assert [one.name for one in load(tmp_path, text).routes] == ["z", "a"]


def test_a_route_with_a_key_of_its_own_bears_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("another-key\n")
    (tmp_path / "other").chmod(0o600)
    text = minimal() + route("b", "api_key_file: other", directory="b", configuration_id=OTHER_UUID)
    settings = load(tmp_path, text)
    assert {name: key.reveal() for name, key in settings.keys.items()} == {
        "default": "key-of-the-variable",
        str(tmp_path / "other"): "another-key",
    }
    assert [one.rules.key for one in settings.routes] == ["default", str(tmp_path / "other")]


def test_neither_a_key_nor_the_proxy_is_shown(tmp_path: Path) -> None:
    shown = repr(load(tmp_path, EVERYTHING))
    assert "pass-word" not in shown
    assert ENVIRON["PIGMENT_API_KEY"] not in shown
