"""Takes the pictures of the status page that the README shows, of a real run with the demo's files.

Needs chromium. The service runs as a process of its own, against the stand-in for Pigment.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import yaml
from playwright.sync_api import sync_playwright

from pigment_watcher.cli.demo_files import samples
from pigment_watcher.simulator import DEMO_KEY, Simulator

DOCS = Path(__file__).parents[1] / "docs"
PORT = 9464
PAGE = f"http://127.0.0.1:{PORT}"
#: Seconds that anything here may take.
PATIENCE_S = 60.0

CONFIGURATIONS = {
    "sales": "33d0d7d0-6125-47c4-b36a-882f4ed53b33",
    "costs": "5a2f3c1e-9d57-4b0e-8a43-0f6b1c2d3e4f",
    "headcount": "0f9d2c44-3f0e-4c43-9a57-6a1f9b7c2d10",
}
#: How the browser is set.
LIGHT: dict[str, Any] = {"viewport": {"width": 1100, "height": 1000}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


def main() -> None:
    """Let files go through, and take the pictures."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as name, Simulator(import_s=0.3) as pigment:
        # A name as on a server, and not one that looks as if it were gone tomorrow.
        folder = Path(name, "srv", "exports")
        folder.mkdir(parents=True)
        environ = {**os.environ, "PIGMENT_API_KEY": DEMO_KEY}
        file = str(_config(folder, pigment))
        command = [sys.executable, "-m", "pigment_watcher", "run", "--config", file]
        with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as service:
            try:
                _until(_answers)
                failed = _drop(folder)
                _take(program, failed)
            finally:
                service.send_signal(signal.SIGTERM)


def _config(folder: Path, pigment: Simulator) -> Path:
    routes = {
        route: {"directory": str(folder / route), "configuration_id": configuration,
                "quiet": "300ms", "load_mode": "update"}
        for route, configuration in CONFIGURATIONS.items()
    }  # fmt: skip
    for route in routes:
        (folder / route).mkdir()
    file = folder / "config.yaml"
    said = {
        "pigment": {"url": pigment.url},
        "state_directory": str(folder / "state"),
        "environment": "production",
        "web": {"listen": f"127.0.0.1:{PORT}"},
        "routes": routes,
    }
    file.write_text(yaml.safe_dump(said))
    return file


def _drop(folder: Path) -> int:
    """Drop the demo's files and wait for their ends; return a failed job."""
    for sample in samples():
        (folder / sample.route / sample.name).write_bytes(sample.content)
    _until(lambda: len(_ended()) == len(samples()))
    return next(int(one["job"]) for one in _ended() if one["outcome"] == "failed")


def _ended() -> list[dict[str, Any]]:
    answer = requests.get(f"{PAGE}/api/files?limit=100", timeout=PATIENCE_S).json()
    return [one for one in answer["files"] if one["outcome"] and one["times"]["finished"]]


def _answers() -> bool:
    try:
        return requests.get(f"{PAGE}/healthz", timeout=PATIENCE_S).ok
    except requests.ConnectionError:
        return False


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)


def _take(program: str, failed: int) -> None:
    pictures = (
        ("page", "/", LIGHT),
        ("page-file", f"/files/{failed}", LIGHT),
        ("page-phone", "/", PHONE),
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, path, said in pictures:
            page = browser.new_page(**said)
            page.goto(PAGE + path)
            page.screenshot(path=DOCS / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
