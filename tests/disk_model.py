"""What a disk may hold after a power cut: read from an strace of a run, by what POSIX promises.

Bytes of a file are there after an fsync of it; a name is there, or gone, after an fsync of the
folder, or of both where it moved. What was not synced may be there or not, each change by itself.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: The calls that the model understands, and those that tell when bytes went to the destination.
CALLS = "openat,mkdir,rename,renameat2,unlink,rmdir,write,pwrite64,ftruncate,fsync,fdatasync,sendto"

_LINE = re.compile(r"(?P<pid>\d+) +(?P<text>.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_CALL = re.compile(r"(?P<name>\w+)\((?P<words>.*)\) += (?P<result>-?\d+)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_OPEN_FILE = re.compile(r"(?<=\d)<((?:\\x[0-9a-f]{2})*)>")
_OF_BYTES = "bytes at"
_UNFINISHED = " <unfinished ...>"


@dataclass(frozen=True, slots=True)
class Change:
    """One change, made durable by a sync of all that `needs` names: files and folders.

    A file is known by a number of its own. A name that is made is `new`, one that goes is `old`; a
    file begins with `data`, a folder without. Else bytes are written at an offset, or the file is
    cut there.
    """

    file: int
    needs: frozenset[int | Path]
    old: Path | None = None
    new: Path | None = None
    at: int = 0
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sync:
    """All changes so far of a file or a folder are put on the disk."""

    what: int | Path


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes of a file left for the destination."""


Event = Change | Sync | Sent


@dataclass(slots=True)
class Disk:
    """Names and what they lead to; a folder has no bytes."""

    names: dict[Path, int] = field(default_factory=dict)
    held: dict[int, bytearray | None] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> "Disk":
        """Return what lies in a folder."""
        disk = cls()
        for number, path in enumerate(sorted([root, *root.rglob("*")])):
            disk.names[path] = number
            disk.held[number] = None if path.is_dir() else bytearray(path.read_bytes())
        return disk

    def copy(self) -> "Disk":
        """Return a copy that may be changed."""
        held = {file: None if data is None else bytearray(data) for file, data in self.held.items()}
        return Disk(dict(self.names), held)

    def make(self, change: Change) -> None:
        """Make a change."""
        if change.old is not None and self.names.get(change.old) == change.file:
            del self.names[change.old]
        if change.new is not None:
            self.names[change.new] = change.file
            self.begin(change)
        if change.old is None and change.new is None:
            self._write(change)

    def begin(self, change: Change) -> None:
        """Know a file or a folder that is new, whether its name is there or not."""
        self.held.setdefault(change.file, None if change.data is None else bytearray())

    def _write(self, change: Change) -> None:
        data = self.held[change.file]
        if data is None:
            raise AssertionError("a folder has no bytes")
        end = change.at + len(change.data or b"")
        if change.data is None:
            del data[change.at :]
        data.extend(bytes(max(0, end - len(data))))
        data[change.at : end] = change.data or b""

    def entries(self, root: Path) -> dict[Path, bytes | None]:
        """Return what can be reached below a folder, folders before what lies in them."""
        found: dict[Path, bytes | None] = {root: None}
        for path in sorted(self.names):
            if path.parent in found and path != root:
                data = self.held[self.names[path]]
                found[path] = data if data is None else bytes(data)
        return found


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut: at which event, what lies on the disk then, whether bytes had left."""

    number: int
    told: str
    entries: dict[Path, bytes | None]
    sent: bool

    @property
    def is_of_bytes(self) -> bool:
        """Whether it differs from another by bytes of one file alone."""
        return _OF_BYTES in self.told


# ---------------------------------------------------------------- reading a trace


def events(traces: Sequence[Path], root: Path, before: Disk, body: bytes) -> Iterator[list[Event]]:
    """Return what happened below a folder, and when the body left, by the traces of some runs."""
    reader = _Reader(root, before, body)
    for trace in traces:
        yield list(reader.events(trace))


class _Reader:
    """Follows the names below `root` through a trace."""

    def __init__(self, root: Path, before: Disk, body: bytes) -> None:
        self._root = root
        self._disk = before.copy()
        self._body = body
        self._next = len(before.held)

    def events(self, trace: Path) -> Iterator[Event]:
        """Return what happened, in order."""
        for text in _whole(trace.read_text(encoding="ascii").splitlines()):
            call = _CALL.match(text)
            if call is None or call["result"].startswith("-"):
                continue
            for event in self._read(call["name"], call["words"]):
                if isinstance(event, Change):
                    self._disk.make(event)
                yield event

    def _read(self, name: str, words: str) -> Iterator[Event]:
        strings = [_decoded(text) for text in _STRING.findall(words)]
        if name == "sendto":
            if strings[0] and strings[0] in self._body:
                yield Sent()
            return
        open_files = [Path(os.fsdecode(_decoded(text))) for text in _OPEN_FILE.findall(words)]
        by_name = name in {"openat", "mkdir", "rename", "renameat2", "unlink", "rmdir"}
        paths = [Path(os.fsdecode(text)) for text in strings] if by_name else open_files[:1]
        if not paths or not all(path.is_relative_to(self._root) for path in paths):
            return
        if by_name:
            yield from self._names_changed(name, words, paths)
        else:
            yield from self._file_changed(name, words, paths[0], strings)

    def _names_changed(self, name: str, words: str, paths: Sequence[Path]) -> Iterator[Event]:
        known = self._disk.names
        path, target = paths[0], paths[-1]
        if name == "mkdir" or (name == "openat" and "O_CREAT" in words and path not in known):
            data = None if name == "mkdir" else b""
            yield Change(self._next, frozenset({path.parent}), new=path, data=data)
            self._next += 1
        elif name in {"unlink", "rmdir"}:
            yield Change(known[path], frozenset({path.parent}), old=path)
        elif name in {"rename", "renameat2"}:
            needs = frozenset({path.parent, target.parent})
            yield Change(known[path], needs, old=path, new=target)
        elif "O_TRUNC" in words:
            yield Change(known[path], frozenset({known[path]}))

    def _file_changed(
        self, name: str, words: str, path: Path, strings: Sequence[bytes]
    ) -> Iterator[Event]:
        if path not in self._disk.names:
            return  # it was unlinked
        file = self._disk.names[path]
        data = self._disk.held[file]
        number = int(words.rpartition(",")[2] or 0) if "," in words else 0
        if name in {"fsync", "fdatasync"}:
            yield Sync(path if data is None else file)
        elif name == "ftruncate":
            yield Change(file, frozenset({file}), at=number)
        else:
            at = number if name == "pwrite64" else len(data or b"")
            yield Change(file, frozenset({file}), at=at, data=strings[0])


def _whole(lines: Sequence[str]) -> Iterator[str]:
    """Put together the calls that others were told between."""
    begun: dict[str, str] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        pid, text = found["pid"], found["text"]
        if text.endswith(_UNFINISHED):
            begun[pid] = text.removesuffix(_UNFINISHED)
        elif (resumed := _RESUMED.match(text)) is not None:
            yield begun.pop(pid, "") + resumed[1]
        else:
            yield text


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


# ---------------------------------------------------------------- cutting the power


def cuts(root: Path, before: Disk, events: Sequence[Event]) -> list[Cut]:
    """Return every different state that a power cut at a sync, or after bytes left, may leave.

    Of what was not synced then: all is there, none is, one change alone is there, one is not.
    """
    found: dict[tuple[bool, int], Cut] = {}
    unsynced, sent = _Unsynced(before), False
    for number, event in enumerate(events):
        sent = sent or isinstance(event, Sent)
        if isinstance(event, Change):
            unsynced.add(event)
            continue
        for told, disk in unsynced.states():
            entries = disk.entries(root)
            key = sent, hash(tuple(entries.items()))
            found.setdefault(key, Cut(number, told, entries, sent))
        if isinstance(event, Sync):
            unsynced.sync(event.what)
    return list(found.values())


class _Unsynced:
    """The changes that are not on the disk yet, and the disk as it is without them."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk.copy()
        self._changes: list[tuple[Change, set[int | Path]]] = []

    def add(self, change: Change) -> None:
        """Note a change."""
        self._disk.begin(change)
        self._changes.append((change, set(change.needs)))

    def sync(self, what: int | Path) -> None:
        """Put on the disk what a sync completes."""
        for change, needs in self._changes:
            needs.discard(what)
            if not needs:
                self._disk.make(change)
        self._changes = [(change, needs) for change, needs in self._changes if needs]

    def states(self) -> Iterator[tuple[str, Disk]]:
        """Return the states that a power cut may leave now, each with what it kept."""
        changes = [change for change, _ in self._changes]
        yield "all kept", self._with(changes)
        yield "all lost", self._with([])
        for number, change in enumerate(changes):
            yield f"kept {_told(change)} alone", self._with([change])
            yield (
                f"lost {_told(change)} alone",
                self._with(changes[:number] + changes[number + 1 :]),
            )

    def _with(self, changes: Sequence[Change]) -> Disk:
        disk = self._disk.copy()
        for change in changes:
            disk.make(change)
        return disk


def _told(change: Change) -> str:
    if change.old or change.new:
        return f"{change.old or ''} -> {change.new or ''}"
    return f"{_OF_BYTES} {change.at} of file {change.file}"
