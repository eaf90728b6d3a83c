"""`systemd-dropin`: what the unit must be allowed, for this configuration."""

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from pigment_watcher import mounts
from pigment_watcher.cli import access
from pigment_watcher.cli.unit_files import Needs, dropin, outermost, unit_name
from pigment_watcher.config import Settings
from pigment_watcher.mounts import Mount
from pigment_watcher.views import show

#: The user that the unit names.
_USER = "pigment-watcher"

#: What the unit itself makes and gives to the service.
_STATE = Path("/var/lib/pigment-watcher")

_ROOT = Path("/")


@click.command(
    help="Prints the drop-in that a configuration needs beside the unit of the service, which may"
    " write its own state directory and nothing else. Put it where the example says, and print it"
    " again when a route gets another folder.",
    epilog=show.examples(
        "pigment-watcher systemd-dropin --config config.yaml",
        "cd /etc/systemd/system && mkdir -p pigment-watcher.service.d",
        "pigment-watcher systemd-dropin > pigment-watcher.service.d/folders.conf",
        "systemctl daemon-reload",
        "systemctl restart pigment-watcher",
    ),
)
@access.config_option
def systemd_dropin(file: Path) -> None:
    """Print the drop-in."""
    settings = access.load(file)
    known = access.known_drives(settings.state_directory)
    click.echo(dropin(_needs(settings, known), settings.file), nl=False)


def _needs(settings: Settings, known: Mapping[Path, Mount]) -> Needs:
    """Return what the folders of a configuration need, as they lie now or lay before."""
    inboxes = {route.rules.directory for route in settings.routes}
    archives = {
        folder
        for route in settings.routes
        for folder in (route.rules.done, route.rules.failed)
        if inboxes.isdisjoint((folder, *folder.parents))  # else it is made in an inbox
    }
    lie = {folder: _lies(folder, known) for folder in (*inboxes, *map(_existing, archives))}
    writable = [_writable(folder, mount) for folder, mount in lie.items()]
    if not settings.state_directory.is_relative_to(_STATE):
        writable.append(_existing(settings.state_directory))
    local = sorted(inbox for inbox in inboxes if lie[inbox].is_local)
    return Needs(
        writable=outermost(writable),
        read=() if settings.ca_bundle is None else (settings.ca_bundle,),
        mounts=_units(lie.values()),
        groups=tuple(sorted(set(filter(None, map(_group, local))))),
        leases=bool(local),
    )


def _lies(folder: Path, known: Mapping[Path, Mount]) -> Mount:
    """Return what a folder lies on; of a share that is away now, what it lay on before."""
    now = mounts.resolve(folder)[1]
    before = known.get(folder)
    if before is None or mounts.why_lost(now, before, has_home=False) is None:
        return now
    return before


def _writable(folder: Path, mount: Mount) -> Path:
    if mount.is_local:
        return folder
    above = mount.point.parent
    # All of the system is too much to be written for one share's sake.
    return mount.point if above == _ROOT else above


def _existing(folder: Path) -> Path:
    """Return a local folder itself, or that in which it will be made."""
    if not mounts.resolve(folder)[1].is_local:
        return folder
    there = mounts.nearest(folder)
    return folder if there == _ROOT else there


def _units(lie: Iterable[Mount]) -> tuple[str, ...]:
    """Return the units that mount what folders lie on.

    Where an automounter stands it is named: to start the mount itself would wait for its server.
    """
    everything = mounts.parse_mountinfo(mounts.table()).values()
    automounted = {mount.point for mount in everything if mount.kind == "autofs"}
    points = {mount.point for mount in lie} - {_ROOT}
    return tuple(
        unit_name(point, "automount" if point in automounted else "mount")
        for point in sorted(points)
    )


def _group(inbox: Path) -> str | None:
    """Return the group by which the service can change an inbox, where it needs one."""
    try:
        found = inbox.stat()
        name = grp.getgrgid(found.st_gid).gr_name
    except (OSError, KeyError):
        return None
    is_by_group = found.st_mode & stat.S_IRWXG == stat.S_IRWXG
    is_by_all = found.st_mode & stat.S_IRWXO == stat.S_IRWXO
    if is_by_all or not is_by_group or found.st_gid == 0:
        return None
    try:
        user = pwd.getpwnam(_USER)
    except KeyError:
        return name
    is_ours = found.st_uid == user.pw_uid or found.st_gid in os.getgrouplist(_USER, user.pw_gid)
    return None if is_ours else name
