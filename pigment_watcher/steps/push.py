"""Pushes one claimed file, once, after a look at its first and last bytes."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pigment_watcher import content, errors
from pigment_watcher.files import claims, moves
from pigment_watcher.model import Accepted, Fingerprint, Job, Verdict
from pigment_watcher.pigment import Client

_TAIL = 4096


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
    """What a push needs besides the file; `before_body` commits the intent, and may refuse."""

    client: Client
    api_key: str
    before_body: Callable[[], None]
    progress: Callable[[int], None]


def push(job: Job, instance: str, sending: Sending) -> Pushed | Invalid | NotReady:
    """Send a claimed file and return what came of it. Raises FolderError if it can't be read."""
    path = claims.path(job.rules.directory, instance, job.id, job.name)
    try:
        with moves.translated(path.parent), claims.opened(path, job.fingerprint) as file:
            refusal = content.refusal(
                sample(file, job.fingerprint.size), allow_empty=job.rules.allow_empty
            )
            if refusal is not None:
                return Invalid(refusal)
            return attempt(job, file, sending)
    except errors.FileError as error:
        return NotReady(error, _found(job, instance, path))


def attempt(job: Job, file: BinaryIO, sending: Sending) -> Pushed:
    """Send an open file, once, and return what came of it and whether the file held still."""
    answer = _send(job, file, sending)
    return Pushed(answer=answer, changed=_has_changed(file, job.fingerprint))


def _has_changed(file: BinaryIO, expected: Fingerprint) -> bool:
    try:
        return not claims.fingerprint(os.fstat(file.fileno())).same_content(expected)
    except OSError:  # the drive failed after all was read; the answer must not be lost with it
        return False


def _found(job: Job, instance: str, path: Path) -> Fingerprint | None:
    """Look what is there now; a drive that is lost has lost no file."""
    with moves.translated(job.rules.directory):
        found = claims.look(path)
        if found is None:
            claims.expect_home(job.rules.directory, instance)
    return found


def _send(job: Job, file: BinaryIO, sending: Sending) -> Accepted | errors.DestinationError:
    try:
        return sending.client.push(
            file,
            size=job.fingerprint.size,
            configuration_id=job.configuration_id,
            api_key=sending.api_key,
            before_body=sending.before_body,
            progress=sending.progress,
        )
    except errors.DestinationError as error:
        return error


def sample(file: BinaryIO, size: int) -> content.Sample:
    """Return what of an open file tells whether it may be pushed."""

    def read_at(offset: int) -> bytes:
        return os.pread(file.fileno(), content.BLOCK, offset)

    return content.Sample(
        size=size,
        head=read_at(0),
        tail=os.pread(file.fileno(), _TAIL, max(0, size - _TAIL)),
        read_at=read_at,
    )
