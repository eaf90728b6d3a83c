"""HTTP on the side of the push: whatever the destination does, a file ends as the contract says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evil_answers import BLOCK, BOMB, BYTES, CUTS, HUGE, LENGTH, MEMORY_KIB, NO_HTTP, RETRY_AFTER
from evil_cases import MODES, Case, Meaning, Place, named, play, portions
from evil_server import (
    Caller,
    Front,
    answering,
    dripping,
    early,
    flooding,
    hanging,
    hanging_after_body,
    pouring,
    reading_slowly,
    resetting,
    saying,
)
from torture_fixtures import sampled

from pigment_watcher.simulator import Simulator

pytestmark = pytest.mark.torture("4. HTTP: pushes")

#: More than both ends of a connection hold between them.
SOME_MB = 12 * 1024 * 1024

REFUSED = Meaning.REFUSED

# ---------------------------------------------------------------- every status


def meaning_of(status: int) -> Meaning:
    """Return what the contract makes of a status that answers a push."""
    if status in {401, 404, 429, 407, 425, 503}:
        return Meaning.LATER
    if status == 408 or 301 <= status <= 303 or status < 300 or status >= 500:
        return Meaning.NOT_KNOWN
    return Meaning.LATER if status < 400 else Meaning.REFUSED


def answered(status: int) -> Case:
    return Case(f"status {status}", answering(f"{status} Said", b"No."), meaning_of(status))


STATUSES = [
    answered(status)
    for status in (
        *range(201, 209),
        226,
        299,
        *range(300, 310),
        399,
        *range(400, 452),
        499,
        *range(500, 512),
        *range(520, 531),
        599,
        600,
        999,
    )
]

# ---------------------------------------------------------------- broken connections and answers

BEGUN = {
    "an import began, then 500": answering("500 Oops", b"{}", begins=True),
    "an import began, then 502": answering("502 Bad Gateway", b"<html></html>", begins=True),
    "an import began, then 408": answering("408 Too Late", begins=True),
    "an import began, then garbage": saying(b"\x00\xff", begins=True),
    "an import began, then 302": answering("302 Found", b"", "Location: /", begins=True),
    "an import began, then a page": answering("200 OK", b"<html>Thanks</html>", begins=True),
}
RESETS = {
    "reset after half of it": resetting(0.5),
    "reset after all of it": resetting(1.0),
    "closed after half of it": resetting(0.5, closes=True),
    "closed after all of it": resetting(1.0, closes=True),
}
NETWORK = [
    *named(CUTS, Meaning.NOT_KNOWN),
    *named(NO_HTTP, Meaning.NOT_KNOWN),
    *named(BEGUN, Meaning.NOT_KNOWN),
    *named(RESETS, Meaning.NOT_KNOWN, size=SOME_MB),
    Case("reset at the headers", resetting(0.0), Meaning.NOT_SEEN),
    Case("closed at the headers", resetting(0.0, closes=True), Meaning.NOT_SEEN),
]

# ---------------------------------------------------------------- import IDs

UNUSABLE = {
    "no importId": b"{}",
    "null": b'{"importId": null}',
    "a number": b'{"importId": 7}',
    "true": b'{"importId": true}',
    "a list": b'{"importId": ["f2b03cab-ba63-4525-bd59-c597f6721973"]}',
    "an object": b'{"importId": {"id": 1}}',
    "empty": b'{"importId": ""}',
    "huge": b'{"importId": "' + b"f" * 60_000 + b'"}',
    "a path": b'{"importId": "../../../etc/passwd"}',
    "a path behind an ID": b'{"importId": "f2b03cab-ba63-4525-bd59-c597f6721973/../x"}',
    "with a line end": b'{"importId": "f2b03cab-ba63-4525-bd59-c597f6721973\\n"}',
    "with blanks": b'{"importId": " f2b03cab-ba63-4525-bd59-c597f6721973 "}',
    "in braces": b'{"importId": "{f2b03cab-ba63-4525-bd59-c597f6721973}"}',
    "a query": b'{"importId": "f2b03cab-ba63-4525-bd59-c597f6721973?x=1"}',
    "under another name": b'{"ImportID": "f2b03cab-ba63-4525-bd59-c597f6721973"}',
    "nil": b'{"importId": "00000000-0000-0000-0000-000000000000"}',
    "half of a surrogate": b'{"importId": "\\ud800"}',
    "no object": b'["f2b03cab-ba63-4525-bd59-c597f6721973"]',
    "a bare text": b'"f2b03cab-ba63-4525-bd59-c597f6721973"',
    "a number of 10,000 digits": b'{"importId": ' + b"9" * 10_000 + b"}",
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"importId":' * 5_000 + b"1" + b"}" * 5_000,
    "two answers": b'{"importId": "f2b03cab-ba63-4525-bd59-c597f6721973"}{}',
    "JSON that ends early": b'{"importId": "f2b03cab-ba63-4525-bd59-c597f672197',
    "no text": bytes(range(256)),
    "a login page": b"<!DOCTYPE html><html><title>Sign in</title><form></form></html>",
    "an empty answer": b"",
}
IMPORT_IDS = [
    *named(
        {f"importId: {name}": answering("200 OK", said) for name, said in UNUSABLE.items()},
        Meaning.NOT_KNOWN,
    ),
    Case(
        "importId: of nothing",
        answering("200 OK", b'{"importId": "f2b03cab-ba63-4525-bd59-c597f6721973"}'),
        Meaning.ACCEPTED_IN_VAIN,
    ),
]

# ---------------------------------------------------------------- answers before their time

EARLY = [
    Case(f"{status} early, then {then}", early(status, then=then), meaning_of(status), SOME_MB)
    for status in (400, 413, 401, 403, 429, 500, 503, 307)
    for then in ("close", "hold", "linger")
]

# ---------------------------------------------------------------- Retry-After

TOLD_TO_WAIT = [
    Case(
        f"{status}, Retry-After {name}",
        answering(f"{status} Not now", b"Later.", *headers),
        Meaning.LATER,
    )
    for status in (429, 503)
    for name, headers in RETRY_AFTER.items()
]

# ---------------------------------------------------------------- silence

SILENT = [
    Case("silence at the headers", hanging, Meaning.NOT_KNOWN),
    Case("silence at the headers of a long file", hanging, Meaning.NOT_KNOWN, SOME_MB),
    Case("silence after the body", hanging_after_body, Meaning.NOT_KNOWN),
    Case("a dripping answer", dripping, Meaning.NOT_KNOWN),
    Case(
        "interim answers without end",
        pouring(b"", HUGE, b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
        Meaning.NOT_KNOWN,
    ),
    Case(
        "many interim answers",
        flooding(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n", 1000),
        Meaning.TAKEN,
    ),
]

# ---------------------------------------------------------------- bytes without end

BOMBS = [
    *named(BYTES, Meaning.NOT_KNOWN),
    Case("200 MB of a refusal", pouring(b"HTTP/1.1 400 No\r\n" + LENGTH, HUGE, BLOCK), REFUSED),
    Case("a bomb in a refusal", answering("400 No", BOMB, "Content-Encoding: gzip"), REFUSED),
]


Note = Callable[[str, object], None]


@pytest.fixture
def front(pigment: Simulator) -> Iterator[Front]:
    with Front(pigment) as front:
        yield front


@pytest.fixture
def place(tmp_path: Path, pigment: Simulator, front: Front) -> Place:
    return Place(tmp_path, pigment, front)


GROUPS = {
    "status": (STATUSES, 24, 12),
    "network": (NETWORK, 14, 14),
    "import IDs": (IMPORT_IDS, 10, 14),
    "early": (EARLY, 4, 12),
    "Retry-After": (TOLD_TO_WAIT, 4, 14),
}
PORTIONS = {
    f"{group}-{number}": portion
    for group, (cases, most, at_once) in GROUPS.items()
    for number, portion in enumerate(portions(sampled(cases, most), at_once))
}


@pytest.mark.parametrize("load_mode", MODES)
@pytest.mark.parametrize("portion", PORTIONS)
def test_each_answer_to_a_push_means_what_the_contract_says(
    place: Place, load_mode: str, portion: str, record_property: Note
) -> None:
    cases = PORTIONS[portion]
    record_property("faults", len(cases))
    play(place.world(load_mode), place.front, cases)


@pytest.mark.parametrize("load_mode", MODES)
def test_silence_is_not_known_and_holds_no_worker(
    place: Place, load_mode: str, record_property: Note
) -> None:
    cases = sampled(SILENT, 3)
    record_property("faults", len(cases))
    play(place.world(load_mode, answer_timeout="3s"), place.front, cases)


@pytest.mark.parametrize("load_mode", MODES)
def test_bytes_without_end_find_bounded_memory(
    place: Place, load_mode: str, record_property: Note
) -> None:
    cases = sampled(BOMBS, 4)
    record_property("faults", len(cases))
    peaks = play(place.world(load_mode), place.front, cases)
    assert max(peaks) < MEMORY_KIB, dict(zip(cases, peaks, strict=True))


def test_a_reader_slower_than_the_wait_for_an_answer_gets_the_whole_file(
    tmp_path: Path, pigment: Simulator
) -> None:
    with Front(pigment, receive_buffer=4096) as front:
        world = Place(tmp_path, pigment, front).world("append", answer_timeout="2s")
        case = Case("a slow reader", reading_slowly(32 * 1024), Meaning.TAKEN, 256 * 1024)
        play(world, front, [case])


@pytest.mark.parametrize("load_mode", MODES)
def test_an_import_id_of_another_file_is_not_believed(place: Place, load_mode: str) -> None:
    def anothers(caller: Caller) -> None:
        first = place.pigment.imports()[0].id
        answering("200 OK", b'{"importId": "%s"}' % first.encode(), begins=True)(caller)

    cases = [
        Case("an import of its own", Caller.pass_on, Meaning.TAKEN),
        Case("that of another file", anothers, Meaning.NOT_KNOWN),
    ]
    play(place.world(load_mode), place.front, cases)


@pytest.mark.parametrize("load_mode", MODES)
def test_a_redirect_is_not_followed_and_the_key_is_not_sent_on(
    place: Place, load_mode: str, record_property: Note
) -> None:
    with Front(place.pigment) as elsewhere:
        targets = {"elsewhere": elsewhere.url, "to itself": place.front.url, "relative": ""}
        cases = [
            Case(
                f"{status} {where}",
                answering(f"{status} Go", b"", f"Location: {url}/api/import/push/csv"),
                meaning_of(status),
            )
            for where, url in targets.items()
            for status in sampled([300, 301, 302, 303, 305, 307, 308], 2)
        ]
        record_property("faults", len(cases))
        world = place.world(load_mode)
        play(world, place.front, cases)
        assert elsewhere.seen == []
    assert place.front.count("push") == sum(job.attempts for job in world.jobs())
