"""The settings that the service runs by, and how they follow from the file's words."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pigment_watcher import model, mounts
from pigment_watcher.config import schema
from pigment_watcher.config.secrets import Secret
from pigment_watcher.policy.notices import NoticeKind

#: The name of the key of all routes that have none of their own.
DEFAULT_KEY = "default"

_PORTS = {"http": 80, "https": 443}
_REPORTS = {
    None: model.DetailedReport.AUTO,
    True: model.DetailedReport.ALWAYS,
    False: model.DetailedReport.NEVER,
}


@dataclass(frozen=True, slots=True)
class Web:
    """Where the page is shown; with a token, only to those who know it.

    `environment` says which of several this is.
    """

    host: str
    port: int
    token: Secret | None = None
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told: where, of which events, of one route or (None) of all."""

    route: str | None
    urls: tuple[Secret, ...]
    events: frozenset[NoticeKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Who is told, and when a summary is due; `environment` is named in each message."""

    environment: str = ""
    audiences: tuple[Audience, ...] = ()
    summary: model.ExpectBy | None = None
    heartbeat_url: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration without problems; every folder is absolute.

    `url` has no slash at its end, `host` is host:port, `keys` lacks those that are not at hand,
    `drives` tells what the inboxes lie on, as far as they were tried and are there, `remarks` are
    located sentences for the operator.
    """

    file: Path
    url: str
    host: str
    keys: Mapping[str, Secret]
    connect_timeout_s: float
    answer_timeout_s: float
    import_deadline_s: float
    request_limit: model.Limit
    push_limit: model.Limit
    ca_bundle: Path | None
    proxy: str | None = field(repr=False)  # it may hold a password
    detailed_report: model.DetailedReport
    state_directory: Path
    workers: int
    stop_grace_s: float
    keep_history_s: float
    log_level: str
    log_format: str
    alarm_after_s: float = 3600.0
    web: Web | None = None
    notify: Notify | None = None
    routes: tuple[model.Route, ...]
    drives: Mapping[Path, mounts.Mount] = field(default_factory=dict, compare=False)
    remarks: tuple[str, ...] = ()


def build(
    file: Path,
    said: schema.File,
    *,
    keys: Mapping[str, Secret],
    routes: tuple[model.Route, ...],
    drives: Mapping[Path, mounts.Mount],
    remarks: tuple[str, ...],
    token: Secret | None = None,
    audiences: tuple[Audience, ...] = (),
) -> Settings:
    """Return the settings that a checked file asks for."""
    pigment = said.pigment
    bundle = pigment.ca_bundle
    return Settings(
        file=file,
        url=pigment.url,
        host=_host(pigment.url),
        keys=keys,
        connect_timeout_s=pigment.connect_timeout,
        answer_timeout_s=pigment.answer_timeout,
        import_deadline_s=pigment.import_deadline,
        request_limit=model.Limit(pigment.request_limit.requests, pigment.request_limit.per),
        push_limit=model.Limit(pigment.push_limit.requests, pigment.push_limit.per),
        ca_bundle=absolute(file, bundle) if bundle else None,
        proxy=pigment.proxy,
        detailed_report=_REPORTS[pigment.detailed_report],
        state_directory=absolute(file, said.state_directory),
        workers=said.workers,
        stop_grace_s=said.stop_grace,
        keep_history_s=said.keep_history,
        log_level=said.log.level,
        log_format=said.log.format,
        alarm_after_s=said.alarm_after,
        web=None if said.web is None else Web(*said.web.listen, token, said.environment),
        notify=_notify(said, audiences),
        routes=routes,
        drives=drives,
        remarks=remarks,
    )


def route(file: Path, name: str, said: schema.Route) -> model.Route:
    """Return a route; what the file fails to say of it stands empty."""
    directory = absolute(file, said.directory or "")
    rules = model.Rules(
        directory=directory,
        done=_below(directory, said.done),
        failed=_below(directory, said.failed),
        load_mode=said.load_mode,
        order=said.order,
        after_failure=said.after_failure,
        skipped_rows=said.skipped_rows,
        allow_empty=said.allow_empty,
        duplicates=said.duplicates,
        quiet_s=said.quiet,
        key=str(absolute(file, said.api_key_file)) if said.api_key_file else DEFAULT_KEY,
    )
    return model.Route(
        name=name,
        configuration_id=said.configuration_id or "",
        rules=rules,
        files=said.files,
        ignore=said.ignore,
        watch=said.watch,
        scan_every_s=said.scan_every,
        require_mount=said.require_mount,
        recursive=said.recursive,
        marker=said.marker,
        keep_done_s=said.keep_done,
        keep_failed_s=said.keep_failed,
        expect_by=_expect_by(said.expect_by),
    )


def _notify(said: schema.File, audiences: tuple[Audience, ...]) -> Notify | None:
    """Return who is told; None where nobody is, so that nothing of it is needed."""
    top = said.notify or schema.Notify()
    if not audiences and top.heartbeat_url is None:
        return None
    return Notify(
        environment=said.environment,
        audiences=audiences,
        summary=None if top.summary is None else model.ExpectBy(*top.summary),
        heartbeat_url=None if top.heartbeat_url is None else Secret(top.heartbeat_url),
    )


def _expect_by(said: schema.ExpectBy | None) -> model.ExpectBy | None:
    if said is None or said.time is None:
        return None
    return model.ExpectBy(*said.time, days=said.days, zone=said.timezone)


def absolute(file: Path, path: str) -> Path:
    """Return a path of the configuration file, which is relative to that file's folder."""
    return _below(file.absolute().parent, path)


def _below(folder: Path, path: str) -> Path:
    # abspath, not resolve: a link stays what the operator wrote. Two slashes in front mean one.
    return Path("/" + os.path.abspath(folder / path).lstrip("/"))  # noqa: PTH100


def _host(url: str) -> str:
    address = urlsplit(url)
    name = address.hostname or ""
    shown = f"[{name}]" if ":" in name else name
    return f"{shown}:{address.port or _PORTS[address.scheme]}"
