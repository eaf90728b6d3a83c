"""What is said about a configuration file: problems and remarks, each with its line."""

from collections.abc import Mapping
from pathlib import Path

from pigment_watcher.config.yaml_lines import Where


class Report:
    """Collects what is said, and tells it in the order of the lines."""

    def __init__(self, file: Path, lines: Mapping[Where, int]) -> None:
        self._file = file
        self._lines = lines
        self._problems: list[tuple[int, str]] = []
        self._remarks: list[tuple[int, str]] = []
        self._unusable: set[Where] = set()

    @property
    def problems(self) -> tuple[str, ...]:
        """What must be mended before the file can be used."""
        return _in_order(self._problems)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the operator should know, and may leave as it is."""
        return _in_order(self._remarks)

    def problem(self, where: Where, text: str, *, line: int | None = None) -> None:
        """Add a problem, unless it only follows from a value that is unusable anyway."""
        if not any(where[:length] in self._unusable for length in range(len(where) + 1)):
            self._problems.append(self._located(where, text, line))

    def unusable(self, where: Where, text: str, *, line: int | None = None) -> None:
        """Add a problem with a value that nothing else will be said about."""
        self.problem(where, text, line=line)
        self._unusable.add(where)

    def remark(self, where: Where, text: str) -> None:
        """Add a remark."""
        self._remarks.append(self._located(where, text, None))

    def _located(self, where: Where, text: str, line: int | None) -> tuple[int, str]:
        if line is None:
            line = self._line(where)
        path = ".".join(_word(part) for part in where)
        return line, f"{self._file}:{line}: {path}{': ' if path else ''}{text}"

    def _line(self, where: Where) -> int:
        """Return the line of what stands there, or else of what it is missing from."""
        known = (where[:length] for length in range(len(where), -1, -1))
        return next((self._lines[part] for part in known if part in self._lines), 1)


def _word(part: str | int) -> str:
    text = str(part)
    return text if text and text.isprintable() else repr(text)


def _in_order(said: list[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(text for _, text in sorted(said, key=lambda pair: pair[0]))
