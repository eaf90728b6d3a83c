"""The page as people meet it: in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_fixtures import PHONE, chromium, opened, violations
from journal_fixtures import end
from playwright.sync_api import Browser
from web_fixtures import HOSTILE, NOW, Site, begin, block, fill, settings, site

from pigment_watcher.journal import Journal

pytestmark = pytest.mark.slow

PATHS = ("/", "/?span=month", "/files", "/files/2")
SCREENS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened_journal = begin(tmp_path)
    yield opened_journal
    opened_journal.close()


@pytest.fixture
def page_site(tmp_path: Path, journal: Journal) -> Iterator[Site]:
    with site(settings(tmp_path)) as serving:
        yield serving


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("screen", SCREENS)
def test_every_view_is_accessible(
    browser: Browser, page_site: Site, journal: Journal, path: str, screen: str
) -> None:
    fill(journal)
    block(journal)
    with opened(browser, page_site.url + path, **SCREENS[screen]) as page:
        assert violations(page) == []
        assert page.locator("h1").count() == 1


def test_a_journal_without_files_is_shown_and_accessible(browser: Browser, page_site: Site) -> None:
    for path in PATHS[:3]:
        with opened(browser, page_site.url + path) as page:
            assert violations(page) == []


def test_on_a_phone_nothing_but_tables_is_wider_than_the_screen(
    browser: Browser, page_site: Site, journal: Journal
) -> None:
    fill(journal)
    for path in PATHS:
        with opened(browser, page_site.url + path, **SCREENS["phone"]) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("screen", SCREENS)
def test_ten_thousand_files_and_the_longest_name_spoil_no_view(
    browser: Browser, page_site: Site, journal: Journal, screen: str
) -> None:
    fill(journal)
    block(journal)
    with journal.writing():
        for number in range(10_000):
            end(journal, f"file-{number:05}.csv", NOW - 60)
        longest = end(journal, "x" * 251 + ".csv", NOW - 50)
    for path in (*PATHS, f"/files/{longest.id}"):
        with opened(browser, page_site.url + path, **SCREENS[screen]) as page:
            assert violations(page) == []
            width = page.viewport_size["width"] if page.viewport_size else 0
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_name_that_means_harm_is_shown_and_does_nothing(
    browser: Browser, page_site: Site, journal: Journal
) -> None:
    fill(journal)
    with opened(browser, page_site.url + "/files/2") as page:
        page.on("dialog", lambda _: pytest.fail("the name was run"))
        assert "<img src=x" in page.locator("h1").inner_text()
        assert page.locator("main img").count() == 0


def test_ten_thousand_files_are_searched_by_keyboard_alone(
    browser: Browser, page_site: Site, journal: Journal
) -> None:
    with journal.writing():
        for number in range(10_000):
            end(journal, f"file-{number:05}.csv", NOW - 60)
    with opened(browser, page_site.url) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the content"
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/files")
        assert page.locator("tbody tr").count() == 50
        page.get_by_label("Part of the name").focus()
        page.keyboard.type("file-0012")
        page.keyboard.press("Enter")
        page.wait_for_url("**named=file-0012**")
        assert page.locator("tbody tr").count() == 10


def test_the_page_renews_itself_where_scripts_run(
    browser: Browser, page_site: Site, journal: Journal
) -> None:
    with opened(browser, page_site.url) as page:
        assert page.get_by_role("heading", level=1).inner_text() == "All is well"
        block(journal)
        page.get_by_text("Somebody should look").wait_for()
        assert page.title().startswith("Look here")


def test_without_scripts_everything_is_there(
    browser: Browser, page_site: Site, journal: Journal
) -> None:
    fill(journal)
    with opened(browser, page_site.url, java_script_enabled=False) as page:
        assert page.locator("noscript meta[http-equiv=refresh]").count() == 1
        page.get_by_role("link", name="july.csv").first.click()
        page.wait_for_url("**/files/3")
        assert "Why: july.csv" in page.inner_text("main")


def test_the_story_of_a_file_tells_what_happened_and_what_to_do(
    browser: Browser, page_site: Site, journal: Journal
) -> None:
    fill(journal)
    with opened(browser, page_site.url + "/files/2") as page:
        text = page.inner_text("main")
        assert "refused" in text
        assert f"Why: {HOSTILE[:5]}" in text
        assert "What to do now" in text
