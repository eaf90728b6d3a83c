"""Names that are free, and names of what stands beside a file."""

import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from journal_fixtures import NO_TEXT

from pigment_watcher.files import names

#: 2026-11-23 10:15:02, in a zone where that is two hours ahead of UTC.
NOW = 1_795_421_702.0


@pytest.fixture(autouse=True)
def _local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "TWO-2")
        time.tzset()
        yield
    time.tzset()


def taken(folder: Path, *found: str) -> Path:
    for name in found:
        (folder / name).touch()
    return folder


def free(folder: Path, name: str = "sales.csv") -> str:
    path = names.free(folder, name, NOW)
    assert path.parent == folder
    return path.name


def test_a_free_name_stays_as_it_is(tmp_path: Path) -> None:
    """Behaviour G11."""
    assert free(tmp_path) == "sales.csv"


def test_a_taken_name_gets_the_local_time_then_a_number(tmp_path: Path) -> None:
    """Behaviour G2."""
    found = []
    for _ in range(4):
        found.append(free(tmp_path))
        taken(tmp_path, found[-1])

    assert found == [
        "sales.csv",
        "sales-20261123-101502.csv",
        "sales-20261123-101502-2.csv",
        "sales-20261123-101502-3.csv",
    ]


@pytest.mark.parametrize("neighbour", ["sales.csv.reason.txt", "sales.csv.report.txt"])
def test_a_name_whose_reason_or_report_is_there_is_taken(tmp_path: Path, neighbour: str) -> None:
    assert free(taken(tmp_path, neighbour)) == "sales-20261123-101502.csv"


def test_a_link_that_leads_nowhere_takes_a_name_too(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").symlink_to("nowhere")
    (tmp_path / "sales-20261123-101502.csv").mkdir()

    assert free(tmp_path) == "sales-20261123-101502-2.csv"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("sales", "sales-20261123-101502"),
        (".hidden", ".hidden-20261123-101502"),
        ("a.b.csv", "a.b-20261123-101502.csv"),
        ("sales.", "sales-20261123-101502."),
        (NO_TEXT, NO_TEXT.replace(".", "-20261123-101502.")),
        ("line\nend.csv", "line\nend-20261123-101502.csv"),
        ("a." + "x" * 33, "a." + "x" * 33 + "-20261123-101502"),
    ],
)
def test_the_suffix_stands_before_the_extension(tmp_path: Path, name: str, other: str) -> None:
    assert free(taken(tmp_path, name), name) == other


@pytest.mark.parametrize(
    "name",
    [
        "n" * 251 + ".csv",
        "é" * 125 + "x.csv",
        "\udce9" * 251 + ".csv",
        "n" * 255,
        "a." + "x" * 253,
        "." + "x" * 254,
    ],
)
def test_a_name_that_fills_all_bytes_still_finds_a_free_one(tmp_path: Path, name: str) -> None:
    """Behaviour T14."""
    found = {name}
    taken(tmp_path, name)
    for _ in range(3):
        other = free(tmp_path, name)
        assert len(os.fsencode(other)) <= 255
        assert other.endswith(".csv") == name.endswith(".csv")
        taken(tmp_path, other)
        found.add(other)

    assert len(found) == 4


def test_what_stands_beside_a_file_is_named_after_it() -> None:
    assert names.beside("sales.csv", names.REASON) == "sales.csv.reason.txt"


@pytest.mark.parametrize("name", ["é" * 127, "n" * 255, "\udce9" * 250])
def test_what_stands_beside_a_long_name_is_shortened_by_whole_characters(
    tmp_path: Path, name: str
) -> None:
    beside = names.beside(name, names.REASON)

    assert len(os.fsencode(beside)) in {254, 255}
    assert name.startswith(beside.removesuffix(names.REASON))
    taken(tmp_path, beside)


def test_long_names_that_share_a_reason_file_do_not_share_it(tmp_path: Path) -> None:
    """Both reasons would be cut to the same name."""
    one, other = "n" * 250 + "1.csv", "n" * 250 + "2.csv"
    taken(tmp_path, one, names.beside(one, names.REASON))

    found = free(tmp_path, other)

    assert names.beside(found, names.REASON) != names.beside(one, names.REASON)


def test_the_candidates_never_end() -> None:
    assert len(set(islice(names._candidates("a.csv", NOW), 1000))) == 1000
