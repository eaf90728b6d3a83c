"""What a person reads about an end."""

import pytest

from pigment_watcher.model import Outcome, Verdict
from pigment_watcher.policy import verdicts

UNSURE = (
    verdicts.answer_lost("the server answered 502"),
    verdicts.interrupted(),
    verdicts.changed_while_sent(),
    verdicts.import_lost(),
    verdicts.import_overdue(6),
    verdicts.orphan(),
)
TO_CORRECT = (
    verdicts.import_failed("Rows: 7 are bad"),
    verdicts.refused(400, "too large"),
    verdicts.invalid("The file is empty.", "Export it again."),
    verdicts.given_up(10, "the server answered 500"),
)
QUIET = (verdicts.imported(), verdicts.gone(), verdicts.returned("Its route changed."))


@pytest.mark.parametrize("verdict", UNSURE)
def test_who_reads_unsure_is_told_to_look_before_dropping_it_again(verdict: Verdict) -> None:
    assert verdict.outcome is Outcome.UNSURE
    assert verdict.answer == ""
    assert "Look before dropping it again: open the block in Pigment" in verdict.advice


@pytest.mark.parametrize("verdict", TO_CORRECT)
def test_whoever_must_correct_a_file_reads_what_to_do(verdict: Verdict) -> None:
    """Behaviour H8."""
    assert verdict.outcome in {Outcome.FAILED, Outcome.REFUSED, Outcome.INVALID}
    assert verdict.reason.endswith(".")
    assert verdict.advice.endswith(".")


@pytest.mark.parametrize("verdict", QUIET)
def test_where_nothing_is_to_be_done_nothing_is_asked_for(verdict: Verdict) -> None:
    assert verdict.reason
    assert (verdict.answer, verdict.advice) == ("", "")


def test_every_outcome_but_skips_has_its_words() -> None:
    spoken = {verdict.outcome for verdict in (*UNSURE, *TO_CORRECT, *QUIET)}

    assert spoken == set(Outcome) - {Outcome.IMPORTED_WITH_SKIPS}


@pytest.mark.parametrize("verdict", [TO_CORRECT[0], TO_CORRECT[3]])
def test_what_pigment_did_is_looked_up_in_its_update_history(verdict: Verdict) -> None:
    assert "Update History" in verdict.advice
    assert verdict.answer


@pytest.mark.parametrize(
    ("status", "cause"), [(400, "too large"), (403, "proxy or firewall"), (413, "too large")]
)
def test_a_refusal_names_its_likely_cause(status: int, cause: str) -> None:
    verdict = verdicts.refused(status, "no")

    assert f"it answered {status}. " in verdict.reason
    assert cause in verdict.reason
    assert "Nothing was imported." in verdict.advice


def test_a_refusal_without_a_likely_cause_names_none() -> None:
    assert verdicts.refused(422, "").reason.endswith("it answered 422.")


def test_a_lost_answer_tells_what_came_instead_and_not_as_pigments_words() -> None:
    verdict = verdicts.answer_lost("the answer is lost: timed out")

    assert "(the answer is lost: timed out)" in verdict.reason
    assert verdict.answer == ""


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (6, "6 hours"),
        (1, "1 hour"),
        (1440, "1440 hours"),
        (1.5, "1.5 hours"),
        (0.5, "30 minutes"),
        (1 / 60, "1 minute"),
    ],
)
def test_a_deadline_is_told_in_words(hours: float, words: str) -> None:
    assert f" after {words} the import" in verdicts.import_overdue(hours).reason
