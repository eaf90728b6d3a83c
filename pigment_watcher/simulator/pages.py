"""The simulator's own pages: what it is, its ledger, its controls."""

import dataclasses
import json
import math
from typing import Any

from pigment_watcher.simulator import answers, faults
from pigment_watcher.simulator.answers import Answer
from pigment_watcher.simulator.book import Book
from pigment_watcher.simulator.received import Received

_ABOUT = """\
This is the simulator of pigment-watcher: a stand-in for Pigment's Import API.
It takes pushes and answers status calls as Pigment would, and imports nothing.

  POST /api/import/push/csv?configurationId=UUID    also under /api/v1/
  GET  /api/import/IMPORT_ID/status                 also under /api/v1/

  GET  /simulator/ledger     what came in, as JSON
  POST /simulator/faults     a JSON list of what is to go wrong next
  POST /simulator/reset      forget everything

What a file holds decides how its import goes:
  SIMULATE-FAIL    it fails
  SIMULATE-SKIP    a value with these words is skipped; SIMULATE-SKIP-ParsingError: why
  SIMULATE-CREATE  a value with these words counts as an item that was created
  SIMULATE-SLOW    it takes five times longer
  SIMULATE-503     the push is answered 503; the same with 400 to 599
"""


def answer(received: Received, book: Book) -> Answer:
    """Answer a request that is about the simulator itself."""
    match received.target.kind:
        case "ledger":
            return answers.document(200, _ledger(book))
        case "faults":
            return _take_faults(received, book)
        case "reset":
            book.reset()
            return answers.text(200, "All is forgotten.\n")
        case _:
            return answers.text(200, _ABOUT)


def _take_faults(received: Received, book: Book) -> Answer:
    if received.body.size > len(received.body.head):
        return answers.text(400, "Too long: send fewer faults at once.\n")
    try:
        scripted = faults.from_json(json.loads(received.body.head))
    except ValueError as error:
        return answers.text(400, f"{error}\n")
    book.script(scripted)
    return answers.document(200, {"scripted": len(scripted)})


def _ledger(book: Book) -> dict[str, list[dict[str, Any]]]:
    with book.changed:
        told: dict[str, list[Any]] = {
            "pushes": book.pushes(),
            "calls": book.calls(),
            "imports": book.imports(),
        }
    return {name: [_plain(one) for one in values] for name, values in told.items()}


def _plain(value: Any) -> dict[str, Any]:
    # JSON has no infinity: an import that ends when it is told to has null there.
    told = dataclasses.asdict(value)
    return {name: None if one == math.inf else one for name, one in told.items()}
