"""Charts as plain geometry; the template only draws."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 720.0, 140.0
#: The share of a bar's place that stays empty.
_GAP = 0.25

#: What stands at the bottom first; outcomes of one kind are one colour.
KINDS: Mapping[str, Sequence[str]] = {
    "imported": ("imported",),
    "skips": ("imported_with_skips",),
    "failed": ("failed", "refused", "invalid", "unsure"),
    "other": ("gone", "returned"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle: its kind, how much it stands for, and where it lies."""

    kind: str
    value: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars below `top`, the value that the chart's upper edge stands for."""

    bars: Sequence[Bar]
    top: float
    width: float = WIDTH
    height: float = HEIGHT


def files(spans: Sequence[Mapping[str, Any]]) -> Chart:
    """Return how many files ended in each span, kind upon kind."""
    return _chart(
        [
            {
                kind: float(sum(span["files"].get(outcome, 0) for outcome in outcomes))
                for kind, outcomes in KINDS.items()
            }
            for span in spans
        ]
    )


def durations(spans: Sequence[Mapping[str, Any]]) -> Chart:
    """Return how long files took on average in each span, in seconds."""
    return _chart([{"mean": span["mean_s"] or 0.0} for span in spans])


def _chart(spans: Sequence[Mapping[str, float]]) -> Chart:
    top = _rounded_up(max((sum(span.values()) for span in spans), default=0.0))
    place = WIDTH / max(1, len(spans))
    bars = []
    for number, span in enumerate(spans):
        y = HEIGHT
        for kind, value in span.items():
            if value:
                height = round(value / top * HEIGHT, 1)
                y -= height
                x = round((number + _GAP / 2) * place, 1)
                bars.append(Bar(kind, value, x, round(y, 1), round(place * (1 - _GAP), 1), height))
    return Chart(bars, top)


def _rounded_up(value: float) -> float:
    """Return the next 1, 2 or 5 with zeros that is no less."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value)
