import hashlib
from email.message import Message

import pytest

from pigment_watcher.simulator.received import (
    HEAD_BYTES,
    NIL_UUID,
    BodyMeter,
    Received,
    Target,
    read_target,
)

CONFIGURATION = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"


def target_of(line: str) -> Target:
    target = read_target(line.encode() + b"\r\n")
    assert target is not None
    return target


def received_with(line: str = "GET / HTTP/1.1", **headers: str) -> Received:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Received(at=0.0, target=target_of(line), headers=message)


@pytest.mark.parametrize("prefix", ["/api/", "/api/v1/"])
def test_a_push_names_its_configuration(prefix: str) -> None:
    path = f"{prefix}import/push/csv?configurationId={CONFIGURATION.upper()}"

    target = target_of(f"POST {path} HTTP/1.1")

    assert (target.kind, target.configuration_id) == ("push", CONFIGURATION)
    assert target.v1 is (prefix == "/api/v1/")
    assert target.path == path


def test_a_push_without_a_configuration_is_still_a_push() -> None:
    target = target_of("POST /api/import/push/csv HTTP/1.1")

    assert (target.kind, target.configuration_id) == ("push", "")


def test_a_status_call_of_v1_may_ask_for_the_report() -> None:
    path = f"/api/v1/import/{CONFIGURATION}/status"

    with_report = target_of(f"GET {path}?includedDetailedReport=true HTTP/1.1")
    without = target_of(f"GET {path} HTTP/1.1")

    assert (with_report.kind, with_report.import_id) == ("status", CONFIGURATION)
    assert (with_report.with_report, without.with_report) == (True, False)


def test_a_status_call_for_the_nil_uuid_is_a_probe() -> None:
    assert target_of(f"GET /api/import/{NIL_UUID}/status HTTP/1.1").kind == "probe"


def test_the_old_push_is_told_apart() -> None:
    target = target_of(f"POST /api/importservice/Csv/ApiPush/{CONFIGURATION} HTTP/1.1")

    assert (target.kind, target.configuration_id) == ("legacy", CONFIGURATION)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("GET / HTTP/1.1", "page"),
        ("GET /simulator/ledger HTTP/1.1", "ledger"),
        ("POST /simulator/faults HTTP/1.1", "faults"),
        ("POST /simulator/reset HTTP/1.1", "reset"),
    ],
)
def test_the_own_pages_are_told_apart_from_pigment(line: str, kind: str) -> None:
    target = target_of(line)

    assert (target.kind, target.is_own) == (kind, True)


@pytest.mark.parametrize("line", ["GET /api/import/push/csv HTTP/1.1", "PUT / HTTP/1.1"])
def test_what_is_served_nowhere_is_unknown(line: str) -> None:
    target = target_of(line)

    assert (target.kind, target.is_own) == ("unknown", False)


@pytest.mark.parametrize("line", [b"\r\n", b"GET /\r\n", b"GET / HTTP/2\r\n", b"GET //[ HTTP/1.1"])
def test_a_line_that_is_not_http_1_is_not_understood(line: bytes) -> None:
    assert read_target(line) is None


def test_a_body_is_counted_and_hashed_over_all_its_blocks() -> None:
    meter = BodyMeter()
    for block in (b"a,b\n1,", b"2\n", b"3,4"):
        meter.add(block)

    body = meter.body(whole=True)

    assert (body.size, body.lines, body.rows) == (11, 3, 2)
    assert body.sha256 == hashlib.sha256(b"a,b\n1,2\n3,4").hexdigest()
    assert body.head == b"a,b\n1,2\n3,4"


def test_only_the_begin_of_a_body_is_kept() -> None:
    meter = BodyMeter()
    for _ in range(3):
        meter.add(b"x" * (HEAD_BYTES - 1))

    body = meter.body(whole=False)

    assert (len(body.head), body.size) == (HEAD_BYTES, 3 * (HEAD_BYTES - 1))


def test_no_body_has_no_rows() -> None:
    body = BodyMeter().body(whole=True)

    assert (body.size, body.lines, body.rows) == (0, 0, 0)


@pytest.mark.parametrize(
    ("authorization", "key"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("abc", ""), ("", "")],
)
def test_the_key_is_the_bearer_token(authorization: str, key: str) -> None:
    assert received_with(Authorization=authorization).key == key


def test_the_old_push_shows_its_key_in_a_header_of_its_own() -> None:
    line = f"POST /api/importservice/Csv/ApiPush/{CONFIGURATION} HTTP/1.1"

    assert received_with(line, X_Pigment_Api_Key="abc", Authorization="Bearer x").key == "abc"


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, 0),
        ({"Content-Length": "12"}, 12),
        ({"Content-Length": "-1"}, None),
        ({"Content-Length": "1x"}, None),
        ({"Transfer-Encoding": "chunked"}, None),
    ],
)
def test_the_length_is_known_only_where_it_is_said_plainly(
    headers: dict[str, str], length: int | None
) -> None:
    assert received_with(**headers).length == length


@pytest.mark.parametrize(
    ("line", "headers", "keeps_alive"),
    [
        ("GET / HTTP/1.1", {}, True),
        ("GET / HTTP/1.0", {}, False),
        ("HEAD / HTTP/1.1", {}, False),
        ("GET / HTTP/1.1", {"Connection": "Close"}, False),
        ("GET / HTTP/1.1", {"Transfer-Encoding": "chunked"}, False),
    ],
)
def test_a_connection_is_kept_only_where_both_sides_know_where_they_are(
    line: str, headers: dict[str, str], *, keeps_alive: bool
) -> None:
    assert received_with(line, **headers).keeps_alive is keeps_alive
