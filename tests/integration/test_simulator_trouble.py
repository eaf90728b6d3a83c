"""What each fault does to a real connection."""

import contextlib
import hashlib
import http.client
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pigment_watcher.simulator import DEMO_KEY, Action, Fault, Push, Simulator

CONFIGURATION = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
CONTENT = b"a,b\n" + b"1,2\n" * 10
HEAD = (
    f"POST /api/import/push/csv?configurationId={CONFIGURATION} HTTP/1.1\r\n"
    f"Authorization: Bearer {DEMO_KEY}\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
).encode()
PROBE = b"GET /api/import/00000000-0000-0000-0000-000000000000/status HTTP/1.1\r\n\r\n"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(import_s=math.inf) as simulator:
        yield simulator


@contextlib.contextmanager
def caller_of(simulator: Simulator) -> Iterator[socket.socket]:
    host, port = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as caller:
        yield caller


def answer_to(simulator: Simulator, sent: bytes = HEAD + CONTENT) -> bytes:
    """Send this and return what comes until the connection is closed."""
    with caller_of(simulator) as caller:
        caller.sendall(sent)
        answer = b""
        while block := caller.recv(65536):
            answer += block
    return answer


def names_of_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def only_push(simulator: Simulator) -> Push:
    simulator.wait_for(lambda s: len(s.pushes()) == 1)
    [push] = simulator.pushes()
    return push


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("reset_at_once", HEAD[: HEAD.index(b"\n") + 1]),
        ("reset_after_headers", HEAD),
        ("reset_half_body", HEAD + CONTENT[: len(CONTENT) // 2]),
        ("reset_after_body", HEAD + CONTENT),
    ],
)
def test_a_reset_comes_as_soon_as_so_much_was_sent(
    simulator: Simulator, action: Action, sent: bytes
) -> None:
    simulator.script(Fault.act(action))

    with pytest.raises(ConnectionResetError):
        answer_to(simulator, sent)

    push = only_push(simulator)
    assert (push.status, push.import_id, push.whole) == (None, None, sent == HEAD + CONTENT)
    assert simulator.imports() == []


def test_a_reset_half_way_has_read_half_the_body(simulator: Simulator) -> None:
    simulator.script(Fault.act("reset_half_body"))

    with pytest.raises(ConnectionResetError):
        answer_to(simulator)

    half = CONTENT[: len(CONTENT) // 2]
    push = only_push(simulator)
    assert (push.size, push.sha256) == (len(half), hashlib.sha256(half).hexdigest())


def test_a_close_after_the_body_gives_no_answer(simulator: Simulator) -> None:
    simulator.script(Fault.act("close_after_body"))

    assert answer_to(simulator) == b""
    assert only_push(simulator).whole
    assert simulator.imports() == []


def test_a_lost_answer_leaves_an_import_behind(simulator: Simulator) -> None:
    simulator.script(Fault.lost_answer())

    with pytest.raises(ConnectionResetError):
        answer_to(simulator)

    [one] = simulator.imports()
    push = only_push(simulator)
    assert (push.import_id, push.status) == (one.id, None)


def test_an_early_answer_comes_before_the_body_and_closes(simulator: Simulator) -> None:
    simulator.script(Fault.early(413))

    answer = answer_to(simulator, HEAD)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer
    assert (only_push(simulator).status, only_push(simulator).size) == (413, 0)


def test_garbage_is_no_http(simulator: Simulator) -> None:
    simulator.script(Fault.act("garbage"))

    with caller_of(simulator) as caller:
        caller.sendall(HEAD + CONTENT)
        with pytest.raises(http.client.BadStatusLine):
            http.client.HTTPResponse(caller).begin()


def test_a_cut_answer_promises_more_than_it_holds(simulator: Simulator) -> None:
    simulator.script(Fault.act("cut_answer"))

    head, _, body = answer_to(simulator).partition(b"\r\n\r\n")

    [one] = simulator.imports()
    whole = b'{"importId": "%s"}' % one.id.encode()
    assert f"Content-Length: {len(whole)}".encode() in head
    assert body
    assert whole.startswith(body)
    assert body != whole


def test_a_cut_answer_without_a_body_is_cut_in_its_head(simulator: Simulator) -> None:
    simulator.script(Fault(action="cut_answer", status=500))

    assert answer_to(simulator).endswith(b"close\r\n\r")


def test_a_dripping_answer_is_whole_in_the_end(simulator: Simulator) -> None:
    simulator.script(Fault(action="drip", status=200, body=b"slow", delay_s=0.001))

    answer = answer_to(simulator)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nslow")


@pytest.mark.parametrize(("action", "size"), [("hang", 0), ("hang_after_body", len(CONTENT))])
def test_a_hang_lasts_until_the_simulator_stops(
    simulator: Simulator, action: Action, size: int
) -> None:
    simulator.script(Fault.act(action))

    with caller_of(simulator) as caller:
        caller.sendall(HEAD + CONTENT)
        assert only_push(simulator).size == size
        caller.settimeout(0.05)
        with pytest.raises(TimeoutError):
            caller.recv(1)
        caller.settimeout(10)
        simulator.stop()
        with contextlib.suppress(ConnectionResetError):
            assert caller.recv(1) == b""


def test_a_dripping_answer_comes_a_byte_at_a_time_until_the_stop(simulator: Simulator) -> None:
    simulator.script(Fault(action="drip", delay_s=3600.0))

    with caller_of(simulator) as caller:
        caller.sendall(HEAD + CONTENT)
        assert caller.recv(65536) == b"H"
        simulator.stop()
        assert caller.recv(1) == b""


@pytest.mark.parametrize(
    "fault",
    [Fault.slow(0.1), Fault(status=500, delay_s=0.1), Fault(action="garbage", delay_s=0.1)],
    ids=["as usual", "error", "garbage"],
)
def test_a_delay_comes_between_the_note_and_the_deed(simulator: Simulator, fault: Fault) -> None:
    simulator.script(fault)

    with caller_of(simulator) as caller:
        caller.sendall(HEAD + CONTENT)
        noted = only_push(simulator)
        assert caller.recv(65536)

    assert time.time() - noted.at >= 0.1


def test_a_slow_answer_is_the_usual_one(simulator: Simulator) -> None:
    simulator.script(Fault.slow(0.01))

    answer = answer_to(
        simulator, HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + CONTENT
    )

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert len(simulator.imports()) == 1


def test_a_connection_survives_a_plain_error(simulator: Simulator) -> None:
    simulator.script(Fault.answer(502, body=b"<html>Bad Gateway</html>"))

    with caller_of(simulator) as caller:
        for expected in (502, 200):
            caller.sendall(HEAD + CONTENT)
            response = http.client.HTTPResponse(caller)
            response.begin()
            response.read()
            assert response.status == expected


def test_a_fault_for_content_spares_the_other_files(simulator: Simulator) -> None:
    simulator.script(Fault.act("close_after_body", content=b"poison", times=None))
    poison = CONTENT.replace(b"1,2\n1,2", b"poison\n", 1)
    assert len(poison) == len(CONTENT)

    with caller_of(simulator) as caller:
        caller.sendall(HEAD + CONTENT)
        assert caller.recv(65536).startswith(b"HTTP/1.1 200 OK")
        caller.sendall(HEAD + poison)
        assert caller.recv(65536) == b""


def test_a_fault_for_the_probe_spares_the_push(simulator: Simulator) -> None:
    simulator.script(Fault.answer(503, on="probe"))

    with caller_of(simulator) as caller:
        caller.sendall(HEAD + CONTENT)
        assert caller.recv(65536).startswith(b"HTTP/1.1 200 OK")
        caller.sendall(PROBE)
        assert caller.recv(65536).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize(
    "leave",
    [lambda caller: caller.close(), lambda caller: caller.shutdown(socket.SHUT_RDWR)],
    ids=["close", "shutdown"],
)
def test_a_caller_who_leaves_makes_no_noise(
    simulator: Simulator,
    leave: Callable[[socket.socket], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    simulator.script(Fault(action="drip", delay_s=0.001))

    with caller_of(simulator) as caller:
        caller.sendall(HEAD + CONTENT)
        assert caller.recv(1) == b"H"
        leave(caller)
    simulator.wait_for(lambda _: "simulator-connection" not in names_of_threads())

    assert capfd.readouterr() == ("", "")
