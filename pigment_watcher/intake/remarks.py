"""What is said of files that are not taken: once when it begins, once when it is over."""

from collections.abc import Callable, Iterable
from pathlib import Path

from pigment_watcher.intake.inbox import Oddity
from pigment_watcher.model import ConditionKind
from pigment_watcher.policy.decisions import Begin
from pigment_watcher.recorder import Recorder

#: So many files of a folder are named for each kind of trouble; the others are counted.
NAMED_AT_MOST = 10
#: Stands for the files that are not named.
_OTHERS = "*"


class Remarks:
    """Compares what is odd in the folders now with what was said of it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._said: dict[Path, dict[tuple[ConditionKind, str], str]] = {}

    def update(self, directory: Path, oddities: Iterable[Oddity]) -> None:
        """Say what is new, and take back what holds no more. Raises JournalError."""
        said = self._said.setdefault(directory, {})
        now = _named(oddities, said.keys())
        for kind, name in said.keys() - now.keys():
            self._recorder.end(kind, _shown(directory / name))
            del said[kind, name]
        for (kind, name), why in now.items():
            if said.get((kind, name)) != why:
                subject = _shown(directory / name)
                self._recorder.begin(Begin(kind=kind, subject=subject, detail=why))
                said[kind, name] = why

    def drop(self, directory: Path) -> None:
        """Take back what was said of a folder that is not watched any more."""
        self.update(directory, ())
        del self._said[directory]


def _named(
    oddities: Iterable[Oddity], said: Iterable[tuple[ConditionKind, str]]
) -> dict[tuple[ConditionKind, str], str]:
    """Return what is to be said: few files by their names, those named already first."""
    by_kind: dict[ConditionKind, dict[str, str]] = {}
    for oddity in oddities:
        by_kind.setdefault(oddity.kind, {}).setdefault(oddity.name, oddity.why)
    known = set(said)
    words: dict[tuple[ConditionKind, str], str] = {}
    for kind, whys in by_kind.items():
        names = sorted(whys, key=_rank(known, kind))
        words |= {(kind, name): whys[name] for name in names[:NAMED_AT_MOST]}
        others = names[NAMED_AT_MOST:]
        if others:
            first = min(others)
            words[kind, _OTHERS] = f"{len(others)} more files, {first} among them: {whys[first]}"
    return words


def _rank(
    known: set[tuple[ConditionKind, str]], kind: ConditionKind
) -> Callable[[str], tuple[bool, str]]:
    return lambda name: ((kind, name) not in known, name)


def _shown(path: Path) -> str:
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
