"""From the file to the settings: read, check, try, and tell every problem at once."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from pigment_watcher import errors, mounts
from pigment_watcher.config import checks, folders, schema, secrets, settings, yaml_lines
from pigment_watcher.config.report import Report
from pigment_watcher.config.secrets import Secret
from pigment_watcher.config.settings import Audience, Settings
from pigment_watcher.config.yaml_lines import Where
from pigment_watcher.running import Run, directly

_LARGEST_FILE = 1024 * 1024


def nothing_known(_state_directory: Path) -> Mapping[Path, mounts.Mount]:
    """Remember no folder of an earlier start."""
    return {}


def everything_directly(_folder: Path) -> Run:
    """Make every file call in this process."""
    return directly


def load(
    file: Path,
    *,
    environ: Mapping[str, str] | None = None,
    need_keys: bool = True,
    known: Callable[[Path], Mapping[Path, mounts.Mount]] = nothing_known,
    run_for: Callable[[Path], Run] = everything_directly,
    probe_folders: bool = True,
) -> Settings:
    """Return the settings of a configuration file; raise ConfigError with all its problems.

    `known` tells, by the state directory, what each folder lay on at an earlier start; `run_for`
    gives what makes the calls on a route's folder, which may lie on a drive that does not answer.
    """
    tree, report = _read(file)
    said = schema.read(tree, report)
    routes = tuple(settings.route(file, name, route) for name, route in said.routes.items())
    keys = _keys(file, said, report, environ=environ, need_keys=need_keys)
    state_directory = settings.absolute(file, said.state_directory)
    token = _token(file, said, report, is_needed=need_keys)
    audiences = _audiences(file, said, report, environ=environ, are_needed=need_keys)
    checks.said(said, report)
    checks.configurations(routes, report)
    # A route that names no folder would seem to watch that of the file.
    placed = tuple(route for route in routes if said.routes[route.name].directory)
    checks.folders(placed, state_directory, report)
    checks.patterns(placed, report)
    checks.markers(placed, report)
    drives: dict[Path, mounts.Mount] = {}
    if probe_folders:
        if said.pigment.ca_bundle:
            folders.certificates(settings.absolute(file, said.pigment.ca_bundle), report)
        is_usable = folders.state(state_directory, report)
        remembered = known(state_directory) if is_usable else {}
        drives = folders.tried(placed, remembered, run_for, report)
    if report.problems:
        raise errors.ConfigError(report.problems)
    return settings.build(
        file,
        said,
        keys=keys,
        routes=routes,
        drives=drives,
        remarks=report.remarks,
        token=token,
        audiences=audiences,
    )


# ---------------------------------------------------------------- the text


def _read(file: Path) -> tuple[dict[str, object], Report]:
    document = yaml_lines.parse(_text(file))
    report = Report(file, document.lines)
    for fault in document.faults:
        say = report.unusable if fault.unusable else report.problem
        say(fault.where, fault.text, line=fault.line)
    if isinstance(document.tree, dict):
        return document.tree, report
    if document.tree is None:
        report.problem((), "is empty: give it at least one route", line=1)
    else:
        report.problem((), "must be a mapping, key: value")
    raise errors.ConfigError(report.problems)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise errors.ConfigError([f"{file}: larger than 1 MiB: this is no configuration"])
        return content.decode("utf-8-sig")
    except OSError as error:
        raise errors.ConfigError([f"{file}: can't be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise errors.ConfigError([f"{file}:{line}: not UTF-8: save it so"]) from error


# ---------------------------------------------------------------- keys


def _keys(
    file: Path,
    said: schema.File,
    report: Report,
    *,
    environ: Mapping[str, str] | None,
    need_keys: bool,
) -> Mapping[str, Secret]:
    """Return the keys at hand; those that are not are problems, or remarks where not needed."""
    keys: dict[str, Secret] = {}
    for name, (where, found) in _findings(file, said, environ).items():
        if found.key:
            keys[name] = found.key
        elif found.problem:
            report.problem(where, found.problem)
        elif found.missing and need_keys:
            report.problem(where, found.missing)
        elif found.missing:
            report.remark(where, found.missing)
    return MappingProxyType(keys)


def _findings(
    file: Path, said: schema.File, environ: Mapping[str, str] | None
) -> dict[str, tuple[Where, secrets.Finding]]:
    findings: dict[str, tuple[Where, secrets.Finding]] = {}
    for route_name, route in said.routes.items():
        if route.api_key_file:
            path = settings.absolute(file, route.api_key_file)
            where = ("routes", route_name, "api_key_file")
            findings.setdefault(str(path), (where, secrets.from_file(path)))
    named = said.pigment.api_key_file
    default_file = settings.absolute(file, named) if named else None
    default = secrets.default(os.environ if environ is None else environ, default_file)
    if all(route.api_key_file for route in said.routes.values()):
        # Only what is run by hand could use it, so nobody misses it.
        default = dataclasses.replace(default, missing="")
    return findings | {settings.DEFAULT_KEY: (("pigment", "api_key_file"), default)}


def _token(file: Path, said: schema.File, report: Report, *, is_needed: bool) -> Secret | None:
    """Return the token that the page is shown for; only who shows the page must know it."""
    if said.web is None or said.web.token_file is None:
        return None
    found = secrets.token(settings.absolute(file, said.web.token_file))
    if found.problem and is_needed:
        report.problem(("web", "token_file"), found.problem)
    return found.key


# ---------------------------------------------------------------- notices


def _audiences(
    file: Path,
    said: schema.File,
    report: Report,
    *,
    environ: Mapping[str, str] | None,
    are_needed: bool,
) -> tuple[Audience, ...]:
    """Return who is told of what; what is wrong with their addresses, only who tells must know."""
    environ = os.environ if environ is None else environ
    audiences: list[Audience] = []
    for where, route, wanted in _told(said):
        named = settings.absolute(file, wanted.urls_file) if wanted.urls_file else None
        # The credential is for all: a route's own audience is that of its own file.
        found = secrets.urls({} if route else environ, named)
        if found.found:
            audiences.append(Audience(route, found.found, wanted.events))
        elif are_needed:
            report.problem((*where, "urls_file"), found.problem)
    return tuple(audiences)


def _told(
    said: schema.File,
) -> Iterator[tuple[Where, str | None, schema.Notify | schema.RouteNotify]]:
    """Return who is to be told, where the file says so; a heartbeat alone needs no addresses."""
    top = said.notify
    if top is not None and (top.urls_file or top.summary or top.heartbeat_url is None):
        yield ("notify",), None, top
    for name, route in said.routes.items():
        if route.notify is not None:
            yield ("routes", name, "notify"), name, route.notify
