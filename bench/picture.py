"""Requests over time against the limit, as an SVG."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 560
_LEFT, _RIGHT, _TOP, _GAP = 60, 150, 50, 60
_PANEL = (HEIGHT - _TOP - 2 * _GAP) / 2
_COLOURS = ("#0969da", "#cf222e")
#: Points of a curve: more than the picture has pixels would not be seen.
_STEPS = 300


@dataclass(frozen=True, slots=True)
class Curve:
    """Times since the first request, of one contestant: requests, and imports done."""

    name: str
    asked: tuple[float, ...]
    done: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn: requests in the last `per_s` seconds, and imports done."""

    title: str
    per_s: float
    limit: int
    refusal: int
    curves: tuple[Curve, ...]

    @property
    def span_s(self) -> float:
        """How long the longest curve is."""
        return max(max(curve.asked) for curve in self.curves)

    def svg(self) -> str:
        """Return the picture."""
        return "\n".join(_document(self)) + "\n"


@dataclass(frozen=True, slots=True)
class _Panel:
    """A rectangle with its scales."""

    top: float
    span_s: float
    most: float

    def x(self, seconds: float) -> float:
        return _LEFT + seconds / self.span_s * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        # What is above the panel is drawn along its edge.
        return self.top + _PANEL * (1 - min(value / self.most, 1))

    def line(self, points: Iterable[tuple[float, float]], colour: str) -> str:
        joined = " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points)
        return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def rule(self, value: float, text: str) -> Iterator[str]:
        y = self.y(value)
        yield (
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
            ' stroke="#57606a" stroke-dasharray="5 4"/>'
        )
        yield _text(WIDTH - _RIGHT + 8, y + 4, text)

    def frame(self, title: str) -> Iterator[str]:
        bottom = self.top + _PANEL
        yield _text(_LEFT, self.top - 10, title, weight="bold")
        yield (
            f'<path d="M{_LEFT},{self.top:.1f} V{bottom:.1f} H{WIDTH - _RIGHT}"'
            ' fill="none" stroke="#57606a"/>'
        )
        for value in _ticks(self.most):
            yield _text(_LEFT - 8, self.y(value) + 4, f"{value:g}", anchor="end")
        for seconds in _ticks(self.span_s):
            yield _text(self.x(seconds), bottom + 18, f"{seconds:g} s", anchor="middle")


def _document(picture: Picture) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">'
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield _text(_LEFT, 22, picture.title, weight="bold")
    for number, curve in enumerate(picture.curves):
        at = _LEFT + 260 + 150 * number
        yield _text(at, 22, curve.name, colour=_COLOURS[number], weight="bold")
    yield from _requests(picture)
    yield from _imports(picture)
    yield "</svg>"


def _requests(picture: Picture) -> Iterator[str]:
    span_s = picture.span_s
    times = [span_s * step / _STEPS for step in range(_STEPS + 1)]
    counts = [_within(curve.asked, picture.per_s, times) for curve in picture.curves]
    panel = _Panel(_TOP + 10, span_s, picture.refusal * 1.5)
    yield from panel.frame(f"requests in the last {picture.per_s:g} s")
    yield from panel.rule(picture.limit, f"request_limit: {picture.limit}")
    yield from panel.rule(picture.refusal, f"429 above {picture.refusal}")
    most = max(max(count) for count in counts)
    if most > panel.most:
        yield _text(WIDTH - _RIGHT + 8, panel.top + 4, f"up to {most}", colour=_COLOURS[-1])
    for number, count in enumerate(counts):
        yield panel.line(zip(times, count, strict=True), _COLOURS[number])


def _imports(picture: Picture) -> Iterator[str]:
    most = max(1, *(len(curve.done) for curve in picture.curves)) * 1.1
    panel = _Panel(_TOP + _PANEL + _GAP, picture.span_s, most)
    yield from panel.frame("imports done")
    for number, curve in enumerate(picture.curves):
        steps = [(at, float(done)) for done, at in enumerate(curve.done, start=1)]
        end = (picture.span_s, float(len(curve.done)))
        yield panel.line([(0.0, 0.0), *steps, end], _COLOURS[number])


def _ticks(most: float) -> list[float]:
    """Return round numbers from 0 to at most `most`, at most seven."""
    step = 10.0 ** math.floor(math.log10(most))
    step = next(size for size in (step / 5, step / 2, step, 2 * step) if most / size <= 6)
    return [step * number for number in range(int(most / step) + 1)]


def _within(events: Sequence[float], per_s: float, times: Sequence[float]) -> list[int]:
    """Count the events of the span before each time."""
    return [sum(at - per_s < event <= at for event in events) for at in times]


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    colour: str = "#1f2328",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
        f' fill="{colour}">{escape(text)}</text>'
    )
