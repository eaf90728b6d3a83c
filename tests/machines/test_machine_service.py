"""The installed service under a real systemd, as an administrator meets it."""

import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from acceptance_fixtures import PATIENCE_S, ROWS, eventually
from drive_fixtures import SshfsShare, sshfs_share
from machine_fixtures import Machine, machine
from machine_installed import (
    CONFIG,
    INBOX,
    KEY,
    UNIT,
    arrives,
    change_unit,
    configure,
    drop,
    events,
    has_said,
    is_there,
    start,
)

from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator

pytestmark = pytest.mark.slow

#: A drop-in, so that no test waits for the pause before a restart.
QUICK = "[Service]\nRestartSec=100ms"


def main_pid(server: Machine) -> str:
    return server.shown(UNIT, "MainPID")


def test_a_start_returns_when_the_service_is_ready_and_a_file_goes_through(
    server: Machine, pigment: Simulator
) -> None:
    start(server, pigment)
    assert events(server, "service.ready")
    assert server.shown(UNIT, "StatusText") == "0 waiting, 0 in progress"
    drop(server, "september.csv")
    arrives(server, f"{INBOX}/done/september.csv")
    assert [push.size for push in pigment.pushes()] == [len(ROWS)]


def test_a_line_of_the_journal_is_an_event_with_its_priority_and_no_second_time(
    server: Machine, pigment: Simulator
) -> None:
    start(server, pigment, key="NotTheRightKey")
    drop(server, "a.csv")
    has_said(server, "route.blocked")
    own = [line for line in server.journal() if line["_SYSTEMD_UNIT"] == UNIT]
    assert all(line["SYSLOG_IDENTIFIER"] == "pigment-watcher" for line in own)
    parsed = [json.loads(line["MESSAGE"]) for line in own]
    assert len(parsed) > 2
    assert all("event" in line and "timestamp" not in line for line in parsed)
    priorities = {line["event"]: found["PRIORITY"] for line, found in zip(parsed, own, strict=True)}
    assert (priorities["service.ready"], priorities["route.blocked"]) == ("6", "3")
    eventually(lambda: "blocked: key refused" in server.shown(UNIT, "StatusText"))


def test_a_wrong_configuration_fails_the_start_with_its_lines_and_is_not_tried_again(
    server: Machine, pigment: Simulator
) -> None:
    configure(server, pigment)
    server.write(CONFIG, "routes:\n  sales:\n    directory: /srv/sales\n    quite: 2s\n")
    assert server.run("systemctl", "start", UNIT, check=False).returncode != 0
    said = "\n".join(line["MESSAGE"] for line in server.journal())
    assert f"{CONFIG}:4: routes.sales.quite" in said
    assert f"{CONFIG}:2: routes.sales.configuration_id" in said
    assert server.shown(UNIT, "ExecMainStatus") == "78"
    assert server.shown(UNIT, "NRestarts") == "0"
    assert server.shown(UNIT, "ActiveState") == "failed"


def test_without_a_key_the_start_fails_in_plain_words(server: Machine, pigment: Simulator) -> None:
    configure(server, pigment, key="")
    assert server.run("systemctl", "start", UNIT, check=False).returncode != 0
    said = "\n".join(line["MESSAGE"] for line in server.journal())
    assert "the credential pigment-api-key is empty: put the API key into it" in said


def test_a_reload_takes_over_what_changed_and_a_bad_file_changes_nothing(
    server: Machine, pigment: Simulator
) -> None:
    start(server, pigment)
    pid = main_pid(server)
    good = server.told("cat", CONFIG)
    server.write(CONFIG, "routes: {}\n")
    server.run("systemctl", "reload", UNIT)
    has_said(server, "service.reload_failed")
    drop(server, "still.csv")
    arrives(server, f"{INBOX}/done/still.csv")
    server.write(CONFIG, good.replace("quiet: 300ms", "quiet: 300ms\n    files: '*.txt'"))
    server.run("systemctl", "reload", UNIT)
    has_said(server, "service.reloaded")
    drop(server, "now.txt")
    arrives(server, f"{INBOX}/done/now.txt")
    assert main_pid(server) == pid
    assert server.shown(UNIT, "ActiveState") == "active"


def test_a_stop_waits_for_a_push_even_longer_than_systemd_would(
    server: Machine, pigment: Simulator
) -> None:
    pigment.script(Fault.slow(8.0, on="push"))
    start(server, pigment)
    change_unit(server, "[Service]\nTimeoutStopSec=2s", "impatient")
    drop(server, "a.csv")
    has_said(server, "job.pushing")
    server.run("systemctl", "stop", UNIT)
    assert server.shown(UNIT, "Result") == "success"
    assert events(server, "job.pushed")
    assert len(pigment.imports()) == 1
    server.run("systemctl", "start", UNIT)
    arrives(server, f"{INBOX}/done/a.csv")
    assert len(pigment.pushes()) == 1


def test_a_service_killed_in_a_push_is_started_again_and_goes_on(
    server: Machine, pigment: Simulator
) -> None:
    pigment.script(Fault.act("hang_after_body"))
    change_unit(server, QUICK, "quick")
    start(server, pigment, routes={"sales": {"load_mode": "update"}})
    drop(server, "a.csv")
    has_said(server, "job.pushing")
    server.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", UNIT)
    arrives(server, f"{INBOX}/done/a.csv")
    assert server.shown(UNIT, "NRestarts") == "1"
    assert len(pigment.pushes()) == 2


def test_a_service_killed_in_an_import_is_started_again_and_asks_how_it_went(
    server: Machine,
) -> None:
    change_unit(server, QUICK, "quick")
    with Simulator(import_s=math.inf) as pigment:
        start(server, pigment)
        drop(server, "a.csv")
        has_said(server, "job.pushed")
        server.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", UNIT)
        has_said(server, "service.ready", times=2)
        pigment.finish(pigment.imports()[0].id)
        arrives(server, f"{INBOX}/done/a.csv")
        assert server.shown(UNIT, "NRestarts") == "1"
        assert len(pigment.pushes()) == 1


def test_a_service_that_hangs_is_found_out_and_started_again(
    server: Machine, pigment: Simulator
) -> None:
    change_unit(server, f"{QUICK}\nWatchdogSec=3s", "watchful")
    start(server, pigment)
    server.run("systemctl", "kill", "--signal=STOP", "--kill-who=main", UNIT)
    has_said(server, "service.ready", times=2)
    assert server.shown(UNIT, "NRestarts") == "1"
    assert any("watchdog" in line["MESSAGE"].lower() for line in server.journal())
    drop(server, "after.csv")
    arrives(server, f"{INBOX}/done/after.csv")


def test_one_worker_that_hangs_has_the_service_started_again_and_everything_goes_on(
    server: Machine, pigment: Simulator
) -> None:
    change_unit(server, f"{QUICK}\nWatchdogSec=3s", "watchful")
    start(server, pigment, workers=1)
    process = server.seen_from_here(main_pid(server))
    with traced(process, "-f", "-e", "trace=connect") as lines:
        drop(server, "before.csv")
        worker = next(line for line in lines if "AF_INET" in line).split()[1].rstrip("]")
    has_said(server, "job.finished")
    eventually(lambda: is_idle(int(worker)))
    # Its next system call does not return; the other threads know nothing of it.
    with traced(int(worker), "-e", f"inject=all:delay_enter={10 * PATIENCE_S:g}s"):
        drop(server, "waiting.csv")
        eventually(lambda: server.shown(UNIT, "Result") == "watchdog")
    has_said(server, "service.ready", times=2)
    arrives(server, f"{INBOX}/done/waiting.csv")
    assert server.shown(UNIT, "NRestarts") == "1"
    assert ["worker-1" in line["MESSAGE"] for line in events(server, "thread.silent")] == [True]
    assert len(pigment.pushes()) == 2


def is_idle(thread: int) -> bool:
    """Return whether a thread sleeps for as long as one does that only waits for work."""
    status = Path(f"/proc/{thread}/status")
    before = status.read_text()
    time.sleep(0.5)
    return status.read_text() == before


@contextmanager
def traced(thread: int, *options: str) -> Iterator[IO[str]]:
    """Attach strace to a thread, or a process; lend what it says, line by line."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = ["strace", *options, "-p", str(thread)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        while "attached" not in strace.stderr.readline():
            assert strace.poll() is None
        try:
            yield strace.stderr
        finally:
            strace.kill()


def test_the_key_is_a_credential_and_can_be_seen_nowhere(
    server: Machine, pigment: Simulator
) -> None:
    start(server, pigment)
    drop(server, "a.csv")
    arrives(server, f"{INBOX}/done/a.csv")
    pid = main_pid(server)
    shown = [
        server.told("cat", f"/proc/{pid}/cmdline", f"/proc/{pid}/environ"),
        server.told("systemctl", "status", "--full", "--no-pager", UNIT),
        server.told("systemctl", "show", UNIT),
        "\n".join(line["MESSAGE"] for line in server.journal()),
        server.told("pigment-watcher", "status", "--json"),
    ]
    assert not [text for text in shown if DEMO_KEY in text]
    assert server.told("stat", "-c", "%a %U", KEY) == "600 root"
    assert re.search(r"Max core file size +0 +0 ", server.told("cat", f"/proc/{pid}/limits"))
    assert server.told("stat", "-c", "%U", f"/proc/{pid}") in {"pigment-watcher", "root"}


def test_a_folder_that_the_unit_does_not_list_is_refused_with_the_remedy(
    server: Machine, pigment: Simulator
) -> None:
    text = configure(server, pigment)
    assert server.run("systemctl", "start", UNIT, check=False).returncode != 0
    said = "\n".join(line["MESSAGE"] for line in server.journal())
    assert f"routes.sales.directory: is read-only: {INBOX}" in said
    assert "pigment-watcher systemd-dropin" in said
    change_unit(server, text, "folders")
    server.run("systemctl", "start", UNIT)
    drop(server, "a.csv")
    arrives(server, f"{INBOX}/done/a.csv")


def test_people_of_the_group_that_owns_an_inbox_drop_files_and_drag_them_back(
    server: Machine, pigment: Simulator
) -> None:
    server.run("groupadd", "finance")
    server.run("useradd", "--groups", "finance", "anna")
    server.run("mkdir", "/srv/plan")
    server.run("chgrp", "finance", "/srv/plan")
    server.run("chmod", "2770", "/srv/plan")
    as_anna = ("setpriv", "--reuid=anna", "--regid=anna", "--init-groups", "sh", "-c")
    text = configure(server, pigment, routes={"plan": {}})
    assert "SupplementaryGroups=finance" in text
    change_unit(server, text, "folders")
    server.run("systemctl", "start", UNIT)
    pigment.script(Fault.answer(400, body=b"a column is missing", on="push", times=1))
    server.run(*as_anna, 'umask 027; printf "a,b\\n1,2\\n" >/srv/plan/plan.csv')
    arrives(server, "/srv/plan/failed/plan.csv")
    assert "a column is missing" in server.told(
        *as_anna, "cat /srv/plan/failed/plan.csv.reason.txt"
    )
    server.run(*as_anna, "mv /srv/plan/failed/plan.csv /srv/plan/")
    arrives(server, "/srv/plan/done/plan.csv")


def test_the_units_are_valid_and_little_is_exposed(server: Machine, pigment: Simulator) -> None:
    change_unit(server, configure(server, pigment), "folders")
    configure(server, pigment, name="test", state_directory="/var/lib/pigment-watcher/test")
    units = [UNIT, "pigment-watcher@test.service"]
    for unit in units:
        verified = server.run("systemd-analyze", "verify", "--recursive-errors=yes", unit)
        assert not [line for line in verified.stderr.splitlines() if "pigment-watcher" in line]
        server.run("systemd-analyze", "security", "--no-pager", "--threshold=15", unit)


def test_a_test_and_a_production_workspace_run_side_by_side(
    server: Machine, pigment: Simulator
) -> None:
    start(server, pigment)
    unit = "pigment-watcher@test.service"
    text = configure(
        server,
        pigment,
        name="test",
        routes={"trial": {}},
        state_directory="/var/lib/pigment-watcher/test",
    )
    change_unit(server, text, "folders", "pigment-watcher@test.service")
    server.run("systemctl", "start", unit)
    drop(server, "a.csv")
    drop(server, "b.csv", inbox="/srv/trial")
    arrives(server, f"{INBOX}/done/a.csv")
    arrives(server, "/srv/trial/done/b.csv")
    assert is_there(server, "/var/lib/pigment-watcher/test/journal.db")


def test_a_share_that_mounts_after_a_reboot_is_served_as_soon_as_it_is_there(
    installed: Path, tmp_path: Path, pigment: Simulator
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    subprocess.run(["mount", "--bind", shared, shared], check=True)
    subprocess.run(["mount", "--make-shared", shared], check=True)
    try:
        with sshfs_share(shared, mounted=False, options="allow_other") as share:
            _reboot_with(share, installed, tmp_path, pigment)
    finally:
        subprocess.run(["umount", "-l", shared], check=True)


def _reboot_with(share: SshfsShare, installed: Path, tmp_path: Path, pigment: Simulator) -> None:
    inbox = f"/mnt/shared/{share.point.name}"
    routes: dict[str, dict[str, object]] = {
        "local": {},
        "sales": {"directory": inbox, "scan_every": "500ms"},
    }
    share.mount()
    share.behind.chmod(0o777)
    with machine(tmp_path / "server", below=installed, shared=share.point.parent) as server:
        start(server, pigment, routes=routes)
        assert "mnt-shared-point.mount" in server.told("systemctl", "cat", UNIT)
        (share.behind / "first.csv").write_text(ROWS)
        eventually((share.behind / "done/first.csv").exists)
    share.unmount()
    with machine(tmp_path / "server", below=installed, shared=share.point.parent) as server:
        eventually(lambda: server.shown(UNIT, "ActiveState") == "active")
        has_said(server, "route.lost")
        drop(server, "beside.csv", inbox="/srv/local")
        arrives(server, "/srv/local/done/beside.csv")
        (share.behind / "late.csv").write_text(ROWS)
        share.mount()
        eventually((share.behind / "done/late.csv").exists, PATIENCE_S)


def test_a_failure_for_good_can_tell_somebody(server: Machine, pigment: Simulator) -> None:
    doc = "/usr/share/doc/pigment-watcher"
    configure(server, pigment)
    server.run("mkdir", "-p", f"/etc/systemd/system/{UNIT}.d")
    server.run("cp", f"{doc}/on-failure.conf", f"/etc/systemd/system/{UNIT}.d/")
    server.run("cp", f"{doc}/pigment-watcher-failed@.service", "/etc/systemd/system/")
    server.run("systemctl", "daemon-reload")
    server.write(CONFIG, "routes: {}\n")
    assert server.run("systemctl", "start", UNIT, check=False).returncode != 0
    teller = f"pigment-watcher-failed@{UNIT}.service"
    eventually(
        lambda: any(
            "failed: systemctl status" in line["MESSAGE"] for line in server.journal(teller)
        )
    )
