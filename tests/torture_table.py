"""The table of the torture: `pytest.mark.torture("1. what is broken")` names a family of faults.

A test that tries more than one fault says so: `record_property("faults", 60)`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
#: The table stands between these lines of the page.
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

_FAMILY, _FAULTS = "family", "faults"


@dataclass(slots=True)
class Figures:
    """What one family of faults came to; a test counts as one fault unless it says more."""

    faults: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


_figures: dict[str, Figures] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note of which family each test is, where the process that prints the table can read it."""
    for item in items:
        if (marker := item.get_closest_marker("torture")) is not None:
            item.user_properties.append((_FAMILY, marker.args[0]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count; under xdist this is the process that hears of all the others."""
    told = dict(report.user_properties)
    if _FAMILY not in told:
        return
    figures = _figures.setdefault(str(told[_FAMILY]), Figures())
    figures.seconds += report.duration
    figures.skipped += report.skipped
    figures.failed += report.failed
    if report.when == "call" and not report.skipped:
        figures.faults += int(str(told.get(_FAULTS, 1)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and put it into the docs where TORTURE_PAGE asks for it."""
    if not _figures:
        return
    terminalreporter.section("torture")
    table = _table()
    terminalreporter.write_line(table)
    if os.environ.get("TORTURE_PAGE"):
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def _table() -> str:
    rows = ["| what is broken | faults | failures | run time |", "| --- | ---: | ---: | ---: |"]
    for family, one in sorted(
        _figures.items(), key=lambda item: (int(item[0].partition(".")[0]), item[0])
    ):
        skipped = f" ({one.skipped} skipped)" if one.skipped else ""
        rows.append(f"| {family} | {one.faults}{skipped} | {one.failed} | {one.seconds:.0f} s |")
    faults, failed = (sum(getattr(f, of) for f in _figures.values()) for of in ("faults", "failed"))
    seconds = sum(figures.seconds for figures in _figures.values())
    return "\n".join([*rows, f"| all | {faults} | {failed} | {seconds:.0f} s |"])
