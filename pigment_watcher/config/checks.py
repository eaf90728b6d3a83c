"""What must hold between the keys of a configuration; nothing on the disk is tried here."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import chain, combinations, product, takewhile
from pathlib import Path

from pigment_watcher import model
from pigment_watcher.config import schema
from pigment_watcher.config.report import Report

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NOT_YET = ("require_mount", "marker", "skipped_rows", "duplicates", "keep_done", "keep_failed")


def said(file: schema.File, report: Report) -> None:
    """Report what is missing from the file, and what it asks for in vain."""
    if not file.routes:
        report.problem(("routes",), "missing: at least one route is needed")
    if file.web is not None:
        _not_yet(("web",), report)
    if file.pigment.detailed_report:
        _not_yet(("pigment", "detailed_report"), report)
    for name, route in file.routes.items():
        _route(name, route, report)


def _route(name: str, route: schema.Route, report: Report) -> None:
    where = ("routes", name)
    if not _NAME.fullmatch(name):
        report.problem(where, "a route's name has 1 to 64 letters, digits, '_', '-' or '.'")
    if route.directory is None:
        report.problem((*where, "directory"), "missing: the folder where files are dropped")
    if route.configuration_id is None:
        report.problem(
            (*where, "configuration_id"), "missing: the ID of Pigment's import configuration"
        )
    for key in _NOT_YET:
        if getattr(route, key) != schema.Route.model_fields[key].default:
            _not_yet((*where, key), report)
    if route.load_mode is None:
        report.remark(
            (*where, "load_mode"),
            "not said, so it counts as append: a file whose push got no answer ends in failed/ "
            "for a person to look at",
        )


def _not_yet(where: tuple[str, ...], report: Report) -> None:
    report.problem(where, "not yet supported by this version: leave it out")


# ---------------------------------------------------------------- lanes


def configurations(routes: Sequence[model.Route], report: Report) -> None:
    """Report routes of one import configuration that could not share its lane."""
    first: dict[str, model.Route] = {}
    for route in routes:
        if not route.configuration_id:
            continue
        other = first.setdefault(route.configuration_id, route)
        for key, mine, others in _differences(route.rules, other.rules):
            report.problem(
                ("routes", route.name, key),
                f"{mine} here and {others} in route {other.name!r}, which feeds the same "
                "configuration: make them equal",
            )


def _differences(mine: model.Rules, others: model.Rules) -> Iterator[tuple[str, str, str]]:
    pairs = {
        "order": (mine.order.value, others.order.value),
        "after_failure": (mine.after_failure.value, others.after_failure.value),
        "load_mode": (_mode(mine), _mode(others)),
        "api_key_file": (mine.key, others.key),
    }
    return ((key, one, other) for key, (one, other) in pairs.items() if one != other)


def _mode(rules: model.Rules) -> str:
    return rules.load_mode.value if rules.load_mode else "not said"


# ---------------------------------------------------------------- folders


def folders(routes: Sequence[model.Route], state_directory: Path, report: Report) -> None:
    """Report folders by which one route would take, or bury, what belongs to another."""
    inboxes: dict[Path, str] = {}
    processing: dict[Path, str] = {}
    archives: dict[Path, str] = {}
    for route in routes:
        rules, owned = route.rules, f"of route {route.name!r}"
        inboxes.setdefault(_real(rules.directory), f"the inbox {owned}")
        processing.setdefault(_real(rules.directory / "processing"), f"processing/ {owned}")
        archives.setdefault(_real(rules.done), f"the done folder {owned}")
        archives.setdefault(_real(rules.failed), f"the failed folder {owned}")
    for route in routes:
        _inbox(route, inboxes | processing | archives, report)
        _archives(route, inboxes, processing, report)
    taken = (inboxes | processing | archives).get(_real(state_directory))
    if taken:
        report.problem(("state_directory",), f"is {taken} as well: it needs a folder of its own")


def _inbox(route: model.Route, taken: Mapping[Path, str], report: Report) -> None:
    outer = _first(_real(route.rules.directory).parents, taken)
    if outer:
        text = f"lies in {outer}: an inbox must not lie in a folder that the service uses"
        report.problem(("routes", route.name, "directory"), text)


def _archives(
    route: model.Route,
    inboxes: Mapping[Path, str],
    processing: Mapping[Path, str],
    report: Report,
) -> None:
    rules, where = route.rules, ("routes", route.name)
    if _real(rules.done) == _real(rules.failed):
        report.problem((*where, "failed"), "is the same folder as done: make them two")
    for key, folder in (("done", _real(rules.done)), ("failed", _real(rules.failed))):
        if folder in inboxes:
            report.problem((*where, key), f"is {inboxes[folder]}: its files would come again")
        # Only up to the inbox, about which enough has been said.
        above = takewhile(_real(rules.directory).__ne__, (folder, *folder.parents))
        outer = _first(above, processing)
        if outer:
            report.problem((*where, key), f"lies in {outer}: name another folder")


def _first(places: Iterable[Path], taken: Mapping[Path, str]) -> str | None:
    return next((taken[place] for place in places if place in taken), None)


def patterns(routes: Sequence[model.Route], report: Report) -> None:
    """Report routes that share an inbox and plainly want the same files."""
    sharing: dict[Path, list[model.Route]] = {}
    for route in routes:
        sharing.setdefault(_real(route.rules.directory), []).append(route)
    for one, other in chain.from_iterable(combinations(group, 2) for group in sharing.values()):
        wanted = next(_wanted_by_both(one, other), None)
        if wanted:
            report.problem(
                ("routes", other.name, "files"),
                f"{wanted} would be taken by route {one.name!r} as well, which shares the inbox: "
                "tell them apart by 'files' or 'ignore'",
            )


def _wanted_by_both(one: model.Route, other: model.Route) -> Iterator[str]:
    for mine, others in product(_lower(one.files), _lower(other.files)):
        if _ignores(one, others) or _ignores(other, mine):
            continue
        if others in ("*", mine) or (_is_literal(mine) and fnmatchcase(mine, others)):
            yield repr(mine)
        elif mine == "*" or (_is_literal(others) and fnmatchcase(others, mine)):
            yield repr(others)


def _ignores(route: model.Route, pattern: str) -> bool:
    return any(fnmatchcase(pattern, ignored) for ignored in _lower(route.ignore))


def _lower(globs: Sequence[str]) -> list[str]:
    return [glob.lower() for glob in globs]


def _is_literal(glob: str) -> bool:
    return not any(character in glob for character in "*?[")


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))
