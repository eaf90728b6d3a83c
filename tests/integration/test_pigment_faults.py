"""What the client says it knows when the network or the server fails."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from scripted_server import (
    COMPLETED,
    IMPORT,
    KEY,
    LARGE,
    STARTED,
    Flag,
    Peer,
    Script,
    Serve,
    answering,
    push,
    servers,
    silent,
)

from pigment_watcher import errors, pigment
from pigment_watcher.pigment import transport


@pytest.fixture
def serve() -> Iterator[Serve]:
    with servers() as start:
        yield start


def hang(peer: Peer) -> None:
    peer.released.wait()


def test_a_refused_connection_sent_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    before = Flag()

    with pytest.raises(errors.NothingSent, match=f"127.0.0.1:{port}.*Connection refused"):
        push(f"http://127.0.0.1:{port}", before_body=before)
    with pytest.raises(errors.NothingSent), pigment.Client(f"http://127.0.0.1:{port}") as client:
        client.status(IMPORT, api_key=KEY)

    assert before.calls == 0


def test_an_empty_file_that_could_not_connect_sent_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    before = Flag()

    with pytest.raises(errors.NothingSent):
        push(f"http://127.0.0.1:{port}", b"", before_body=before)

    assert before.calls == 0


def test_a_name_that_is_not_known_sent_nothing() -> None:
    with pytest.raises(errors.NothingSent, match=r"no-such-host\.invalid"):
        push("http://no-such-host.invalid")


def test_a_server_that_speaks_no_tls_is_sent_nothing(serve: Serve) -> None:
    server = serve(lambda peer: peer.sock.sendall(b"220 mail.example ESMTP\r\n"))
    before = Flag()

    with pytest.raises(errors.NothingSent):
        push(server.url.replace("http:", "https:"), before_body=before)

    assert before.calls == 0


def test_a_handshake_that_hangs_ends_with_the_connect_timeout(serve: Serve) -> None:
    server = serve(hang)

    with pytest.raises(errors.NothingSent, match="timed out"):
        push(server.url.replace("http:", "https:"), connect_timeout_s=0.2)


@pytest.mark.parametrize("content", [b"", b"a,b\n"], ids=["empty", "filled"])
@pytest.mark.parametrize("error", [BrokenPipeError("mine"), LookupError("mine")])
def test_what_before_body_raises_comes_out_and_nothing_leaves(
    serve: Serve, error: Exception, content: bytes
) -> None:
    server = serve(silent)

    with pytest.raises(type(error)) as caught:
        push(server.url, content, before_body=Flag(error))

    server.close()
    assert caught.value is error
    assert all(not peer.body for peer in server.peers)
    assert all(not peer.head for peer in server.peers if not content)


def test_a_file_that_shrank_to_nothing_is_found_before_anything_is_said_to_leave(
    serve: Serve,
) -> None:
    server = serve(silent)
    before = Flag()

    with pytest.raises(errors.FileChanged, match="shrank"):
        push(server.url, b"", size=10, before_body=before)

    assert before.calls == 0


def test_a_file_that_shrinks_while_it_is_sent_is_not_known(serve: Serve) -> None:
    server = serve(silent)

    with pytest.raises(errors.NotKnown, match="shrank while it was sent: 4 of 10 bytes"):
        push(server.url, b"1234", size=10)


def reset_after_head(peer: Peer) -> None:
    peer.read_head()
    peer.reset()


def reset_after_half(peer: Peer) -> None:
    peer.read_head()
    peer.read_body(LARGE // 2)
    peer.reset()


def reset_after_all(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def reset_in_the_answer(peer: Peer) -> None:
    peer.read_request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 52\r\n\r\n" + STARTED[:20])
    peer.reset()


def close_after_all(peer: Peer) -> None:
    peer.read_request()


@pytest.mark.parametrize(
    "script",
    [reset_after_head, reset_after_half, reset_after_all, reset_in_the_answer, close_after_all],
)
def test_a_lost_answer_is_not_known(serve: Serve, script: Script) -> None:
    server = serve(script)
    before = Flag()

    with pytest.raises(errors.NotKnown):
        push(server.url, bytes(LARGE), before_body=before)

    assert before.calls == 1


def test_a_silent_server_is_given_up_after_the_answer_timeout(serve: Serve) -> None:
    server = serve(silent)
    began_at = time.monotonic()

    with pytest.raises(errors.NotKnown, match="the answer is lost after 8 of 8 bytes"):
        push(server.url, answer_timeout_s=0.3)

    assert 0.3 <= time.monotonic() - began_at < 3


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["headers", "content"])
def test_a_dripping_server_can_not_hold_the_caller(serve: Serve, begin: bytes) -> None:
    def drip(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(begin)
        while not peer.released.wait(0.05):
            peer.sock.sendall(b"H")

    server = serve(drip)
    began_at = time.monotonic()

    with pytest.raises(errors.NotKnown):
        push(server.url, answer_timeout_s=0.4)

    assert time.monotonic() - began_at < 3


def test_a_server_that_reads_nothing_is_given_up_without_progress(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "SEND_STALL_S", 0.2)
    server = serve(hang)

    with pytest.raises(errors.NotKnown, match="nothing more could be sent"):
        push(server.url, bytes(LARGE))


def test_a_server_that_will_not_answer_is_sent_no_more(serve: Serve) -> None:
    def hang_up(peer: Peer) -> None:
        peer.read_head()
        peer.sock.shutdown(socket.SHUT_WR)
        peer.released.wait()

    server = serve(hang_up)
    began_at = time.monotonic()

    with pytest.raises(errors.NotKnown, match="closed connection without response"):
        push(server.url, bytes(LARGE))

    assert time.monotonic() - began_at < 30


def test_a_slow_upload_outlives_both_timeouts(serve: Serve) -> None:
    def slow(peer: Peer) -> None:
        peer.read_head()
        while len(peer.body) < LARGE:
            peer.body += peer.sock.recv(LARGE // 16)
            peer.released.wait(0.01)
        peer.answer("200 OK", STARTED)

    server = serve(slow)

    assert push(server.url, bytes(LARGE), connect_timeout_s=0.1, answer_timeout_s=3.0)


def test_the_time_for_an_answer_begins_when_the_other_end_has_taken_the_file(serve: Serve) -> None:
    """This machine's buffers take all of it at once, a slow line does not."""
    size = 512 * 1024

    def slow(peer: Peer) -> None:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.read_head()
        while len(peer.body) < size:
            peer.body += peer.sock.recv(16 * 1024)
            peer.released.wait(0.03)
        peer.answer("200 OK", STARTED)

    server = serve(slow)

    assert push(server.url, bytes(size), answer_timeout_s=0.4)


def test_a_server_that_takes_no_more_is_given_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(peer: Peer) -> None:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.released.wait()

    monkeypatch.setattr(transport, "SEND_STALL_S", 0.3)
    server = serve(full)

    with pytest.raises(errors.NotKnown, match="nothing more was taken"):
        push(server.url, bytes(512 * 1024))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Sign in</html>",
        b"[]",
        b"{}",
        b'{"importId": 7}',
        b'{"importId": "../x"}',
        b'{"importId": "00000000-0000-0000-0000-000000000000"}',
    ],
)
def test_a_200_that_names_no_import_is_not_known(serve: Serve, content: bytes) -> None:
    server = serve(answering("200 OK", content))

    with pytest.raises(errors.NotKnown, match="answered 200, but with"):
        push(server.url)


def test_a_success_said_before_the_file_was_taken_is_not_known(serve: Serve) -> None:
    def hasty(peer: Peer) -> None:
        peer.read_head()
        peer.answer("200 OK", STARTED)

    server = serve(hasty)

    with pytest.raises(errors.NotKnown, match=IMPORT):
        push(server.url, bytes(LARGE))


def test_a_status_call_has_one_time_for_all_of_it(serve: Serve) -> None:
    server = serve(answering("200 OK", COMPLETED))

    with (
        pytest.raises(errors.NothingSent, match="time"),
        pigment.Client(server.url, answer_timeout_s=1e-9) as client,
    ):
        client.status(IMPORT, api_key=KEY)

    assert server.peers == []


def test_a_status_whose_connection_breaks_is_not_known(serve: Serve) -> None:
    server = serve(reset_after_all)

    with pytest.raises(errors.NotKnown), pigment.Client(server.url) as client:
        client.status(IMPORT, api_key=KEY)
