"""What one would write instead in Python: loop.py URL AT_ONCE POLL_S FOLDER...

The name of a folder is its import configuration's ID.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

HEADERS = {"Authorization": "Bearer key"}


def bring(url: str, poll_s: float, file: Path) -> None:
    """Push a file, ask until its import is over, and move it."""
    target = f"{url}/api/import/push/csv?configurationId={file.parent.name}"
    while True:
        with file.open("rb") as body:
            answer = requests.post(target, data=body, headers=HEADERS, timeout=60)
        if answer.ok:
            break
        time.sleep(poll_s)
    status = f"{url}/api/import/{answer.json()['importId']}/status"
    while True:
        answer = requests.get(status, headers=HEADERS, timeout=60)
        if answer.ok and answer.json()["importStatus"] != "InProgress":
            break
        time.sleep(poll_s)
    done = file.parent / "done"
    done.mkdir(exist_ok=True)
    file.rename(done / file.name)


def main() -> None:
    """Look into the folders again and again."""
    url, at_once, poll_s, folders = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
    with ThreadPoolExecutor(at_once) as pool:
        while True:
            found = [file for folder in folders for file in sorted(Path(folder).glob("*.csv"))]
            for _ in pool.map(lambda file: bring(url, poll_s, file), found):
                pass
            time.sleep(poll_s)


main()
