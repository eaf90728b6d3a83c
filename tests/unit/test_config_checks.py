"""What must hold between routes."""

from pathlib import Path

import pytest
from config_fixtures import OTHER_UUID, UUID, problems, route


def two(one: tuple[str, ...] = (), other: tuple[str, ...] = (), *, inbox: str = "b") -> str:
    """Return routes a and b of two configurations; what else b says begins in line 8 + len(one)."""
    first = route("a", *one, directory="a")
    return f"routes:\n{first}{route('b', *other, directory=inbox, configuration_id=OTHER_UUID)}"


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["a", "A_b-c.9", "2024", "on", "x" * 64])
def test_a_name_has_letters_digits_and_three_signs(name: str, tmp_path: Path) -> None:
    assert problems(tmp_path, "routes:\n" + route(name)) == []


@pytest.mark.parametrize("name", ["a b", "a/b", "'a:b'", "ä", "x" * 65, "''", '"a\\n"'])
def test_any_other_name_is_refused(name: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "routes:\n" + route(name))
    assert problem.endswith("a route's name has 1 to 64 letters, digits, '_', '-' or '.'")


# ---------------------------------------------------------------- inboxes


def test_an_inbox_inside_another_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, two(inbox="a/b/c")) == [
        (
            "config.yaml:6: routes.b.directory: lies in the inbox of route 'a': an inbox must not "
            "lie in a folder that the service uses"
        )
    ]


@pytest.mark.parametrize(
    ("folder", "inbox", "owner"),
    [
        ("done: ../kept", "kept", "the done folder of route 'a'"),
        ("failed: ../kept", "kept", "the failed folder of route 'a'"),
        ("order: modified", "a", "processing/ of route 'a'"),
    ],
)
def test_an_inbox_inside_what_another_route_owns_is_refused(
    folder: str, inbox: str, owner: str, tmp_path: Path
) -> None:
    inner = f"{inbox}/processing/x" if inbox == "a" else f"{inbox}/x"
    (problem,) = problems(tmp_path, two((folder,), inbox=inner))
    assert problem.startswith(f"config.yaml:7: routes.b.directory: lies in {owner}: ")


def test_a_link_does_not_hide_that_inboxes_are_nested(tmp_path: Path) -> None:
    (tmp_path / "a" / "inner").mkdir(parents=True)
    (tmp_path / "b").symlink_to("a/inner")
    (problem,) = problems(tmp_path, two())
    assert "routes.b.directory: lies in the inbox of route 'a'" in problem


def test_names_that_begin_alike_are_not_nested(tmp_path: Path) -> None:
    assert problems(tmp_path, two(inbox="ab")) == []


@pytest.mark.parametrize("key", ["done", "failed"])
@pytest.mark.parametrize(("folder", "owner"), [(".", "a"), ("../b", "b")])
def test_an_archive_that_is_an_inbox_is_refused(
    key: str, folder: str, owner: str, tmp_path: Path
) -> None:
    said = [f"config.yaml:5: routes.a.{key}: is the inbox of route '{owner}': its files would come"]
    assert [line[: len(said[0])] for line in problems(tmp_path, two((f"{key}: {folder}",)))] == said


@pytest.mark.parametrize("folder", ["processing", "processing/done", "../b/processing/x"])
def test_an_archive_in_processing_is_refused(folder: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, two((f"failed: {folder}",)))
    assert problem.startswith("config.yaml:5: routes.a.failed: lies in processing/ of route ")


def test_done_and_failed_must_be_two(tmp_path: Path) -> None:
    """Behaviour G10."""
    (problem,) = problems(tmp_path, two(("done: x", "failed: ./x/")))
    assert problem.startswith("config.yaml:6: routes.a.failed: is the same folder as done")


def test_routes_may_share_their_archives(tmp_path: Path) -> None:
    shared = ("done: ../done", "failed: ../failed")
    assert problems(tmp_path, two(shared, shared)) == []


@pytest.mark.parametrize("folder", ["a", "a/processing", "a/done", "./b/failed"])
def test_the_state_directory_is_a_folder_of_its_own(folder: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"state_directory: {folder}\n{two()}")
    assert problem.startswith("config.yaml:1: state_directory: is ")
    assert problem.endswith(" as well: it needs a folder of its own")


# ---------------------------------------------------------------- sub-folders


@pytest.mark.parametrize("key", ["done", "failed"])
def test_an_archive_in_an_inbox_that_is_looked_into_is_refused(key: str, tmp_path: Path) -> None:
    text = two(("recursive: true",), (f"{key}: ../a/kept/of/b",))
    assert problems(tmp_path, text) == [
        (
            f"config.yaml:9: routes.b.{key}: lies in the inbox of route 'a', which looks into its "
            "sub-folders: its files would come again"
        )
    ]


@pytest.mark.parametrize(
    ("one", "other", "inbox"),
    [
        (("recursive: false",), ("done: ../a/kept",), "b"),
        (("recursive: true", "done: old"), ("done: ../a/old/b", "failed: ../a/failed"), "b"),
        (("recursive: true", "done: old", "files: a*"), ("files: b*", "recursive: true"), "a"),
        (("recursive: true", "done: old/done", "failed: ../failed"), (), "b"),
    ],
)
def test_an_archive_that_is_not_looked_into_may_lie_there(
    one: tuple[str, ...], other: tuple[str, ...], inbox: str, tmp_path: Path
) -> None:
    assert problems(tmp_path, two(one, other, inbox=inbox)) == []


def test_an_inbox_in_one_that_is_looked_into_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, two(("recursive: true",), inbox="a/b"))
    assert "routes.b.directory: lies in the inbox of route 'a'" in problem


def test_the_state_directory_in_an_inbox_that_is_looked_into_is_refused(tmp_path: Path) -> None:
    text = f"state_directory: a/x/state\n{two(('recursive: true',))}"
    (problem,) = problems(tmp_path, text)
    assert "state_directory: lies in the inbox of route 'a', which looks into" in problem
    assert problems(tmp_path, text.replace("true", "false")) == []


def test_a_pattern_with_folders_needs_a_route_that_looks_into_them(tmp_path: Path) -> None:
    globs = ("files: [x.csv, in/*.csv]", "ignore: old/*")
    text = "without 'recursive' there are names, and no paths: '/' can't be in a pattern"
    assert problems(tmp_path, two(globs)) == [
        f"config.yaml:5: routes.a.files: {text}",
        f"config.yaml:6: routes.a.ignore: {text}",
    ]
    assert problems(tmp_path, two((*globs, "recursive: true"))) == []


# ---------------------------------------------------------------- markers


@pytest.mark.parametrize(
    ("files", "marker", "sample"),
    [
        ("'*.csv'", "{name}", "x.csv"),
        ("'*.csv'", "{stem}.csv", "x.csv"),
        ("'*.CSV'", "{stem}.csv", "x.CSV"),
        ("['*.txt', 's[!a-c]?.csv']", "{name}.csv", "sxx.csv"),
        ("ready", "READY", "ready"),
        ("in/ready", "READY", "ready"),
        ("'*.done'", "{name}.done", "x.done"),
    ],
)
def test_a_marker_that_is_not_told_from_a_file_is_refused(
    files: str, marker: str, sample: str, tmp_path: Path
) -> None:
    said = two((f"files: {files}", f"marker: '{marker}'", "recursive: true"))
    assert problems(tmp_path, said) == [
        (
            f"config.yaml:6: routes.a.marker: '{marker}' is not told from a file of this route, "
            f"such as '{sample}': give it an ending of its own, such as '{{name}}.done'"
        )
    ]


@pytest.mark.parametrize(
    ("files", "marker"),
    [
        ("*", "{name}.done"),
        ("*.csv", "{stem}.ok"),
        ("*.csv", "done-{name}"),
        ("*.csv", "all.csv"),
        ("sales*.csv", "{stem}-ok.csv"),
        ("in/*.csv", "in.csv"),
    ],
)
def test_a_marker_may_be_what_can_be_told_apart(files: str, marker: str, tmp_path: Path) -> None:
    route_a = (f"files: '{files}'", f"marker: '{marker}'", "recursive: true")
    assert problems(tmp_path, two(route_a)) == []


@pytest.mark.parametrize(
    ("more", "marker"),
    [
        ("order: name", "processing"),
        ("order: name", "Done"),
        ("failed: bad", "bad"),
        ("done: ../ok", "failed"),
    ],
)
def test_a_marker_must_not_be_called_like_a_folder_of_ours(
    more: str, marker: str, tmp_path: Path
) -> None:
    (problem,) = problems(tmp_path, two((more, f"marker: {marker}")))
    assert problem.startswith(f"config.yaml:6: routes.a.marker: '{marker}' is a folder of the serv")


@pytest.mark.parametrize("marker", ["done", "ok"])
def test_a_folder_elsewhere_does_not_stand_in_the_way_of_a_marker(
    marker: str, tmp_path: Path
) -> None:
    assert problems(tmp_path, two(("done: ../ok", f"marker: {marker}"))) == []


def test_a_marker_that_the_other_route_of_the_inbox_would_take_is_refused(tmp_path: Path) -> None:
    one, other = ("files: '*.csv'", "marker: '{name}.done'"), ("files: '*'", "ignore: '*.csv'")
    assert problems(tmp_path, two(one, other, inbox="a")) == [
        (
            "config.yaml:6: routes.a.marker: 'x.csv.done' would be taken as a file of route 'b', "
            "which shares the inbox: let that route ignore it"
        )
    ]
    ignoring = (other[0], "ignore: ['*.csv', '*.done']")
    assert problems(tmp_path, two(one, ignoring, inbox="a")) == []
    assert problems(tmp_path, two(one, other)) == []


# ---------------------------------------------------------------- patterns


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        ("['*.csv']", "['*.CSV']", "*.csv"),
        ("['*']", "['b*.csv']", "b*.csv"),
        ("['b*.csv']", "['*']", "b*.csv"),
        ("['sales.csv']", "['s*']", "sales.csv"),
        ("['s*']", "['x', 'Sales.csv']", "sales.csv"),
    ],
)
def test_routes_of_one_inbox_that_plainly_want_the_same_are_refused(
    one: str, other: str, named: str, tmp_path: Path
) -> None:
    text = two((f"files: {one}",), (f"files: {other}",), inbox="./a/")
    assert problems(tmp_path, text) == [
        (
            f"config.yaml:9: routes.b.files: '{named}' would be taken by route 'a' as well, which "
            "shares the inbox: tell them apart by 'files' or 'ignore'"
        )
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["files: a*"], ["files: b*"]),
        (["files: a*.csv"], ["files: '*b.csv'"]),
        (["files: sales.csv"], ["files: '*.csv'", "ignore: SALES.csv"]),
        (["files: '*'", "ignore: ['b*']"], ["files: b*"]),
        (["files: '[ab].csv'"], ["files: c.csv"]),
        (["files: c.csv"], ["files: '[ab].csv'"]),
        (["files: s*.csv"], ["files: '*.csv'"]),
    ],
)
def test_routes_of_one_inbox_may_be_told_apart(
    one: list[str], other: list[str], tmp_path: Path
) -> None:
    assert problems(tmp_path, two(tuple(one), tuple(other), inbox="a")) == []


def test_a_link_does_not_hide_that_an_inbox_is_shared(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    assert len(problems(tmp_path, two())) == 1


# ---------------------------------------------------------------- one configuration


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("order: name", "name here and modified in route 'a'"),
        ("after_failure: hold", "hold here and continue in route 'a'"),
        ("load_mode: update", "update here and not said in route 'a'"),
    ],
)
def test_routes_of_one_configuration_must_agree(line: str, text: str, tmp_path: Path) -> None:
    key, _, _ = line.partition(":")
    routes = f"routes:\n{route('a', directory='a')}{route('b', line, directory='b')}"
    assert problems(tmp_path, routes) == [
        (
            f"config.yaml:8: routes.b.{key}: {text}, which feeds the same "
            "configuration: make them equal"
        )
    ]


def test_routes_of_one_configuration_must_share_their_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc")
    (tmp_path / "key").chmod(0o600)
    first = route("a", "api_key_file: key", directory="a", configuration_id=UUID.upper())
    (problem,) = problems(tmp_path, f"routes:\n{first}{route('b', directory='b')}")
    start = "config.yaml:6: routes.b.api_key_file: default here and key in route 'a'"
    assert problem.startswith(start)


def test_routes_that_name_no_configuration_are_not_compared(tmp_path: Path) -> None:
    text = "routes:\n  a: {directory: a, order: name}\n  b: {directory: b}\n"
    assert [line.split(": ")[1] for line in problems(tmp_path, text)] == [
        "routes.a.configuration_id",
        "routes.b.configuration_id",
    ]


def test_routes_of_other_configurations_need_not_agree(tmp_path: Path) -> None:
    assert problems(tmp_path, two(("order: name",), ("load_mode: update",))) == []
