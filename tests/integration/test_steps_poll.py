"""Asking after an import and probing the host: whatever comes is a result."""

import io
from collections.abc import Iterator

import pytest
from journal_fixtures import LANE

from pigment_watcher import errors
from pigment_watcher.model import ImportState, ImportStatus
from pigment_watcher.pigment import Client
from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator
from pigment_watcher.steps import poll

UNKNOWN = "f2b03cab-ba63-4525-bd59-c597f6721973"


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=float("inf")) as simulator:
        yield simulator


@pytest.fixture
def client(pigment: Simulator) -> Iterator[Client]:
    with Client(pigment.url, connect_timeout_s=2.0, answer_timeout_s=5.0) as opened:
        yield opened


def begin_import(client: Client, rows: bytes = b"a,b\n1,2\n") -> str:
    return client.push(
        io.BytesIO(rows), size=len(rows), configuration_id=LANE, api_key=DEMO_KEY
    ).import_id


def test_an_import_in_progress_is_told_so(client: Client, pigment: Simulator) -> None:
    import_id = begin_import(client)
    status = poll.poll(client, import_id, DEMO_KEY)
    assert isinstance(status, ImportStatus)
    assert (status.import_id, status.state) == (import_id, ImportState.IN_PROGRESS)

    pigment.finish(import_id)
    status = poll.poll(client, import_id, DEMO_KEY)
    assert isinstance(status, ImportStatus)
    assert status.state is ImportState.COMPLETED


@pytest.mark.parametrize(("key", "status"), [(DEMO_KEY, 404), ("AnotherKeyThatIsWrong", 401)])
def test_what_the_server_says_instead_is_a_result(client: Client, key: str, status: int) -> None:
    said = poll.poll(client, UNKNOWN, key)
    assert isinstance(said, errors.ServerSaid)
    assert said.status == status


def test_no_answer_is_a_result_too(client: Client, pigment: Simulator) -> None:
    pigment.script(Fault(on="status", action="garbage"))
    assert isinstance(poll.poll(client, UNKNOWN, DEMO_KEY), errors.NotKnown)
    pigment.stop()
    assert isinstance(poll.poll(client, UNKNOWN, DEMO_KEY), errors.NothingSent)


def test_a_probe_finds_host_and_key_fine_and_pushes_nothing(
    client: Client, pigment: Simulator
) -> None:
    assert poll.probe(client, DEMO_KEY) is None
    assert [call.method for call in pigment.calls()] == ["GET"]
    assert pigment.pushes() == []


def test_a_probe_tells_what_is_wrong(client: Client, pigment: Simulator) -> None:
    refused = poll.probe(client, "AnotherKeyThatIsWrong")
    assert isinstance(refused, errors.ServerSaid)
    assert refused.status == 401
    pigment.stop()
    assert isinstance(poll.probe(client, DEMO_KEY), errors.NothingSent)
