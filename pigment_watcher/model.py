"""The values that all rooms speak of, and the protocol by which they are told."""

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class State(enum.Enum):
    """Where a job stands; the journal refuses any step that `policy` does not allow."""

    #: The row is written, the file is claimed or about to be; nothing was sent.
    QUEUED = "QUEUED"
    #: The first body byte may have left; found after a crash, nobody knows what Pigment did.
    PUSHING = "PUSHING"
    #: Pigment's import ID is stored; after a crash it is asked after again.
    IMPORTING = "IMPORTING"
    #: The outcome is stored; what is left is to move the file.
    ARCHIVING = "ARCHIVING"
    #: Final: the file is in done/.
    DONE = "DONE"
    #: Final: the file is in failed/, back where it came from, or gone.
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Whether nothing will ever happen to the job again."""
        return self in (State.DONE, State.FAILED)


class Outcome(enum.Enum):
    """How a job ended."""

    #: Pigment said Completed.
    IMPORTED = "imported"
    #: Pigment said Completed, and its report lists rows that were not loaded.
    IMPORTED_WITH_SKIPS = "imported_with_skips"
    #: Pigment said Failed, or keeps answering this one file with errors while it takes others.
    FAILED = "failed"
    #: Pigment answered the push with a final error: the file was not taken.
    REFUSED = "refused"
    #: Our own checks refused the file; it was never pushed.
    INVALID = "invalid"
    #: A push was begun and its answer was lost.
    UNSURE = "unsure"
    #: The file vanished before anything was sent.
    GONE = "gone"
    #: Its route changed or went before anything was sent: it is back where it came from.
    RETURNED = "returned"


class LoadMode(enum.Enum):
    """What a second push of the same file would do at the destination."""

    UPDATE = "update"
    REPLACE = "replace"
    APPEND = "append"


class Order(enum.Enum):
    """By what the files of a lane are put in order."""

    MODIFIED = "modified"
    NAME = "name"


class AfterFailure(enum.Enum):
    """Whether a file that ends in failed/ holds those behind it."""

    CONTINUE = "continue"
    HOLD = "hold"


class SkippedRows(enum.Enum):
    """Whether an import that left rows out counts as a success."""

    ACCEPT = "accept"
    FAIL = "fail"


class Watch(enum.Enum):
    """How new files in a folder are noticed."""

    AUTO = "auto"
    EVENTS = "events"
    POLLING = "polling"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests within any `per_s` seconds."""

    requests: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one version of a file from another."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def same_content(self, other: "Fingerprint") -> bool:
        """Compare without ctime, which our own rename changes."""
        return (self.size, self.mtime_ns, self.inode) == (other.size, other.mtime_ns, other.inode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a job keeps of its route, so that it ends as it began.

    `key` names the API key (never its value): "default", or the path of the route's own file.
    """

    directory: Path
    done: Path
    failed: Path
    load_mode: LoadMode | None = None
    order: Order = Order.MODIFIED
    after_failure: AfterFailure = AfterFailure.CONTINUE
    skipped_rows: SkippedRows = SkippedRows.ACCEPT
    allow_empty: bool = False
    quiet_s: float = 2.0
    key: str = "default"

    @property
    def may_repeat(self) -> bool:
        """Whether the owner said that a second push of the same file is harmless."""
        return self.load_mode in (LoadMode.UPDATE, LoadMode.REPLACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A watched folder and the import configuration that its files go to."""

    name: str
    configuration_id: str
    rules: Rules
    files: tuple[str, ...] = ("*.csv",)
    ignore: tuple[str, ...] = ()
    watch: Watch = Watch.AUTO
    scan_every_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a job ends and what a person reads about it.

    `reason` says what happened, `answer` holds Pigment's own words, `advice` what to do now.
    """

    outcome: Outcome
    reason: str = ""
    answer: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One version of one file on its way; times are seconds since 1970, UTC.

    `source` is where the file was taken from, `name` what it was called when it was first dropped,
    `claimed_at` is None until it is in processing/.
    `attempts` counts the pushes begun, `retries` the trials in a row that came to nothing,
    `rejections` the errors by which the destination answered this file while it took others.
    `deadline_from` is `importing_since`, moved on by the time during which nothing could be asked.
    """

    id: int
    route: str
    configuration_id: str
    rules: Rules
    source: Path
    name: str
    fingerprint: Fingerprint
    state: State
    due_at: float
    created_at: float
    outcome: Outcome | None = None
    reason: str = ""
    answer: str = ""
    advice: str = ""
    target: Path | None = None
    owner_uid: int | None = None
    owner_name: str = ""
    priority: int = 1
    claimed_at: float | None = None
    pushed_at: float | None = None
    importing_since: float | None = None
    deadline_from: float | None = None
    decided_at: float | None = None
    finished_at: float | None = None
    attempts: int = 0
    polls: int = 0
    retries: int = 0
    rejections: int = 0
    rejected_at: float | None = None
    missing_since: float | None = None
    forbidden: bool = False
    import_id: str | None = None
    sha256: str | None = None
    bytes_sent: int | None = None
    report: Mapping[str, int] | None = None
    retry_of: int | None = None
    asked_by: str = ""
    version: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """How it ended, once that is stored."""
        if self.outcome is None:
            return None
        return Verdict(
            outcome=self.outcome, reason=self.reason, answer=self.answer, advice=self.advice
        )

    def evolve(self, **changes: Any) -> "Job":
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)


class ImportState(enum.Enum):
    """What Pigment says of an import."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportStatus:
    """Pigment's answer to a status call; `errors` are (name, description) pairs."""

    import_id: str
    state: ImportState
    created_at: str | None = None
    completed_at: str | None = None
    errors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Pigment took a push: the import has started, no more."""

    import_id: str
    sha256: str
    bytes_sent: int


class ConditionKind(enum.Enum):
    """A trouble that lasts; said once when it begins and once when it ends."""

    #: The answer to a push was lost: no push to this host until a probe is answered well.
    HOST_IN_DOUBT = "host_in_doubt"
    #: The host redirects: the `url` is wrong; probed until it is not.
    WRONG_URL = "wrong_url"
    #: The host does not answer, or takes nothing now; each job tries again by itself.
    HOST_UNAVAILABLE = "host_unavailable"
    #: Two lanes were told "too many requests": nothing is asked of the host before the due time.
    HOST_BUSY = "host_busy"
    #: The key was refused: nothing that uses it is pushed or asked; probed.
    KEY_REFUSED = "key_refused"
    #: A push was forbidden: a probe tells whether it was the key or the file.
    KEY_IN_DOUBT = "key_in_doubt"
    #: Pigment knows no such configuration; its head is pushed again at the due time.
    CONFIGURATION_MISSING = "configuration_missing"
    #: This configuration was told "too many requests".
    LANE_BUSY = "lane_busy"
    #: A file ended in failed/ and the route says hold.
    LANE_HELD = "lane_held"
    #: An operator paused the route.
    ROUTE_PAUSED = "route_paused"
    #: A folder can't be read or written.
    FOLDER_LOST = "folder_lost"
    #: Complete files can't be brought into processing/.
    CLAIM_STUCK = "claim_stuck"
    #: A file can't be read by us; it stays where it is.
    FILE_UNREADABLE = "file_unreadable"
    #: A file lies in an inbox and no route takes it.
    FILE_UNCLAIMED = "file_unclaimed"
    #: Another instance left files in processing/.
    ORPHANS = "orphans"
    #: A finished file can't be moved to where it belongs.
    ARCHIVE_STUCK = "archive_stuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One trouble that lasts; `subject` is what it is about (host, key, lane, route, path).

    `due_at` is when it is looked at again, None if only a person ends it.
    """

    kind: ConditionKind
    subject: str
    since: float
    detail: str = ""
    due_at: float | None = None
    attempts: int = 0
    job_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job and is stored; `name` is the log's event name."""

    name: str
    job: Job
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionEvent:
    """A condition began or ended; `routes` are those that it stops or concerns."""

    condition: Condition
    began: bool
    seconds: float = 0.0
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEvent:
    """Something about the service itself; `name` is the log's event name, `level` a log level."""

    name: str
    level: str = "info"
    fields: Mapping[str, object] = field(default_factory=dict)


class Listener:
    """An ear: told after the commit, never before; what it raises is logged and forgotten."""

    def job_changed(self, event: JobEvent) -> None:
        """Hear of a job's step."""

    def condition_changed(self, event: ConditionEvent) -> None:
        """Hear that a lasting trouble began or ended."""

    def service_changed(self, event: ServiceEvent) -> None:
        """Hear of the service's own life."""
