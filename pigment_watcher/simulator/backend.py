"""What Pigment would answer: its rules and imports, without a socket, the time as an argument."""

import dataclasses
import datetime as dt
import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pigment_watcher import errors
from pigment_watcher.simulator import answers, reports
from pigment_watcher.simulator.answers import Answer
from pigment_watcher.simulator.received import NIL_UUID, Body, Received, Target
from pigment_watcher.simulator.reports import Skip

ImportState = Literal["InProgress", "Completed", "Failed"]

#: A file that says SIMULATE-SLOW takes so many times longer.
SLOWNESS = 5

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OLD_KEY = re.compile(r"[0-9a-zA-Z]{8}(-[0-9a-zA-Z]{4}){3}-[0-9a-zA-Z]{12}")
_STATUS_WISH = re.compile(rb"SIMULATE-([45][0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the stand-in is set up; limits are (requests, seconds), `configurations` None: all.

    Without `has_v1` nothing is known under /api/v1/.
    """

    keys: Collection[str]
    configurations: Collection[str] | None = None
    import_s: float = 1.0
    request_limit: tuple[int, float] | None = None
    push_limit: tuple[int, float] | None = None
    max_bytes: int | None = None
    has_v1: bool = True

    def accepts(self, key: str) -> bool:
        """Whether a key opens the door: known, and not of the format with dashes."""
        return key in self.keys and not _OLD_KEY.fullmatch(key)

    def knows(self, configuration_id: str) -> bool:
        """Whether there is such an import configuration."""
        if self.configurations is None:
            return configuration_id != NIL_UUID
        return configuration_id in {known.lower() for known in self.configurations}


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An import; `created` and `completes` are seconds since 1970, infinity: when it is told."""

    id: str
    configuration_id: str
    state: ImportState
    created: float
    completes: float
    ends_as: ImportState
    rows: int = 0
    skips: tuple[Skip, ...] = ()
    created_items: int = 0

    def at(self, now: float) -> "Import":
        """Return it as it stands at a time."""
        if self.state != "InProgress" or now < self.completes:
            return self
        return dataclasses.replace(self, state=self.ends_as)


class Window:
    """Lets so many requests pass from the first on, then none until `per_s` are over."""

    def __init__(self, limit: tuple[int, float]) -> None:
        self._requests, self._per_s = limit
        self._began = float("-inf")
        self._passed = 0

    def lets_pass(self, now: float) -> bool:
        """Count a request; False if it is one too many."""
        if now - self._began >= self._per_s:
            self._began, self._passed = now, 0
        self._passed += 1
        return self._passed <= self._requests


class Backend:
    """Answers requests by the rules and keeps the imports; whoever calls it holds the lock."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._imports: dict[str, Import] = {}
        self._requests = Window(rules.request_limit) if rules.request_limit else None
        self._pushes: dict[str, Window] = {}
        #: What is reported of every import, in a list of its own; empty: what its file asks for.
        self._reports: list[object] = []

    def tell(self, report: object) -> None:
        """Report this of every import, whatever it is."""
        self._reports = [report]

    def imports(self, now: float) -> list[Import]:
        """Return all imports as they stand, in the order of their begin."""
        for one in self._imports.values():
            self._imports[one.id] = one.at(now)
        return list(self._imports.values())

    def finish(self, import_id: str, *, state: ImportState, now: float) -> None:
        """End an import now; raises RequestRefused if there is none in progress by that ID."""
        one = self._imports.get(import_id)
        if one is None or one.at(now).state != "InProgress":
            raise errors.RequestRefused(
                f"import {import_id}: not in progress here; imports() tells which are"
            )
        self._imports[import_id] = dataclasses.replace(
            one, state=state, completes=now, ends_as=state
        )

    def answer(self, received: Received, now: float) -> Answer:
        """Decide about a request, and start the import if it is a good push."""
        if refusal := (
            self._over_request_limit(now) or self._no_v1(received) or self._wrong_key(received)
        ):
            return refusal
        match received.target.kind:
            case "push":
                return self._refused(received, now) or self._start(received, now)
            case "legacy":
                return self._refused(received, now) or _legacy_receipt(received.body)
            case "status" | "probe":
                return self._status(received.target, now)
            case _:
                return answers.text(404, "Not found")

    def _over_request_limit(self, now: float) -> Answer | None:
        if self._requests is None or self._requests.lets_pass(now):
            return None
        return answers.text(429, "Too many requests. Please try again later.")

    def _no_v1(self, received: Received) -> Answer | None:
        if self.rules.has_v1 or not received.target.v1:
            return None
        return answers.text(404, "Not found")

    def _wrong_key(self, received: Received) -> Answer | None:
        if self.rules.accepts(received.key):
            return None
        if _OLD_KEY.fullmatch(received.key):
            return answers.text(401, "API keys with dashes have expired. Generate a new API key.")
        return answers.text(401, "Unauthorized")

    def _refused(self, received: Received, now: float) -> Answer | None:
        configuration_id = received.target.configuration_id
        return (
            self._unknown_configuration(configuration_id)
            or self._unreadable(received)
            or self._over_push_limit(configuration_id, now)
            or _wished_by_content(received.body)
        )

    def _unknown_configuration(self, configuration_id: str) -> Answer | None:
        if not _UUID.fullmatch(configuration_id):
            return answers.text(400, "configurationId is missing or not a UUID")
        if not self.rules.knows(configuration_id):
            return answers.text(404, "Import configuration not found")
        return None

    def _unreadable(self, received: Received) -> Answer | None:
        if received.length is None or received.header("Content-Encoding") not in ("", "identity"):
            return answers.text(400, "Bad request: the body must be raw, with its Content-Length")
        if received.header("Content-Type").lower().startswith("multipart/"):
            return answers.text(400, "Bad request: the body must be the file itself, no form")
        if self.rules.max_bytes is not None and received.body.size > self.rules.max_bytes:
            return answers.text(400, "Bad request or size limit exceeded")
        return None

    def _over_push_limit(self, configuration_id: str, now: float) -> Answer | None:
        limit = self.rules.push_limit
        if limit is None:
            return None
        window = self._pushes.setdefault(configuration_id, Window(limit))
        if window.lets_pass(now):
            return None
        return answers.text(
            429,
            "Maximum number of reports per configuration per hour exceeded, "
            f"maximum: {limit[0]}. Please try again later.",
        )

    def _start(self, received: Received, now: float) -> Answer:
        head = received.body.head
        import_s = self.rules.import_s * (SLOWNESS if b"SIMULATE-SLOW" in head else 1)
        started = Import(
            id=str(uuid.uuid4()),
            configuration_id=received.target.configuration_id,
            state="InProgress",
            created=now,
            completes=now + import_s,
            ends_as="Failed" if b"SIMULATE-FAIL" in head else "Completed",
            rows=received.body.rows,
            skips=reports.skips(head),
            created_items=reports.created(head),
        )
        self._imports[started.id] = started
        # JSON under this very name: clients must not trust it.
        return Answer(
            status=200,
            body=b'{"importId": "%s"}' % started.id.encode(),
            headers={"Content-Type": "text/plain; charset=utf-8"},
            import_id=started.id,
        )

    def _status(self, target: Target, now: float) -> Answer:
        if not _UUID.fullmatch(target.import_id):
            return answers.text(400, "The import ID is not a UUID")
        one = self._imports.get(target.import_id)
        if one is None:
            return answers.text(404, "Import not found")
        one = one.at(now)
        told = _status_v1(one) if target.v1 else _status_of_article(one)
        if target.v1 and target.with_report:
            told["detailedReport"] = self._report(one)
        return answers.document(200, told)

    def _report(self, one: Import) -> object:
        if one.state != "Completed":
            return None
        if self._reports:
            return self._reports[0]
        return reports.report(one.configuration_id, one.rows, one.skips, one.created_items)


def _wished_by_content(body: Body) -> Answer | None:
    wish = _STATUS_WISH.search(body.head)
    return wish and answers.text(int(wish[1]), f"The file says {wish[0].decode()}")


def _legacy_receipt(body: Body) -> Answer:
    return answers.document(200, {"tranferLogId": str(uuid.uuid4()), "nbBytesPushed": body.size})


def _status_of_article(one: Import) -> dict[str, object]:
    told: dict[str, object] = {
        "importId": one.id,
        "createdAt": _timestamp(one.created),
        "importStatus": one.state,
    }
    if one.state != "InProgress":
        told["completedAt"] = _timestamp(one.completes)
    return told


def _status_v1(one: Import) -> dict[str, object]:
    failure = {"name": "SimulatedFailure", "description": "The file says SIMULATE-FAIL."}
    told = {"completedAt": None, **_status_of_article(one)}
    return told | {"errorsDetails": [failure] if one.state == "Failed" else []}


def _timestamp(seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
