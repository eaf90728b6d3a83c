import os
from pathlib import Path

import pytest
from acceptance_fixtures import write_config
from cli_fixtures import a_journal, run

from pigment_watcher import errors, mounts
from pigment_watcher.cli import access


def test_a_missing_configuration_says_how_to_name_another(tmp_path: Path) -> None:
    told = run("status", "--config", tmp_path / "no.yaml")

    assert told.exit_code == 78
    assert "no.yaml: can't be read: No such file or directory; write one" in told.stderr
    assert "name another: --config" in told.stderr


def test_a_bad_configuration_is_told_as_it_is(tmp_path: Path) -> None:
    config = write_config(tmp_path, routes={"sales": {"configuration_id": "33d0", "quite": "2s"}})

    told = run("history", "--config", config)

    assert told.exit_code == 78
    assert [line.split(": ")[1] for line in told.stderr.splitlines()] == [
        "routes.sales.configuration_id",
        "routes.sales.quite",
    ]


def test_the_configuration_can_be_named_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIGMENT_WATCHER_CONFIG", str(write_config(tmp_path)))

    assert run("history").stdout == "No files.\n"


def test_a_share_that_is_lost_is_no_problem_of_the_configuration(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with a_journal(tmp_path) as journal:
        journal.identity.remember_drives({tmp_path / "sales": mounts.of(tmp_path)})
    (tmp_path / "sales").rmdir()

    assert access.load(config, probe_folders=True).routes[0].name == "sales"


def test_a_folder_that_was_never_there_is_one(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "sales").rmdir()

    with pytest.raises(errors.ConfigError, match="no such folder"):
        access.load(config, probe_folders=True)


def test_an_unreadable_journal_does_not_hide_a_missing_folder(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "sales").rmdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.db").write_bytes(b"no database at all" * 100)

    with pytest.raises(errors.ConfigError, match="no such folder"):
        access.load(config, probe_folders=True)


def test_a_damaged_journal_is_told_and_kept(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.db").write_bytes(b"no database at all" * 100)

    told = run("status", "--config", config)

    assert told.exit_code == 1
    assert told.stderr.startswith(f"pigment-watcher: {tmp_path}/state/journal.db: ")


def test_a_journal_of_an_older_version_is_left_to_the_service(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.db").touch()

    told = run("pause", "sales", "--config", config)

    assert told.exit_code == 1
    assert "an older version of this program wrote this journal" in told.stderr
    assert (tmp_path / "state" / "journal.db").stat().st_size == 0


def test_somebody_else_is_told_whom_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write_config(tmp_path)
    with a_journal(tmp_path):
        pass
    monkeypatch.setattr(os, "access", lambda *_: False)

    told = run("status", "--config", config)

    owner = (tmp_path / "state").owner()
    assert told.exit_code == 1
    assert told.stderr.endswith(
        f"permission denied: ask as the service's user, such as by sudo -u {owner}\n"
    )


def test_a_folder_that_hides_its_journal_is_no_missing_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    with a_journal(tmp_path):
        pass
    monkeypatch.setattr(Path, "stat", refuse)

    with pytest.raises(errors.RequestRefused, match="sudo -u the service's user"):
        access.reading(tmp_path / "state").__enter__()


def test_a_journal_of_another_place_is_looked_at_and_not_changed(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with a_journal(tmp_path):
        pass
    before = (tmp_path / "state" / "journal.db").read_bytes()

    run("status", "--config", config)
    run("history", "--config", config)

    assert (tmp_path / "state" / "journal.db").read_bytes() == before
