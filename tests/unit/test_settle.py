"""Which files of a folder are complete, and who takes them."""

from dataclasses import replace

import pytest
from policy_fixtures import LANE, rules

from pigment_watcher import settle
from pigment_watcher.model import Fingerprint, Route
from pigment_watcher.settle import Sighting

QUIET_S = 2.0
SMALL = Fingerprint(size=1, mtime_ns=1, ctime_ns=1, inode=1)
LITTER = """
.hidden.csv .DS_Store ._name.csv ~$book.csv a.csv~ a.tmp a.TEMP a.part a.csv.partial a.crdownload
a.filepart a.writing a.swp a.bak a.lock a.csv.reason.txt a.csv.report.txt Thumbs.db Desktop.ini
ehthumbs.db __MACOSX @eaDir
"""


def route(name: str, *files: str, ignore: tuple[str, ...] = ()) -> Route:
    return Route(
        name=name, configuration_id=LANE, rules=rules(), files=files or ("*.csv",), ignore=ignore
    )


# ---------------------------------------------------------------- complete


def test_a_file_is_complete_when_it_was_quiet_for_long_enough_and_not_before() -> None:
    """Behaviour A9. Behaviour A10."""
    assert settle.complete_at(Sighting(SMALL, since=100.0), QUIET_S) == 102.0


@pytest.mark.parametrize("marked_since", [100.0, 101.0], ids=["together", "after"])
def test_a_marker_that_comes_with_its_file_or_after_it_counts_at_once(marked_since: float) -> None:
    assert settle.complete_at(Sighting(SMALL, since=100.0), 30.0, marked_since) == marked_since


def test_a_marker_that_was_there_before_may_be_an_older_files_and_the_quiet_time_counts() -> None:
    assert settle.complete_at(Sighting(SMALL, since=100.0), 30.0, 99.0) == 130.0


@pytest.mark.parametrize(
    ("marker", "path", "wanted"),
    [
        ("{name}.done", "a.csv", "a.csv.done"),
        ("{stem}.ok", "a.b.csv", "a.b.ok"),
        ("done-{name}", "x/$a$.csv", "x/done-$a$.csv"),
        ("ready", "x/y/a.csv", "x/y/ready"),
        ("{stem}.{name}", "{name}.csv", "{name}.{name}.csv"),
    ],
)
def test_a_marker_stands_beside_its_file(marker: str, path: str, wanted: str) -> None:
    assert settle.marker_of(marker, path) == wanted
    assert settle.is_marker(wanted.rpartition("/")[2].upper(), marker)


@pytest.mark.parametrize(("name", "marker"), [("a.csv", "{name}.done"), (".done", "{name}.done")])
def test_what_is_no_marker_is_not_taken_for_one(name: str, marker: str) -> None:
    assert not settle.is_marker(name, marker)


def test_a_marker_without_a_name_in_it_is_shared_by_all_files() -> None:
    assert settle.is_shared("ready")
    assert not settle.is_shared("{name}.done")
    assert not settle.is_shared("{stem}.ok")


def test_a_marker_is_never_data_whatever_a_route_says() -> None:
    marked = replace(route("all", "*"), marker="{name}.done")

    assert settle.takers("a.csv.done", [marked]) == []
    assert settle.takers("a.csv", [marked]) == [0]


def test_files_in_sub_folders_are_taken_by_recursive_routes_alone() -> None:
    deep = replace(route("deep", ignore=("old",)), recursive=True)
    routes = [route("flat"), deep]

    assert settle.takers("a.csv", routes) == [0, 1]
    assert settle.takers("x/a.csv", routes) == [1]
    assert settle.takers("x/old/a.csv", routes) == []


def test_a_pattern_may_name_a_folder_on_the_way() -> None:
    north = replace(route("north", "north/*.csv"), recursive=True)

    assert settle.takers("north/a.csv", [north]) == [0]
    assert settle.takers("south/a.csv", [north]) == []


def test_a_file_of_which_nothing_could_be_learnt_stays_as_it_was() -> None:
    before = {"a.csv": Sighting(SMALL, 1.0), "b.csv": Sighting(SMALL, 1.0)}

    assert settle.observe(before, {}, 5.0, unknown={"a.csv", "new.csv"}) == {
        "a.csv": before["a.csv"]
    }


def test_an_inode_that_means_nothing_is_not_compared() -> None:
    before = {"a.csv": Sighting(SMALL.without_inode(), 1.0)}

    assert settle.observe(before, {"a.csv": SMALL}, 5.0) == before


@pytest.mark.parametrize(
    "changed",
    [
        Fingerprint(size=2, mtime_ns=1, ctime_ns=1, inode=1),
        Fingerprint(size=1, mtime_ns=2, ctime_ns=1, inode=1),
        Fingerprint(size=1, mtime_ns=1, ctime_ns=2, inode=1),
        Fingerprint(size=1, mtime_ns=1, ctime_ns=1, inode=2),
    ],
    ids=["size", "mtime", "ctime", "inode"],
)
def test_any_change_starts_the_clock_anew(changed: Fingerprint) -> None:
    """Behaviour A11. Behaviour A14. Behaviour T7."""
    before = {"a.csv": Sighting(SMALL, 100.0)}

    assert settle.observe(before, {"a.csv": changed}, 109.0) == {"a.csv": Sighting(changed, 109.0)}


def test_a_file_that_is_seen_again_unchanged_keeps_its_clock() -> None:
    before = {"a.csv": Sighting(SMALL, 100.0)}

    assert settle.observe(before, {"a.csv": SMALL}, 109.0) == before


def test_each_file_has_a_clock_of_its_own() -> None:
    """Behaviour A8."""
    first = settle.observe({}, {"a.csv": SMALL}, 100.0)
    second = settle.observe(first, {"a.csv": SMALL, "b.csv": SMALL}, 101.0)

    assert {name: sighting.since for name, sighting in second.items()} == {
        "a.csv": 100.0,
        "b.csv": 101.0,
    }


def test_a_file_that_is_not_seen_is_forgotten() -> None:
    """Behaviour A12. Behaviour A16."""
    before = {"a.csv": Sighting(SMALL, 100.0)}

    assert settle.observe(before, {}, 101.0) == {}


@pytest.mark.parametrize("mtime_ns", [0, 1, 4_000_000_000 * 10**9])
def test_no_clock_of_a_file_plays_a_part(mtime_ns: int) -> None:
    """Behaviour T6."""
    odd = Fingerprint(size=1, mtime_ns=mtime_ns, ctime_ns=0, inode=1)

    sighting = settle.observe({}, {"a.csv": odd}, 100.0)["a.csv"]

    assert settle.complete_at(sighting, QUIET_S) == 102.0


# ---------------------------------------------------------------- takers


@pytest.mark.parametrize("name", LITTER.split())
def test_litter_is_never_taken_whatever_a_route_says(name: str) -> None:
    """Behaviour D5. Behaviour D7. Behaviour D8."""
    assert settle.is_litter(name)
    assert settle.takers(name, [route("all", "*")]) == []


@pytest.mark.parametrize("name", ["a.csv", "tmp.csv", "part", "bak.csv", "reason.txt", "a~b.csv"])
def test_what_only_looks_like_litter_is_taken(name: str) -> None:
    """Behaviour D7."""
    assert not settle.is_litter(name)
    assert settle.takers(name, [route("all", "*")])


@pytest.mark.parametrize(
    "name", ["sales.csv", "SALES.CSV", "Sales.Csv", "s.a.csv", "-s.csv", "s\n.csv"]
)
def test_a_glob_takes_a_name_whatever_its_case(name: str) -> None:
    """Behaviour D12."""
    assert settle.matches(name, ("*.csv",))
    assert settle.matches(name, ("*.CSV",))


@pytest.mark.parametrize("name", ["sales.csv.gz", "csv", "sales.txt", "sales.csv\n"])
def test_a_glob_speaks_of_the_whole_name(name: str) -> None:
    assert not settle.matches(name, ("*.csv",))


def test_one_of_several_globs_is_enough_and_none_takes_nothing() -> None:
    assert settle.matches("b.txt", ("*.csv", "b.*"))
    assert not settle.matches("b.txt", ())


def test_characters_that_mean_something_elsewhere_mean_themselves() -> None:
    assert settle.matches("$a+(1)|x.csv", ("$a+(1)|x.csv",))
    assert not settle.matches("x.csv", ("$a+(1)|x.csv",))


def test_a_name_that_is_no_text_is_taken_as_well() -> None:
    """Behaviour T14."""
    assert settle.matches("a\udcff.csv", ("*.csv",))


def test_routes_take_a_name_in_the_order_of_the_configuration() -> None:
    routes = [route("x", "x*"), route("sales", "s*"), route("all", "*")]

    assert settle.takers("sales.csv", routes) == [1, 2]


def test_what_a_route_ignores_another_may_take() -> None:
    """Behaviour D9. Behaviour D11."""
    routes = [route("sales", ignore=("old_*",)), route("old")]

    assert settle.takers("OLD_1.csv", routes) == [1]
