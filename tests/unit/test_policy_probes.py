"""What a probe tells."""

from typing import Any

import pytest
from policy_fixtures import HOST, NOW, around, begun, ended, said, waits

from pigment_watcher import errors
from pigment_watcher.model import ConditionKind
from pigment_watcher.policy import probes
from pigment_watcher.policy.probes import ProbeDecision

PROBED = (
    ConditionKind.HOST_IN_DOUBT,
    ConditionKind.WRONG_URL,
    ConditionKind.KEY_REFUSED,
    ConditionKind.KEY_IN_DOUBT,
)
KEY = "/etc/hr-key"
OF_NO_USE = [errors.NothingSent(), errors.NotKnown(), *map(said, [200, 301, 400, 429, 500, 503])]


def probed(answer: Any, kind: ConditionKind = PROBED[0], attempts: int = 0) -> ProbeDecision:
    return probes.after_probe(kind, attempts, KEY, answer, around())


@pytest.mark.parametrize("kind", PROBED)
def test_the_answer_it_should_be_ends_every_block_that_it_disproves(kind: ConditionKind) -> None:
    decision = probed(None, kind)

    assert ended(decision) == {
        (ConditionKind.KEY_REFUSED, KEY),
        (ConditionKind.KEY_IN_DOUBT, KEY),
        (ConditionKind.HOST_IN_DOUBT, HOST),
        (ConditionKind.WRONG_URL, HOST),
        (ConditionKind.HOST_UNAVAILABLE, HOST),
        (ConditionKind.HOST_BUSY, HOST),
    }
    assert (decision.due_at, decision.begins, decision.key_is_bad) == (None, (), False)


@pytest.mark.parametrize("kind", PROBED)
@pytest.mark.parametrize("answer", OF_NO_USE, ids=str)
def test_any_other_answer_ends_no_block_and_is_followed_by_another_probe(
    answer: errors.DestinationError, kind: ConditionKind
) -> None:
    decision = probed(answer, kind)

    assert decision.ends == ()
    assert not decision.key_is_bad
    assert decision.due_at is not None
    assert decision.due_at > NOW


@pytest.mark.parametrize(
    ("kind", "attempts", "wait"),
    [
        (ConditionKind.HOST_IN_DOUBT, 0, 10),
        (ConditionKind.HOST_IN_DOUBT, 99, 250),
        (ConditionKind.KEY_REFUSED, 0, 60),
        (ConditionKind.KEY_REFUSED, 99, 250),
    ],
)
def test_probes_become_rarer_while_they_tell_nothing(
    kind: ConditionKind, attempts: int, wait: float
) -> None:
    assert waits(probed(errors.NotKnown(), kind, attempts)) == wait


def test_a_probe_waits_as_a_429_asks_for() -> None:
    assert waits(probed(said(429, retry_after_s=77.0))) == 77
    assert waits(probed(said(429))) == 300


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", [kind for kind in PROBED if kind is not ConditionKind.KEY_REFUSED])
def test_a_probe_that_is_refused_blocks_the_key_and_not_the_file(
    kind: ConditionKind, status: int
) -> None:
    decision = probed(said(status, excerpt="expired"), kind)

    block = begun(decision)[ConditionKind.KEY_REFUSED]
    assert (block.subject, block.due_at) == (KEY, NOW + 30)
    assert "it said: expired" in block.detail
    assert (ConditionKind.KEY_IN_DOUBT, KEY) in ended(decision)
    assert decision.key_is_bad


def test_a_key_that_stays_refused_is_not_told_again() -> None:
    decision = probed(said(401), ConditionKind.KEY_REFUSED)

    assert (decision.begins, waits(decision)) == ((), 60)


def test_a_refusal_does_not_end_the_doubt_about_the_host() -> None:
    kinds = {kind for kind, _ in ended(probed(said(401)))}

    assert ConditionKind.HOST_IN_DOUBT not in kinds


def test_a_probe_that_is_redirected_tells_of_a_wrong_url() -> None:
    decision = probed(said(301, location="https://elsewhere.example"), ConditionKind.HOST_IN_DOUBT)

    assert "https://elsewhere.example" in begun(decision)[ConditionKind.WRONG_URL].detail
    assert probed(said(301), ConditionKind.WRONG_URL).begins == ()


@pytest.mark.parametrize(
    ("status", "is_redirect"), [(299, False), (300, True), (399, True), (400, False)]
)
def test_a_redirect_is_any_status_from_300_on(status: int, is_redirect: bool) -> None:
    assert bool(probed(said(status)).begins) == is_redirect
