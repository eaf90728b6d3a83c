import json
from xml.etree import ElementTree as ET

from bench import page
from bench.figure import Figure, Found, Row, Scale
from bench.picture import Curve, Picture
from bench.standin import Book

CONFIGURATION = b"33d0d7d0-6125-47c4-b36a-882f4ed53b33"
PUSH = b"/api/import/push/csv?configurationId=" + CONFIGURATION
PICTURE = Picture(
    title="Requests against the limit",
    per_s=10.0,
    limit=3,
    refusal=4,
    curves=(
        Curve("service", asked=(0.0, 4.0, 20.0), done=(4.0,)),
        Curve("<poller>", asked=(0.0, 1.0, 2.0, 3.0, 4.0), done=()),
    ),
)


def push(book: Book, now: float) -> tuple[int, str]:
    status, said = book.answer(b"POST", PUSH, now, now)
    return status, json.loads(said)["importId"] if status == 200 else ""


def state(book: Book, import_id: str, now: float, version: str = "") -> object:
    target = f"/api/{version}import/{import_id}/status".encode()
    status, said = book.answer(b"GET", target, now, now)
    return json.loads(said)["importStatus"] if status == 200 else status


def row(found: Found, name: str = "speed") -> Row:
    def measure(_: Scale) -> Found:
        """With a stopwatch."""
        return found

    return Row(Figure(name, f"the {name}", "fast", measure), found)


def cells(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    table = [line.strip("| ").split(" | ") for line in lines]
    return table[2:]  # below the heads and the rule


def test_an_import_of_the_stand_in_runs_as_long_as_it_was_told() -> None:
    book = Book(import_s=5.0, requests=100, per_s=60.0)
    _, import_id = push(book, now=10.0)

    assert state(book, import_id, 14.9) == "InProgress"
    assert book.noticed == 0
    assert state(book, import_id, 15.0) == "Completed"
    assert state(book, import_id, 16.0, "v1/") == "Completed"
    assert book.noticed == 1


def test_the_stand_in_notes_when_somebody_was_told_of_an_end() -> None:
    book = Book(import_s=5.0, requests=100, per_s=60.0)
    _, import_id = push(book, now=10.0)
    state(book, import_id, 18.0)
    state(book, import_id, 19.0)

    _, said = book.answer(b"GET", b"/bench/record", 20.0, 20.0)

    assert json.loads(said)["imports"] == [[10.0, 15.0, 18.0]]


def test_the_stand_in_lets_no_more_pass_in_any_span_of_its_limit() -> None:
    book = Book(import_s=0.0, requests=2, per_s=10.0)

    assert [push(book, now)[0] for now in (0.0, 6.0, 9.9, 10.0, 15.9, 16.0)] == [
        *(200, 200, 429),
        *(200, 429, 200),
    ]


def test_the_stand_in_knows_no_import_that_nobody_began() -> None:
    book = Book(import_s=0.0, requests=2, per_s=10.0)

    assert state(book, "00000000-0000-0000-0000-000000000000", 1.0) == 404


def test_the_page_says_of_each_figure_whether_it_holds() -> None:
    rows = [
        row(Found("1 s", holds=True, beside={"curl": "2 s", "loop": "3 s"})),
        row(Found("9 s", holds=False), "start"),
        row(Found("5 s", holds=None), "end"),
    ]

    assert cells(page.document("performance", rows, "make bench", quick=False)) == [
        ["the speed", "fast", "1 s", "curl: 2 s<br>loop: 3 s", "yes"],
        ["the start", "fast", "9 s", "-", "no"],
        ["the end", "fast", "5 s", "-", "not compared"],
    ]


def test_the_page_tells_the_command_the_machine_how_and_how_much_it_is_worth() -> None:
    text = page.document("performance", [row(Found("1 s", holds=True))], "make bench", quick=True)

    assert "`make bench`" in text
    assert page.machine() in text
    assert "Quick" in text
    assert "- `speed`: With a stopwatch.\n" in text


def test_the_page_shows_the_picture() -> None:
    rows = [row(Found("1 s", holds=True)), row(Found("1 s", holds=True, picture=PICTURE))]

    text = page.document("performance", rows, "make bench", quick=False)

    before, lessons = text.split("\n## What was changed", maxsplit=1)
    assert before.endswith("![Requests against the limit](performance.svg)\n")
    assert lessons.endswith(page._LESSONS.read_text(encoding="utf-8")[-100:])


def test_the_picture_holds_a_curve_for_each_and_both_limits() -> None:
    svg = ET.fromstring(PICTURE.svg())
    space = {"svg": "http://www.w3.org/2000/svg"}

    assert len(svg.findall("svg:polyline", space)) == 2 * len(PICTURE.curves)
    texts = [text.text for text in svg.findall("svg:text", space)]
    assert {"request_limit: 3", "429 above 4", "<poller>"} <= set(texts)


def test_the_picture_counts_requests_in_the_span_of_the_limit() -> None:
    svg = ET.fromstring(PICTURE.svg())
    lines = svg.findall("{http://www.w3.org/2000/svg}polyline")
    heights = [float(point.split(",")[1]) for point in lines[0].attrib["points"].split()]
    levels = sorted(set(heights), reverse=True)

    # One request, two of them within 10 s, and none between 14 s and 20 s.
    assert len(levels) == 3
    assert heights[0] == heights[-1] == levels[1]


def test_a_quick_scale_takes_the_small_number() -> None:
    assert (Scale(quick=True).pick(1000, 10), Scale(quick=False).pick(1000, 10)) == (10, 1000)
