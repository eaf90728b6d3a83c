"""Notices to a real mail server and a real webhook."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_fixtures import new_job
from notify_fixtures import Webhook, mail_server, webhook
from rig_fixtures import eventually
from web_fixtures import NOW, begin, block, fill, settings

from pigment_watcher import errors
from pigment_watcher.clock import Clock
from pigment_watcher.config import Settings
from pigment_watcher.config.secrets import Secret
from pigment_watcher.config.settings import Audience, Notify
from pigment_watcher.journal import Journal
from pigment_watcher.model import ExpectBy, JobEvent, Outcome
from pigment_watcher.policy import notices
from pigment_watcher.policy.notices import NoticeKind
from pigment_watcher.service import notifying
from pigment_watcher.service.companions import Sights
from pigment_watcher.service.notifying import Notifier

EVERYTHING = frozenset(NoticeKind)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gather no longer than a moment."""
    monkeypatch.setattr(notices, "GROUPED_S", (0.2, 0.2))
    monkeypatch.setattr(notices, "AGAIN_S", (0.1,))
    monkeypatch.setattr(notifying, "HEARTBEAT_S", 0.2)


@pytest.fixture
def hook() -> Iterator[tuple[str, Webhook]]:
    with webhook() as lent:
        yield lent


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = begin(tmp_path)
    yield opened
    opened.close()


def told_by(
    *urls: str, route: str | None = None, events: frozenset[NoticeKind] = EVERYTHING
) -> Audience:
    return Audience(route, tuple(map(Secret, urls)), events)


@contextlib.contextmanager
def running(notifier: Notifier, told: Settings | None = None) -> Iterator[Notifier]:
    if told is not None:
        notifier.open(Sights(lambda: told, list, dict))
    thread = threading.Thread(target=notifier.run, name="notices")
    thread.start()
    try:
        yield notifier
    finally:
        notifier.close()
        thread.join()


def ended(notifier: Notifier, name: str, outcome: Outcome, route: str = "sales") -> None:
    job = new_job(name, route=route, outcome=outcome, reason="Because.")
    notifier.job_changed(JobEvent(name="job.finished", job=job))


def test_a_mail_arrives_and_reads_well() -> None:
    with mail_server() as (url, mailbox):
        notify = Notify(environment="production", audiences=(told_by(url),))
        with running(Notifier(notify)) as notifier:
            ended(notifier, "käse.csv", Outcome.FAILED)
            eventually(lambda: len(mailbox.mails) == 1)
    (mail,) = mailbox.mails
    assert mail["To"] == "anna@example.com"
    assert "pigment-watcher production: 1 not imported" in str(mail["Subject"])
    plain = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    content = plain.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert "- sales: käse.csv: Because. (job 0)" in content.decode()


def test_many_events_are_one_message(
    hook: tuple[str, Webhook], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "GROUPED_S", (5.0,))
    url, taken = hook
    with running(Notifier(Notify(audiences=(told_by(f"json://{url}"),)))) as notifier:
        for number in range(1200):
            ended(notifier, f"{number}.csv", Outcome.FAILED)
        taken.wait_for(1)
    (said,) = taken.said
    assert said["title"] == "pigment-watcher: 1000 not imported"
    assert "and 200 more events" in said["message"]


def test_each_audience_hears_of_what_it_wants(hook: tuple[str, Webhook]) -> None:
    url, taken = hook
    audiences = (
        told_by(f"json://{url}/all", events=frozenset({NoticeKind.UNSURE})),
        told_by(f"json://{url}/costs", route="costs"),
    )
    with running(Notifier(Notify(audiences=audiences))) as notifier:
        ended(notifier, "a.csv", Outcome.FAILED)
        ended(notifier, "b.csv", Outcome.UNSURE)
        ended(notifier, "c.csv", Outcome.FAILED, route="costs")
        ended(notifier, "d.csv", Outcome.IMPORTED, route="costs")
        taken.wait_for(2)
    titles = sorted(said["title"] for said in taken.said)
    assert titles == [
        "pigment-watcher: 1 not imported",
        "pigment-watcher: 1 not known whether imported",
    ]


def test_what_could_not_be_sent_is_sent_later_and_said_once(
    hook: tuple[str, Webhook], caplog: pytest.LogCaptureFixture
) -> None:
    url, taken = hook
    taken.status = 503
    caplog.set_level(logging.INFO)
    with running(Notifier(Notify(audiences=(told_by(f"json://{url}/secret-path"),)))) as notifier:
        ended(notifier, "a.csv", Outcome.FAILED)
        eventually(lambda: notifier._boxes[0].failures >= 2)
        taken.status = 200
        taken.wait_for(1)
    assert [record.message for record in caplog.records if "notice" in record.message] == [
        "notice.failed",
        "notice.sent",
    ]
    assert "secret-path" not in caplog.text
    assert "a.csv" in taken.said[0]["message"]


def test_what_is_left_at_a_stop_is_sent_then(
    hook: tuple[str, Webhook], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, taken = hook
    monkeypatch.setattr(notices, "GROUPED_S", (600.0,))
    with running(Notifier(Notify(audiences=(told_by(f"json://{url}"),)))) as notifier:
        ended(notifier, "a.csv", Outcome.FAILED)
    assert len(taken.said) == 1


def test_a_summary_comes_at_its_time_and_a_heartbeat_while_all_is_well(
    hook: tuple[str, Webhook], tmp_path: Path, journal: Journal
) -> None:
    class Moving(Clock):
        ahead_s = 0.0

        def now(self) -> float:
            return NOW + self.ahead_s  # 2026-09-21 14:13:20 UTC

    fill(journal)
    url, taken = hook
    clock = Moving()
    notify = Notify(
        environment="test",
        audiences=(told_by(f"json://{url}"), told_by(f"json://{url}", route="sales")),
        summary=ExpectBy(14, 20, zone="UTC"),
        heartbeat_url=Secret(f"http://{url}/alive"),
    )
    with running(Notifier(notify, clock), settings(tmp_path)):
        with taken.came:
            assert taken.came.wait_for(lambda: bool(taken.gets), 30.0)
        assert taken.said == []
        clock.ahead_s = 600.0
        taken.wait_for(1)
        block(journal)
        clock.ahead_s = 90_000.0
        taken.wait_for(2)
    assert set(taken.gets) == {"/alive"}
    first, second = taken.said
    assert first["title"] == "pigment-watcher test: all is well"
    assert (
        "- sales: 1 imported, 1 imported with skips, 1 refused; 1 waiting, ok" in first["message"]
    )
    assert second["title"] == "pigment-watcher test: somebody should look"
    assert "What is wrong:\n- blocked" in second["message"]


def test_without_a_journal_there_is_no_heartbeat_and_no_summary(
    hook: tuple[str, Webhook], tmp_path: Path
) -> None:
    url, taken = hook
    notifier = Notifier(Notify(heartbeat_url=Secret(f"http://{url}/alive"), summary=ExpectBy(0, 0)))
    notifier._summed_up_at = 0.0
    (tmp_path / "state").mkdir()
    notifier.open(Sights(lambda: settings(tmp_path), list, dict))
    notifier._sum_up()
    notifier._beat()
    assert (taken.said, taken.gets) == ([], [])


def test_a_heartbeat_that_fails_is_said(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(Notify(heartbeat_url=Secret("http://127.0.0.1:9/secret")))
    told = settings(tmp_path)
    notifier.open(Sights(lambda: told, list, dict))
    notifier._beat()
    assert [record.message for record in caplog.records] == ["heartbeat.failed"]
    assert "secret" not in caplog.text


def test_an_address_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(errors.ConfigError, match="address 2 of its file") as refused:
        Notifier(Notify(audiences=(told_by("json://127.0.0.1", "nonsense://secret"),)))
    assert "secret" not in str(refused.value)
