"""Pigment's reasons for leaving something out, in plain words: what they mean and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from pigment_watcher.model import Skipped


@dataclass(frozen=True, slots=True)
class Words:
    """What a reason means, and what ends it."""

    meaning: str
    remedy: str


_ADD_OR_CORRECT = (
    "Add the missing items to their list in Pigment, or correct how they are written in the file."
)
_WORDS: Mapping[str, Words] = {
    "ParsingError": Words(
        "the value could not be read as what the column is to hold, such as a number or a date",
        "Correct these values in the file. If they look right, compare the formats of numbers and"
        " dates in the import configuration with those in the file.",
    ),
    "MissingModalitySkippedDataRow": Words(
        "the item is not in its list in Pigment, so the row was left out", _ADD_OR_CORRECT
    ),
    "MissingModalityUseDefaultOrNullModality": Words(
        "the item is not in its list in Pigment, so the row was loaded with the default item, or"
        " with none, in its place",
        _ADD_OR_CORRECT,
    ),
    "MissingWriteAccessRights": Words(
        "the owner of the API key may not write there",
        "Ask an administrator of Pigment to give the owner of the API key the right to write"
        " there.",
    ),
    "MissingModalitiesFromSnapshot": Words(
        "the item is not in the snapshot of Pigment that was imported into",
        "Import into the application itself, or into a snapshot that has these items; an"
        " administrator of Pigment knows which.",
    ),
}


def words(reason: str) -> Words:
    """Return what is said of a reason, known or not."""
    meaning = "for a reason that is not known here" if reason else "no reason was given"
    return _WORDS.get(reason, Words(meaning, "Look at this import's Import Summary in Pigment."))


def line(skipped: Skipped) -> str:
    """Return how many, where and why, as one line."""
    count = "some" if skipped.count is None else f"{skipped.count:,}"
    where = f' in column "{skipped.column}"' if skipped.column else ""
    return f"{count}{where}: {words(skipped.reason).meaning}"
