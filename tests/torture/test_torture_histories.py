"""Random histories: whatever people, kills, operators and the destination do, in any order.

`TORTURE_HISTORIES=5000` lets each part play so many, for a night.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from history_machine import play_random
from history_stage import Stage, staged

pytestmark = pytest.mark.torture("10. random histories")

#: Parts are played side by side, each from a seed of its own.
PARTS = range(8)
IS_SAMPLE = os.environ.get("TORTURE") != "all"
MOST = int(os.environ.get("TORTURE_HISTORIES", "50" if IS_SAMPLE else "500"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as lent:
        yield lent


@pytest.mark.parametrize("part", PARTS)
def test_no_history_loses_or_doubles_a_file(
    stage: Stage, record_property: Callable[[str, object], None], part: int
) -> None:
    record_property("faults", play_random(stage, part, MOST, shorten=not IS_SAMPLE))
