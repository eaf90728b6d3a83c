"""Files in an inbox, dropped and claimed by hand."""

from pathlib import Path

from pigment_watcher.files import claims, places, reading
from pigment_watcher.model import Fingerprint

ROWS = b"month,amount\n2026-09,120.50\n"
ME = "0a1b2c3d4e5f"
_NOTHING = Fingerprint(size=0, mtime_ns=0, ctime_ns=0, inode=0)


def drop(inbox: Path, name: str = "a.csv", content: bytes = ROWS) -> tuple[Path, Fingerprint]:
    """Write a file; return where it lies and what it is."""
    path = inbox / name
    path.write_bytes(content)
    return path, print_of(path)


def print_of(path: Path) -> Fingerprint:
    """Return what tells a file that is there from any other."""
    found = reading.look(path)
    assert found is not None
    return found


def claim(inbox: Path, name: str = "a.csv", job_id: int = 1) -> Path:
    """Claim a file and return where it lies now."""
    places.make_places(inbox, ME, [job_id])
    to = places.path(inbox, ME, job_id, name)
    found = reading.look(inbox / name) or reading.look(to) or _NOTHING
    claims.take(inbox / name, to, found)
    return to
