import json
import math
from email.message import Message
from typing import Any

import pytest

from pigment_watcher import errors
from pigment_watcher.simulator.answers import Answer
from pigment_watcher.simulator.backend import Backend, Import, Rules, Window
from pigment_watcher.simulator.received import NIL_UUID, BodyMeter, Received, read_target

KEY = "NewKeyWithoutDashes"
OLD_KEY = "3jp2e232-9875-42f4-9fcf-63fe2ce568jp"
CONFIGURATION = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
OTHER = "f2b03cab-ba63-4525-bd59-c597f6721973"
PUSH = f"POST /api/import/push/csv?configurationId={CONFIGURATION}"
LEGACY = f"POST /api/importservice/Csv/ApiPush/{CONFIGURATION}"


def request(call: str, content: bytes = b"", **headers: str) -> Received:
    target = read_target(f"{call} HTTP/1.1".encode())
    assert target is not None
    message = Message()
    for name, value in {"Authorization": f"Bearer {KEY}", **headers}.items():
        message[name.replace("_", "-")] = value
    meter = BodyMeter()
    meter.add(content)
    return Received(at=0.0, target=target, headers=message, body=meter.body(whole=True))


def backend(**rules: Any) -> Backend:
    return Backend(Rules(**{"keys": (KEY,), "import_s": 10.0, **rules}))


def told(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200
    document = json.loads(answer.body)
    assert isinstance(document, dict)
    return document


def started(pigment: Backend, content: bytes = b"a,b\n1,2\n", now: float = 0.0) -> str:
    import_id = told(pigment.answer(request(PUSH, content), now))["importId"]
    assert isinstance(import_id, str)
    return import_id


def status(pigment: Backend, import_id: str, now: float) -> dict[str, Any]:
    return told(pigment.answer(request(f"GET /api/import/{import_id}/status"), now))


def status_v1(pigment: Backend, import_id: str, now: float) -> dict[str, Any]:
    call = f"GET /api/v1/import/{import_id}/status?includedDetailedReport=true"
    return told(pigment.answer(request(call), now))


def test_a_push_starts_an_import() -> None:
    pigment = backend()

    answer = pigment.answer(request(PUSH, b"a,b\n1,2\n3,4\n"), 5.0)

    [one] = pigment.imports(5.0)
    assert json.loads(answer.body) == {"importId": one.id}
    assert (answer.import_id, one.configuration_id) == (one.id, CONFIGURATION)
    assert (one.state, one.created, one.completes, one.rows) == ("InProgress", 5.0, 15.0, 2)


def test_json_comes_under_the_name_of_plain_text() -> None:
    assert backend().answer(request(PUSH), 0.0).headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Basic {KEY}", KEY])
def test_a_wrong_or_missing_key_is_refused(authorization: str) -> None:
    answer = backend().answer(request(PUSH, Authorization=authorization), 0.0)

    assert (answer.status, answer.body) == (401, b"Unauthorized")


def test_a_key_of_the_old_format_is_refused_even_where_it_is_known() -> None:
    pigment = backend(keys=(OLD_KEY,))

    answer = pigment.answer(request(PUSH, Authorization=f"Bearer {OLD_KEY}"), 0.0)

    assert (answer.status, b"Generate a new API key" in answer.body) == (401, True)


@pytest.mark.parametrize("query", ["", "?configurationId=", "?configurationId=33d0"])
def test_a_broken_configuration_id_is_a_bad_request(query: str) -> None:
    answer = backend().answer(request(f"POST /api/import/push/csv{query}"), 0.0)

    assert (answer.status, b"not a UUID" in answer.body) == (400, True)


def test_any_configuration_but_the_nil_one_is_known_unless_said_otherwise() -> None:
    nil = request(f"POST /api/import/push/csv?configurationId={NIL_UUID}")

    assert backend().answer(nil, 0.0).status == 404
    assert backend().answer(request(PUSH), 0.0).status == 200


def test_only_the_configurations_that_were_given_are_known() -> None:
    assert backend(configurations=[OTHER]).answer(request(PUSH), 0.0).status == 404
    assert backend(configurations=[CONFIGURATION.upper()]).answer(request(PUSH), 0.0).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Transfer-Encoding": "chunked"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
def test_a_body_that_is_not_the_raw_file_is_a_bad_request(headers: dict[str, str]) -> None:
    pigment = backend()

    assert pigment.answer(request(PUSH, b"a\n", **headers), 0.0).status == 400
    assert pigment.imports(0.0) == []


def test_too_large_a_body_is_a_bad_request() -> None:
    pigment = backend(max_bytes=4)

    refused = pigment.answer(request(PUSH, b"12345"), 0.0)

    assert (refused.status, refused.body) == (400, b"Bad request or size limit exceeded")
    assert pigment.answer(request(PUSH, b"1234"), 0.0).status == 200


def test_all_calls_together_are_limited() -> None:
    pigment = backend(request_limit=(2, 300.0))
    probe = request(f"GET /api/import/{NIL_UUID}/status")

    statuses = [pigment.answer(probe, now).status for now in (0.0, 299.0, 299.9, 300.0)]

    assert statuses == [404, 404, 429, 404]


def test_the_pushes_of_one_configuration_are_limited_with_documented_words() -> None:
    pigment = backend(push_limit=(1, 3600.0))
    other = request(f"POST /api/import/push/csv?configurationId={OTHER}")

    first, second = (pigment.answer(request(PUSH), 0.0) for _ in range(2))

    assert (first.status, second.status) == (200, 429)
    assert second.body == (
        b"Maximum number of reports per configuration per hour exceeded, maximum: 1. "
        b"Please try again later."
    )
    assert pigment.answer(other, 0.0).status == 200


def test_a_window_opens_anew_when_it_is_over() -> None:
    window = Window((1, 10.0))

    passed = [window.lets_pass(now) for now in (0.0, 9.9, 10.0, 19.9, 25.0)]

    assert passed == [True, False, True, False, True]


def test_an_import_in_progress_has_no_end_yet() -> None:
    pigment = backend()
    import_id = started(pigment, now=1696436227.739855)

    assert status(pigment, import_id, 1696436230.0) == {
        "importId": import_id,
        "createdAt": "2023-10-04T16:17:07.739855Z",
        "importStatus": "InProgress",
    }
    assert status_v1(pigment, import_id, 1696436230.0)["completedAt"] is None


def test_an_import_completes_when_its_time_has_come() -> None:
    pigment = backend()
    import_id = started(pigment)

    assert status(pigment, import_id, 9.9)["importStatus"] == "InProgress"
    assert status(pigment, import_id, 10.0) == {
        "importId": import_id,
        "createdAt": "1970-01-01T00:00:00.000000Z",
        "completedAt": "1970-01-01T00:00:10.000000Z",
        "importStatus": "Completed",
    }
    assert [one.state for one in pigment.imports(10.0)] == ["Completed"]


def test_the_report_counts_the_rows() -> None:
    pigment = backend()
    import_id = started(pigment, b"a,b\n1,2\n3,4")

    told_v1 = status_v1(pigment, import_id, 10.0)

    assert told_v1["errorsDetails"] == []
    assert told_v1["detailedReport"]["blockType"] == "Metric"
    assert told_v1["detailedReport"]["summary"] == {
        "insertedCount": 2,
        "updatedCount": 0,
        "deletedCount": 0,
        "skippedCount": 0,
    }
    assert told_v1["detailedReport"]["impactedBlocks"][0]["skippedData"] == []


def test_the_report_comes_only_when_asked_for() -> None:
    pigment = backend()
    import_id = started(pigment)

    told_v1 = told(pigment.answer(request(f"GET /api/v1/import/{import_id}/status"), 10.0))

    assert "detailedReport" not in told_v1
    assert "errorsDetails" in told_v1


def test_rows_that_say_skip_are_skipped() -> None:
    pigment = backend()
    import_id = started(pigment, b"a\nSIMULATE-SKIP\n1\nSIMULATE-SKIP\n")

    told_v1 = status_v1(pigment, import_id, 10.0)

    report = told_v1["detailedReport"]
    [skipped] = report["impactedBlocks"][0]["skippedData"]
    assert told_v1["importStatus"] == "Completed"
    assert (report["summary"]["insertedCount"], report["summary"]["skippedCount"]) == (1, 2)
    assert (skipped["count"], skipped["reason"]) == (2, "MissingModalitySkippedDataRow")


def test_a_value_may_say_why_it_is_skipped_and_is_told_with_its_column() -> None:
    pigment = backend()
    rows = b"month;account\n1;SIMULATE-SKIP-ParsingError\n2;SIMULATE-SKIP\n3;a;SIMULATE-SKIP\n"
    import_id = started(pigment, rows)

    [block] = status_v1(pigment, import_id, 10.0)["detailedReport"]["impactedBlocks"]

    assert [tuple(entry.values()) for entry in block["skippedData"]] == [
        (1, "ParsingError", "account", ["SIMULATE-SKIP-ParsingError"]),
        (1, "MissingModalitySkippedDataRow", "account", ["SIMULATE-SKIP"]),
        (1, "MissingModalitySkippedDataRow", None, ["SIMULATE-SKIP"]),
    ]


def test_items_that_a_file_says_are_created_are_counted() -> None:
    pigment = backend()
    import_id = started(pigment, b"a\nSIMULATE-CREATE\nSIMULATE-CREATE\n")

    report = status_v1(pigment, import_id, 10.0)["detailedReport"]

    assert report["autoCreatedDimensionModalities"] == [{"blockId": CONFIGURATION, "count": 2}]


@pytest.mark.parametrize("report", [None, 7, {"summary": None}])
def test_the_report_of_every_import_can_be_anything(report: object) -> None:
    pigment = backend()
    pigment.tell(report)
    import_id = started(pigment)

    assert status_v1(pigment, import_id, 0.0)["detailedReport"] is None
    assert status_v1(pigment, import_id, 10.0)["detailedReport"] == report


def test_without_v1_nothing_is_known_there_whatever_the_key() -> None:
    pigment = backend(has_v1=False)
    import_id = started(pigment)
    call = f"GET /api/v1/import/{import_id}/status"

    assert pigment.answer(request(call), 0.0).status == 404
    assert pigment.answer(request(call, Authorization="Bearer wrong"), 0.0).status == 404
    assert status(pigment, import_id, 0.0)["importStatus"] == "InProgress"


def test_a_file_that_says_fail_fails() -> None:
    pigment = backend()
    import_id = started(pigment, b"a\nSIMULATE-FAIL\n")

    told_v1 = status_v1(pigment, import_id, 10.0)

    assert told_v1["importStatus"] == "Failed"
    assert told_v1["errorsDetails"][0]["name"] == "SimulatedFailure"
    assert told_v1["detailedReport"] is None
    assert "errorsDetails" not in status(pigment, import_id, 10.0)


def test_a_file_that_says_slow_takes_five_times_longer() -> None:
    pigment = backend()
    import_id = started(pigment, b"a\nSIMULATE-SLOW\n")

    assert status(pigment, import_id, 49.9)["importStatus"] == "InProgress"
    assert status(pigment, import_id, 50.0)["importStatus"] == "Completed"


@pytest.mark.parametrize("wished", [400, 503, 599])
def test_a_file_can_say_how_its_push_is_answered(wished: int) -> None:
    pigment = backend()

    answer = pigment.answer(request(PUSH, b"a\nSIMULATE-%d\n" % wished), 0.0)

    assert answer.status == wished
    assert pigment.imports(0.0) == []


def test_an_unknown_import_is_not_found() -> None:
    answer = backend().answer(request(f"GET /api/import/{OTHER}/status"), 0.0)

    assert (answer.status, answer.body) == (404, b"Import not found")


def test_an_import_id_that_is_no_uuid_is_a_bad_request() -> None:
    assert backend().answer(request("GET /api/import/f2b0/status"), 0.0).status == 400


def test_a_path_that_pigment_does_not_serve_is_not_found() -> None:
    assert backend().answer(request("GET /api/v1/importConfigurations"), 0.0).status == 404


def test_the_old_push_has_a_receipt_and_no_import() -> None:
    pigment = backend()

    receipt = told(pigment.answer(request(LEGACY, b"12345", X_Pigment_Api_Key=KEY), 0.0))

    assert receipt["nbBytesPushed"] == 5
    assert "tranferLogId" in receipt
    assert pigment.imports(0.0) == []


def test_the_old_push_knows_no_bearer() -> None:
    assert backend().answer(request(LEGACY), 0.0).status == 401


def test_an_import_without_an_end_ends_when_it_is_told_to() -> None:
    pigment = backend(import_s=math.inf)
    import_id = started(pigment)

    assert status(pigment, import_id, 1e9)["importStatus"] == "InProgress"
    pigment.finish(import_id, state="Failed", now=2e9)

    assert status(pigment, import_id, 2e9)["importStatus"] == "Failed"
    assert status(pigment, import_id, 2e9)["completedAt"] == "2033-05-18T03:33:20.000000Z"


def test_only_an_import_in_progress_can_be_ended() -> None:
    pigment = backend()
    import_id = started(pigment)

    with pytest.raises(errors.RequestRefused, match="not in progress here"):
        pigment.finish(OTHER, state="Completed", now=0.0)
    with pytest.raises(errors.RequestRefused, match="not in progress here"):
        pigment.finish(import_id, state="Completed", now=10.0)


def test_an_ended_import_stays_as_it_ended() -> None:
    one = Import(
        id=OTHER,
        configuration_id=CONFIGURATION,
        state="InProgress",
        created=0.0,
        completes=1.0,
        ends_as="Failed",
    )

    assert one.at(0.9).state == "InProgress"
    assert one.at(1.0).at(0.0).state == "Failed"
