"""The clock and the knife of a call."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from pigment_watcher.pigment.guard import Guard


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        yield ours, theirs


def test_the_shorter_of_call_and_step_counts() -> None:
    guard = Guard()

    guard.begin(total_s=50.0)
    guard.allow(1000.0)
    assert 40 < guard.remaining_s() <= 50
    guard.allow(20.0)
    assert 10 < guard.remaining_s() <= 20


def test_a_step_whose_time_is_over_raises() -> None:
    guard = Guard()
    guard.begin()
    guard.allow(0.0)

    with pytest.raises(TimeoutError):
        guard.remaining_s()


def test_a_new_call_starts_a_new_clock() -> None:
    guard = Guard()
    guard.begin(total_s=50.0)
    guard.allow(0.0)
    guard.connected()

    guard.begin()

    assert guard.remaining_s() > 50
    assert not guard.is_connected


def test_an_abort_cuts_the_socket_even_after_its_owner_let_go_of_the_number(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    guard = Guard()
    guard.begin()
    guard.watch(ours)
    with closing(socket.socket(fileno=ours.detach())) as wrapped:
        guard.abort()

        assert (wrapped.recv(1), theirs.recv(1)) == (b"", b"")
    guard.end()


def test_a_socket_that_comes_after_the_abort_is_cut(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    guard = Guard()
    guard.begin()
    guard.abort()

    guard.watch(pair[0])

    assert pair[1].recv(1) == b""
    guard.end()


def test_an_abort_is_for_good() -> None:
    guard = Guard()
    guard.abort()

    with pytest.raises(ConnectionAbortedError):
        guard.begin()


def test_an_abort_after_the_end_harms_nobody(pair: tuple[socket.socket, socket.socket]) -> None:
    guard = Guard()
    guard.begin()
    guard.watch(pair[0])
    guard.end()

    guard.abort()

    pair[0].sendall(b"x")
    assert pair[1].recv(1) == b"x"


def test_who_waits_for_the_connection_is_told_of_it() -> None:
    heard: list[str] = []
    guard = Guard()
    guard.begin(when_connected=lambda: heard.append("connected"))

    guard.connected()

    assert heard == ["connected"]
    assert guard.is_connected
