"""Answers, and how they look on the wire."""

import http
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered; `import_id` names the import that began with it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    import_id: str | None = None

    def render(self, *, keeps_alive: bool = True) -> bytes:
        """Return head and body in one piece, so that they leave in one packet."""
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(self.body)),
            "Connection": "keep-alive" if keeps_alive else "close",
        }
        given = {name.lower() for name in self.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in given}
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in (headers | dict(self.headers)).items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body


def text(status: int, words: str) -> Answer:
    """Answer with plain words."""
    return Answer(status=status, body=words.encode())


def document(status: int, value: object) -> Answer:
    """Answer with JSON."""
    body = json.dumps(value, indent=2).encode()
    return Answer(status=status, body=body, headers={"Content-Type": "application/json"})


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unnamed"
