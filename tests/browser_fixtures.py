"""A real Chromium, and what is wrong with a page by axe's rules for accessibility."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

#: A phone's screen, in its own points.
PHONE = {"width": 360, "height": 740}

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str, **said: Any) -> Iterator[Page]:
    """Open a page; what its console complains of, a breach of its own rules included, fails."""
    context = browser.new_context(**said)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        page.goto(url)
        yield page
        if wrong:
            raise AssertionError(wrong)
    finally:
        context.close()


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with a page: the rule and where."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]
