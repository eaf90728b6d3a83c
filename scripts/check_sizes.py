"""Holds modules and functions to a size that one reads at a glance, and prints the figures."""

import argparse
import ast
import io
import statistics
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Lines of a module, all of them.
MODULE_LIMIT = 500
#: Lines of a function that hold code: no docstring, no comment, no blank.
FUNCTION_LIMIT = 60
#: What is held to the limits.
MEASURED = ("pigment_watcher", "tests", "scripts", "bench")
STOREYS = ("unit", "integration", "acceptance")

_NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Size:
    """How many lines a module or a function has, and where it stands."""

    where: str
    lines: int


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that hold code, docstrings included."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def docstring_lines(function: Function) -> set[int]:
    """The numbers of the lines of a function's docstring."""
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return set()
    return set(range(first.lineno, (first.end_lineno or first.lineno) + 1))


def functions(path: Path) -> Iterator[Size]:
    """Every function of a module; a nested one also counts for the one around it."""
    source = path.read_text(encoding="utf-8")
    code = code_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            own = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            lines = len(own & code - docstring_lines(node))
            yield Size(f"{path}:{node.lineno} {node.name}", lines)


def modules(folder: Path) -> list[Size]:
    """Every module below a folder."""
    return [
        Size(str(path), len(path.read_text(encoding="utf-8").splitlines()))
        for path in sorted(folder.rglob("*.py"))
    ]


def summary(kind: str, sizes: list[Size]) -> str:
    """One line: how many, the median, the largest."""
    if not sizes:
        return f"{kind}: none"
    largest = max(sizes, key=lambda size: size.lines)
    median = statistics.median(size.lines for size in sizes)
    return f"{kind}: {len(sizes)}, median {median:g}, largest {largest.lines} ({largest.where})"


def too_large(sizes: list[Size], limit: int) -> list[str]:
    """A sentence for each that is above the limit."""
    return [
        f"{s.where}: {s.lines} lines, at most {limit}: split it" for s in sizes if s.lines > limit
    ]


def tests_by_storey() -> list[str]:
    """How many test functions each storey holds; parametrized ones count once."""
    return [
        f"tests/{storey}: {sum(_is_test(size) for path in found for size in functions(path))}"
        for storey in STOREYS
        for found in [sorted(Path("tests", storey).rglob("test_*.py"))]
    ]


def _is_test(size: Size) -> bool:
    return size.where.rpartition(" ")[2].startswith("test_")


def main() -> None:
    """Print the figures and every excess; exit 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", action="store_true", help="count the tests as well")
    report = parser.parse_args().report
    problems: list[str] = []
    for name in MEASURED:
        of_modules = modules(Path(name))
        of_functions = [size for module in of_modules for size in functions(Path(module.where))]
        print(summary(f"{name} modules", of_modules))
        print(summary(f"{name} functions", of_functions))
        problems += too_large(of_modules, MODULE_LIMIT) + too_large(of_functions, FUNCTION_LIMIT)
    if report:
        print("\n".join(tests_by_storey()))
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
