"""What the client sends, and what it makes of an answer."""

import functools
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_server import (
    COMPLETED,
    CONFIGURATION,
    IMPORT,
    KEY,
    LARGE,
    STARTED,
    Flag,
    Peer,
    Serve,
    answering,
    answering_early,
    push,
    servers,
)

from pigment_watcher import errors, pigment
from pigment_watcher.model import Accepted, Asking, ImportState
from pigment_watcher.pigment import answers


@pytest.fixture
def serve() -> Iterator[Serve]:
    with servers() as start:
        yield start


def test_a_push_sends_the_bytes_of_the_file_and_returns_its_import(serve: Serve) -> None:
    server = serve(answering("200 OK", STARTED, "Content-Type: text/plain"))
    content = b"a,b\r\n1,2\r\n"

    accepted = push(server.url, content)

    digest = hashlib.sha256(content).hexdigest()
    assert accepted == Accepted(import_id=IMPORT, sha256=digest, bytes_sent=len(content))
    assert bytes(server.peers[0].body) == content


def test_a_push_says_in_its_headers_what_it_is(serve: Serve) -> None:
    server = serve(answering("200 OK", STARTED))

    push(server.url + "/", b"12345")

    [peer] = server.peers
    line = peer.head.split(b"\r\n")[0].decode()
    assert line == f"POST /api/import/push/csv?configurationId={CONFIGURATION} HTTP/1.1"
    assert peer.header("Content-Length") == "5"
    assert peer.header("Content-Type") == "text/csv"
    assert peer.header("Authorization") == f"Bearer {KEY}"
    assert str(peer.header("User-Agent")).startswith("pigment-watcher/")
    assert peer.header("Accept") == "application/json"
    assert peer.header("Accept-Encoding") == "identity"
    assert peer.header("Connection") == "close"
    assert peer.header("Transfer-Encoding") is None


def test_an_empty_file_is_sent_with_length_zero_and_not_chunked(serve: Serve) -> None:
    server = serve(answering("200 OK", STARTED))
    before = Flag()

    accepted = push(server.url, b"", before_body=before)

    [peer] = server.peers
    assert peer.header("Content-Length") == "0"
    assert peer.header("Transfer-Encoding") is None
    assert (accepted.bytes_sent, before.calls) == (0, 1)


def test_of_a_file_that_grew_only_the_size_is_sent(serve: Serve) -> None:
    server = serve(answering("200 OK", STARTED))

    accepted = push(server.url, b"1234567890", size=4)

    assert bytes(server.peers[0].body) == b"1234"
    assert accepted.sha256 == hashlib.sha256(b"1234").hexdigest()


def test_progress_counts_up_to_the_size(serve: Serve) -> None:
    server = serve(answering("200 OK", STARTED))
    seen: list[int] = []

    push(server.url, bytes(300_000), progress=seen.append)

    assert seen == [0, 131_072, 262_144, 300_000]


def test_a_status_asks_after_the_import(serve: Serve) -> None:
    server = serve(answering("200 OK", COMPLETED))

    with pigment.Client(server.url) as client:
        status = client.status(IMPORT, api_key=KEY)

    [peer] = server.peers
    assert status.state is ImportState.COMPLETED
    assert peer.head.startswith(f"GET /api/import/{IMPORT}/status HTTP/1.1\r\n".encode())
    assert peer.header("Authorization") == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("asking", "path"),
    [
        (Asking.REPORT, f"/api/v1/import/{IMPORT}/status?includedDetailedReport=true"),
        (Asking.V1, f"/api/v1/import/{IMPORT}/status"),
        (Asking.ARTICLE, f"/api/import/{IMPORT}/status"),
    ],
)
def test_a_status_may_be_asked_for_with_its_report(serve: Serve, asking: Asking, path: str) -> None:
    server = serve(answering("200 OK", COMPLETED))

    with pigment.Client(server.url) as client:
        client.status(IMPORT, api_key=KEY, asking=asking)

    assert server.peers[0].head.startswith(f"GET {path} HTTP/1.1\r\n".encode())


def test_a_probe_asks_as_pushes_do_and_not_under_v1(serve: Serve) -> None:
    server = serve(answering("404 Not Found"))

    with pigment.Client(server.url) as client:
        client.probe(api_key=KEY)

    assert server.peers[0].head.startswith(b"GET /api/import/00000000-")


@pytest.mark.parametrize(
    ("asking", "most"),
    [(Asking.REPORT, answers.REPORT_BYTES), (Asking.ARTICLE, answers.ANSWER_BYTES)],
)
def test_an_answer_is_read_up_to_its_bound_and_one_byte_more_is_too_long(
    serve: Serve, asking: Asking, most: int
) -> None:
    for size, is_too_long in ((most, False), (most + 1, True)):
        server = serve(answering("200 OK", COMPLETED.ljust(size)))
        with pigment.Client(server.url) as client:
            if is_too_long:
                with pytest.raises(errors.TooLong, match=f"more than {most} bytes"):
                    client.status(IMPORT, api_key=KEY, asking=asking)
            else:
                status = client.status(IMPORT, api_key=KEY, asking=asking)
                assert status.state is ImportState.COMPLETED


def test_every_call_has_a_fresh_connection_and_no_cookie(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        answering("200 OK", COMPLETED, "Set-Cookie: a=b")(peer)
        peer.sock.recv(1)

    server = serve(script)
    with pigment.Client(server.url) as client:
        for _ in range(2):
            client.status(IMPORT, api_key=KEY)

    assert len(server.peers) == 2
    assert all(peer.header("Cookie") is None for peer in server.peers)


def test_a_netrc_does_not_replace_the_key(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(answering("200 OK", STARTED))

    push(server.url)

    assert server.peers[0].header("Authorization") == f"Bearer {KEY}"


def test_an_id_or_a_key_that_can_not_be_one_is_refused_before_anything_is_sent() -> None:
    with pigment.Client("http://127.0.0.1:1") as client:
        with pytest.raises(ValueError, match="not a UUID"):
            client.status("../../admin", api_key=KEY)
        with pytest.raises(ValueError, match="API key") as caught:
            client.status(IMPORT, api_key="secret\r\nX-More: 1")

    assert "secret" not in str(caught.value)


def test_an_error_is_told_with_its_words_but_without_the_key(serve: Serve) -> None:
    text = f"<h1>Sorry</h1> no {KEY}\r\n&amp; so on".encode()
    server = serve(answering("503 Nope", text, "Retry-After: 17"))

    with pytest.raises(errors.ServerSaid) as caught:
        push(server.url)

    said = caught.value
    assert (said.status, said.retry_after_s) == (503, 17.0)
    assert said.excerpt == "Sorry no <hidden> & so on"
    assert len(server.peers) == 1


@pytest.mark.parametrize(
    ("date", "asked_s"),
    [
        ("Sat, 01 Jan 2000 00:00:00 GMT", 90.0),
        ("Sat, 01 Jan 2000 00:01:00 GMT", 30.0),
        ("the other day", 0.0),  # then by our own clock, for which it is long past
        ("", 0.0),
    ],
)
def test_a_date_to_try_again_is_measured_by_the_clock_of_the_server(
    serve: Serve, date: str, asked_s: float
) -> None:
    later = "Retry-After: Sat, 01 Jan 2000 00:01:30 GMT"
    server = serve(answering("503 Later", b"", f"Date: {date}", later))

    with pytest.raises(errors.ServerSaid) as caught:
        push(server.url)

    assert caught.value.retry_after_s == asked_s


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_never_followed(serve: Serve, status: int) -> None:
    other = serve(answering("200 OK", STARTED))
    server = serve(answering(f"{status} Elsewhere", b"", f"Location: {other.url}/x"))

    with pytest.raises(errors.ServerSaid) as caught:
        push(server.url)

    assert (caught.value.status, caught.value.location) == (status, f"{other.url}/x")
    assert other.peers == []


@pytest.mark.parametrize("status", ["302 Found", "500 Oops"])
def test_of_an_endless_answer_only_the_begin_is_read(serve: Serve, status: str) -> None:
    def endless(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(f"HTTP/1.1 {status}\r\nLocation: /\r\n\r\n".encode())
        for _ in itertools.count():
            peer.sock.sendall(b"x" * 65536)

    server = serve(endless)

    with pytest.raises(errors.ServerSaid) as caught:
        push(server.url, answer_timeout_s=20.0)

    assert caught.value.excerpt == "x" * 300


def test_an_error_whose_text_breaks_off_still_counts(serve: Serve) -> None:
    def broken(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\ntoo large")

    server = serve(broken)

    with pytest.raises(errors.ServerSaid, match="400: too large"):
        push(server.url)


@pytest.mark.parametrize("then", ["close", "hold", "linger"])
def test_an_answer_before_the_end_of_the_body_is_read(serve: Serve, then: str) -> None:
    server = serve(functools.partial(answering_early, then=then))

    with pytest.raises(errors.ServerSaid, match="413: too large"):
        push(server.url, bytes(LARGE))


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
@pytest.mark.parametrize("size", [10, LARGE])
def test_interim_answers_are_passed_over(serve: Serve, interim: str, size: int) -> None:
    def script(peer: Peer) -> None:
        peer.read_head()
        peer.sock.sendall(f"HTTP/1.1 {interim}\r\nLink: x\r\n\r\n".encode() * 2)
        peer.read_body(size)
        peer.answer("200 OK", STARTED)

    server = serve(script)

    assert push(server.url, bytes(size)).bytes_sent == size


def test_a_probe_takes_a_404_for_good_news(serve: Serve) -> None:
    server = serve(answering("404 Not Found"))

    with pigment.Client(server.url) as client:
        client.probe(api_key=KEY)

    assert b"/00000000-0000-0000-0000-000000000000/status" in server.peers[0].head


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        ("401 Unauthorized", b"", errors.ServerSaid),
        ("200 OK", b"<html>Welcome</html>", errors.NotKnown),
        (
            "200 OK",
            COMPLETED.replace(IMPORT.encode(), b"00000000-0000-0000-0000-000000000000"),
            errors.NotKnown,
        ),
    ],
)
def test_a_probe_raises_for_any_other_answer(
    serve: Serve, status: str, content: bytes, error: type[Exception]
) -> None:
    server = serve(answering(status, content))

    with pytest.raises(error), pigment.Client(server.url) as client:
        client.probe(api_key=KEY)
