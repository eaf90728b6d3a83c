"""What must hold between the keys of a configuration; nothing on the disk is tried here."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, combinations, product, takewhile
from pathlib import Path

from pigment_watcher import model, mounts, settle
from pigment_watcher.config import scalars, schema
from pigment_watcher.config.report import Report

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
#: One character of several, in a pattern.
_ANY_OF = re.compile(r"\[!?\]?[^]]*\]")


def said(file: schema.File, report: Report) -> None:
    """Report what is missing from the file, and what it asks for in vain."""
    if not file.routes:
        report.problem(("routes",), "missing: at least one route is needed")
    if file.web and not (file.web.token_file or scalars.is_loopback(file.web.listen[0])):
        report.problem(
            ("web", "token_file"),
            f"missing: beyond this machine ({file.web.listen[0]}) the page is shown only to those"
            " who know a token; name a file that holds one, or listen on 127.0.0.1",
        )
    for name, route in file.routes.items():
        _route(name, route, report)
        if route.skipped_rows is model.SkippedRows.FAIL and file.pigment.detailed_report is False:
            report.problem(
                ("routes", name, "skipped_rows"),
                "fail needs Pigment's report, and pigment.detailed_report is false: make that"
                " auto or true",
            )


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
    for key, globs in (("files", route.files), ("ignore", route.ignore)):
        if not route.recursive and any("/" in glob for glob in globs):
            text = "without 'recursive' there are names, and no paths: '/' can't be in a pattern"
            report.problem((*where, key), text)
    if route.expect_by is not None and route.expect_by.time is None:
        report.problem(
            (*where, "expect_by", "time"), "missing: the time of day, in quotes, such as '06:00'"
        )
    if route.load_mode is None:
        report.remark(
            (*where, "load_mode"),
            "not said, so it counts as append: a file whose push got no answer ends in failed/ "
            "for a person to look at",
        )


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


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the folders of a route really are; no drive is asked that may not answer."""

    route: model.Route
    inbox: Path
    processing: Path
    archives: Mapping[str, Path]

    @classmethod
    def of(cls, route: model.Route) -> "_Places":
        rules = route.rules
        archives = {"done": _real(rules.done), "failed": _real(rules.failed)}
        return cls(route, _real(rules.directory), _real(rules.directory / "processing"), archives)


def folders(routes: Sequence[model.Route], state_directory: Path, report: Report) -> None:
    """Report folders by which one route would take, or bury, what belongs to another."""
    inboxes: dict[Path, str] = {}
    processing: dict[Path, str] = {}
    archives: dict[Path, str] = {}
    every = [_Places.of(route) for route in routes]
    for places in every:
        owned = f"of route {places.route.name!r}"
        inboxes.setdefault(places.inbox, f"the inbox {owned}")
        processing.setdefault(places.processing, f"processing/ {owned}")
        for key, folder in places.archives.items():
            archives.setdefault(folder, f"the {key} folder {owned}")
    looked_into = {
        places.inbox: inboxes[places.inbox] for places in every if places.route.recursive
    }
    for places in every:
        _inbox(places, inboxes | processing | archives, report)
        _archives(places, inboxes, processing, report)
        _looked_into(places, every, looked_into, report)
    state = _real(state_directory)
    taken = (inboxes | processing | archives).get(state)
    if taken:
        report.problem(("state_directory",), f"is {taken} as well: it needs a folder of its own")
    elif outer := _first(state.parents, looked_into):
        text = f"lies in {outer}, which looks into its sub-folders: name another folder"
        report.problem(("state_directory",), text)


def _inbox(places: _Places, taken: Mapping[Path, str], report: Report) -> None:
    outer = _first(places.inbox.parents, taken)
    if outer:
        text = f"lies in {outer}: an inbox must not lie in a folder that the service uses"
        report.problem(("routes", places.route.name, "directory"), text)


def _archives(
    places: _Places,
    inboxes: Mapping[Path, str],
    processing: Mapping[Path, str],
    report: Report,
) -> None:
    where = ("routes", places.route.name)
    if places.archives["done"] == places.archives["failed"]:
        report.problem((*where, "failed"), "is the same folder as done: make them two")
    for key, folder in places.archives.items():
        if folder in inboxes:
            report.problem((*where, key), f"is {inboxes[folder]}: its files would come again")
        # Only up to the inbox, about which enough has been said.
        above = takewhile(places.inbox.__ne__, (folder, *folder.parents))
        outer = _first(above, processing)
        if outer:
            report.problem((*where, key), f"lies in {outer}: name another folder")


def _looked_into(
    places: _Places, every: Sequence[_Places], looked_into: Mapping[Path, str], report: Report
) -> None:
    """Report archives in an inbox whose route looks into sub-folders, and knows not of them."""
    for key, folder in places.archives.items():
        inbox = next((place for place in folder.parents if place in looked_into), None)
        if inbox is None or inbox in (places.inbox, *places.inbox.parents):
            continue  # its own, or one in which it must not lie itself
        owners = (other for other in every if other.inbox == inbox)
        spared = {
            place for other in owners for place in (other.processing, *other.archives.values())
        }
        if spared.isdisjoint((folder, *folder.parents)):
            text = f"lies in {looked_into[inbox]}, which looks into its sub-folders: its files"
            report.problem(("routes", places.route.name, key), f"{text} would come again")


def _first(places: Iterable[Path], taken: Mapping[Path, str]) -> str | None:
    return next((taken[place] for place in places if place in taken), None)


def _sharing(routes: Sequence[model.Route]) -> Iterator[tuple[model.Route, model.Route]]:
    """Return the pairs of routes that share an inbox."""
    groups: dict[Path, list[model.Route]] = {}
    for route in routes:
        groups.setdefault(_real(route.rules.directory), []).append(route)
    return chain.from_iterable(combinations(group, 2) for group in groups.values())


def _real(folder: Path) -> Path:
    return mounts.resolve(folder)[0]


# ---------------------------------------------------------------- patterns


def patterns(routes: Sequence[model.Route], report: Report) -> None:
    """Report routes that share an inbox and plainly want the same files."""
    for one, other in _sharing(routes):
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


# ---------------------------------------------------------------- markers


def markers(routes: Sequence[model.Route], report: Report) -> None:
    """Report markers that could not be told from what they mark, or from a folder of ours."""
    for route in routes:
        if route.marker is not None:
            _marker(route, route.marker, report)
    for one, other in _sharing(routes):
        for mine, others in ((one, other), (other, one)):
            taken = _marker_taken(mine, others)
            if taken:
                text = f"{taken!r} would be taken as a file of route {others.name!r}, which shares"
                where = ("routes", mine.name, "marker")
                report.problem(where, f"{text} the inbox: let that route ignore it")


def _marker(route: model.Route, marker: str, report: Report) -> None:
    where = ("routes", route.name, "marker")
    names = (path.rpartition("/")[2] for path in _samples(route))
    file = next((name for name in names if settle.is_marker(name, marker)), None)
    if file is not None:
        text = f"{marker!r} is not told from a file of this route, such as {file!r}"
        report.problem(where, f"{text}: give it an ending of its own, such as '{{name}}.done'")
    rules = route.rules
    ours = {place.name for place in (rules.done, rules.failed) if place.parent == rules.directory}
    if marker.lower() in {name.lower() for name in ours} | {"processing"}:
        report.problem(where, f"{marker!r} is a folder of the service there: name another file")


def _marker_taken(one: model.Route, other: model.Route) -> str | None:
    """Return a marker of one route that another one would take as a file."""
    if one.marker is None:
        return None
    names = (settle.marker_of(one.marker, name) for name in _samples(one))
    return next((name for name in names if settle.takers(name, [other])), None)


def _samples(route: model.Route) -> list[str]:
    """Return a name that fits for each pattern of a route."""
    return [_ANY_OF.sub("x", glob).replace("*", "x").replace("?", "x") for glob in route.files]
