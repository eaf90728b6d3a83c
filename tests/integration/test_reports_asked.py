"""By which call an import is asked after: with a report, or without; a real socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from report_fixtures import SKIPS, asked, at, report_text
from rig_fixtures import reason

from pigment_watcher.model import ConditionKind, DetailedReport, Outcome
from pigment_watcher.service.reloading import Reloading
from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator

DAY_S = 24 * 3600.0


@pytest.fixture
def old() -> Iterator[Simulator]:
    """Lend a stand-in that knows nothing under v1."""
    with Simulator(import_s=0.0, has_v1=False) as simulator:
        yield simulator


@pytest.mark.parametrize(
    ("wanted", "calls"),
    [
        (DetailedReport.AUTO, ["report"]),
        (DetailedReport.ALWAYS, ["report"]),
        (DetailedReport.NEVER, ["article"]),
    ],
)
def test_an_import_is_asked_after_as_it_is_wanted(
    tmp_path: Path, pigment: Simulator, wanted: DetailedReport, calls: list[str]
) -> None:
    with at(pigment, tmp_path, wanted) as one:
        one.put("a.csv", SKIPS)
        one.take_in()
        one.work_off()

        is_never = wanted is DetailedReport.NEVER
        assert one.job().outcome is (Outcome.IMPORTED if is_never else Outcome.IMPORTED_WITH_SKIPS)
        assert asked(pigment) == calls


def test_a_host_without_v1_is_found_out_once_and_each_import_then_costs_one_call(
    tmp_path: Path, old: Simulator
) -> None:
    with at(old, tmp_path) as one:
        one.take_in("a.csv")
        assert one.work_off() == ["push", "poll", "poll", "poll", "poll"]
        assert asked(old) == ["report", "article", "report", "article"]
        one.take_in("b.csv", "c.csv")
        one.work_off()

        assert asked(old)[4:] == ["article", "article"]
        assert set(one.outcomes().values()) == {Outcome.IMPORTED}
        assert one.ear.told(ConditionKind.NO_REPORTS) == [True]
        slots = one.journal.calls.count(one.desk.destination.host, 0.0)
        assert slots == len(old.calls())


def test_that_a_host_has_no_v1_is_remembered_over_restarts_and_asked_anew_after_a_day(
    tmp_path: Path, old: Simulator
) -> None:
    with at(old, tmp_path) as one:
        one.take_in("a.csv")
        one.work_off()
        one.restart()
        one.take_in("b.csv")
        one.work_off()
        assert asked(old)[4:] == ["article"]
        one.clock.advance(DAY_S)
        one.take_in("c.csv", "d.csv")
        one.work_off()

        assert asked(old)[5:] == ["report", "article", "article"]
        assert one.ear.told(ConditionKind.NO_REPORTS) == [True]


def test_one_import_alone_finds_out_for_all_whether_there_are_reports_now(
    tmp_path: Path, old: Simulator
) -> None:
    with at(old, tmp_path) as one:
        one.take_in("a.csv")
        one.work_off()
        one.clock.advance(DAY_S)
        old.script(Fault.answer(502, on="report"))
        one.take_in("b.csv", "c.csv")
        one.work_off()

        assert asked(old)[4:] == ["report", "article", "article"]


def test_a_host_that_has_v1_after_all_is_asked_for_reports_again(
    tmp_path: Path, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404, on="report", times=2))
    with at(pigment, tmp_path) as one:
        one.take_in("a.csv")
        one.work_off()
        one.clock.advance(DAY_S)
        one.put("b.csv", SKIPS)
        one.take_in()
        one.work_off()

        assert one.outcomes()["b.csv"] is Outcome.IMPORTED_WITH_SKIPS
        assert one.ear.told(ConditionKind.NO_REPORTS) == [True, False]


def test_one_denial_is_no_proof(tmp_path: Path, pigment: Simulator) -> None:
    """As of an import that shows in one of the two calls first."""
    pigment.script(Fault.answer(404, on="report"))
    with at(pigment, tmp_path) as one:
        one.put("a.csv", SKIPS)
        one.take_in()
        one.work_off()

        assert asked(pigment) == ["report", "article", "report"]
        assert one.job().outcome is Outcome.IMPORTED_WITH_SKIPS
        assert one.ear.told(ConditionKind.NO_REPORTS) == []


def test_an_import_that_is_not_known_at_all_says_nothing_about_v1(
    tmp_path: Path, pigment: Simulator
) -> None:
    pigment.script(Fault.answer(404, on="status", times=None))
    with at(pigment, tmp_path) as one:
        one.take_in("a.csv")
        one.work_off()

        assert one.job().outcome is Outcome.UNSURE
        assert "knows no import of that" in " ".join(reason(one).split())
        assert asked(pigment).count("report") == 1
        assert one.ear.told(ConditionKind.NO_REPORTS) == []


@pytest.mark.parametrize(
    "denial",
    [
        Fault.answer(405, on="report", times=None),
        Fault.answer(501, on="report", times=None),
        Fault.answer(308, headers={"Location": "/login"}, on="report", times=None),
        Fault.answer(200, body=b"<html>Welcome</html>", on="report", times=None),
        Fault.answer(200, body=b"{}", on="report", times=None),
    ],
    ids=lambda fault: f"{fault.status} {fault.body.decode()}",
)
def test_whatever_stands_in_the_place_of_v1_the_older_call_ends_the_import(
    tmp_path: Path, pigment: Simulator, denial: Fault
) -> None:
    pigment.script(denial)
    with at(pigment, tmp_path) as one:
        one.take_in("a.csv")
        one.work_off()

        assert one.job().outcome is Outcome.IMPORTED
        assert one.ear.told(ConditionKind.NO_REPORTS) == [True]
        assert one.ear.told(ConditionKind.WRONG_URL) == []


@pytest.mark.parametrize(
    "trouble",
    [
        Fault.answer(500, on="report", times=None),
        Fault.answer(403, on="report", times=None),
        Fault.answer(401, on="report", times=None),
        Fault(on="report", action="cut_answer", times=None),
        Fault(on="report", action="garbage", times=None),
    ],
    ids=lambda fault: str(fault.status or fault.action),
)
@pytest.mark.parametrize("wanted", [DetailedReport.AUTO, DetailedReport.ALWAYS])
def test_a_report_that_never_comes_does_not_keep_the_import_from_its_end(
    tmp_path: Path, pigment: Simulator, trouble: Fault, wanted: DetailedReport
) -> None:
    pigment.script(trouble)
    with at(pigment, tmp_path, wanted) as one:
        one.take_in("a.csv")
        one.work_off()

        assert one.job().outcome is Outcome.IMPORTED
        assert "Its report could not be read" in one.job().reason
        assert one.ear.told(ConditionKind.NO_REPORTS) == []


@pytest.mark.parametrize("wanted", [DetailedReport.AUTO, DetailedReport.ALWAYS])
def test_a_report_that_is_too_long_is_not_read_and_the_file_is_imported(
    tmp_path: Path, pigment: Simulator, wanted: DetailedReport
) -> None:
    pigment.tell({"padding": "x" * (2 * 1024 * 1024)})
    with at(pigment, tmp_path, wanted) as one:
        one.take_in("a.csv")
        assert one.work_off() == ["push", "poll", "poll"]

        assert one.job().outcome is Outcome.IMPORTED
        assert "Its report could not be read" in one.job().reason
        second = "article" if wanted is DetailedReport.AUTO else "v1"
        assert asked(pigment) == ["report", second]


def test_a_long_report_is_read(tmp_path: Path, pigment: Simulator) -> None:
    entry = {"count": 1, "reason": "ParsingError", "samples": ["x" * 500] * 2000}
    pigment.tell({"impactedBlocks": [{"skippedData": [entry]}]})
    with at(pigment, tmp_path) as one:
        one.take_in("a.csv")
        one.work_off()

        assert one.job().outcome is Outcome.IMPORTED_WITH_SKIPS
        assert len(report_text(one, "done")) < 4000


def test_always_never_takes_the_older_call_for_an_answer(tmp_path: Path, old: Simulator) -> None:
    with at(old, tmp_path, DetailedReport.ALWAYS) as one:
        one.take_in("a.csv")
        one.work_off()

        assert one.job().outcome is Outcome.UNSURE
        assert set(asked(old)) == {"report"}


def test_a_key_that_is_not_at_hand_is_no_reason_to_ask_otherwise(
    tmp_path: Path, pigment: Simulator
) -> None:
    with at(pigment, tmp_path) as one:
        one.take_in("a.csv")
        one.work()
        one.keys.clear()
        assert one.work(most=2) == ["poll", "probe"]
        one.keys["default"] = DEMO_KEY
        one.work_off()

        assert asked(pigment) == ["report"]


def test_a_reload_finds_out_anew_whether_there_are_reports(tmp_path: Path, old: Simulator) -> None:
    with at(old, tmp_path) as one:
        one.take_in("a.csv")
        one.work_off()
        Reloading(one.recorder, one.clock, one.desk).try_at_once()
        one.take_in("b.csv")
        one.work_off()

        assert asked(old)[4:] == ["report", "article", "report", "article"]
        assert one.ear.told(ConditionKind.NO_REPORTS) == [True, False, True]
