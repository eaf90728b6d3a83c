"""What is measured: a figure, what it must reach, and what was found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.picture import Picture


@dataclass(frozen=True, slots=True)
class Found:
    """What one figure came to.

    `beside` tells what the others measured, by name; `holds` is None where nothing could be
    compared.
    """

    measured: str
    holds: bool | None
    beside: Mapping[str, str] = field(default_factory=dict)
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: in full, or just enough to see that the bench works."""

    quick: bool

    def pick(self, full: int, quick: int) -> int:
        """Return the number for this scale."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table; the docstring of `measure` tells how."""

    name: str
    what: str
    goal: str
    measure: Callable[[Scale], Found]


@dataclass(frozen=True, slots=True)
class Row:
    """A figure and what was found."""

    figure: Figure
    found: Found

    @property
    def verdict(self) -> Literal["yes", "no", "not compared"]:
        """Whether it holds, in words."""
        if self.found.holds is None:
            return "not compared"
        return "yes" if self.found.holds else "no"
