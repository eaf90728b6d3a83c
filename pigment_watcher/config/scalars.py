"""The kinds of single values a configuration has; each tells in plain words what it wants."""

import ipaddress
import os
import re
import unicodedata
import urllib.parse
import zoneinfo
from typing import Annotated

import pydantic
from pydantic_core import PydanticCustomError

from pigment_watcher.policy.notices import NoticeKind

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
#: Longer than any wait makes sense, shorter than what the system's waits can count to.
_LONGEST_S = 36500 * 86400.0

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_SHOWN = 60

_PLACEHOLDERS = ("{name}", "{stem}")
#: What the common file systems allow a name.
_LONGEST_NAME = 255
#: The highest port there is.
_LAST_PORT = 65535


def refusal(text: str) -> PydanticCustomError:
    """Return the error that makes a validator say this text."""
    return PydanticCustomError("refused", "{text}", {"text": text})


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and nothing of what may hold more."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


# ---------------------------------------------------------------- durations


def _duration_s(value: object) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refusal(f"not a duration such as 500ms, 2s, 5m, 1h or 30d: {shown(value)}")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if seconds > _LONGEST_S:
        raise refusal(f"longer than a hundred years (36500d): {shown(value)}")
    return seconds


def _more_than_nothing(seconds: float) -> float:
    if not seconds:
        raise refusal("must be longer than 0s")
    return seconds


def _auto_or_duration(value: object) -> float | None:
    return None if value == "auto" else _duration_s(value)


def _auto_or_some_time(value: object) -> float | None:
    return None if value == "auto" else _more_than_nothing(_duration_s(value))


# ---------------------------------------------------------------- days and hours

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _time_of_day(value: object) -> tuple[int, int]:
    text = value if isinstance(value, str) else ""
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
    if match is None:
        raise refusal(f"must be a time of day in quotes, such as '06:00': {shown(value)}")
    return int(match[1]), int(match[2])


def _days(value: object) -> frozenset[int]:
    if not isinstance(value, str):
        raise refusal(f"must be days such as mon-fri or 'mon, wed': {shown(value)}")
    found: set[int] = set()
    for part in value.lower().split(","):
        first, _, last = (name.strip() for name in part.partition("-"))
        if first not in _DAYS or (last or first) not in _DAYS:
            raise refusal(f"must be days such as mon-fri or 'mon, wed': {shown(value)}")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found.update(day % 7 for day in range(begin, end + 1 + 7 * (end < begin)))
    return frozenset(found)


def _zone(value: object) -> str:
    try:
        return zoneinfo.ZoneInfo(str(value)).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise refusal(f"no time zone such as Europe/Berlin: {shown(value)}") from None


# ---------------------------------------------------------------- texts


def _path(value: str) -> str:
    if not value:
        raise refusal("is empty: give a path or leave the key out")
    if value.startswith("~") or "${" in value:
        raise refusal(f"neither ~ nor variables are filled in: write the path out: {shown(value)}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise refusal(f"holds a character that can't stand in a path: {shown(value)}")
    return value


def _key_file(value: str) -> str:
    if re.fullmatch(r"[^/.]{30,}", value):
        raise refusal(
            "looks like the key itself: put the key into a file and write its whole path here"
        )
    return _path(value)


def _uuid(value: object) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if not _UUID.fullmatch(text):
        raise refusal(f"not a UUID: {shown(value)}")
    return text


def _patterns(value: object) -> tuple[str, ...]:
    patterns = value if isinstance(value, list) else [value]
    for one in patterns:
        if not isinstance(one, str) or not one:
            raise refusal(f"must be a pattern such as '*.csv', or a list of them: {shown(one)}")
    return tuple(patterns)


def _some_patterns(value: object) -> tuple[str, ...]:
    if value == []:
        raise refusal("is empty: a route needs at least one pattern")
    return _patterns(value)


def _marker(value: str) -> str:
    if not value or value in (".", ".."):
        raise refusal("must be the name of a file, such as '{name}.done'")
    if "/" in value:
        raise refusal(f"stands beside its file, so '/' can't be in it: {shown(value)}")
    rest = value
    for placeholder in _PLACEHOLDERS:
        rest = rest.replace(placeholder, "", 1)
    if "{" in rest or "}" in rest:
        raise refusal(
            f"takes {{name}} and {{stem}}, each once, and no other braces: {shown(value)}"
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise refusal(f"holds a character that can't stand in a name: {shown(value)}")
    if len(os.fsencode(value)) > _LONGEST_NAME:
        raise refusal(f"is longer than a file's name may be: {shown(value)}")
    return value


def _auto_or_flag(value: object) -> bool | None:
    if value == "auto":
        return None
    if not isinstance(value, bool):
        raise refusal(f"must be auto, true or false: {shown(value)}")
    return value


def _word(value: str) -> str:
    if not re.fullmatch(r"[\w .-]{0,40}", value):
        raise refusal(f"must be a short name, such as production: {shown(value)}")
    return value


def _notices(value: object) -> frozenset[NoticeKind]:
    known = {kind.value: kind for kind in NoticeKind}
    names = value if isinstance(value, list) else [value]
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise refusal(f"must be some of {', '.join(known)}: {shown(name)}")
    return frozenset(known[str(name)] for name in names)


# ---------------------------------------------------------------- addresses


def _url(value: str) -> str:
    address = _split(value)
    if address.username is not None:
        raise refusal("must not hold a user or a password: the API key is all that is sent")
    if "?" in value or "#" in value:
        raise refusal(f"must end before '?' and '#': {shown(value)}")
    if address.scheme == "http" and not is_loopback(address.hostname or ""):
        raise refusal(f"must begin with https://, or the API key travels readable: {shown(value)}")
    if f"{address.path}/".startswith("/api/"):
        raise refusal(f"must be the host alone, without /api/...: {shown(value)}")
    return f"{address.scheme}://{address.netloc.lower()}{address.path}".rstrip("/")


def _proxy(value: str) -> str:
    _split(value)
    return value


def _split(value: str) -> urllib.parse.SplitResult:
    """Return the parts of an http(s) address; what is wrong is told without any password."""
    if not re.fullmatch(r"[!-~]+", value):
        raise refusal("holds blanks or characters that can't stand in an address")
    try:
        address = urllib.parse.urlsplit(value)
        usable = address.hostname and address.port != 0
    except ValueError:
        usable = False
    if not usable or address.scheme not in ("http", "https"):
        raise refusal("not an address such as https://pigment.app")
    return address


def _listen(value: object) -> tuple[str, int]:
    if not isinstance(value, str):
        raise refusal(f"must be a text, such as '127.0.0.1:9464': {shown(value)}")
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]]+)):([0-9]{1,5})", value)
    if found is None or not int(found[3]) <= _LAST_PORT:
        raise refusal(f"must be an address and a port, such as 127.0.0.1:9464: {shown(value)}")
    return found[1] or found[2], int(found[3])


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# ---------------------------------------------------------------- as annotations

Duration = Annotated[float, pydantic.BeforeValidator(_duration_s)]
SomeTime = Annotated[Duration, pydantic.AfterValidator(_more_than_nothing)]
AutoDuration = Annotated[float | None, pydantic.BeforeValidator(_auto_or_duration)]
AutoSomeTime = Annotated[float | None, pydantic.BeforeValidator(_auto_or_some_time)]
AutoFlag = Annotated[bool | None, pydantic.BeforeValidator(_auto_or_flag)]
TimeOfDay = Annotated[tuple[int, int], pydantic.BeforeValidator(_time_of_day)]
Days = Annotated[frozenset[int], pydantic.BeforeValidator(_days)]
Zone = Annotated[str, pydantic.BeforeValidator(_zone)]
Word = Annotated[str, pydantic.AfterValidator(_word)]
Notices = Annotated[frozenset[NoticeKind], pydantic.BeforeValidator(_notices)]
FilePath = Annotated[str, pydantic.AfterValidator(_path)]
KeyFile = Annotated[str, pydantic.AfterValidator(_key_file)]
Uuid = Annotated[str, pydantic.BeforeValidator(_uuid)]
Patterns = Annotated[tuple[str, ...], pydantic.BeforeValidator(_patterns)]
SomePatterns = Annotated[tuple[str, ...], pydantic.BeforeValidator(_some_patterns)]
Marker = Annotated[str, pydantic.AfterValidator(_marker)]
Url = Annotated[str, pydantic.AfterValidator(_url)]
Listen = Annotated[tuple[str, int], pydantic.BeforeValidator(_listen)]
Proxy = Annotated[str, pydantic.AfterValidator(_proxy)]
Count = Annotated[int, pydantic.Field(ge=1)]
