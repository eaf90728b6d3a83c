"""What single values may be, and what is said of the others."""

from typing import Any

import pydantic
import pytest

from pigment_watcher.config import scalars


def accepted(kind: Any, value: object) -> Any:
    return pydantic.TypeAdapter(kind).validate_python(value, strict=True)


def refused(kind: Any, value: object) -> str:
    with pytest.raises(pydantic.ValidationError) as caught:
        accepted(kind, value)
    return caught.value.errors()[0]["msg"]


# ---------------------------------------------------------------- durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("5m", 300), ("1h", 3600), ("30d", 2592000)],
)
def test_a_duration_is_a_number_of_seconds(text: str, seconds: float) -> None:
    assert accepted(scalars.Duration, text) == seconds


@pytest.mark.parametrize(
    "value", [10, 1.5, "10", "2 s", "-1s", "1h30m", "2S", "1w", "s", "", "٣s", ["2s"], True]
)
def test_anything_else_is_no_duration(value: object) -> None:
    assert refused(scalars.Duration, value).startswith("not a duration such as 500ms, 2s, 5m")


def test_more_than_a_hundred_years_is_too_long() -> None:
    assert accepted(scalars.Duration, "36500d") == 36500 * 86400
    assert refused(scalars.Duration, "36501d").startswith("longer than a hundred years")


def test_some_time_is_more_than_none() -> None:
    assert accepted(scalars.Duration, "0s") == 0
    assert refused(scalars.SomeTime, "0ms") == "must be longer than 0s"
    assert refused(scalars.AutoSomeTime, "0ms") == "must be longer than 0s"


def test_auto_leaves_the_choice_to_us() -> None:
    assert accepted(scalars.AutoDuration, "auto") is None
    assert accepted(scalars.AutoSomeTime, "auto") is None
    assert accepted(scalars.AutoFlag, "auto") is None


def test_a_flag_is_no_number_and_no_word() -> None:
    assert accepted(scalars.AutoFlag, value=True) is True
    assert refused(scalars.AutoFlag, 1) == "must be auto, true or false: 1"
    assert refused(scalars.AutoFlag, "yes") == "must be auto, true or false: 'yes'"


# ---------------------------------------------------------------- paths, IDs, patterns


@pytest.mark.parametrize("path", ["~/exports", "~", "${HOME}/exports"])
def test_a_path_is_written_out(path: str) -> None:
    assert refused(scalars.FilePath, path).startswith("neither ~ nor variables are filled in")


@pytest.mark.parametrize("path", ["a\0b", "a\nb", "a\ud800b"])
def test_a_path_holds_no_control_characters(path: str) -> None:
    assert refused(scalars.FilePath, path).startswith("holds a character that can't stand")


def test_a_path_is_not_empty() -> None:
    assert refused(scalars.FilePath, "").startswith("is empty")


@pytest.mark.parametrize("path", ["/srv/C$", "a b", "Ä/~x", "..", "/srv/$HOME"])
def test_a_path_may_hold_odd_characters(path: str) -> None:
    assert accepted(scalars.FilePath, path) == path


def test_a_key_in_place_of_its_file_is_refused_and_not_shown() -> None:
    key = "pgm1Zk3dTq7fYv2Lw9Xc5Bn8Rj4Hs6Gp"
    message = refused(scalars.KeyFile, key)
    assert message.startswith("looks like the key itself")
    assert key not in message
    assert accepted(scalars.KeyFile, f"/etc/{key}") == f"/etc/{key}"


def test_a_uuid_is_taken_in_lower_case() -> None:
    upper = "33D0D7D0-6125-47C4-B36A-882F4ED53B33"
    assert accepted(scalars.Uuid, upper) == upper.lower()


@pytest.mark.parametrize(
    "value", ["33d0", "", 33, "{33d0d7d0-6125-47c4-b36a-882f4ed53b33}", "33d0d7d0612547c4b36a882f"]
)
def test_anything_else_is_no_uuid(value: object) -> None:
    assert refused(scalars.Uuid, value) == f"not a UUID: {value!r}"


def test_one_pattern_is_a_list_of_one() -> None:
    assert accepted(scalars.Patterns, "*.csv") == ("*.csv",)
    assert accepted(scalars.Patterns, ["*.csv", "*.txt"]) == ("*.csv", "*.txt")
    assert accepted(scalars.Patterns, []) == ()


@pytest.mark.parametrize("value", [3, "", [""], ["*.csv", None], {"a": 1}])
def test_a_pattern_is_a_text(value: object) -> None:
    assert refused(scalars.Patterns, value).startswith("must be a pattern such as '*.csv'")


@pytest.mark.parametrize(
    "value",
    ["READY", "{name}.done", "{stem}.ok", "done-{name}", "{stem}-{name}", ".é $", "x" * 255],
)
def test_a_marker_is_a_name_with_placeholders(value: str) -> None:
    assert accepted(scalars.Marker, value) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "must be the name of a file, such as '{name}.done'"),
        ("..", "must be the name of a file"),
        ("ok/{name}", "stands beside its file, so '/' can't be in it: 'ok/{name}'"),
        ("{file}.done", "takes {name} and {stem}, each once, and no other braces"),
        ("{name}{name}", "takes {name} and {stem}, each once"),
        ("{{name}}", "takes {name} and {stem}, each once"),
        ("{name.done", "takes {name} and {stem}, each once"),
        ("done}", "takes {name} and {stem}, each once"),
        ("a\nb", "holds a character that can't stand in a name"),
        ("é" * 128, "is longer than a file's name may be"),
    ],
)
def test_any_other_marker_is_refused(value: str, words: str) -> None:
    assert refused(scalars.Marker, value).startswith(words)


def test_a_marker_is_a_text() -> None:
    assert "valid string" in refused(scalars.Marker, 3)


def test_a_route_needs_a_pattern() -> None:
    assert refused(scalars.SomePatterns, []).startswith("is empty")


def test_what_is_shown_is_short_and_shows_no_insides() -> None:
    assert scalars.shown({"token": "secret"}) == "a mapping"
    assert scalars.shown(["secret"]) == "a list"
    assert len(scalars.shown("x" * 1000)) == 61


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://pigment.app", "https://pigment.app"),
        ("HTTPS://Pigment.App/", "https://pigment.app"),
        ("https://gate.example.com:8443/pigment/", "https://gate.example.com:8443/pigment"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.5:1", "http://127.0.0.5:1"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_an_address_ends_without_a_slash(given: str, url: str) -> None:
    assert accepted(scalars.Url, given) == url


@pytest.mark.parametrize("url", ["http://pigment.app", "http://10.0.0.1", "http://127.0.0.1.x.com"])
def test_a_plain_address_is_refused_beyond_this_machine(url: str) -> None:
    assert refused(scalars.Url, url).startswith("must begin with https://")


@pytest.mark.parametrize(
    "url", ["pigment.app", "ftp://x", "https://", "https://[::1", "https://a:70000", "https://a:0"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    assert refused(scalars.Url, url).startswith("not an address such as")


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    message = refused(scalars.Url, "https://me:pass-word@pigment.app")
    assert message.startswith("must not hold a user or a password")
    assert "pass-word" not in message


@pytest.mark.parametrize("url", ["https://a?b=1", "https://a#b", "https://a/?", "https://a/#"])
def test_a_query_or_fragment_is_refused(url: str) -> None:
    assert refused(scalars.Url, url).startswith("must end before '?' and '#'")


def test_the_whole_address_of_the_api_is_refused() -> None:
    url = "https://pigment.app/api/import/push/csv"
    assert refused(scalars.Url, url).startswith("must be the host alone")


@pytest.mark.parametrize("url", ["https://a b", "https://a\n", "https://bücher.example"])
def test_an_address_is_printable_ascii_without_blanks(url: str) -> None:
    assert refused(scalars.Url, url).startswith("holds blanks or characters")


def test_a_proxy_may_need_a_password_which_is_never_shown() -> None:
    proxy = "http://me:pass-word@proxy:3128"
    assert accepted(scalars.Proxy, proxy) == proxy
    assert "pass-word" not in refused(scalars.Proxy, proxy.replace("http:", "socks5:"))
