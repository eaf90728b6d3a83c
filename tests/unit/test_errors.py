"""The exceptions, split by who must act."""

import inspect
import re

import pytest

from pigment_watcher import errors

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.PigmentWatcherError)
]
WITH_MORE = {errors.ServerSaid, errors.ConfigError, errors.FolderError, errors.FolderLost}


def drawn() -> dict[str, str]:
    """Return each name of the drawing and the one it hangs from."""
    parents: dict[str, str] = {}
    above = [""]
    for line in str(errors.__doc__).splitlines():
        name = re.search(r"[A-Z][A-Za-z]+", line)
        if not re.match(r"[│├└─ ]*[A-Z][A-Za-z]+(  |$)", line) or name is None:
            continue
        depth = name.start() // 4
        parents[name[0]] = above[depth]
        above[depth + 1 :] = [name[0]]
    return parents


def test_the_drawing_shows_the_tree_as_it_is() -> None:
    tree = {kind.__name__: kind.__bases__[0].__name__ for kind in ALL}

    assert drawn() == tree | {"PigmentWatcherError": ""}


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in WITH_MORE])
def test_an_error_without_words_says_what_its_kind_is(kind: type[Exception]) -> None:
    assert str(kind()) == kind.__doc__
    assert str(kind("a.csv: no")) == "a.csv: no"


def test_what_the_server_said_is_told_with_its_words() -> None:
    said = errors.ServerSaid(
        429, excerpt="slow down", retry_after_s=7.0, location="https://elsewhere.example"
    )

    assert str(said) == "the server answered 429: slow down"
    assert str(errors.ServerSaid(500)) == "the server answered 500"
    assert (said.status, said.excerpt, said.retry_after_s) == (429, "slow down", 7.0)
    assert said.location == "https://elsewhere.example"


def test_a_bad_configuration_tells_every_problem_on_a_line_of_its_own() -> None:
    error = errors.ConfigError(["config.yaml:1: a", "config.yaml:2: b"])

    assert str(error) == "config.yaml:1: a\nconfig.yaml:2: b"
    assert error.problems == ("config.yaml:1: a", "config.yaml:2: b")


def test_a_folder_that_can_not_be_used_is_named() -> None:
    error = errors.FolderError("/srv/in", "no space left")

    assert (str(error), error.folder) == ("/srv/in: no space left", "/srv/in")
