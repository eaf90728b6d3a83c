"""HTTP on the side of the status call: the import runs, so it is asked after, not pushed again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from acceptance_fixtures import configuration_id, eventually
from evil_answers import BYTES, CUTS, MEMORY_KIB, NO_HTTP, RETRY_AFTER
from evil_cases import CASE_S, Case, Meaning, named, play, portions
from evil_server import (
    Caller,
    Front,
    answering,
    dripping,
    hanging,
    hanging_after_body,
    resetting,
    telling,
)
from torture_fixtures import World, sampled

from pigment_watcher.model import Outcome
from pigment_watcher.simulator import DEMO_KEY, Simulator

pytestmark = pytest.mark.torture("5. HTTP: status calls")

OTHER = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"

# ---------------------------------------------------------------- what is asked again

STATUSES = {
    f"status {status}": answering(f"{status} Said", b"No.")
    for status in (201, 204, 301, 302, 307, 400, 401, 403, 404, 405, 408, 409, 410, 418, 425, 429)
} | {f"status {status}": answering(f"{status} Oops", b"No.") for status in (*range(500, 512), 999)}
WORDS = {
    "an unknown status": telling("Queued"),
    "a status in small letters": telling("completed"),
    "an empty status": telling(""),
    "another import": telling("Completed", importId=OTHER),
    "the nil import": telling("Completed", importId="00000000-0000-0000-0000-000000000000"),
    "no import": telling("Completed", importId=None),
    "a list of imports": telling("Completed", importId=[OTHER]),
    "status null": telling("Completed", importStatus=None),
    "status as an object": telling("Completed", importStatus={"Completed": True}),
    "status as a number": telling("Completed", importStatus=1),
    "a login page": answering("200 OK", b"<html><title>Sign in</title></html>"),
    "an empty answer": answering("200 OK"),
    "deep lists": answering("200 OK", b"[" * 60_000),
    "no object": answering("200 OK", b"[]"),
}
TELLING_TO_WAIT = {
    f"429, Retry-After {name}": answering("429 Later", b"", *headers)
    for name, headers in RETRY_AFTER.items()
}
BROKEN = {
    **CUTS,
    **NO_HTTP,
    "reset": resetting(0.0),
    "closed": resetting(0.0, closes=True),
}
ASKED_AGAIN = [
    *named(STATUSES, Meaning.TAKEN, on="status"),
    *named(WORDS, Meaning.TAKEN, on="status"),
    *named(TELLING_TO_WAIT, Meaning.TAKEN, on="status"),
    *named(BROKEN, Meaning.TAKEN, on="status"),
    *(
        Case(f"{name}, five times", evil, Meaning.TAKEN, on="status", times=5)
        for name, evil in (
            ("InProgress", telling("InProgress")),
            ("404", answering("404 Not Found")),
            ("500", answering("500 Oops")),
            ("an unknown status", telling("Queued")),
        )
    ),
]

# ---------------------------------------------------------------- what ends an import

ERRORS: dict[str, object] = {
    "null": None,
    "a text": "it failed",
    "a number": 7,
    "an empty list": [],
    "nothing but nulls": [None, {"name": None, "description": None}],
    "lists in lists": [[[[]]]],
    "half of a surrogate": [{"name": "\ud800", "description": "\udfff"}],
    "control letters": [{"name": "\x00\x1b[31m", "description": "a\r\nb\u202ec"}],
    "60 kB": [{"name": "Long", "description": "x" * 60_000}],
    "very many": [{"name": "E", "description": str(number)} for number in range(1_000)],
    "objects for texts": [{"name": {"a": 1}, "description": [1, 2]}],
    "our own key": [{"name": "Echo", "description": f"You said Bearer {DEMO_KEY}"}],
}
ENDED = [
    *named(
        {
            f"Failed, errors: {name}": telling("Failed", errorsDetails=e)
            for name, e in ERRORS.items()
        },
        Meaning.IMPORT_FAILED,
        on="status",
    ),
    *named(
        {
            "Completed, times that are none": telling("Completed", createdAt=7, completedAt={}),
            "Completed, errors all the same": telling("Completed", errorsDetails=["odd"]),
        },
        Meaning.TAKEN,
        on="status",
    ),
]

Note = Callable[[str, object], None]


@pytest.fixture
def front(pigment: Simulator) -> Iterator[Front]:
    with Front(pigment) as front:
        yield front


@pytest.fixture
def world(tmp_path: Path, pigment: Simulator, front: Front) -> World:
    return World(tmp_path, pigment, url=front.url)


PORTIONS = portions(sampled(ASKED_AGAIN, 20), 12)


@pytest.mark.parametrize("portion", range(len(PORTIONS)))
def test_a_status_call_that_fails_is_asked_again_and_the_file_is_pushed_once(
    world: World, pigment: Simulator, front: Front, portion: int, record_property: Note
) -> None:
    record_property("faults", len(PORTIONS[portion]))
    play(world, front, PORTIONS[portion])
    assert len(pigment.pushes()) == len(PORTIONS[portion])


def test_an_end_is_believed_whatever_stands_beside_it(
    world: World, pigment: Simulator, front: Front, record_property: Note
) -> None:
    cases = sampled(ENDED, 5)
    record_property("faults", len(cases))
    play(world, front, cases)
    assert len(pigment.pushes()) == len(cases)


def test_the_key_shows_nowhere_if_the_other_end_repeats_it(world: World, front: Front) -> None:
    echo = telling(
        "Failed", errorsDetails=[{"name": DEMO_KEY, "description": f"Bearer {DEMO_KEY}"}]
    )
    cases = [
        Case("as an error of the import", echo, Meaning.IMPORT_FAILED, on="status"),
        Case("in a refusal", answering("400 No", DEMO_KEY.encode()), Meaning.REFUSED),
        Case("in a phrase", answering(f"400 {DEMO_KEY}"), Meaning.REFUSED),
        Case("in a redirect", answering("307 Go", b"", f"Location: /{DEMO_KEY}"), Meaning.LATER),
        Case("in an answer", answering("200 OK", DEMO_KEY.encode()), Meaning.NOT_KNOWN),
    ]
    with world.serve() as service:
        for number, case in enumerate(cases):
            front.play(case.evil, on=case.on)
            world.drop(f"{number}.csv")
            service.wait_for("job.finished", CASE_S, file=f"{number}.csv")
    assert DEMO_KEY not in str(service.lines)
    told = [path for path in world.files() if path.name.endswith(".reason.txt")]
    assert len(told) == 4
    for path in [*told, *world.state.iterdir()]:
        assert DEMO_KEY.encode() not in path.read_bytes(), path
    world.recover().check()


def test_silence_holds_no_import(
    tmp_path: Path, pigment: Simulator, front: Front, record_property: Note
) -> None:
    world = World(tmp_path, pigment, url=front.url, answer_timeout="2s")
    cases = named(
        {
            "silence": hanging,
            "silence after all": hanging_after_body,
            "a dripping answer": dripping,
        },
        Meaning.TAKEN,
        on="status",
    )
    record_property("faults", len(cases))
    play(world, front, cases)
    assert len(pigment.pushes()) == len(cases)


def test_bytes_without_end_find_bounded_memory(
    world: World, pigment: Simulator, front: Front, record_property: Note
) -> None:
    cases = named(dict(sampled(list(BYTES.items()), 4)), Meaning.TAKEN, on="status")
    record_property("faults", len(cases))
    peaks = play(world, front, cases)
    assert max(peaks) < MEMORY_KIB, dict(zip(cases, peaks, strict=True))
    assert len(pigment.pushes()) == len(cases)


# ---------------------------------------------------------------- what never ends


def test_an_import_that_is_unknown_for_minutes_is_unsure_with_its_id(
    world: World, pigment: Simulator, front: Front
) -> None:
    front.play(answering("404 Not Found"), on="status", times=None)
    path = world.drop()
    with world.serve() as service:
        line = service.wait_for("job.finished", CASE_S)
    ends_unsure(world, path, pigment)
    assert line["seconds"] >= 3
    assert front.count("status") > 3


def test_an_import_in_progress_for_ever_is_unsure_with_its_id(
    tmp_path: Path, pigment: Simulator, front: Front
) -> None:
    world = World(tmp_path, pigment, url=front.url, import_deadline="2s")
    front.play(telling("InProgress"), on="status", times=None)
    path = world.drop()
    with world.serve() as service:
        line = service.wait_for("job.finished", CASE_S)
    ends_unsure(world, path, pigment)
    assert line["seconds"] >= 2


def ends_unsure(world: World, path: Path, pigment: Simulator) -> None:
    (push,) = pigment.pushes()
    reason = path.parent / "failed" / f"{path.name}.reason.txt"
    assert reason.read_text(encoding="utf-8").startswith("NOT KNOWN WHETHER IMPORTED")
    assert str(push.import_id) in reason.read_text(encoding="utf-8")
    assert world.outcomes() == {path.name: Outcome.UNSURE}
    world.recover().check()


UNENDING = {
    "500": answering("500 Oops"),
    "401": answering("401 Unauthorized"),
    "503": answering("503 Not Now"),
    "307": answering("307 Go", b"", "Location: /x"),
    "an unknown status": telling("Queued"),
    "garbage": NO_HTTP["garbage"],
    "another import": telling("Completed", importId=OTHER),
}


@pytest.mark.parametrize("what", sampled(list(UNENDING), 3))
def test_what_says_nothing_of_the_import_is_asked_until_it_does_past_the_deadline(
    tmp_path: Path, pigment: Simulator, front: Front, what: str
) -> None:
    """A start in between changes nothing."""
    world = World(tmp_path, pigment, url=front.url, import_deadline="1s")
    front.play(UNENDING[what], on="status", times=None)
    if what in {"401", "307"}:
        front.play(UNENDING[what], on="probe", times=None)
    world.drop()
    for _ in range(2):
        before = front.count("status") + front.count("probe")
        with world.serve() as service:
            eventually(lambda: asked(front) >= before + 4, CASE_S)  # noqa: B023
            assert service.stop() == 0
        assert world.jobs()[0].outcome is None
    front.relent()
    with world.serve() as service:
        service.wait_for("job.finished", CASE_S, outcome="imported")
        eventually(lambda: not world.conditions(), CASE_S)
    assert len(pigment.pushes()) == 1
    world.recover().check()


def asked(front: Front) -> int:
    return front.count("status") + front.count("probe")


def test_what_was_completed_is_not_asked_again(
    world: World, pigment: Simulator, front: Front
) -> None:
    """Completed, then Failed: the first end counts, and so the other way round."""
    front.play(telling("Completed"), on="status")
    world.drop("a.csv")
    with world.serve() as service:
        service.wait_for("job.finished", CASE_S, file="a.csv", outcome="imported")
        front.play(telling("Failed"), on="status")
        world.drop("b.csv")
        service.wait_for("job.finished", CASE_S, file="b.csv", outcome="failed")
    assert front.count("status") == 2
    world.recover().check()


def test_other_lanes_go_on_while_one_import_can_not_be_asked_after(
    tmp_path: Path, pigment: Simulator, front: Front
) -> None:
    routes: dict[str, dict[str, object]] = {"sales": {}, "costs": {}}
    world = World(tmp_path, pigment, routes=routes, url=front.url)

    def only_of_sales(caller: Caller) -> None:
        ours = [one for one in pigment.imports() if one.id.encode() in caller.head]
        if ours and ours[0].configuration_id == configuration_id("sales"):
            answering("500 Oops")(caller)
        else:
            caller.pass_on()

    front.play(only_of_sales, on="status", times=None)
    world.drop("a.csv", route="sales")
    with world.serve() as service:
        eventually(lambda: front.count("status") >= 2, CASE_S)
        for number in range(5):
            world.drop(f"{number}.csv", route="costs")
            service.wait_for("job.finished", CASE_S, file=f"{number}.csv", outcome="imported")
        assert world.outcomes()["a.csv"] is None
        front.relent()
        service.wait_for("job.finished", CASE_S, file="a.csv", outcome="imported")
    world.recover().check()
