"""The three routes of a history, and the files that are dropped there."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from rig_fixtures import LANE, OTHER_LANE, route

from pigment_watcher.model import AfterFailure, LoadMode, Route

#: What a history's routes are called: two share a lane, one of them waits for markers; the third
#: may push again, is held behind a failure, and has its archives on another drive.
SALES, MARKED, STOCK = "sales", "marked", "stock"
ROUTES = (SALES, MARKED, STOCK)
#: What stands beside a file that is complete.
MARKER = ".ok"


@dataclass(slots=True)
class Dropped:
    """A file that somebody dropped, known by its bytes.

    `repeats` counts how often its owner asked for one more push. Where a marker must come,
    `released` tells whether one may have been meant for it, `is_marked` whether one surely was.
    """

    route: str
    name: str
    data: bytes
    released: bool
    is_marked: bool = False
    repeats: int = 0

    @property
    def sha256(self) -> str:
        """What the stand-in knows it by."""
        return hashlib.sha256(self.data).hexdigest()


def make_routes(folder: Path, elsewhere: Path) -> dict[str, Route]:
    """Make the inboxes, and return the routes on them by their names."""
    for name in ("in", MARKED, STOCK):
        (folder / name).mkdir()
    return {
        SALES: route(folder / "in", SALES, LANE, load_mode=LoadMode.APPEND),
        MARKED: route(folder / MARKED, MARKED, LANE, marker=f"{{name}}{MARKER}", quiet_s=None),
        STOCK: route(
            folder / STOCK,
            STOCK,
            OTHER_LANE,
            load_mode=LoadMode.UPDATE,
            after_failure=AfterFailure.HOLD,
            done=elsewhere / "done",
            failed=elsewhere / "failed",
        ),
    }


def with_other_rules(one: Route) -> Route:
    """Return a route by other rules, which say nothing about repeats."""
    return replace(one, rules=replace(one.rules, allow_empty=True))
