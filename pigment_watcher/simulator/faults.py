"""Scripted trouble: what goes wrong, with which request, how often."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypedDict, Unpack, get_args

from pigment_watcher.simulator.received import Target

On = Literal["push", "status", "report", "probe", "any"]

Action = Literal[
    "reset_at_once",  # at the request line, before the headers are read
    "reset_after_headers",
    "reset_half_body",
    "reset_after_body",
    "close_after_body",
    "hang",  # at the headers; neither reads nor answers until the simulator stops
    "hang_after_body",
    "early",  # answers `status` without reading the body, then closes
    "accept_then_reset",  # the import starts, its answer is lost
    "drip",  # the answer comes a byte at a time, `delay_s` apart
    "cut_answer",  # the answer ends in the middle of its body
    "garbage",  # an answer that is no HTTP
]

_BEFORE_BODY = frozenset(
    {"reset_at_once", "reset_after_headers", "reset_half_body", "hang", "early"}
)


_FINAL_STATUS = range(200, 600)

#: A day.
_LONGEST_DELAY_S = 86_400.0


class Where(TypedDict, total=False):
    """Which requests a fault is for; the same words as the fields of `Fault`."""

    on: On
    times: int | None
    configuration_id: str | None
    content: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is done with the next matching requests instead of what Pigment would do.

    `times` None means for ever, `content` is text that the first 64 KiB of the body must hold.
    With `status` that is answered; without it, an action that answers gives Pigment's own answer.
    `delay_s` is waited for after the request was taken note of. Raises ValueError if it makes no
    sense.
    """

    on: On = "push"
    times: int | None = 1
    configuration_id: str | None = None
    content: bytes | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0
    action: Action | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if problem := self._problem():
            raise _refusal(problem)

    @classmethod
    def answer(
        cls,
        status: int,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        **where: Unpack[Where],
    ) -> Self:
        """Answer this; no import starts."""
        return cls(status=status, body=body, headers=headers or {}, **where)

    @classmethod
    def busy(cls, *, retry_after: str | None = None, **where: Unpack[Where]) -> Self:
        """Answer 429; `retry_after` is the header's text."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return cls.answer(429, body=b"Too many requests.", headers=headers, **where)

    @classmethod
    def slow(cls, delay_s: float, **where: Unpack[Where]) -> Self:
        """Do what was asked for at once, and answer late."""
        return cls(delay_s=delay_s, **where)

    @classmethod
    def early(cls, status: int, **where: Unpack[Where]) -> Self:
        """Answer without reading the body, then close."""
        return cls(action="early", status=status, **where)

    @classmethod
    def lost_answer(cls, **where: Unpack[Where]) -> Self:
        """Start the import, then reset the connection."""
        return cls(action="accept_then_reset", **where)

    @classmethod
    def act(cls, action: Action, **where: Unpack[Where]) -> Self:
        """Do this instead of a plain answer."""
        return cls(action=action, **where)

    @property
    def acts_before_body(self) -> bool:
        """Whether it is too late for it once the body is read."""
        return self.action in _BEFORE_BODY

    def concerns(self, target: Target) -> bool:
        """Whether it is for such a request, as far as its request line tells."""
        kinds = {target.kind, "any"} | ({"report"} if target.with_report else set())
        if target.is_own or self.on not in kinds:
            return False
        wanted = self.configuration_id
        return wanted is None or wanted.lower() == target.configuration_id

    def _problem(self) -> str | None:
        if self.on not in get_args(On):
            return f"on: not one of {', '.join(get_args(On))}: {self.on!r}"
        if self.action is not None and self.action not in get_args(Action):
            return f"action: not one of {', '.join(get_args(Action))}: {self.action!r}"
        if self.times is not None and self.times < 1:
            return f"times: at least 1, or null for ever: {self.times}"
        if self.status is not None and self.status not in _FINAL_STATUS:
            return f"status: from 200 to 599: {self.status}"
        if not 0 <= self.delay_s <= _LONGEST_DELAY_S:
            return f"delay_s: from 0 to {_LONGEST_DELAY_S:g}: {self.delay_s}"
        return self._contradiction()

    def _contradiction(self) -> str | None:
        if self.status is None and self.action is None and not self.delay_s:
            return "give a status, an action or a delay_s: it would do nothing"
        if self.action == "early" and self.status is None:
            return "early: give the status that is answered"
        if self.content is not None and self.acts_before_body:
            return f"{self.action} acts before the body is read, so it can't depend on content"
        return None


_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "on": (str,),
    "times": (int, type(None)),
    "configuration_id": (str, type(None)),
    "content": (str, type(None)),
    "status": (int, type(None)),
    "headers": (dict,),
    "body": (str,),
    "delay_s": (int, float),
    "action": (str, type(None)),
}


def from_json(value: object) -> list[Fault]:
    """Return the faults that a JSON list describes; raises ValueError if it does not."""
    if not isinstance(value, list):
        raise _refusal('a JSON list is expected, such as [{"status": 503}]')
    return [_one_from_json(item) for item in value]


def _one_from_json(item: object) -> Fault:
    if not isinstance(item, dict):
        raise _refusal(f"a JSON object is expected, not {item!r}")
    for name, value in item.items():
        if name not in _JSON_TYPES:
            raise _refusal(f"{name!r} is not known; known are {', '.join(_JSON_TYPES)}")
        if not isinstance(value, _JSON_TYPES[name]) or isinstance(value, bool):
            raise _refusal(f"{name}: not of the right type: {value!r}")
    if not all(isinstance(text, str) for text in item.get("headers", {}).values()):
        raise _refusal("headers: each value must be a text")
    given: dict[str, Any] = {
        name: value.encode() if name in ("content", "body") and value is not None else value
        for name, value in item.items()
    }
    return Fault(**given)


def _refusal(problem: str) -> ValueError:
    return ValueError(f"fault: {problem}")


class Script:
    """The faults still to come, in order."""

    def __init__(self) -> None:
        self._left: list[tuple[Fault, int | None]] = []

    def add(self, faults: Iterable[Fault]) -> None:
        """Append faults."""
        self._left += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        """Forget all faults."""
        self._left.clear()

    def take(self, target: Target, *, head: bytes | None = None) -> Fault | None:
        """Use up the first fault for this request; `head` is None while its body is unread.

        Where the first of them asks for content, nothing is taken before the body is read, for
        an earlier fault goes before a later one; those that act earlier are then passed over.
        """
        for index, (fault, _) in enumerate(self._left):
            if not fault.concerns(target):
                continue
            if head is None:
                return None if fault.content is not None else self._use(index)
            if not fault.acts_before_body and (fault.content or b"") in head:
                return self._use(index)
        return None

    def _use(self, index: int) -> Fault:
        fault, times = self._left[index]
        if times is not None:
            self._left[index : index + 1] = [(fault, times - 1)] if times > 1 else []
        return fault
