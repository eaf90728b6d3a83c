"""YAML as people mean it: 1.2 scalars, no aliases, no key twice, and the line of every key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from re import compile as pattern

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

#: The keys and list positions that lead to a value; () is the whole document.
Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the text itself; `unusable` where its value stands for nothing."""

    where: Where
    line: int
    text: str
    unusable: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a YAML text; `lines` (from 1) is complete for whatever stands in the tree.

    The tree is None when the text is empty, or can't be read at all (then a fault says why).
    """

    tree: object = None
    lines: Mapping[Where, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def parse(text: str) -> Document:
    """Return what a YAML text holds, with everything that is wrong with it."""
    builder = _Builder()
    try:
        node = _Loader(text).get_single_node()
        tree = None if node is None else builder.value(node, ())
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return Document(faults=(Fault((), line, f"not YAML: {_character(error)}"),))
    except yaml.MarkedYAMLError as error:
        return Document(faults=(_syntax_fault(error),))
    except RecursionError:
        return Document(faults=(Fault((), 1, "not YAML: nested too deeply"),))
    return Document(tree, builder.lines, tuple(builder.faults))


def _character(error: ReaderError) -> str:
    # Its type is not what the library declares.
    return f"the character U+{int(error.character):04X} is not allowed"


def _syntax_fault(error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return Fault((), mark.line + 1 if mark else 1, f"not YAML: {said}{_remedy(said)}")


def _remedy(said: str) -> str:
    if "scanning an alias" in said:
        return ' (a value that begins with * needs quotes: "*.csv")'
    if r"'\t'" in said:
        return " (indent with blanks, not with tabs)"
    return ""


# ---------------------------------------------------------------- scalars

_TAG = "tag:yaml.org,2002:"
_ALIAS = "an alias"


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


_SCALARS: Mapping[str, Callable[[str], object]] = {
    f"{_TAG}null": lambda _: None,
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}int": _integer,
    f"{_TAG}float": float,
    f"{_TAG}str": str,
}


# The pure-Python loader, since the one in C never calls compose_node, and a text of many brackets
# makes it crash the interpreter.
class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """Composes nodes with the scalar types of YAML 1.2's core schema."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Leave an alias as a node of its own, so that nothing can grow by repeating it."""
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            return yaml.ScalarNode(_ALIAS, event.anchor, event.start_mark, event.end_mark)
        return super().compose_node(parent, index)


_PLAIN_SCALARS = (
    ("null", r"(?:~|null|Null|NULL|)\Z", [*"~nN", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", [*"tTfF"]),
    ("int", r"(?:[-+]?[0-9]+|0o[0-7]{1,16}|0x[0-9a-fA-F]{1,16})\Z", [*"-+0123456789"]),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z",
        [*"-+.0123456789"],
    ),
)
for _name, _form, _first in _PLAIN_SCALARS:
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", pattern(_form), _first)


# ---------------------------------------------------------------- the tree


class _Builder:
    """Turns nodes into plain values; remembers lines and faults on the way."""

    def __init__(self) -> None:
        self.lines: dict[Where, int] = {}
        self.faults: list[Fault] = []

    def value(self, node: yaml.Node, where: Where) -> object:
        self.lines.setdefault(where, _line(node))
        if node.tag == _ALIAS:
            text = f"an alias (*{node.value}) is not allowed: write the value out, or in quotes"
            self._fault(where, node, text)
            return None
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*where, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node, where)
        self._fault(where, node, f"the tag {node.tag!r} is not allowed: leave it out")
        return None

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, object]:
        tree: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _ALIAS:
                text = "a key must be a plain word"
                self.faults.append(Fault(where, _line(key), text, unusable=False))
                continue
            # The text as written: a route may well be called 2024, on or no.
            name, below = key.value, (*where, key.value)
            if name in tree:
                text = f"given twice, first in line {self.lines[below]}: keep one of them"
                self.faults.append(Fault(below, _line(key), text, unusable=False))
                continue
            self.lines[below] = _line(key)
            tree[name] = self.value(value, below)
        return tree

    def _scalar(self, node: yaml.ScalarNode, where: Where) -> object:
        try:
            return _SCALARS[node.tag](node.value)
        except ValueError:
            self._fault(where, node, "not a number that can be used")
            return None

    def _fault(self, where: Where, node: yaml.Node, text: str) -> None:
        self.faults.append(Fault(where, _line(node), text))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
