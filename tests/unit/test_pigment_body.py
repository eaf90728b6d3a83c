"""A file as a request body."""

import errno
import hashlib
import io

import pytest

from pigment_watcher import errors
from pigment_watcher.pigment.body import BLOCK, Body, CallbackFailed


class Events:
    """What the callbacks of a body heard, in order."""

    def __init__(self) -> None:
        self.seen: list[str | int] = []

    def before(self) -> None:
        self.seen.append("before")


class FailingFile(io.BytesIO):
    """A file on a drive that goes away after its content was read."""

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        if not block:
            raise OSError(errno.ESTALE, "Stale file handle")
        return block


def make_body(file: io.BytesIO, size: int, events: Events | None = None) -> Body:
    events = events or Events()
    return Body(file, size, before=events.before, progress=events.seen.append)


def test_a_body_comes_in_blocks_and_is_hashed() -> None:
    content = bytes(range(256)) * 1024

    body = make_body(io.BytesIO(content), len(content))

    assert list(body) == [content[:BLOCK], content[BLOCK:]]
    assert body.sha256 == hashlib.sha256(content).hexdigest()
    assert (len(body), body.taken, body.complete) == (len(content), len(content), True)


def test_a_body_ends_at_its_size_though_the_file_goes_on() -> None:
    file = io.BytesIO(b"1234567890")

    assert list(make_body(file, 4)) == [b"1234"]
    assert file.tell() == 4


def test_a_body_begins_where_the_file_stands() -> None:
    file = io.BytesIO(b"1234567890")
    file.seek(8)

    assert list(make_body(file, 2)) == [b"90"]


def test_before_is_heard_once_and_progress_before_each_block_and_at_the_end() -> None:
    events = Events()

    list(make_body(io.BytesIO(bytes(BLOCK + 1)), BLOCK + 1, events))

    assert events.seen == ["before", 0, BLOCK, BLOCK + 1]


def test_a_body_is_complete_only_when_more_than_its_last_block_was_asked_for() -> None:
    body = make_body(io.BytesIO(b"1234"), 4)

    body.read()

    assert not body.complete
    assert body.read() == b""
    assert body.complete


def test_an_empty_body_is_complete_from_the_start() -> None:
    assert make_body(io.BytesIO(), 0).complete


def test_a_file_without_its_bytes_is_found_before_anything_is_said_to_leave() -> None:
    events = Events()

    with pytest.raises(errors.FileChanged, match="shrank before anything of its 4 bytes was sent"):
        make_body(io.BytesIO(), 4, events).read()
    with pytest.raises(errors.FileUnreadable, match="Stale file handle"):
        make_body(FailingFile(), 4, events).read()

    assert events.seen == []


@pytest.mark.parametrize(
    ("file", "match"),
    [(io.BytesIO(b"12"), "shrank"), (FailingFile(b"12"), "Stale file handle")],
)
def test_a_file_that_gives_out_on_the_way_is_not_known(file: io.BytesIO, match: str) -> None:
    body = make_body(file, 4)
    body.read()

    with pytest.raises(errors.NotKnown, match=f"{match}.*: 2 of 4 bytes had left"):
        body.read()


def test_an_os_error_of_a_callback_is_carried_as_it_is() -> None:
    error = BrokenPipeError("the terminal is gone")

    def fail(_sent: int) -> None:
        raise error

    body = Body(io.BytesIO(b"1"), 1, before=Events().before, progress=fail)
    with pytest.raises(CallbackFailed) as caught:
        body.read()

    assert caught.value.error is error
