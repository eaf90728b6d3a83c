import click
import pytest
from cli_fixtures import run
from click.testing import CliRunner

from pigment_watcher import __version__, cli, errors
from pigment_watcher.cli.group import COMMANDS, Group, root


def running(deed: click.Command) -> click.Group:
    class Only(Group):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return deed

    return Only()


def raising(error: Exception) -> click.Group:
    @click.command()
    def deed() -> None:
        raise error

    return running(deed)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_by_an_example(name: str) -> None:
    told = run(name, "--help")

    assert told.exit_code == 0
    assert f"Examples:\n    pigment-watcher {name}" in told.stdout


def test_the_list_names_every_command_and_what_it_does() -> None:
    told = run("--help").stdout

    for name, (_, sentence) in COMMANDS.items():
        assert f"{name} " in told
        assert sentence in told


def test_completion_finds_the_commands() -> None:
    assert root.list_commands(click.Context(root)) == list(COMMANDS)


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"pigment-watcher {__version__}\n"


def test_an_unknown_command_is_a_wrong_usage() -> None:
    told = run("rnu")

    assert told.exit_code == 2
    assert "No such command 'rnu'" in told.stderr


def test_a_bad_configuration_is_told_line_by_line() -> None:
    bad = errors.ConfigError(["config.yaml:3: one", "config.yaml:9: two"])
    told = CliRunner().invoke(raising(bad), ["x"])

    assert told.exit_code == 78
    assert told.stderr == "config.yaml:3: one\nconfig.yaml:9: two\n"


@pytest.mark.parametrize(
    "error",
    [
        errors.AlreadyRunning("/state: busy"),
        errors.JournalDamaged("/state: busy"),
        errors.FileUnreadable("/state: busy"),
        errors.NothingSent("/state: busy"),
        errors.ThreadDied("/state: busy"),
    ],
)
def test_what_somebody_can_act_on_is_a_message_and_no_traceback(error: Exception) -> None:
    told = CliRunner().invoke(raising(error), ["x"])

    assert told.exit_code == 1
    assert told.stderr == "pigment-watcher: /state: busy\n"


def test_a_system_error_names_its_file() -> None:
    told = CliRunner().invoke(raising(PermissionError(13, "Permission denied", "/state/l")), ["x"])

    assert told.exit_code == 1
    assert told.stderr == "pigment-watcher: /state/l: Permission denied\n"


def test_a_broken_pipe_ends_without_a_word() -> None:
    told = CliRunner().invoke(raising(BrokenPipeError(32, "Broken pipe")), ["x"])

    assert told.exit_code == 1
    assert told.stderr == ""


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(errors.IllegalTransition):
        CliRunner().invoke(
            raising(errors.IllegalTransition("a bug")), ["x"], catch_exceptions=False
        )


def test_what_a_terminal_would_obey_is_not_told() -> None:
    told = CliRunner().invoke(raising(errors.FolderError("/srv/\x1b[2J", "is lost")), ["x"])

    assert told.stderr == "pigment-watcher: /srv/\\x1b[2J: is lost\n"


def test_main_runs_the_group_and_exits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["pigment-watcher", "--version"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 0
    assert __version__ in capsys.readouterr().out
