"""The values that all rooms speak of, and the protocol by which they are told."""

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


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


class DetailedReport(enum.Enum):
    """Whether Pigment is asked which rows an import left out."""

    #: Asked for where there is such a report; elsewhere the import's state alone.
    AUTO = "auto"
    ALWAYS = "true"
    NEVER = "false"


class Asking(enum.Enum):
    """By which of Pigment's status calls an import is asked after."""

    #: Under v1, with the report.
    REPORT = "report"
    #: Under v1, without it.
    V1 = "v1"
    #: The older call, that of Pigment's help article: every host has it, and it knows no reports.
    ARTICLE = "article"


class Duplicates(enum.Enum):
    """Whether bytes that a configuration imported before are imported once more."""

    ACCEPT = "accept"
    REFUSE = "refuse"


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


class Fingerprint(NamedTuple):  # made for each file at each look
    """What tells one version of a file from another.

    `inode` is 0 where the drive's numbers mean nothing: FUSE makes up new ones as it likes. Such a
    fingerprint is compared without them.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def same_version(self, other: "Fingerprint") -> bool:
        """Compare all that is known: the file was neither written, replaced nor renamed."""
        return self.ctime_ns == other.ctime_ns and self.same_content(other)

    def same_content(self, other: "Fingerprint") -> bool:
        """Compare without ctime, which our own rename changes."""
        same_inode = self.inode == other.inode or 0 in (self.inode, other.inode)
        return same_inode and (self.size, self.mtime_ns) == (other.size, other.mtime_ns)

    def without_inode(self) -> "Fingerprint":
        """Return it for a drive whose inode numbers mean nothing."""
        return self._replace(inode=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a job keeps of its route, so that it ends as it began.

    `quiet_s` is None where it follows the kind of drive. `key` names the API key (never its value):
    "default", or the path of the route's own file.
    """

    directory: Path
    done: Path
    failed: Path
    load_mode: LoadMode | None = None
    order: Order = Order.MODIFIED
    after_failure: AfterFailure = AfterFailure.CONTINUE
    skipped_rows: SkippedRows = SkippedRows.ACCEPT
    allow_empty: bool = False
    duplicates: Duplicates = Duplicates.ACCEPT
    quiet_s: float | None = None
    key: str = "default"

    @property
    def may_repeat(self) -> bool:
        """Whether the owner said that a second push of the same file is harmless."""
        return self.load_mode in (LoadMode.UPDATE, LoadMode.REPLACE)


@dataclass(frozen=True, slots=True)
class ExpectBy:
    """By when a file should be imported: a time of day on some days (0 is Monday).

    `zone` is a time zone's name, None for the server's own.
    """

    hour: int
    minute: int
    days: frozenset[int] = frozenset(range(7))
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A watched folder and the import configuration that its files go to.

    `scan_every_s` is None where it follows from the way of watching. `marker` is the name of the
    file that says "complete": a fixed one, or one with {name} or {stem} of the file in it.
    `keep_done_s` and `keep_failed_s` are None where finished files are never removed.
    """

    name: str
    configuration_id: str
    rules: Rules
    files: tuple[str, ...] = ("*.csv",)
    ignore: tuple[str, ...] = ()
    watch: Watch = Watch.AUTO
    scan_every_s: float | None = None
    require_mount: bool = False
    recursive: bool = False
    marker: str | None = None
    keep_done_s: float | None = None
    keep_failed_s: float | None = None
    expect_by: ExpectBy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a route's folder is watched on the drive that it lies on.

    `by_events` tells whether the kernel's events are heard, or its scans alone count.
    """

    by_events: bool
    quiet_s: float
    scan_every_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """What an import left out for one reason in one column; `count` is None if it was not told."""

    reason: str
    column: str = ""
    count: int | None = None
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import did, as far as Pigment told; None stands for what it did not tell.

    `created` counts the items that were added to lists because the file named them. `skips` are
    the first kinds of what was left out, and so many `more_kinds` there were.
    """

    inserted: int | None = None
    updated: int | None = None
    deleted: int | None = None
    skipped: int | None = None
    created: int | None = None
    skips: tuple[Skipped, ...] = ()
    more_kinds: int = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """The counts that are known, by name."""
        names = ("inserted", "updated", "deleted", "skipped", "created")
        known = ((name, getattr(self, name)) for name in names)
        return {name: count for name, count in known if count is not None}

    @property
    def has_skips(self) -> bool:
        """Whether anything was left out."""
        return bool(self.skipped or self.skips)


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
    `claimed_at` is None until it is in processing/, `marker` is the name of the marker that goes
    with it, empty if there is none.
    `attempts` counts the pushes begun, `retries` the trials in a row that came to nothing,
    `rejections` the errors by which the destination answered this file while it took others.
    `deadline_from` is `importing_since`, moved on by the time during which nothing could be asked.
    `asked_at` is when Pigment said last that the import goes on, `is_early` tells that it is
    expected to say so again.
    `even_if_imported` tells that a person wants it pushed although it may have been imported,
    `removed_at` when its file was removed because it was old. `asks_plainly` tells that the last
    call for a report was of no use, so that the import is asked after without one, and
    `report_denials` how often that then worked.
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
    marker: str = ""
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
    asked_at: float | None = None
    is_early: bool = False
    forbidden: bool = False
    import_id: str | None = None
    sha256: str | None = None
    bytes_sent: int | None = None
    report: Report | None = None
    asks_plainly: bool = False
    report_denials: int = 0
    retry_of: int | None = None
    asked_by: str = ""
    even_if_imported: bool = False
    removed_at: float | None = None
    version: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """How it ended, once that is stored."""
        if self.outcome is None:
            return None
        return Verdict(
            outcome=self.outcome, reason=self.reason, answer=self.answer, advice=self.advice
        )

    @property
    def is_plain(self) -> bool:
        """Whether its end needs no words: it was imported, and nothing is left to do."""
        return self.outcome in (None, Outcome.IMPORTED) and not self.advice

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
    """Pigment's answer to a status call; `errors` are (name, description) pairs.

    `report` is None where none came.
    """

    import_id: str
    state: ImportState
    created_at: str | None = None
    completed_at: str | None = None
    errors: tuple[tuple[str, str], ...] = ()
    report: Report | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A file that was imported: what it was called, when its end was known, Pigment's ID."""

    name: str
    at: float
    import_id: str


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
    #: The host has no status with reports: for a day imports are asked after without them.
    NO_REPORTS = "no_reports"
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
    #: No file of a route was imported by the time by which one should be.
    NOTHING_ARRIVED = "nothing_arrived"
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
