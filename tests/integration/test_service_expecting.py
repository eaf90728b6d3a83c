"""That nothing arrived in time is a trouble like others: begun, shown, ended."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from journal_fixtures import end
from rig_fixtures import Ear, route

from pigment_watcher.clock import Clock
from pigment_watcher.journal import Journal
from pigment_watcher.model import ConditionKind, ExpectBy, Route
from pigment_watcher.recorder import Recorder
from pigment_watcher.service import expecting


class Setting(Clock):
    """A clock that is set."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> float:
        return self.moment.timestamp()


def expecting_route(folder: Path) -> Route:
    (folder / "in").mkdir(exist_ok=True)
    known = route(folder / "in")
    return Route(
        name="sales",
        configuration_id=known.configuration_id,
        rules=known.rules,
        expect_by=ExpectBy(6, 0, zone="UTC"),
    )


def test_it_begins_once_changes_with_the_day_and_ends_with_a_file(tmp_path: Path) -> None:
    clock = Setting(datetime(2026, 11, 24, 12, 0, tzinfo=ZoneInfo("UTC")))
    ear, routes = Ear(), [expecting_route(tmp_path)]
    journal = Journal.open(tmp_path)
    recorder = Recorder(journal, ear, clock)
    kind = ConditionKind.NOTHING_ARRIVED

    def look(*, after_h: float) -> str | None:
        clock.moment += timedelta(hours=after_h)
        expecting.look(recorder, routes)
        found = journal.conditions.get(kind, "sales")
        return None if found is None else found.detail

    assert look(after_h=0) is None  # today's time was over before anybody expected anything
    said = look(after_h=18)
    assert said is not None
    assert said.startswith("expected by Wed 2026-11-25 06:00 UTC")
    assert look(after_h=1) == said
    said = look(after_h=24)
    assert said is not None
    assert said.startswith("expected by Thu 2026-11-26 06:00 UTC")
    end(journal, "late.csv", clock.now())
    assert look(after_h=0.1) is None
    assert [event.began for event in ear.conditions] == [True, False]
    assert look(after_h=48) is not None
    routes[0] = Route(name="sales", configuration_id="x", rules=routes[0].rules)
    assert look(after_h=0) is None  # nobody expects it any more
    journal.close()
