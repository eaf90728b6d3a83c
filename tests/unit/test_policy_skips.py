"""Pigment's reasons for leaving something out, in plain words."""

import pytest

from pigment_watcher.model import Skipped
from pigment_watcher.policy import skips

#: All reasons that Pigment's description of its API has.
REASONS = (
    "ParsingError",
    "MissingModalityUseDefaultOrNullModality",
    "MissingModalitySkippedDataRow",
    "MissingWriteAccessRights",
    "MissingModalitiesFromSnapshot",
)


@pytest.mark.parametrize("reason", [*REASONS, "SomethingNew", ""])
def test_each_reason_has_a_meaning_and_a_remedy(reason: str) -> None:
    words = skips.words(reason)

    assert words.remedy.endswith(".")
    assert not words.meaning.endswith(".")
    assert reason not in words.meaning or not reason


def test_each_reason_of_pigments_has_words_of_its_own() -> None:
    unknown = {skips.words("SomethingNew").meaning, skips.words("").meaning}
    known = {skips.words(reason).meaning for reason in REASONS}

    assert (len(unknown), len(known), unknown & known) == (2, 5, set())


@pytest.mark.parametrize(
    ("skipped", "line"),
    [
        (Skipped(reason="", count=1234), "1,234: no reason was given"),
        (
            Skipped(reason="New", column="amount"),
            'some in column "amount": for a reason that is not known here',
        ),
    ],
)
def test_a_line_tells_how_many_where_and_why(skipped: Skipped, line: str) -> None:
    assert skips.line(skipped) == line
