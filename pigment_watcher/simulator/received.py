"""What came in: a request line understood, a body counted and never held whole."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Kind = Literal["push", "legacy", "status", "probe", "unknown", "page", "ledger", "faults", "reset"]

NIL_UUID = "00000000-0000-0000-0000-000000000000"

#: Bytes of a body that are kept, for the rules that look into it.
HEAD_BYTES = 64 * 1024

_PUSH = re.compile(r"/api/(v1/)?import/push/csv")
_STATUS = re.compile(r"/api/(v1/)?import/([^/]+)/status")
_LEGACY = re.compile(r"/api/importservice/Csv/ApiPush/([^/]+)")
_OWN: dict[tuple[str, str], Kind] = {
    ("GET", "/"): "page",
    ("GET", "/simulator/ledger"): "ledger",
    ("POST", "/simulator/faults"): "faults",
    ("POST", "/simulator/reset"): "reset",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a request line addresses; `path` is as it was sent, with its query."""

    kind: Kind
    method: str
    path: str
    configuration_id: str = ""
    import_id: str = ""
    v1: bool = False
    with_report: bool = False
    keeps_alive: bool = True

    @property
    def is_own(self) -> bool:
        """Whether it is about the simulator itself, not about Pigment."""
        return self.kind in _OWN.values()


def read_target(line: bytes) -> Target | None:
    """Understand a request line; None if it is not one of HTTP/1."""
    match line.decode("latin-1").split():
        case [method, path, "HTTP/1.0" | "HTTP/1.1" as version]:
            plain = Target(
                kind="unknown", method=method, path=path, keeps_alive=version == "HTTP/1.1"
            )
        case _:
            return None
    try:
        parts = urlsplit(path)
    except ValueError:
        return None
    return _addressed(plain, parts.path, parse_qs(parts.query))


def _addressed(plain: Target, path: str, query: dict[str, list[str]]) -> Target:
    if plain.method == "POST" and (match := _PUSH.fullmatch(path)):
        configuration_id = query.get("configurationId", [""])[0].lower()
        return replace(plain, kind="push", configuration_id=configuration_id, v1=bool(match[1]))
    if plain.method == "POST" and (match := _LEGACY.fullmatch(path)):
        return replace(plain, kind="legacy", configuration_id=match[1].lower())
    if plain.method == "GET" and (match := _STATUS.fullmatch(path)):
        return replace(
            plain,
            kind="probe" if match[2] == NIL_UUID else "status",
            import_id=match[2].lower(),
            v1=bool(match[1]),
            with_report=query.get("includedDetailedReport", [""])[0].lower() == "true",
        )
    return replace(plain, kind=_OWN.get((plain.method, path), "unknown"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is known of a body; `head` is its begin, `whole` whether all of it came."""

    size: int = 0
    sha256: str = hashlib.sha256().hexdigest()
    head: bytes = b""
    lines: int = 0
    whole: bool = True

    @property
    def rows(self) -> int:
        """Lines below the header."""
        return max(self.lines - 1, 0)


class BodyMeter:
    """Takes a body block by block, and keeps only what `Body` tells."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._head = b""
        self._newlines = 0
        self._last = b"\n"

    def add(self, block: bytes) -> None:
        """Count the next bytes."""
        self.size += len(block)
        self._sha256.update(block)
        self._head += block[: HEAD_BYTES - len(self._head)]
        self._newlines += block.count(b"\n")
        self._last = block[-1:] or self._last

    def body(self, *, whole: bool) -> Body:
        """Tell what was counted so far."""
        return Body(
            size=self.size,
            sha256=self._sha256.hexdigest(),
            head=self._head,
            lines=self._newlines + (self._last != b"\n"),
            whole=whole,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request, as far as it came; `at` is seconds since 1970."""

    at: float
    target: Target
    headers: Message = field(default_factory=Message)
    body: Body = field(default_factory=lambda: Body(whole=False))

    def header(self, name: str) -> str:
        """Return a header's value, empty if it was not sent."""
        return str(self.headers.get(name, ""))

    @property
    def key(self) -> str:
        """The API key that was shown, empty if none was."""
        if self.target.kind == "legacy":
            return self.header("X-Pigment-Api-Key")
        scheme, _, key = self.header("Authorization").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    @property
    def length(self) -> int | None:
        """Bytes that the body should have; None if the headers do not say it plainly."""
        length = self.header("Content-Length") or "0"
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]+", length):
            return None
        return int(length)

    @property
    def keeps_alive(self) -> bool:
        """Whether the caller may send another request on this connection."""
        wishes_to_close = self.header("Connection").lower() == "close"
        # To HEAD we answer with a body, which the caller takes for the next answer.
        is_plain = self.length is not None and self.target.method != "HEAD"
        return self.target.keeps_alive and is_plain and not wishes_to_close
