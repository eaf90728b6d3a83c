"""Pushes one claimed file, once, after a look at its first and last bytes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from pigment_watcher import content, errors
from pigment_watcher.files import moves, places, reading
from pigment_watcher.model import Accepted, Fingerprint, Job, Verdict
from pigment_watcher.pigment import Client
from pigment_watcher.running import Run, directly

#: Bytes that are read at once where a file is read for its hash alone.
READ_AHEAD = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A push was tried; `changed` tells that the file was not the same when it ended."""

    answer: Accepted | errors.DestinationError
    changed: bool


@dataclass(frozen=True, slots=True)
class Invalid:
    """Our own checks refused the file; nothing was asked of the destination."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NotReady:
    """The file is not what was claimed; `found` is what is there now, None if nothing is."""

    error: errors.FileError
    found: Fingerprint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What a push needs besides the file; `before_body` commits the intent, and may refuse.

    `judge` refuses a file by its SHA-256; where it is given, the whole file is read first.
    """

    client: Client
    api_key: str
    before_body: Callable[[], None]
    progress: Callable[[int], None]
    judge: Callable[[str], Verdict | None] | None = None


def push(
    job: Job, instance: str, sending: Sending, run: Run = directly, *, exclusive: bool = False
) -> Pushed | Invalid | NotReady:
    """Send a claimed file and return what came of it. Raises FolderError if it can't be read.

    `run` makes the file calls. `exclusive` refuses a file that another program may write to.
    """
    path = places.path(job.rules.directory, instance, job.id, job.name)
    try:
        with (
            moves.translated(path.parent),
            reading.opened(path, job.fingerprint, run, exclusive=exclusive) as file,
        ):
            refusal = content.refusal(
                sample(file, job.fingerprint.size), allow_empty=job.rules.allow_empty
            )
            if refusal is not None:
                return Invalid(refusal)
            if sending.judge is None:
                return attempt(job, file, sending)
            return _judged(job, file, sending, sending.judge)
    except errors.FileError as error:
        return NotReady(error, run(partial(_found, job, instance, path)))


def attempt(job: Job, file: reading.Lent, sending: Sending) -> Pushed:
    """Send an open file, once, and return what came of it and whether the file held still."""
    answer = _send(job, file, sending)
    return Pushed(answer=answer, changed=_has_changed(job, file, answer, sending))


def _judged(
    job: Job, file: reading.Lent, sending: Sending, judge: Callable[[str], Verdict | None]
) -> Pushed | Invalid:
    """Send an open file unless its content is refused; what is sent is what was judged.

    Raises FileChanged if it did not hold still meanwhile.
    """
    judged = _sha256(job, file, sending)
    if not file.fingerprint().same_content(job.fingerprint):
        raise errors.FileChanged(f"{job.name}: it changed while it was read")
    if (refusal := judge(judged)) is not None:
        return Invalid(refusal)
    pushed = attempt(job, file, sending)
    sent = pushed.answer.sha256 if isinstance(pushed.answer, Accepted) else judged
    return Pushed(answer=pushed.answer, changed=pushed.changed or sent != judged)


def _has_changed(
    job: Job, file: reading.Lent, answer: Accepted | errors.DestinationError, sending: Sending
) -> bool:
    try:
        after = file.fingerprint()
        if not after.same_content(job.fingerprint):
            return True
        # Something was done to it, were it only a name; its writer may have put the time back.
        is_touched = after.ctime_ns != file.begun.ctime_ns
        if not is_touched or not isinstance(answer, Accepted):
            return False
        return _sha256(job, file, sending, sent=job.fingerprint.size) != answer.sha256
    except errors.FileChanged:
        return True
    # The drive failed after all was read: the answer must not be lost with it.
    except (OSError, errors.FolderError):
        return False


def _sha256(job: Job, file: reading.Lent, sending: Sending, *, sent: int = 0) -> str:
    """Return the hash of a file; the place in it to read on from stays where it is.

    `sent` is how much of it has left so far. Raises FileChanged if it shrank.
    """
    digest, offset = hashlib.sha256(), 0
    while offset < job.fingerprint.size:
        sending.progress(sent)
        block = file.read_at(offset, min(READ_AHEAD, job.fingerprint.size - offset))
        if not block:
            raise errors.FileChanged(f"{job.name}: it shrank while it was read")
        digest.update(block)
        offset += len(block)
    return digest.hexdigest()


def _found(job: Job, instance: str, path: Path) -> Fingerprint | None:
    """Look what is there now; a drive that is lost has lost no file."""
    with moves.translated(job.rules.directory):
        found = reading.look(path)
        if found is None:
            places.expect_home(job.rules.directory, instance)
    if found is None or job.fingerprint.inode:
        return found
    return found.without_inode()


def _send(job: Job, file: reading.Lent, sending: Sending) -> Accepted | errors.DestinationError:
    try:
        return sending.client.push(
            cast("BinaryIO", file),  # io and typing name the same thing and do not know it
            size=job.fingerprint.size,
            configuration_id=job.configuration_id,
            api_key=sending.api_key,
            before_body=sending.before_body,
            progress=sending.progress,
        )
    except errors.DestinationError as error:
        return error


def sample(file: reading.Lent, size: int) -> content.Sample:
    """Return what of an open file tells whether it may be pushed."""

    def read_at(offset: int) -> bytes:
        return file.read_at(offset, content.BLOCK)

    return content.Sample(
        size=size,
        head=read_at(0),
        tail=file.read_at(max(0, size - content.TAIL), content.TAIL),
        read_at=read_at,
    )
