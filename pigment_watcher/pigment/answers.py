"""Reads what a server answered, and judges it."""

import email.utils
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from typing import Any

import requests
import urllib3

from pigment_watcher import errors
from pigment_watcher.model import ImportState, ImportStatus
from pigment_watcher.pigment import causes

#: Bytes of an answer that are read; what Pigment answers is far shorter.
ANSWER_BYTES = 64 * 1024
#: Characters of a foreign text that are kept.
EXCERPT_CHARACTERS = 300
#: The longest Retry-After that is believed, in seconds.
LONGEST_RETRY_AFTER_S = 24 * 3600.0

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Both take a hostile text in one go: what has no end is taken to be all the rest.
UNSEEN = re.compile(
    r"<!--.*?(-->|\Z)|<(script|style)\b.*?(</\2[^<>]*>|\Z)", re.IGNORECASE | re.DOTALL
)
TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `broken` says why the content is not whole, if it is not."""

    status: int
    content: bytes = b""
    excerpt: str = ""
    retry_after_s: float | None = None
    location: str | None = None
    broken: str = ""


def read(response: requests.Response, *, secret: str, now: float) -> Answer:
    """Read a response to its end, or as far as it is let; `secret` never shows in the answer."""
    content, broken = _read_content(response)
    location = response.headers.get("Location")
    return Answer(
        status=response.status_code,
        content=content,
        excerpt=excerpt(content, secret=secret),
        retry_after_s=retry_after_s(response.headers.get("Retry-After"), now=now),
        location=None if location is None else tidy(location, secret=secret),
        broken=tidy(broken, secret=secret),
    )


def _read_content(response: requests.Response) -> tuple[bytes, str]:
    content = bytearray()
    try:
        while wanted := ANSWER_BYTES - len(content):
            block = response.raw.read1(wanted, decode_content=False)
            if not block:
                break
            content += block
    except urllib3.exceptions.HTTPError as error:
        return bytes(content), causes.text(error)
    return bytes(content), ""


def fields(answer: Answer) -> Mapping[str, Any]:
    """Return the object that a 200 holds; ServerSaid for another status, NotKnown for no object."""
    if answer.status != HTTPStatus.OK:
        raise errors.ServerSaid(
            answer.status,
            excerpt=answer.excerpt,
            retry_after_s=answer.retry_after_s,
            location=answer.location,
        )
    if answer.broken:
        raise errors.NotKnown(f"the server answered 200, then the answer broke: {answer.broken}")
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise _unusable("what is no JSON", answer) from error
    if not isinstance(found, dict):
        raise _unusable("JSON that is no object", answer)
    return found


def import_id(answer: Answer) -> str:
    """Return the ID of the import that a push has started."""
    found = fields(answer).get("importId")
    if not is_uuid(found):
        raise _unusable("no importId that is a UUID", answer)
    return str(found)


def import_status(answer: Answer, *, asked_for: str) -> ImportStatus:
    """Return what the answer says of the import that was asked for."""
    found = fields(answer)
    if str(found.get("importId")).lower() != asked_for.lower():
        raise _unusable(f"another import than {asked_for}", answer)
    try:
        state = ImportState(found.get("importStatus"))
    except ValueError as error:
        raise _unusable("an importStatus that is not known", answer) from error
    return ImportStatus(
        import_id=asked_for,
        state=state,
        created_at=_text_or_none(found.get("createdAt")),
        completed_at=_text_or_none(found.get("completedAt")),
        errors=_details(found.get("errorsDetails")),
    )


def _unusable(what: str, answer: Answer) -> errors.NotKnown:
    said = answer.excerpt or "(nothing)"
    return errors.NotKnown(f"the server answered 200, but with {what}: {said}")


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _details(value: Any) -> tuple[tuple[str, str], ...]:
    listed = value if isinstance(value, list) else []
    return tuple(
        (str(item.get("name") or ""), str(item.get("description") or ""))
        for item in listed
        if isinstance(item, dict)
    )


def is_uuid(value: Any) -> bool:
    """Whether this is a UUID as Pigment writes them."""
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def excerpt(content: bytes, *, secret: str) -> str:
    """Return the begin of a text for people, on one line, roughly freed from HTML."""
    text = content.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        text = html.unescape(TAG.sub(" ", UNSEEN.sub(" ", text)))
    return tidy(text, secret=secret)


def tidy(text: str, *, secret: str) -> str:
    """Return a foreign text as one short line that is safe to print and holds no secret."""
    # Hidden before it is cut: half a key is a secret too.
    hidden = text.replace(secret, "<hidden>") if secret else text
    printable = "".join(character if character.isprintable() else " " for character in hidden)
    return " ".join(printable.split())[:EXCERPT_CHARACTERS]


def retry_after_s(value: str | None, *, now: float) -> float | None:
    """Return the seconds that a Retry-After asks for, None if it says nothing sensible."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST_RETRY_AFTER_S)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max(date.timestamp() - now, 0.0), LONGEST_RETRY_AFTER_S)
