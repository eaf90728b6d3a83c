"""What a systemd unit must be allowed for one configuration, as the text of a drop-in."""

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Where ProtectHome=yes shows nothing, and what PrivateTmp=yes replaces by folders of its own.
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  # nothing is written there

_PLAIN = frozenset(string.ascii_letters + string.digits + ":_.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a configuration needs that the unit does not give.

    `writable` are folders to change, `read` those and files to read only, `mounts` the names of
    mount and automount units, `groups` those by which an inbox can be written, `leases` whether
    files of other users are asked about their writers.
    """

    writable: tuple[Path, ...]
    read: tuple[Path, ...] = ()
    mounts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    leases: bool = False


def dropin(needs: Needs, config: Path) -> str:
    """Return a drop-in that gives a unit what a configuration needs."""
    parts = [
        [f"# What {_in_comment(config)} needs, by `pigment-watcher systemd-dropin`."],
        _unit(needs.mounts),
        _paths(needs.writable),
        _hidden(needs),
        _groups(needs.groups),
        _leases(needs),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def outermost(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the folders that lie in none of the others."""
    kept: list[Path] = []
    for folder in sorted(set(folders)):
        if not any(folder.is_relative_to(other) for other in kept):
            kept.append(folder)
    return tuple(kept)


def unit_name(point: Path, suffix: str) -> str:
    """Return the name of a mount's unit, as `systemd-escape --path` makes it (systemd.unit(5))."""
    text = "/".join(point.parts[1:])
    if not text:
        return f"-.{suffix}"
    first = _hex(".") if text.startswith(".") else ""
    rest = "".join(_escaped(letter) for letter in text.removeprefix("." if first else ""))
    return f"{first}{rest}.{suffix}"


def quoted(path: Path) -> str:
    """Return a path as a unit file names it: percent signs doubled, blanks within quotes."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if any(letter in " \t'\"\\;#" for letter in text) else text


def can_be_named(path: Path) -> bool:
    """Return whether a unit file, which is lines of UTF-8, can name a path."""
    return str(path).isprintable()


def _escaped(letter: str) -> str:
    if letter == "/":
        return "-"
    return letter if letter in _PLAIN else _hex(letter)


def _hex(letter: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


def _in_comment(path: Path) -> str:
    return str(path).encode("unicode_escape").decode("ascii")


def _unit(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [
        "[Unit]",
        "# Mounted first where it can be. Not Requires=: a share that is away is waited for, and",
        "# must not keep the others from being served.",
        f"Wants={' '.join(names)}",
        f"After={' '.join(names)}",
    ]


def _paths(folders: Sequence[Path]) -> list[str]:
    return [
        "[Service]",
        "# The folders of the routes; of a share the folder above it, so that it is seen and can",
        "# be written when it is mounted again. Of what is missing (-) the service itself tells.",
        *(
            f"ReadWritePaths=-{quoted(folder)}"
            if can_be_named(folder)
            else f"# can't be named here, rename it: {_in_comment(folder)}"
            for folder in folders
        ),
    ]


def _hidden(needs: Needs) -> list[str]:
    lines = []
    if _any_in((*needs.writable, *needs.read), _HOMES):
        lines += ["# Something lies in a home directory.", "ProtectHome=read-only"]
    if _any_in((*needs.writable, *needs.read), _TEMPORARY):
        lines += ["# Something lies in a temporary folder that all share.", "PrivateTmp=no"]
    return lines


def _groups(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return ["# By which the inboxes can be changed.", f"SupplementaryGroups={' '.join(names)}"]


def _leases(needs: Needs) -> list[str]:
    if not needs.leases:
        return []
    return [
        "# Files on local disks belong to who drops them: the kernel tells only by this whether a",
        "# program still has one open for writing.",
        "CapabilityBoundingSet=CAP_LEASE",
        "AmbientCapabilities=CAP_LEASE",
    ]


def _any_in(paths: Iterable[Path], places: Iterable[Path]) -> bool:
    places = tuple(places)
    return any(path.is_relative_to(place) for path in paths for place in places)
