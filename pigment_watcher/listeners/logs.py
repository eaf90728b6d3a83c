"""Log lines: structlog through the standard library's logging, so that all lines look alike."""

import logging
import os
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType
from typing import TextIO

from pigment_watcher.listeners.plain_structlog import EventDict, Processor, WrappedLogger, structlog
from pigment_watcher.model import (
    ConditionEvent,
    ConditionKind,
    JobEvent,
    Listener,
    Outcome,
    ServiceEvent,
    State,
)

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("pigment_watcher")

# ---------------------------------------------------------------- events to lines


@dataclass(frozen=True, slots=True)
class _Words:
    """How a condition is said; where `ended` is None, its end is not."""

    level: int
    began: str
    ended: str | None = None


_CONDITIONS: Mapping[ConditionKind, _Words] = {
    ConditionKind.HOST_IN_DOUBT: _Words(logging.WARNING, "route.blocked", "route.unblocked"),
    ConditionKind.WRONG_URL: _Words(logging.ERROR, "route.blocked", "route.unblocked"),
    ConditionKind.HOST_UNAVAILABLE: _Words(
        logging.WARNING, "destination.unavailable", "destination.available"
    ),
    ConditionKind.HOST_BUSY: _Words(logging.WARNING, "route.blocked", "route.unblocked"),
    ConditionKind.NO_REPORTS: _Words(
        logging.WARNING, "destination.no_reports", "destination.reports"
    ),
    ConditionKind.KEY_REFUSED: _Words(logging.ERROR, "route.blocked", "route.unblocked"),
    ConditionKind.KEY_IN_DOUBT: _Words(logging.DEBUG, "route.blocked", "route.unblocked"),
    ConditionKind.CONFIGURATION_MISSING: _Words(logging.ERROR, "route.blocked", "route.unblocked"),
    ConditionKind.LANE_BUSY: _Words(logging.WARNING, "route.blocked", "route.unblocked"),
    ConditionKind.LANE_HELD: _Words(logging.ERROR, "route.blocked", "route.unblocked"),
    ConditionKind.ROUTE_PAUSED: _Words(logging.INFO, "route.blocked", "route.unblocked"),
    ConditionKind.FOLDER_LOST: _Words(logging.ERROR, "route.lost", "route.found"),
    ConditionKind.CLAIM_STUCK: _Words(logging.ERROR, "route.claims_stuck", "route.claims_freed"),
    ConditionKind.FILE_UNREADABLE: _Words(logging.WARNING, "file.unreadable", "file.readable"),
    ConditionKind.FILE_UNCLAIMED: _Words(logging.WARNING, "file.unclaimed"),
    ConditionKind.ORPHANS: _Words(logging.WARNING, "processing.orphans", "processing.clear"),
    ConditionKind.NOTHING_ARRIVED: _Words(logging.ERROR, "route.nothing_arrived", "route.arrived"),
    ConditionKind.ARCHIVE_STUCK: _Words(logging.ERROR, "job.archive_stuck", "job.archive_freed"),
}

_OUTCOMES: Mapping[Outcome | None, int] = {
    Outcome.IMPORTED: logging.INFO,
    Outcome.IMPORTED_WITH_SKIPS: logging.WARNING,
    Outcome.FAILED: logging.ERROR,
    Outcome.REFUSED: logging.ERROR,
    Outcome.INVALID: logging.ERROR,
    Outcome.UNSURE: logging.ERROR,
    Outcome.GONE: logging.WARNING,
    Outcome.RETURNED: logging.WARNING,
}

#: What a route may count as a failure.
_MAY_BE_FAILURE = frozenset({Outcome.IMPORTED_WITH_SKIPS})

#: Steps that the lines before and after them tell too, or the line of a condition.
_STEPS_BETWEEN = frozenset(
    {"job.pushing", "job.decided", "job.push_postponed", "job.status_failed"}
)

_ABOUT_A_FILE = (ConditionKind.FILE_UNREADABLE, ConditionKind.FILE_UNCLAIMED)


class LogListener(Listener):
    """Says every event as one line."""

    def job_changed(self, event: JobEvent) -> None:
        """Say a job's step; its end as loudly as its outcome deserves."""
        finished = event.name == "job.finished"
        level = logging.DEBUG if event.name in _STEPS_BETWEEN else logging.INFO
        if finished:
            level = _OUTCOMES[event.job.outcome]
            if event.job.state is State.FAILED and event.job.outcome in _MAY_BE_FAILURE:
                level = logging.ERROR
        if _log.isEnabledFor(level):
            _log.log(level, event.name, **_job_fields(event, finished=finished))

    def condition_changed(self, event: ConditionEvent) -> None:
        """Say that a lasting trouble began, or that it is over."""
        words = _CONDITIONS[event.condition.kind]
        if event.began:
            _log.log(words.level, words.began, **_condition_fields(event))
        elif words.ended is not None:
            level = min(words.level, logging.INFO)
            _log.log(level, words.ended, **_condition_fields(event))

    def service_changed(self, event: ServiceEvent) -> None:
        """Say something about the service itself."""
        _log.log(_level(event.level), event.name, **event.fields)


def _job_fields(event: JobEvent, *, finished: bool) -> dict[str, object]:
    job = event.job
    fields: dict[str, object] = {"route": job.route, "file": job.name, "job": job.id}
    if job.import_id is not None:
        fields["import_id"] = job.import_id
    if job.outcome is not None:
        fields["outcome"] = job.outcome.value
    if finished and job.finished_at is not None:
        fields["seconds"] = round(job.finished_at - job.created_at, 3)
    if job.bytes_sent is not None:
        fields["bytes"] = job.bytes_sent
    elif event.name == "job.claimed":
        fields["bytes"] = job.fingerprint.size
    if finished and job.report is not None:
        fields |= job.report.counts
    if finished and job.reason and not job.is_plain:
        fields["reason"] = job.reason
    if event.detail:
        fields["detail"] = event.detail
    return fields


def _condition_fields(event: ConditionEvent) -> dict[str, object]:
    condition = event.condition
    fields: dict[str, object] = {"cause": condition.kind.value, "subject": condition.subject}
    if len(event.routes) == 1:
        fields["route"] = event.routes[0]
    elif event.routes:
        fields["routes"] = event.routes
    if condition.kind in _ABOUT_A_FILE:
        fields["file"] = PurePath(condition.subject).name
    if condition.job_id is not None:
        fields["job"] = condition.job_id
    if condition.detail:
        fields["detail"] = condition.detail
    if not event.began:
        fields["seconds"] = round(event.seconds, 3)
    return fields


# ---------------------------------------------------------------- lines to the stream

#: The names of syslog's priorities, as sd-daemon(3) wants them before a line.
_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}

_FIRST = ("timestamp", "level", "event")
_BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"'\\,]+")
#: What is half a character: a name that is no UTF-8, or a careless answer.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
#: How Python keeps the bytes of a name that are no UTF-8.
_KEPT_BYTES = range(0xDC80, 0xDD00)
#: What a terminal might obey.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: The same, but for the line ends and tabs of a traceback.
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def configure(
    *,
    level: str,
    format: str,  # noqa: A002  # the name of the YAML's key
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Send all lines of this process to a stream (stderr), and uncaught exceptions with them.

    `level` is debug, info, warning or error; `format` is auto, json or console. Can be called
    again, to change either.
    """
    stream = sys.stderr if stream is None else stream
    to_journal = _is_the_journal(stream, environ)
    handler = _Handler(stream, prioritised=to_journal)
    handler.setFormatter(_formatter(stream, format, environ=environ, stamped=not to_journal))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_level(level))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    threading.excepthook = _say_that_a_thread_died
    sys.excepthook = _say_that_the_process_died


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines, with their priority if so wanted, and never a bearer's token."""

    def __init__(self, stream: TextIO, *, prioritised: bool) -> None:
        super().__init__(stream)
        self._prioritised = prioritised

    def format(self, record: logging.LogRecord) -> str:
        """Render a record; each of its lines gets its priority."""
        text = _BEARER.sub(r"\1<hidden>", super().format(record))
        if not self._prioritised:
            return text
        prefix = f"<{_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in text.split("\n"))


def _formatter(
    stream: TextIO, format_name: str, *, environ: Mapping[str, str], stamped: bool
) -> logging.Formatter:
    console = format_name == "console" or (format_name == "auto" and stream.isatty())
    stamp: list[Processor] = [structlog.processors.TimeStamper(fmt="iso", utc=True)]
    rendering: list[Processor]
    if console:
        colors = stream.isatty() and not environ.get("NO_COLOR")
        rendering = [_without_control, structlog.dev.ConsoleRenderer(colors=colors)]
    else:
        rendering = [structlog.processors.JSONRenderer(default=str)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(stamp if stamped else []),
            # The plain one: others show the values of variables, and with them keys.
            structlog.processors.format_exc_info,
            _in_order,
            _whole_characters,
            *rendering,
        ],
    )


def _is_the_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


def _in_order(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    first = {name: fields[name] for name in _FIRST if name in fields}
    return first | dict(fields)


def _whole_characters(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Show the bytes of a name that is no UTF-8, which no reader of JSON would accept."""
    for name, value in fields.items():
        if isinstance(value, str | PurePath):
            fields[name] = _SURROGATE.sub(_escaped, str(value))
    return fields


def _without_control(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    for name, value in fields.items():
        if isinstance(value, str):
            pattern = _CONTROL_IN_LINES if name == "exception" else _CONTROL
            fields[name] = pattern.sub(_escaped, value)
    return fields


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code & 0xFF:02x}" if code in _KEPT_BYTES else f"\\u{code:04x}"


def _say_that_a_thread_died(died: threading.ExceptHookArgs) -> None:
    if died.exc_type is not SystemExit:
        name = died.thread.name if died.thread else "unknown"
        _log.critical("thread.died", thread=name, exc_info=died.exc_value)


def _say_that_the_process_died(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _log.critical("process.died", exc_info=error)
