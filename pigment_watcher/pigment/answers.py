"""Reads what a server answered, and judges it."""

import email.utils
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from http import HTTPStatus
from typing import Any

import requests
import urllib3

from pigment_watcher import errors
from pigment_watcher.model import ImportState, ImportStatus
from pigment_watcher.pigment import causes, reports
from pigment_watcher.pigment.words import hidden, tidy

#: Bytes of an answer that are read; what Pigment answers is far shorter.
ANSWER_BYTES = 64 * 1024
#: The same of an answer that may hold a report.
REPORT_BYTES = 2 * 1024 * 1024
#: So many reasons why an import failed are kept, and so many characters of each.
ERRORS = 50
ERROR_CHARACTERS = 1000
#: The longest Retry-After that is believed, in seconds.
LONGEST_RETRY_AFTER_S = 24 * 3600.0

#: An import that can't exist: asking after it tells whether host and key are fine.
NIL_ID = "00000000-0000-0000-0000-000000000000"

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Both take a hostile text in one go: what has no end is taken to be all the rest.
UNSEEN = re.compile(
    r"<!--.*?(-->|\Z)|<(script|style)\b.*?(</\2[^<>]*>|\Z)", re.IGNORECASE | re.DOTALL
)
TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `broken` says why the content is not whole, if it is not.

    `is_cut` tells that there was more of it than is read, `secret` is what never shows of it.
    """

    status: int
    content: bytes = b""
    secret: str = field(default="", repr=False)
    retry_after_s: float | None = None
    location: str | None = None
    broken: str = ""
    is_cut: bool = False

    @property
    def said(self) -> str:
        """The begin of the content for people; only made where somebody reads it."""
        return excerpt(self.content[:ANSWER_BYTES], secret=self.secret)


def read(
    response: requests.Response, *, secret: str, now: float, most: int = ANSWER_BYTES
) -> Answer:
    """Read a response to its end, or `most` bytes of it; `secret` never shows in the answer."""
    content, broken = _read_content(response, most + 1)
    is_cut = len(content) > most
    content = content[:most]
    location = response.headers.get("Location")
    return Answer(
        status=response.status_code,
        content=content,
        secret=secret,
        retry_after_s=retry_after_s(
            response.headers.get("Retry-After"), now=_server_time(response, now)
        ),
        location=None if location is None else tidy(location, secret=secret),
        broken=tidy(broken, secret=secret),
        is_cut=is_cut,
    )


def _server_time(response: requests.Response, now: float) -> float:
    """Return the time by the server's own clock, which the dates are of that it gives."""
    try:
        return email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return now


def _read_content(response: requests.Response, most: int) -> tuple[bytes, str]:
    content = bytearray()
    try:
        while wanted := most - len(content):
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
            excerpt=answer.said,
            retry_after_s=answer.retry_after_s,
            location=answer.location,
        )
    if answer.broken:
        raise errors.NotKnown(f"the server answered 200, then the answer broke: {answer.broken}")
    if answer.is_cut:
        raise errors.TooLong(f"the server answered 200, and more than {len(answer.content)} bytes")
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
    if not is_uuid(found) or found == NIL_ID:
        raise _unusable("no importId that is a UUID", answer)
    return str(found)


def import_status(answer: Answer, *, asked_for: str, secret: str) -> ImportStatus:
    """Return what the answer says of the import that was asked for; `secret` never shows in it."""
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
        created_at=_text_or_none(found.get("createdAt"), secret),
        completed_at=_text_or_none(found.get("completedAt"), secret),
        errors=_details(found.get("errorsDetails"), secret),
        report=reports.read(found.get("detailedReport"), secret=secret),
    )


def _unusable(what: str, answer: Answer) -> errors.NoAnswer:
    said = answer.said or "(nothing)"
    return errors.NoAnswer(f"the server answered 200, but with {what}: {said}")


def _text_or_none(value: Any, secret: str) -> str | None:
    return tidy(value, secret=secret) if isinstance(value, str) else None


def _details(value: Any, secret: str) -> tuple[tuple[str, str], ...]:
    def told(item: Any, name: str) -> str:
        return hidden(str(item.get(name) or ""), secret)[:ERROR_CHARACTERS]

    listed = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return tuple((told(item, "name"), told(item, "description")) for item in listed[:ERRORS])


def is_uuid(value: Any) -> bool:
    """Whether this is a UUID as Pigment writes them."""
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def excerpt(content: bytes, *, secret: str) -> str:
    """Return the begin of a text for people, on one line, roughly freed from HTML."""
    text = content.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        text = html.unescape(TAG.sub(" ", UNSEEN.sub(" ", text)))
    return tidy(text, secret=secret)


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
