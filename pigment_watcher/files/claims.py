"""Taking a file out of its inbox by one rename, into a folder that is ours alone."""

import errno
import os
from pathlib import Path

from pigment_watcher import content, errors
from pigment_watcher.files import moves, places, reading
from pigment_watcher.model import Fingerprint


def check(
    source: Path, expected: Fingerprint, *, exclusive: bool = False, may_end_in_nul: bool = True
) -> None:
    """Make sure that a file is still what settled, and that we may read it.

    `exclusive` refuses one that is open for writing; without `may_end_in_nul` one is refused that
    was made as long as it will be and is not filled yet. A look: head and tail, never more.
    Raises FileVanished, FileChanged, FileBusy, FileUnreadable, OSError.
    """
    _expect(source, expected)
    descriptor = reading.open_regular(source)
    try:
        # Where it is known that nobody writes it, nobody will fill it either.
        is_left_alone = exclusive and reading.expect_no_writer(source, descriptor)
        may_end_in_nul = may_end_in_nul or is_left_alone
        if not may_end_in_nul and _is_unfilled(source, descriptor, expected.size):
            raise errors.FileBusy(f"{source}: it ends in NUL bytes: it is not filled yet")
    finally:
        os.close(descriptor)
    # Once more: a writer may have come and gone before the question whether there is one.
    _expect(source, expected)


def _expect(source: Path, expected: Fingerprint) -> None:
    found = reading.look(source)
    if found is None:
        raise errors.FileVanished(f"{source}: it is no longer there")
    if not found.same_version(expected):
        raise errors.FileChanged(f"{source}: it changed after it had been taken for complete")


def _is_unfilled(path: Path, descriptor: int, size: int) -> bool:
    try:
        tail = os.pread(descriptor, content.TAIL, max(0, size - content.TAIL))
        # Almost always the tail alone tells.
        return tail.endswith(b"\x00") and content.ends_in_nul(
            os.pread(descriptor, content.BLOCK, 0), tail
        )
    except PermissionError as error:  # locked by its writer, on a drive where that counts
        raise errors.FileBusy(f"{path}: another program has locked it") from error


def take(source: Path, to: Path, expected: Fingerprint) -> None:
    """Claim a file by its rename to a path in a job's folder.

    Raises FileVanished, FileBusy, FileUnreadable, NameTaken, OSError.
    """
    try:
        _rename(source, to)
    except FileNotFoundError as error:
        found = reading.look(to)
        if found is not None and found.without_inode().same_content(expected):
            return  # the drive asked its server twice, and told the second answer
        if moves.is_there(source) or not moves.is_there(to.parent):
            raise
        raise errors.FileVanished(f"{source}: it is no longer there") from error
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Only a file of a failed/ on another file system: an inbox holds its own processing/.
        moves.move(source, to, to.parent.name)


def _rename(source: Path, to: Path) -> None:
    """Rename, and tell what concerns this file alone from what the whole folder suffers."""
    try:
        moves.rename(source, to)
    except OSError as error:
        if error.errno in reading.BUSY:
            raise errors.FileBusy(f"{source}: another program has it open") from error
        if isinstance(error, PermissionError) and os.access(source.parent, os.W_OK | os.X_OK):
            # Immutable, or another's in a folder with the sticky bit.
            why = f"{source}: it can't be moved ({error.strerror}); let the service's user move it"
            raise errors.FileUnreadable(why) from error
        raise


def take_marker(marker: Path, place: Path) -> None:
    """Bring a file's marker into its job's folder, on the disk; may be repeated after any crash.

    One that is gone is no error: it has said what it had to say. Raises FileBusy, FileUnreadable,
    OSError.
    """
    ours = place / places.MARKER
    try:
        _rename(marker, ours)
    except FileNotFoundError:
        if moves.is_there(marker) or not moves.is_there(place):
            raise
    except errors.NameTaken:
        # The old name that a crash left beside ours goes; a newer marker is the next file's.
        if (found := reading.look(ours)) is not None:
            remove_twin(marker, ours, found.without_inode())
    # Or a power cut could bring it back and keep the move of its file, which comes next.
    for folder in (place, marker.parent):
        moves.sync(folder)


def return_marker(place: Path, to: Path) -> None:
    """Put a job's marker back to its name, or remove it if a newer one stands there.

    Raises OSError.
    """
    ours = place / places.MARKER
    try:
        moves.rename(ours, to)
    except FileNotFoundError:
        if moves.is_there(ours):
            raise
    except errors.NameTaken:
        ours.unlink(missing_ok=True)


def remove_twin(source: Path, claimed: Path, expected: Fingerprint) -> None:
    """Remove the old name of a claimed file, where a crash left both. Raises OSError."""
    found = reading.look(source)
    if found is not None and found.same_content(expected) and moves.same_bytes(source, claimed):
        moves.remove_copied(source)
