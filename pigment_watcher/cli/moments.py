"""Moments as people type them: a date, a time, or how long ago."""

import datetime as dt
import re
import time
from typing import Any

import click

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_AGO = re.compile(r"([0-9]{1,9})\s*([smhdw])(?:\s+ago)?")
_DAYS_BACK = {"today": 0, "yesterday": 1}


def parse(text: str, now: float, *, end: bool = False) -> float:
    """Return the seconds since 1970 that a text means, in the local zone where it names none.

    A whole day means its begin, or with `end` the begin of the next one. Raises ValueError.
    """
    said = text.strip().lower()
    if said == "now":
        return now
    if ago := _AGO.fullmatch(said):
        return now - float(ago[1]) * _SECONDS[ago[2]]
    if said in _DAYS_BACK:
        day = dt.datetime.fromtimestamp(now).astimezone().date()
        return _begin(day - dt.timedelta(days=_DAYS_BACK[said]), end=end)
    try:
        return _begin(dt.date.fromisoformat(said), end=end)
    except ValueError:
        # With a time of day; without a zone astimezone() takes the local one.
        return dt.datetime.fromisoformat(text.strip()).astimezone().timestamp()


def _begin(day: dt.date, *, end: bool) -> float:
    day += dt.timedelta(days=int(end))
    return dt.datetime.combine(day, dt.time()).astimezone().timestamp()


class Moment(click.ParamType[float]):
    """A moment as an option's value."""

    name = "when"

    def __init__(self, *, end: bool = False) -> None:
        self._end = end

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds since 1970; a text that means no moment is a wrong usage."""
        if isinstance(value, float):
            return value
        try:
            return parse(str(value), time.time(), end=self._end)
        except (ValueError, OverflowError):
            self.fail(
                f"not a moment: {value!r}; say such as 2026-11-23, '2026-11-23 10:00', 2d, 'now'",
                param,
                ctx,
            )
