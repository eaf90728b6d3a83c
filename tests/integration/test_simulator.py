"""The simulator as its callers meet it, over real connections."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import http.client
import json
import math
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from pigment_watcher import errors
from pigment_watcher.simulator import DEMO_KEY, Call, Fault, Simulator

CONFIGURATION = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
PUSH = f"/api/import/push/csv?configurationId={CONFIGURATION}"
KEY = {"Authorization": f"Bearer {DEMO_KEY}"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(import_s=math.inf) as simulator:
        yield simulator


def push(
    simulator: Simulator, content: bytes = b"a,b\n1,2\n", *, key: str = DEMO_KEY, **headers: str
) -> requests.Response:
    return requests.post(
        simulator.url + PUSH,
        data=content,
        headers={"Authorization": f"Bearer {key}", **headers},
        timeout=10,
    )


def broken_push(simulator: Simulator) -> None:
    with contextlib.suppress(requests.RequestException):
        push(simulator, b"x" * 20_000_000)


def status(simulator: Simulator, import_id: str) -> dict[str, Any]:
    url = f"{simulator.url}/api/import/{import_id}/status"
    told = requests.get(url, headers=KEY, timeout=10).json()
    assert isinstance(told, dict)
    return told


def connection_to(simulator: Simulator) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=10)


def raw_answer(simulator: Simulator, sent: bytes) -> bytes:
    host, port = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as caller:
        caller.sendall(sent)
        answer = b""
        while block := caller.recv(65536):
            answer += block
    return answer


def test_a_pushed_file_is_imported_and_asked_after(simulator: Simulator) -> None:
    import_id = push(simulator).json()["importId"]

    assert status(simulator, import_id)["importStatus"] == "InProgress"
    simulator.finish(import_id)

    assert status(simulator, import_id)["importStatus"] == "Completed"


def test_an_import_can_be_told_to_fail(simulator: Simulator) -> None:
    import_id = push(simulator).json()["importId"]
    simulator.finish(import_id, "Failed")

    assert status(simulator, import_id)["importStatus"] == "Failed"


def test_the_ledger_tells_what_was_received(simulator: Simulator) -> None:
    content = b"a,b\n" + b"1,2\n" * 50_000
    answer = push(simulator, content, **{"Content-Type": "text/csv", "User-Agent": "tester"})

    [one] = simulator.pushes()
    assert one.import_id == answer.json()["importId"]
    assert (one.size, one.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (one.status, one.whole, one.authorized, one.legacy) == (200, True, True, False)
    assert (one.content_type, one.user_agent) == ("text/csv", "tester")
    assert one.configuration_id == CONFIGURATION


def test_a_push_with_a_wrong_key_is_in_the_ledger_too(simulator: Simulator) -> None:
    answer = push(simulator, key="wrong")

    [one] = simulator.pushes()
    assert (answer.status_code, one.status) == (401, 401)
    assert (one.authorized, one.import_id) == (False, None)


def test_the_old_push_is_marked_in_the_ledger(simulator: Simulator) -> None:
    url = f"{simulator.url}/api/importservice/Csv/ApiPush/{CONFIGURATION}"
    answer = requests.post(url, b"12345", headers={"X-Pigment-Api-Key": DEMO_KEY}, timeout=10)

    assert answer.json()["nbBytesPushed"] == 5
    assert [one.legacy for one in simulator.pushes()] == [True]


def test_every_request_to_pigment_is_a_call(simulator: Simulator) -> None:
    push(simulator)
    requests.get(simulator.url + "/api/nowhere?x=1", headers=KEY, timeout=10)
    requests.get(simulator.url, timeout=10)

    calls = [dataclasses.replace(call, at=0.0) for call in simulator.calls()]
    assert calls == [
        Call(at=0.0, method="POST", path=PUSH, status=200),
        Call(at=0.0, method="GET", path="/api/nowhere?x=1", status=404),
    ]


def test_one_connection_carries_many_requests(simulator: Simulator) -> None:
    with contextlib.closing(connection_to(simulator)) as caller:
        caller.connect()
        own_port = caller.sock.getsockname()[1]
        for _ in range(3):
            caller.request("POST", PUSH, body=b"a\n1\n", headers=KEY)
            assert caller.getresponse().read()
            assert caller.sock.getsockname()[1] == own_port


def test_a_caller_that_waits_for_leave_to_send_gets_it(simulator: Simulator) -> None:
    head = f"POST {PUSH} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
    asked = f"{head}Connection: close\r\nAuthorization: Bearer {DEMO_KEY}\r\n\r\na\n"

    answer = raw_answer(simulator, asked.encode())

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_chunked_body_is_refused_after_all_of_it_was_sent(simulator: Simulator) -> None:
    head = f"POST {PUSH} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    asked = f"{head}Authorization: Bearer {DEMO_KEY}\r\n\r\n".encode()

    answer = raw_answer(simulator, asked + b"100\r\n" + b"x" * 20_000_000)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close\r\n" in answer
    assert simulator.imports() == []


@pytest.mark.parametrize(
    "sent", [b"hello\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n"]
)
def test_what_is_no_http_is_answered_and_closed(simulator: Simulator, sent: bytes) -> None:
    assert raw_answer(simulator, sent).startswith(b"HTTP/1.1 400 ")


def test_a_body_that_breaks_off_is_noted_with_what_came(simulator: Simulator) -> None:
    head = f"POST {PUSH} HTTP/1.1\r\nContent-Length: 100\r\n\r\n".encode()
    host, port = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as caller:
        caller.sendall(head + b"a,b\n")

    simulator.wait_for(lambda s: len(s.pushes()) == 1)
    [one] = simulator.pushes()
    assert (one.size, one.whole, one.status) == (4, False, None)


def test_many_callers_at_once_are_all_served() -> None:
    with Simulator(import_s=0.2) as simulator:
        with concurrent.futures.ThreadPoolExecutor(16) as callers:
            answers = list(callers.map(lambda _: push(simulator), range(300)))

        assert {answer.status_code for answer in answers} == {200}
        assert len({one.id for one in simulator.imports()}) == 300
        simulator.wait_for(lambda s: all(one.state == "Completed" for one in s.imports()))


def test_limits_are_kept_over_the_socket() -> None:
    with Simulator(push_limit=(1, 3600.0), request_limit=(3, 300.0)) as simulator:
        texts = [push(simulator).text for _ in range(4)]

    assert "importId" in texts[0]
    assert all("maximum: 1." in text for text in texts[1:3])
    assert texts[3].startswith("Too many requests.")


def test_a_wait_that_is_in_vain_says_what_there_was(simulator: Simulator) -> None:
    push(simulator)

    with pytest.raises(TimeoutError, match="1 pushes and 1 calls came, 1 imports"):
        simulator.wait_for(lambda _: False, timeout_s=0.01)


def test_a_wait_ends_with_the_change_it_waits_for(simulator: Simulator) -> None:
    caller = threading.Thread(target=push, args=(simulator,))
    caller.start()
    simulator.wait_for(lambda s: bool(s.pushes()))
    caller.join()

    assert len(simulator.pushes()) == 1


def test_a_line_is_logged_for_each_request_and_no_key() -> None:
    lines: list[str] = []
    with Simulator(log=lines.append) as simulator:
        simulator.script(Fault.act("close_after_body"))
        with pytest.raises(requests.ConnectionError):
            push(simulator)
        push(simulator)
        status(simulator, simulator.imports()[0].id)

    assert lines[:2] == [f"POST {PUSH}, 8 bytes -> no answer", f"POST {PUSH}, 8 bytes -> 200"]
    assert lines[2].endswith("/status -> 200")
    assert DEMO_KEY not in "".join(lines)


def test_there_is_no_address_before_the_first_start() -> None:
    with pytest.raises(errors.RequestRefused, match="start it first"):
        _ = Simulator().url


def test_a_port_in_use_is_refused_with_the_remedy(simulator: Simulator) -> None:
    port = int(simulator.url.rpartition(":")[2])

    with pytest.raises(errors.RequestRefused, match=f":{port}: .*; choose another port"):
        Simulator(port=port).start()


def test_after_a_stop_nobody_answers_and_after_a_start_somebody_does() -> None:
    simulator = Simulator()
    simulator.start()
    simulator.start()
    push(simulator)
    url = simulator.url
    with contextlib.closing(connection_to(simulator)) as idle:
        idle.request("GET", "/")
        idle.getresponse().read()
        simulator.stop()
        simulator.stop()

    with pytest.raises(requests.ConnectionError):
        push(simulator)
    with simulator:
        assert (push(simulator).status_code, simulator.url) == (200, url)
    assert len(simulator.pushes()) == 2


def test_a_stop_waits_for_the_thread_that_has_a_request_in_hand() -> None:
    noted, go_on = threading.Event(), threading.Event()

    def log(_: str) -> None:
        noted.set()
        go_on.wait(10)

    simulator = Simulator(log=log)
    simulator.start()
    caller = threading.Thread(target=broken_push, args=(simulator,))
    caller.start()
    assert noted.wait(10)

    stopper = threading.Thread(target=simulator.stop)
    stopper.start()
    stopper.join(0.1)
    assert stopper.is_alive()
    go_on.set()
    stopper.join()
    caller.join()


def test_a_stop_breaks_idle_and_hung_connections_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with Simulator() as simulator:
        simulator.script(Fault.act("hang"))
        hung = threading.Thread(target=broken_push, args=(simulator,))
        hung.start()
        with contextlib.closing(connection_to(simulator)) as idle:
            idle.request("GET", "/")
            idle.getresponse().read()
            simulator.wait_for(lambda s: len(s.pushes()) == 1)
            simulator.stop()
            assert idle.sock.recv(1) == b""
        hung.join()

    assert set(threading.enumerate()) == before


def test_the_first_page_says_what_this_is(simulator: Simulator) -> None:
    page = requests.get(simulator.url, timeout=10)

    assert "stand-in for Pigment's Import API" in page.text
    assert page.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_ledger_can_be_read_over_http(simulator: Simulator) -> None:
    import_id = push(simulator).json()["importId"]

    ledger = requests.get(f"{simulator.url}/simulator/ledger", timeout=10).json()

    assert [one["import_id"] for one in ledger["pushes"]] == [import_id]
    assert [one["path"] for one in ledger["calls"]] == [PUSH]
    assert [(one["id"], one["completes"]) for one in ledger["imports"]] == [(import_id, None)]


def test_faults_can_be_scripted_over_http(simulator: Simulator) -> None:
    faults = [{"status": 503, "body": "later", "headers": {"Retry-After": "7"}}]
    taken = requests.post(f"{simulator.url}/simulator/faults", json=faults, timeout=10)
    answer = push(simulator)

    assert taken.json() == {"scripted": 1}
    assert (answer.status_code, answer.text) == (503, "later")
    assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (b"[{", "Expecting property name"),
        (b'[{"code": 1}]', "'code' is not known"),
        (b"[" + b" " * 70_000 + b"]", "send fewer faults at once"),
    ],
)
def test_faults_that_make_no_sense_are_refused_over_http(
    simulator: Simulator, sent: bytes, problem: str
) -> None:
    answer = requests.post(f"{simulator.url}/simulator/faults", data=sent, timeout=10)

    assert answer.status_code == 400
    assert problem in answer.text


def test_a_reset_over_http_forgets_everything(simulator: Simulator) -> None:
    push(simulator)
    simulator.script(Fault.answer(503))
    requests.post(f"{simulator.url}/simulator/reset", timeout=10)

    assert (simulator.pushes(), simulator.calls(), simulator.imports()) == ([], [], [])
    assert push(simulator).status_code == 200


def test_a_reset_by_call_forgets_everything(simulator: Simulator) -> None:
    push(simulator)
    simulator.reset()

    ledger = requests.get(f"{simulator.url}/simulator/ledger", timeout=10)
    assert json.loads(ledger.text) == {"pushes": [], "calls": [], "imports": []}
