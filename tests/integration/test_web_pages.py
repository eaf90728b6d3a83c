"""The page over a real socket, of a real journal."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from journal_fixtures import end
from web_fixtures import HOSTILE, NOW, Site, begin, block, fill, settings, site

from pigment_watcher import errors
from pigment_watcher.journal import Journal
from pigment_watcher.model import Condition, ConditionKind, Outcome
from pigment_watcher.web import Server

PAGES = ("/", "/?span=month", "/files", "/files/1", "/files/2")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = begin(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def page(tmp_path: Path, journal: Journal) -> Iterator[Site]:
    """Serve a page of a journal that is empty yet."""
    with site(settings(tmp_path)) as serving:
        yield serving


def test_a_server_that_is_over_writes_into_no_descriptor_that_it_had(
    tmp_path: Path, journal: Journal
) -> None:
    with site(settings(tmp_path)) as serving:
        pass
    ends = [os.pipe() for _ in range(20)]  # they get the numbers that the server had
    serving.server.close()
    for reading, writing in ends:
        os.close(writing)
        assert os.read(reading, 1) == b""
        os.close(reading)


@pytest.mark.parametrize("path", ["/", "/?span=month", "/files"])
def test_a_journal_without_files_has_pages(page: Site, path: str) -> None:
    assert page.get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_drawn_and_fetches_nothing_from_elsewhere(
    page: Site, journal: Journal, path: str
) -> None:
    fill(journal)
    answer = page.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "http" not in answer.text.replace("https://pigment", "").replace("http-equiv", "")
    assert "style=" not in answer.text


@pytest.mark.parametrize("path", ["/", "/files", "/files/2"])
def test_a_name_that_means_harm_is_a_text(page: Site, journal: Journal, path: str) -> None:
    fill(journal)
    text = page.get(path).text
    assert "<img" not in text
    assert "&lt;img src=x" in text
    assert "\u202e" not in text


def test_the_overview_tells_what_waits_what_runs_and_what_ended(
    page: Site, journal: Journal
) -> None:
    fill(journal)
    text = page.get("/").text
    assert "All works, but 1 file was not imported" in text
    assert 'href="/files?outcome=refused">1 refused</a>' in text
    for told in (
        "running.csv",
        "being imported by Pigment",
        ">49 s</td>",
        "september.csv",
        "Why: july.csv",
    ):
        assert told in text


def test_a_trouble_stands_at_the_top_and_makes_the_health_bad(page: Site, journal: Journal) -> None:
    block(journal)
    text = page.get("/").text
    assert "Somebody should look" in text
    assert "blocked: sales, costs: 401: &lt;no&gt;" in text
    answer = page.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["alarms"][0].startswith("blocked: sales, costs: 401: <no>")


def test_health_is_good_while_nothing_is_wrong_and_bad_while_a_thread_is_silent(
    page: Site,
) -> None:
    assert (page.get("/healthz").status_code, page.get("/healthz").json()["alarms"]) == (200, [])
    assert "pigment_watcher_healthy 1.0" in page.get("/metrics").text
    page.silent.append("worker-2")
    assert page.get("/healthz").json()["alarms"] == ["worker-2 does not answer"]
    assert page.get("/healthz").status_code == 503
    assert "pigment_watcher_healthy 0.0" in page.get("/metrics").text
    assert "worker-2 does not answer" in page.get("/").text


def test_a_file_that_waits_too_long_is_an_alarm(tmp_path: Path, journal: Journal) -> None:
    fill(journal)
    with site(settings(tmp_path, "alarm_after: 20s")) as page:
        assert page.get("/healthz").json()["alarms"] == [
            "late: sales: the oldest file waits for 30 s"
        ]


def test_the_month_is_dear_to_draw_and_renewed_less_often(page: Site) -> None:
    assert 'data-every="5"' in page.get("/").text
    assert 'data-every="60"' in page.get("/?span=month").text
    assert 'data-every="5"' in page.get("/files/999").text


def test_files_are_searched_by_name_route_and_end(page: Site, journal: Journal) -> None:
    fill(journal)

    def found(query: str) -> list[str]:
        return [one["file"] for one in page.get(f"/api/files?{query}").json()["files"]]

    assert found("named=SEPT") == ["september.csv"]
    assert found("outcome=imported_with_skips") == ["july.csv"]
    assert found("route=costs") == []
    assert found("before=2") == ["september.csv"]
    assert found("limit=1") == ["waits.csv"]
    assert len(found("outcome=nonsense&limit=0&before=x&named=")) == 1
    assert "No such file." in page.get("/files?named=nowhere").text


def test_pages_of_files_lead_to_the_older_ones(page: Site, journal: Journal) -> None:
    for number in range(60):
        end(journal, f"file-{number}.csv", NOW - 60)
    first = page.get("/files?named=file").text
    assert "before=11" in first
    assert "file-9.csv" in page.get("/files?named=file&before=11").text
    assert "Older ones" not in page.get("/files?named=file&before=11").text


def test_programs_get_the_same_as_people(page: Site, journal: Journal) -> None:
    fill(journal)
    status = page.get("/api/status").json()
    assert [route["waiting"] for route in status["routes"]] == [1, 0]
    (running,) = status["in_progress"]
    assert (running["file"], running["stage_s"]) == ("running.csv", 49.0)
    (story,) = page.get("/api/files/2").json()["files"]
    assert (story["file"], story["outcome"]) == (HOSTILE, "refused")
    assert [step["to"] for step in story["story"]][-1] == "FAILED"
    day = page.get("/api/ends/day").json()["spans"]
    assert len(day) == 24
    assert day[-1]["files"] == {"imported_with_skips": 1, "refused": 1}
    assert day[-2]["files"] == {"imported": 1}
    assert (day[-1]["mean_s"], day[-1]["longest_s"]) == (12.0, 12.0)
    assert len(page.get("/api/ends/month").json()["spans"]) == 30


@pytest.mark.parametrize("path", ["/files/999", "/nowhere", "/api/files/999", "/api/ends/year"])
def test_what_is_not_there_is_said(page: Site, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code == 404
    assert ("error" in answer.text) or ("no such page" in answer.text)


def test_nothing_can_be_changed_through_the_page(page: Site) -> None:
    assert page.get("/").ok
    for method in ("POST", "PUT", "DELETE"):
        assert requests.request(method, f"{page.url}/files", timeout=30.0).status_code == 405


def test_a_journal_that_can_not_be_read_is_said_and_the_page_lives(
    tmp_path: Path, page: Site, journal: Journal
) -> None:
    file = tmp_path / "state" / "journal.db"
    file.rename(tmp_path / "aside.db")
    assert page.get("/").status_code == 503
    assert "there is no journal yet" in page.get("/healthz").json()["error"]
    (tmp_path / "aside.db").rename(file)
    assert page.get("/").status_code == 200


# ---------------------------------------------------------------- who may see it


def test_on_loopback_a_request_under_another_name_is_refused(page: Site) -> None:
    assert page.get("/", headers={"Host": "evil.example:80"}).status_code == 403
    assert page.get("/", headers={"Host": "localhost:9464"}).status_code == 200


def test_with_a_token_nothing_is_shown_without_it(tmp_path: Path, journal: Journal) -> None:
    with site(settings(tmp_path), token="Secret1") as page:
        for path in (*PAGES[:3], "/metrics", "/healthz", "/api/status", "/static/style.css"):
            refused = page.get(path)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"].startswith("Basic")
        assert page.get("/", auth=("anybody", "Secret2")).status_code == 401
        assert page.get("/", headers={"Authorization": "Digest x"}).status_code == 401
        assert page.get("/", auth=("anybody", "Secret1")).status_code == 200
        bearer = {"Authorization": "Bearer Secret1"}
        assert page.get("/metrics", headers=bearer).status_code == 200


def test_beyond_loopback_any_name_is_taken_from_who_knows_the_token(
    tmp_path: Path, journal: Journal
) -> None:
    with site(settings(tmp_path), host="0.0.0.0", token="Secret1") as page:
        said = {"Host": "watcher.example:9464", "Authorization": "Bearer Secret1"}
        assert page.get("/", headers=said).status_code == 200


def test_a_port_that_is_taken_is_said_with_what_to_do(tmp_path: Path, page: Site) -> None:
    port = int(page.url.rpartition(":")[2])
    with pytest.raises(errors.WebRefused, match=rf"127.0.0.1:{port} .web.listen.: .*port that is"):
        Server("127.0.0.1", port, None, None)  # type: ignore[arg-type]  # nobody is asked


def test_a_server_on_ipv6_answers(tmp_path: Path, journal: Journal) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with site(settings(tmp_path), host="::1") as page:
        port = page.url.rpartition(":")[2]
        page.url = f"http://[::1]:{port}"
        assert page.get("/healthz").status_code == 200


def test_what_is_an_alarm_is_said_once(page: Site, journal: Journal) -> None:
    kind = ConditionKind.NOTHING_ARRIVED
    journal.conditions.begin(Condition(kind=kind, subject="sales", since=NOW, detail="expected"))
    text = page.get("/").text
    assert text.count("missing: sales: expected") == 1
    assert "Worth knowing" not in text


def test_a_page_says_which_of_several_services_it_is_of(tmp_path: Path, journal: Journal) -> None:
    with site(settings(tmp_path), environment="test") as page:
        assert "<strong>test</strong>" in page.get("/files").text


def test_each_outcome_and_each_step_is_told_in_plain_words(page: Site, journal: Journal) -> None:
    fill(journal)
    assert page.get("/files").text.count("<dt>") == len(Outcome)
    assert "Pigment imported it." in page.get("/files/1").text
    story = page.get("/files/2").text
    assert "Why: " in story  # which says more than what the outcome means
    assert "It was not taken" not in story
    assert "seen in the inbox, complete" in story
