"""Loading a file: what is refused, in which words, and all of it at once."""

import json
import re
from pathlib import Path

import pytest
from config_fixtures import UUID, load, minimal, problems, route

from pigment_watcher import config, errors
from pigment_watcher.config import schema
from pigment_watcher.config.secrets import Secret
from pigment_watcher.model import ExpectBy
from pigment_watcher.policy.notices import NoticeKind

REPOSITORY = Path(__file__).parents[2]


def test_every_problem_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = f"""
workers: 0
routes:
  a:
    directory: a
    configuration_id: 33d0
    quite: 3s
  b:
    configuration_id: {UUID}
    directory: a
    order: size
  b c: {{}}
wrokers: 1
"""
    assert problems(tmp_path, text) == [
        "config.yaml:2: workers: must be at least 1: 0",
        "config.yaml:6: routes.a.configuration_id: not a UUID: '33d0'",
        "config.yaml:7: routes.a.quite: unknown key: did you mean 'quiet'?",
        (
            "config.yaml:8: routes.b.files: '*.csv' would be taken by route 'a' as well, which "
            "shares the inbox: tell them apart by 'files' or 'ignore'"
        ),
        "config.yaml:11: routes.b.order: must be 'modified' or 'name': 'size'",
        "config.yaml:12: routes.b c: a route's name has 1 to 64 letters, digits, '_', '-' or '.'",
        "config.yaml:12: routes.b c.directory: missing: the folder where files are dropped",
        (
            "config.yaml:12: routes.b c.configuration_id: missing: the ID of Pigment's import "
            "configuration"
        ),
        "config.yaml:13: wrokers: unknown key: did you mean 'workers'?",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("quiet:", "quiet: is empty: give it a value or leave the key out"),
        ("allow_empty: yes", "allow_empty: must be true or false: 'yes'"),
        ("allow_empty: 1", "allow_empty: must be true or false: 1"),
        ("done: 3", "done: must be a text: 3"),
        ("load_mode: NO", "load_mode: must be 'update', 'replace' or 'append': 'NO'"),
        ("watch: [polling]", "watch: must be 'auto', 'events' or 'polling': a list"),
        ("after_failure: stop", "after_failure: must be 'continue' or 'hold': 'stop'"),
        ("scan_every: 0s", "scan_every: must be longer than 0s"),
        ("files: [1, 2]", "files: must be a pattern such as '*.csv', or a list of them: 1"),
        ("require_mount: 1", "require_mount: must be true or false: 1"),
        ("recursive: deep", "recursive: must be true or false: 'deep'"),
        ("recursiv: true", "recursiv: unknown key: did you mean 'recursive'?"),
        ("mark: READY", "mark: unknown key: did you mean 'marker'?"),
        ("marker: true", "marker: must be a text: True"),
        ("marker: a/b", "marker: stands beside its file, so '/' can't be in it: 'a/b'"),
        ("xyz: 3", "xyz: unknown key: leave it out"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(line: str, problem: str, tmp_path: Path) -> None:
    assert problems(tmp_path, minimal(line)) == [f"config.yaml:5: routes.sales.{problem}"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("pigment: 3", "pigment: must be a mapping, key: value: 3"),
        ("pigment: {uri: x}", "pigment.uri: unknown key: did you mean 'url'?"),
        ("log: {levl: info}", "log.levl: unknown key: did you mean 'level'?"),
        ("workers: 65", "workers: must be at most 64: 65"),
        ("workers: '4'", "workers: must be a whole number: '4'"),
        ("workers: 4.0", "workers: must be a whole number: 4.0"),
        ("workers: true", "workers: must be a whole number: True"),
        ("keep_history: 0d", "keep_history: must be longer than 0s"),
        (
            "log: {level: INFO}",
            "log.level: must be 'debug', 'info', 'warning' or 'error': 'INFO'",
        ),
        (
            "pigment: {request_limit: {requests: 0}}",
            "pigment.request_limit.requests: must be at least 1: 0",
        ),
        (
            "pigment: {push_limit: {peer: 1h}}",
            "pigment.push_limit.peer: unknown key: did you mean 'per'?",
        ),
    ],
)
def test_so_is_one_outside_the_routes(line: str, problem: str, tmp_path: Path) -> None:
    assert problems(tmp_path, f"{line}\n{minimal()}") == [f"config.yaml:1: {problem}"]


def test_two_problems_in_one_list_do_not_hide_the_route(tmp_path: Path) -> None:
    said = problems(tmp_path, minimal("skipped_rows: maybe", "ignore: [1, 2]", "files: []"))
    assert [re.sub(": .*", "", line) for line in said] == [
        "config.yaml:5",
        "config.yaml:6",
        "config.yaml:7",
    ]


@pytest.mark.parametrize("key", ["api_key", "api-key", "API_KEY", "token", "Authorization"])
@pytest.mark.parametrize("place", ["{}: abc\n", "pigment: {{{}: abc}}\n"])
def test_a_key_in_the_yaml_is_refused_with_the_remedy(key: str, place: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, place.format(key) + minimal())
    for remedy in ("'pigment-api-key'", "PIGMENT_API_KEY", "api_key_file"):
        assert remedy in problem
    assert "abc" not in problem


@pytest.mark.parametrize(
    "line", ["duplicates: twice", "keep_done: 0s", "keep_failed: 90", "keep_done: never"]
)
def test_what_can_not_be_kept_or_refused_so_is_a_problem(line: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, minimal(line))
    key, _, _ = line.partition(":")
    assert problem.startswith(f"config.yaml:5: routes.sales.{key}: ")


@pytest.mark.parametrize(("wanted", "count"), [("auto", 0), ("true", 0), ("false", 1)])
def test_rows_left_out_count_as_a_failure_only_where_a_report_tells_of_them(
    wanted: str, count: int, tmp_path: Path
) -> None:
    text = f"pigment: {{detailed_report: {wanted}}}\n{minimal('skipped_rows: fail')}"
    said = problems(tmp_path, text)
    where = "config.yaml:6: routes.sales.skipped_rows: fail needs Pigment's report"
    assert [line[: len(where)] for line in said] == [where] * count


def test_without_a_word_of_it_there_is_no_page(tmp_path: Path) -> None:
    for text in ("", "web:\n"):
        assert load(tmp_path, text + minimal()).web is None


@pytest.mark.parametrize(
    ("said", "host", "port"),
    [
        ("web: {}", "127.0.0.1", 9464),
        ("web: {listen: '127.0.0.1:80'}", "127.0.0.1", 80),
        ("web: {listen: 'localhost:9464'}", "localhost", 9464),
        ("web: {listen: '[::1]:9464'}", "::1", 9464),
    ],
)
def test_a_page_is_shown_on_this_machine(said: str, host: str, port: int, tmp_path: Path) -> None:
    web = load(tmp_path, f"{said}\n{minimal()}").web
    assert web is not None
    assert (web.host, web.port, web.token) == (host, port, None)


@pytest.mark.parametrize("said", ["x", "':80'", "'127.0.0.1'", "'a:99999'", "9464", "'::1:80'"])
def test_what_is_no_address_is_refused(said: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"web: {{listen: {said}}}\n{minimal()}")
    assert problem.startswith("config.yaml:1: web.listen: must be a")


def test_beyond_this_machine_a_page_needs_a_token(tmp_path: Path) -> None:
    text = f"web: {{listen: '0.0.0.0:9464', token_file: token}}\n{minimal()}"
    (problem,) = problems(tmp_path, text.replace(", token_file: token", ""))
    assert problem.startswith("config.yaml:1: web.token_file: missing: beyond this machine (0.0.0")
    (problem,) = problems(tmp_path, text)
    assert "web.token_file: no token in token" in problem
    assert load(tmp_path, text, need_keys=False).web is not None
    (tmp_path / "token").write_text("A-token")
    (tmp_path / "token").chmod(0o644)
    (problem,) = problems(tmp_path, text)
    assert "everybody on this machine may read or change token" in problem
    (tmp_path / "token").chmod(0o600)
    web = load(tmp_path, text).web
    assert web is not None
    assert web.token == Secret("A-token")
    assert "A-token" not in repr(web)


def test_how_long_a_file_may_wait_is_said_as_a_time(tmp_path: Path) -> None:
    assert load(tmp_path, minimal()).alarm_after_s == 3600.0
    assert load(tmp_path, f"alarm_after: 90s\n{minimal()}").alarm_after_s == 90.0


# ---------------------------------------------------------------- the text


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_refused(text: str, tmp_path: Path) -> None:
    assert problems(tmp_path, text) == ["config.yaml:1: is empty: give it at least one route"]


@pytest.mark.parametrize("text", ["- a\n", "just words\n", "3\n"])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    assert problems(tmp_path, text) == ["config.yaml:1: must be a mapping, key: value"]


@pytest.mark.parametrize("text", ["routes: [1, 2\n", "a: b: c\n"])
def test_a_syntax_error_is_all_that_is_told(text: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, text)
    assert ": not YAML: " in problem


@pytest.mark.parametrize("text", ["workers: 4\n", "routes:\n", "routes: {}\n"])
def test_a_file_without_routes_is_refused(text: str, tmp_path: Path) -> None:
    said = ["config.yaml:1: routes: missing: at least one route is needed"]
    assert problems(tmp_path, text) == said


def test_routes_that_are_no_mapping_are_told_once(tmp_path: Path) -> None:
    said = ["config.yaml:1: routes: must be a mapping, key: value: a list"]
    assert problems(tmp_path, "routes: [a]\n") == said


def test_faults_of_the_text_and_of_the_values_are_told_together(tmp_path: Path) -> None:
    text = minimal("order: name", "order: name", "load_mode: &x update", "files: *x", "quite: 1s")
    assert [line.split(": ", 2)[1] for line in problems(tmp_path, text)] == [
        "routes.sales.order",
        "routes.sales.files",
        "routes.sales.quite",
    ]


def test_a_key_that_is_no_word_hides_nothing_else(tmp_path: Path) -> None:
    assert problems(tmp_path, minimal() + "? [a]\n: 1\nwrokers: 1\n") == [
        "config.yaml:5: a key must be a plain word",
        "config.yaml:7: wrokers: unknown key: did you mean 'workers'?",
    ]


def test_sections_without_keys_mean_their_defaults(tmp_path: Path) -> None:
    assert problems(tmp_path, f"pigment:\nlog: {{}}\n{minimal()}") == []


def test_json_is_yaml_as_well(tmp_path: Path) -> None:
    tree = {"routes": {"sales": {"directory": "in", "configuration_id": UUID}}}
    assert load(tmp_path, json.dumps(tree)).routes[0].name == "sales"


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert problems(tmp_path, "\ufeff" + minimal()) == []


def refusal(file: Path) -> str:
    with pytest.raises(errors.ConfigError) as caught:
        config.load(file)
    return str(caught.value)


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "gone.yaml"
    assert refusal(file) == f"{file}: can't be read: No such file or directory"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: can't be read: Is a directory"


def test_a_file_of_another_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"a: 1\nb: \xe9\n")
    assert refusal(file) == f"{file}:2: not UTF-8: save it so"


def test_a_file_of_more_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    assert refusal(file).startswith(f"{file}: larger than 1 MiB")


# ---------------------------------------------------------------- keys and remarks


def test_a_missing_key_is_a_problem_for_what_needs_it(tmp_path: Path) -> None:
    text = f"pigment: {{api_key_file: key}}\n{minimal()}"
    (problem,) = problems(tmp_path, text, environ={})
    assert problem.startswith("config.yaml:1: pigment.api_key_file: no API key: key: No such file")


def test_a_missing_key_is_a_remark_for_what_does_not_need_it(tmp_path: Path) -> None:
    text = f"pigment: {{api_key_file: null}}\n{minimal('load_mode: update')}"
    settings = load(tmp_path, text, environ={}, need_keys=False)
    assert settings.keys == {}
    (remark,) = settings.remarks
    assert remark.startswith(f"{tmp_path}/config.yaml:1: pigment.api_key_file: no API key: hand")


def test_a_key_that_all_may_read_is_a_problem_for_everybody(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc")
    (tmp_path / "key").chmod(0o644)
    text = minimal("api_key_file: key")
    (problem,) = problems(tmp_path, text, need_keys=False)
    assert problem.startswith("config.yaml:5: routes.sales.api_key_file: everybody on this machine")


def test_nobody_misses_a_default_key_when_all_routes_have_their_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc")
    (tmp_path / "key").chmod(0o600)
    text = f"pigment: {{api_key_file: null}}\n{minimal('api_key_file: key')}"
    assert list(load(tmp_path, text, environ={}).keys) == [str(tmp_path / "key")]


def test_the_environment_is_asked_when_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIGMENT_API_KEY", "key-of-the-environment")
    settings = load(tmp_path, minimal(), environ=None)
    assert settings.keys["default"].reveal() == "key-of-the-environment"


def test_a_route_that_says_no_load_mode_is_remarked(tmp_path: Path) -> None:
    text = "routes:\n" + route("a", "load_mode: append", directory="a")
    text += route("b", directory="b", configuration_id=UUID.replace("3", "4"))
    (remark,) = load(tmp_path, text).remarks
    assert remark.startswith(f"{tmp_path}/config.yaml:6: routes.b.load_mode: not said, so it cou")


# ---------------------------------------------------------------- the example and the words


def test_the_example_loads() -> None:
    file = REPOSITORY / "config.example.yaml"
    settings = config.load(file, environ={}, need_keys=False, probe_folders=False)
    assert [one.name for one in settings.routes] == ["sales", "headcount"]


@pytest.mark.parametrize("file", ["config.example.yaml", "docs/configuration.md"])
def test_every_key_is_explained(file: str) -> None:
    text = (REPOSITORY / file).read_text()
    sections = (schema.File, schema.Pigment, schema.RequestLimit, schema.Log, schema.Route)
    keys = [key for section in sections for key in section.model_fields]
    assert [key for key in keys if not re.search(rf"\b{key}\b", text)] == []


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("{time: '06:00'}", ExpectBy(6, 0)),
        ("{time: 6:05, days: mon-fri}", ExpectBy(6, 5, frozenset(range(5)))),
        ("{time: '23:59', days: 'fri-mon, WED'}", ExpectBy(23, 59, frozenset({4, 5, 6, 0, 2}))),
        ("{time: '00:00', timezone: Europe/Berlin}", ExpectBy(0, 0, zone="Europe/Berlin")),
        ("null", None),
    ],
)
def test_by_when_a_file_is_expected_is_said_in_a_line(
    said: str, wanted: ExpectBy | None, tmp_path: Path
) -> None:
    (found,) = load(tmp_path, minimal(f"expect_by: {said}")).routes
    assert found.expect_by == wanted


@pytest.mark.parametrize(
    ("said", "key", "words"),
    [
        ("{}", "time", "missing: the time of day"),
        ("{time: '24:00'}", "time", "must be a time of day"),
        ("{time: [6]}", "time", "must be a time of day"),
        ("{time: '06:00', days: weekdays}", "days", "must be days such as"),
        ("{time: '06:00', days: [mon]}", "days", "must be days such as"),
        ("{time: '06:00', timezone: Europe/Paradise}", "timezone", "no time zone such as"),
        ("{time: '06:00', timezone: 1}", "timezone", "no time zone such as"),
        ("{tiem: '06:00'}", "tiem", "did you mean 'time'"),
    ],
)
def test_what_is_no_time_to_expect_a_file_by_is_refused(
    said: str, key: str, words: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, minimal(f"expect_by: {said}"))
    assert any(f"routes.sales.expect_by.{key}: " in line and words in line for line in found)


def notify(
    tmp_path: Path, said: str, mode: int = 0o600, urls: str = "json://a\n# no\n\n json://b"
) -> str:
    (tmp_path / "urls").write_text(urls)
    (tmp_path / "urls").chmod(mode)
    return f"environment: production\nnotify: {said}\n{minimal()}"


def test_nobody_is_told_unless_it_is_said(tmp_path: Path) -> None:
    assert load(tmp_path, minimal()).notify is None


def test_who_is_told_stands_in_a_file_of_its_own_and_is_never_shown(tmp_path: Path) -> None:
    text = notify(tmp_path, "{urls_file: urls, events: [failed, lost], summary: '07:00'}")
    told = load(tmp_path, f"{text}    notify: {{urls_file: urls, events: unsure}}\n").notify
    assert told is not None
    assert (told.environment, told.summary) == ("production", ExpectBy(7, 0))
    everybody, sales = told.audiences
    assert everybody.urls == (Secret("json://a"), Secret("json://b"))
    assert everybody.events == {NoticeKind.FAILED, NoticeKind.LOST}
    assert (sales.route, sales.events) == ("sales", frozenset({NoticeKind.UNSURE}))
    assert "json" not in repr(told)


def test_a_credential_stands_for_the_file(tmp_path: Path) -> None:
    (tmp_path / "notify-urls").write_text("json://credential")
    environ = {"PIGMENT_API_KEY": "key", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    told = load(tmp_path, f"notify: {{}}\n{minimal()}", environ=environ).notify
    assert told is not None
    assert told.audiences[0].urls == (Secret("json://credential"),)


def test_a_heartbeat_alone_needs_no_address(tmp_path: Path) -> None:
    url = "https://alive.example.com/uuid"
    told = load(tmp_path, f"notify: {{heartbeat_url: '{url}'}}\n{minimal()}").notify
    assert told is not None
    assert (told.audiences, told.heartbeat_url) == ((), Secret(url))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{}", "notify.urls_file: missing: the file that holds the addresses"),
        ("{urls_file: nowhere}", "nowhere: No such file or directory: put the addresses there"),
        ("{urls_file: urls, events: [failed, everything]}", "must be some of failed, unsure"),
        ("{urls_file: urls, events: 7}", "must be some of failed, unsure"),
        ("{heartbeat_url: alive}", "not an address such as"),
    ],
)
def test_notices_that_could_not_be_sent_are_refused(said: str, words: str, tmp_path: Path) -> None:
    found = problems(tmp_path, notify(tmp_path, said))
    assert any(words in line for line in found)


def test_a_file_of_addresses_is_as_secret_as_a_key(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, notify(tmp_path, "{urls_file: urls}", mode=0o644))
    assert "everybody on this machine may read or change urls: chmod o= urls" in problem
    (problem,) = problems(tmp_path, notify(tmp_path, "{urls_file: urls}", urls="# none\n"))
    assert "urls holds no address" in problem
    assert load(tmp_path, notify(tmp_path, "{urls_file: urls}", urls=""), need_keys=False)


def test_an_environment_is_a_short_name(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"environment: 'a\nb'\n{minimal()}".replace("\nb", "<b>"))
    assert "environment: must be a short name" in problem
