"""Wrong designs: a suite that does not catch each of them proves nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from history_fixtures import History
from history_machine import WentWrong, play_random
from history_stage import Stage, staged
from mutant_fixtures import BY_CHANCE, CAUGHT, HARMLESS, MUTANTS, Mutant
from short_histories import killed_between_drives
from torture_fixtures import sampled

pytestmark = pytest.mark.torture("10. wrong designs (mutants)")

#: Each history that catches one, once.
HISTORIES = {mutant.history.__name__: mutant.history for mutant in MUTANTS}
#: So many random histories are more than enough to find what chance finds soon: in tens mostly.
RANDOM = 500


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as lent:
        yield lent


def is_caught(stage: Stage, mutant: Mutant) -> bool:
    """Return whether the history of a mutant goes wrong."""
    try:
        stage.play(mutant.history)
    except CAUGHT:
        return True
    return False


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_each_history_goes_well_with_the_product(
    stage: Stage, history: Callable[[History], None]
) -> None:
    stage.play(history)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_wrong_design_is_caught_within_one_history(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    if mutant.history is killed_between_drives and not stage.has_two_drives:
        pytest.skip("/dev/shm and the temporary folder are one file system: nothing is copied")
    mutant.apply(monkeypatch)
    assert is_caught(stage, mutant), f"it survived: {mutant.broken}"


@pytest.mark.parametrize("mutant", HARMLESS, ids=lambda mutant: mutant.name)
def test_what_is_said_to_be_harmless_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    mutant.apply(monkeypatch)
    assert not is_caught(stage, mutant), f"it does harm after all: {mutant.broken}"


@pytest.mark.parametrize("mutant", sampled(BY_CHANCE, 3), ids=lambda mutant: mutant.name)
def test_random_histories_find_it_without_being_told_what_to_look_for(
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    mutant: Mutant,
) -> None:
    mutant.apply(monkeypatch)
    with pytest.raises(WentWrong) as caught:
        play_random(stage, 1, RANDOM)
    record_property("histories", caught.value.number)
