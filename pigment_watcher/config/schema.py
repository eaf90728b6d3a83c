"""The keys of the configuration file, their types and defaults."""

import copy
import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic
from pydantic_core import ErrorDetails

from pigment_watcher import model
from pigment_watcher.config import scalars
from pigment_watcher.config.report import Report
from pigment_watcher.config.yaml_lines import Where
from pigment_watcher.policy.notices import NoticeKind

#: Where the key is looked for when the file names no place.
DEFAULT_KEY_FILE = "/etc/pigment-watcher/api-key"

KEY_REMEDY = (
    "never write the key here: hand it over as the systemd credential 'pigment-api-key', "
    "as the variable PIGMENT_API_KEY, or in a file that api_key_file names"
)
_NAMES_OF_KEYS = frozenset({"api_key", "apikey", "key", "token", "bearer", "authorization"})

_Lax = pydantic.Field(strict=False)


def _nothing_means_defaults(value: object) -> object:
    # What is left of a section when all its keys are commented out.
    return {} if value is None else value


# A file is read as far as it goes, to tell all its problems at once: so every key has a default,
# and None where it must be given.
class _Section(pydantic.BaseModel):
    """Keys that belong together; any other is refused."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


class RequestLimit(_Section):
    """`pigment.request_limit`."""

    requests: scalars.Count = 400
    per: scalars.SomeTime = 300.0


class PushLimit(_Section):
    """`pigment.push_limit`."""

    requests: scalars.Count = 290
    per: scalars.SomeTime = 3600.0


_Optional = pydantic.BeforeValidator(_nothing_means_defaults)


class Pigment(_Section):
    """`pigment`: the host, how to reach it, and what it bears."""

    url: scalars.Url = "https://pigment.app"
    api_key_file: scalars.KeyFile | None = DEFAULT_KEY_FILE
    detailed_report: scalars.AutoFlag = None
    connect_timeout: scalars.SomeTime = 10.0
    answer_timeout: scalars.SomeTime = 120.0
    import_deadline: scalars.SomeTime = 21600.0
    request_limit: Annotated[RequestLimit, _Optional] = RequestLimit()
    push_limit: Annotated[PushLimit, _Optional] = PushLimit()
    ca_bundle: scalars.FilePath | None = None
    proxy: scalars.Proxy | None = None


class Log(_Section):
    """`log`."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Web(_Section):
    """`web`: the status page, and the figures for Prometheus."""

    listen: scalars.Listen = ("127.0.0.1", 9464)
    token_file: scalars.KeyFile | None = None


class RouteNotify(_Section):
    """`routes.NAME.notify`: who else is told of one route."""

    urls_file: scalars.FilePath | None = None
    events: scalars.Notices = frozenset(NoticeKind)


class Notify(_Section):
    """`notify`: who is told, and of what."""

    urls_file: scalars.FilePath | None = None
    events: scalars.Notices = frozenset(NoticeKind)
    summary: scalars.TimeOfDay | None = None
    heartbeat_url: scalars.Url | None = None


class ExpectBy(_Section):
    """`routes.NAME.expect_by`."""

    time: scalars.TimeOfDay | None = None
    days: scalars.Days = frozenset(range(7))
    timezone: scalars.Zone | None = None


class Route(_Section):
    """`routes.NAME`: an inbox and where its files go."""

    directory: scalars.FilePath | None = None
    configuration_id: scalars.Uuid | None = None
    load_mode: Annotated[model.LoadMode | None, _Lax] = None
    files: scalars.SomePatterns = ("*.csv",)
    ignore: scalars.Patterns = ()
    watch: Annotated[model.Watch, _Lax] = model.Watch.AUTO
    scan_every: scalars.AutoSomeTime = None
    require_mount: bool = False
    recursive: bool = False
    quiet: scalars.AutoDuration = None
    marker: scalars.Marker | None = None
    order: Annotated[model.Order, _Lax] = model.Order.MODIFIED
    after_failure: Annotated[model.AfterFailure, _Lax] = model.AfterFailure.CONTINUE
    skipped_rows: Annotated[model.SkippedRows, _Lax] = model.SkippedRows.ACCEPT
    allow_empty: bool = False
    duplicates: Annotated[model.Duplicates, _Lax] = model.Duplicates.ACCEPT
    keep_done: scalars.SomeTime | None = None
    keep_failed: scalars.SomeTime | None = None
    done: scalars.FilePath = "done"
    failed: scalars.FilePath = "failed"
    api_key_file: scalars.KeyFile | None = None
    expect_by: ExpectBy | None = None
    notify: RouteNotify | None = None


class File(_Section):
    """The whole file."""

    pigment: Annotated[Pigment, _Optional] = Pigment()
    state_directory: scalars.FilePath = "/var/lib/pigment-watcher"
    workers: Annotated[int, pydantic.Field(ge=1, le=64)] = 4
    stop_grace: scalars.Duration = 90.0
    keep_history: scalars.SomeTime = 400 * 86400.0
    log: Annotated[Log, _Optional] = Log()
    alarm_after: scalars.SomeTime = 3600.0
    environment: scalars.Word = ""
    notify: Notify | None = None
    web: Web | None = None
    routes: Annotated[dict[str, Annotated[Route, _Optional]], _Optional] = {}


def read(tree: Mapping[str, object], report: Report) -> File:
    """Return what the file says; what can't be used is reported and stands as not given."""
    rest: dict[Any, Any] = copy.deepcopy(dict(tree))
    while True:
        try:
            return File.model_validate(rest)
        except pydantic.ValidationError as error:
            faults = error.errors(include_url=False)
        for fault in faults:
            report.unusable(fault["loc"], _words(fault))
        for parent, key in [_culprit(rest, fault["loc"]) for fault in faults]:
            parent.pop(key, None)


def _culprit(tree: dict[Any, Any], where: Where) -> tuple[dict[Any, Any], object]:
    """Return the mapping that holds what stands there, and its key in it."""
    # All that pydantic checks below a mapping is a mapping: lists are checked as a whole.
    parent = tree
    for key in where[:-1]:
        parent = parent[key]
    return parent, where[-1]


# ---------------------------------------------------------------- words

_WANTED = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "model_type": "must be a mapping, key: value",
    "dict_type": "must be a mapping, key: value",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def _words(fault: ErrorDetails) -> str:
    """Return pydantic's finding as a sentence for the operator."""
    if fault["type"] == "extra_forbidden":
        return _unknown(fault["loc"])
    if fault["input"] is None:
        return "is empty: give it a value or leave the key out"
    if fault["type"] == "refused":
        return fault["msg"]
    wanted = _WANTED.get(fault["type"], "can't be used here").format(**fault.get("ctx", {}))
    return f"{wanted}: {scalars.shown(fault['input'])}"


def _unknown(where: Where) -> str:
    name = str(where[-1])
    if name.lower().replace("-", "_") in _NAMES_OF_KEYS:
        return KEY_REMEDY
    close = difflib.get_close_matches(name, _section(where[:-1]).model_fields, n=1)
    return f"unknown key: did you mean {close[0]!r}?" if close else "unknown key: leave it out"


def _section(where: Where) -> type[_Section]:
    if where[:1] == ("routes",):
        of_route: Mapping[Where, type[_Section]] = {
            ("expect_by",): ExpectBy,
            ("notify",): RouteNotify,
        }
        return of_route.get(where[2:], Route)
    sections: Mapping[Where, type[_Section]] = {
        ("pigment",): Pigment,
        ("pigment", "request_limit"): RequestLimit,
        ("pigment", "push_limit"): PushLimit,
        ("log",): Log,
        ("web",): Web,
        ("notify",): Notify,
    }
    return sections.get(where, File)
