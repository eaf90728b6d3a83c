"""What a person reads about an end."""

import pytest

from pigment_watcher.model import Import, Outcome, Report, Verdict
from pigment_watcher.policy import verdicts

UNSURE = (
    verdicts.answer_lost("the server answered 502"),
    verdicts.interrupted(),
    verdicts.changed_while_sent(),
    verdicts.import_lost(),
    verdicts.import_overdue(6),
    verdicts.orphan(),
    verdicts.disowned(),
)
TO_CORRECT = (
    verdicts.import_failed("Rows: 7 are bad"),
    verdicts.refused(400, "too large"),
    verdicts.invalid("The file is empty.", "Export it again."),
    verdicts.given_up(10, "the server answered 500"),
    verdicts.duplicate(Import(name="first.csv", at=0.0, import_id="7f01")),
)
INCOMPLETE = (
    verdicts.imported_with_skips(Report(skipped=2), fails=True, may_repeat=False),
    verdicts.not_known_whether_whole(),
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


@pytest.mark.parametrize("verdict", INCOMPLETE)
def test_whoever_misses_rows_reads_how_to_load_them(verdict: Verdict) -> None:
    assert verdict.outcome in {Outcome.IMPORTED_WITH_SKIPS, Outcome.UNSURE}
    assert verdict.reason.startswith("Pigment imported the file")
    assert "dropping the whole file again may load" in verdict.advice


def test_every_outcome_has_its_words() -> None:
    spoken = {verdict.outcome for verdict in (*UNSURE, *TO_CORRECT, *QUIET, *INCOMPLETE)}

    assert spoken == set(Outcome)


@pytest.mark.parametrize("verdict", [TO_CORRECT[0], TO_CORRECT[3]])
def test_what_pigment_did_is_looked_up_in_its_update_history(verdict: Verdict) -> None:
    assert "Update History" in verdict.advice
    assert verdict.answer


def test_a_duplicate_names_the_first_file_its_time_with_the_zone_and_its_import() -> None:
    first = Import(name="first.csv", at=1_790_000_000.0, import_id="7f01")
    verdict = verdicts.duplicate(first)

    assert verdict.outcome is Outcome.INVALID
    for fact in ("first.csv", verdicts.moment(first.at), "import 7f01"):
        assert fact in verdict.reason
    assert "--even-if-imported" in verdict.advice


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
