import json

from pigment_watcher.simulator import answers
from pigment_watcher.simulator.answers import Answer


def test_an_answer_says_its_length_and_that_the_connection_stays() -> None:
    head, _, body = answers.text(404, "Import not found").render().partition(b"\r\n\r\n")

    assert body == b"Import not found"
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 404 Not Found",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: 16",
        b"Connection: keep-alive",
    ]


def test_a_last_answer_says_that_the_connection_closes() -> None:
    assert b"Connection: close\r\n" in Answer(status=200).render(keeps_alive=False)


def test_given_headers_go_before_the_usual_ones() -> None:
    rendered = Answer(status=200, headers={"content-length": "99", "Retry-After": "7"}).render()

    assert b"content-length: 99\r\n" in rendered
    assert b"Retry-After: 7\r\n" in rendered
    assert b"Content-Length" not in rendered


def test_a_document_is_json_and_says_so() -> None:
    answer = answers.document(200, {"importStatus": "Failed"})

    assert json.loads(answer.body) == {"importStatus": "Failed"}
    assert answer.headers == {"Content-Type": "application/json"}


def test_a_status_without_a_known_phrase_can_be_answered() -> None:
    assert Answer(status=599).render().startswith(b"HTTP/1.1 599 Unnamed\r\n")
