"""The folder in an inbox that is ours alone: processing/INSTANCE/JOB, and what lies in it."""

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from pigment_watcher.files import moves

PROCESSING = "processing"
#: What a file's marker is called in the job's folder; no file of a user that is taken begins so.
MARKER = ".marker"
#: The file in a job's folder that holds how often a push of it was begun.
PUSHES = ".pushes"
#: What lies in a job's folder beside its file.
_NOTES = (MARKER, PUSHES)
#: The file in processing/INSTANCE/ that holds how often its service was started.
STARTS = "starts"


def place(directory: Path, instance: str, job_id: int) -> Path:
    """Return the folder in which a job's file lies while it is worked on."""
    return directory / PROCESSING / instance / str(job_id)


def path(directory: Path, instance: str, job_id: int, name: str) -> Path:
    """Return where a job's claimed file lies."""
    return place(directory, instance, job_id) / name


def make_places(directory: Path, instance: str, job_ids: Sequence[int]) -> None:
    """Make the folders of some jobs, ours alone, and put them on the disk."""
    home = make_home(directory, instance)
    for job_id in job_ids:
        with contextlib.suppress(FileExistsError):
            (home / str(job_id)).mkdir(mode=0o700)
    moves.sync(home)


def make_home(directory: Path, instance: str) -> Path:
    """Make processing/INSTANCE, ours alone, and return it; a link to a folder is none of ours."""
    home = directory / PROCESSING / instance
    for folder in (home.parent, home):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if folder.is_symlink():
                why = f"{folder} is a link: it must be an ordinary folder"
                raise NotADirectoryError(errno.ENOTDIR, why, os.fsdecode(folder)) from None
            continue
        moves.sync(folder.parent)
    return home


def home(directory: Path, instance: str) -> Path:
    """Return the folder in processing/ that is an instance's own."""
    return directory / PROCESSING / instance


def has_home(directory: Path, instance: str) -> bool:
    """Return whether our folder is in processing/. Raises OSError."""
    return home(directory, instance).is_dir()


def expect_home(directory: Path, instance: str) -> None:
    """Raise FileNotFoundError if our folder in processing/ is not there.

    It is made at the start and never removed: without it the drive is lost, not a file in it.
    """
    _expect_folder(directory / PROCESSING / instance)


def expect_processing(directory: Path) -> None:
    """Raise FileNotFoundError if there is no processing/, which a claimed file must lie in."""
    _expect_folder(directory / PROCESSING)


def _expect_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"{folder} is gone: is the drive mounted?", os.fsdecode(folder)
        )


def expect_outside(folder: Path, instance: str) -> None:
    """Raise OSError if a folder leads to an inbox or into a processing/ of ours.

    What is put there would be taken for a new file, or for one that is worked on.
    """
    real = Path(os.path.realpath(folder))  # unlike resolve(), of a link to itself, too
    inboxes = (real, *(above.parent for above in (real, *real.parents) if _is_processing(above)))
    if any(has_home(inbox, instance) for inbox in inboxes):
        why = f"{folder} leads to {real}, from where files would come again: remove the link"
        raise OSError(errno.ELOOP, why, os.fsdecode(folder))


def _is_processing(folder: Path) -> bool:
    return folder.name == PROCESSING


def drop_place(folder: Path) -> None:
    """Remove a job's folder, with what is ours in it, unless anything else still lies there."""
    with contextlib.suppress(OSError):
        if all(entry.name in _NOTES for entry in folder.iterdir()):
            for name in _NOTES:
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def instances(directory: Path) -> list[str]:
    """Return the names of the instances that have a folder in processing/."""
    try:
        return sorted(entry.name for entry in (directory / PROCESSING).iterdir() if entry.is_dir())
    except FileNotFoundError:
        return []


def claimed(directory: Path, instance: str) -> list[Path]:
    """Return the files in an instance's folders, markers and unfinished copies left out."""
    home = directory / PROCESSING / instance
    try:
        folders = sorted(entry for entry in home.iterdir() if entry.is_dir())
    except FileNotFoundError:
        return []
    return [
        entry
        for folder in folders
        for entry in sorted(folder.iterdir())
        if entry.name not in {*_NOTES, moves.part_name(folder.name)}
    ]


def note_push(place: Path, attempts: int) -> None:
    """Note beside a claimed file that a push of it was begun. Raises OSError."""
    moves.replace_own(place / PUSHES, str(attempts).encode(), place.name)


def noted_pushes(directory: Path, instance: str) -> dict[int, int]:
    """Return how often a push was begun, by jobs, as far as it is noted beside their files."""
    return {
        int(note.parent.name): _count(note)
        for note in home(directory, instance).glob(f"*/{PUSHES}")
        if note.parent.name.isdecimal()
    }


def read_starts(directory: Path, instance: str) -> int:
    """Return how often the service was started, by the folder's own count; 0 if it tells none."""
    return _count(directory / PROCESSING / instance / STARTS)


def _count(note: Path) -> int:
    try:
        return int(note.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def touch_starts(directory: Path, instance: str) -> None:
    """Show by the drive's own clock that the instance lives."""
    os.utime(directory / PROCESSING / instance / STARTS)


def silent_s(directory: Path, instance: str, than: str) -> float:
    """Return how much longer an instance has been silent than another one, in seconds.

    Both times come from the drive's clock. An instance that never spoke is silent for ever.
    """
    home = directory / PROCESSING
    try:
        spoke = (home / instance / STARTS).stat().st_mtime
        return (home / than / STARTS).stat().st_mtime - spoke
    except OSError:
        return float("inf")


def write_starts(directory: Path, instance: str, starts: int) -> None:
    """Keep the count of starts in the instance's folder."""
    home = make_home(directory, instance)
    for folder in (directory, home.parent):
        moves.sync(folder)  # a crash may have come between the making of the folders and this
    moves.replace_own(home / STARTS, str(starts).encode(), STARTS)
