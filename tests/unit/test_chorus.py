from pathlib import Path

import pytest

from pigment_watcher.listeners import Chorus
from pigment_watcher.model import (
    Condition,
    ConditionEvent,
    ConditionKind,
    Fingerprint,
    Job,
    JobEvent,
    Listener,
    Rules,
    ServiceEvent,
    State,
)

SERVICE = ServiceEvent(name="service.started")
CONDITION = ConditionEvent(
    condition=Condition(kind=ConditionKind.FOLDER_LOST, subject="journal.db", since=0.0),
    began=True,
)
JOB = JobEvent(
    name="job.claimed",
    job=Job(
        id=1,
        route="sales",
        configuration_id="33d0d7d0-6125-47c4-b36a-882f4ed53b33",
        rules=Rules(directory=Path("/in"), done=Path("/in/done"), failed=Path("/in/failed")),
        name="a.csv",
        source=Path("/in/a.csv"),
        fingerprint=Fingerprint(size=3, mtime_ns=0, ctime_ns=0, inode=1),
        state=State.QUEUED,
        due_at=0.0,
        created_at=0.0,
    ),
)


class Ear(Listener):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def job_changed(self, event: JobEvent) -> None:
        self.heard.append(event)

    def condition_changed(self, event: ConditionEvent) -> None:
        self.heard.append(event)

    def service_changed(self, event: ServiceEvent) -> None:
        self.heard.append(event)


class BrokenEar(Listener):
    def service_changed(self, event: ServiceEvent) -> None:
        raise OSError("no ink left")


def test_all_listeners_hear_every_kind_of_event() -> None:
    ears = [Ear(), Ear()]
    chorus = Chorus(ears)
    chorus.job_changed(JOB)
    chorus.condition_changed(CONDITION)
    chorus.service_changed(SERVICE)
    assert [ear.heard for ear in ears] == [[JOB, CONDITION, SERVICE]] * 2


def test_one_that_fails_keeps_nothing_from_those_behind_it() -> None:
    ear = Ear()
    Chorus([BrokenEar(), ear]).service_changed(SERVICE)
    assert ear.heard == [SERVICE]


def test_one_that_fails_is_logged_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    Chorus([BrokenEar()]).service_changed(SERVICE)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "listener.failed")
    assert vars(record)["listener"] == "BrokenEar"
    assert "no ink left" in caplog.text


def test_an_interrupt_is_not_taken_for_a_failing_ear() -> None:
    class Interrupted(Listener):
        def service_changed(self, event: ServiceEvent) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Chorus([Interrupted()]).service_changed(SERVICE)
