"""An older copy of the journal is found out, also where no start lies in between."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from rig_fixtures import Rig, rig, route, without_rights

from pigment_watcher import errors
from pigment_watcher.files import places
from pigment_watcher.journal import Journal
from pigment_watcher.model import ConditionKind, LoadMode, Outcome, State
from pigment_watcher.simulator import Fault, Simulator


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator(import_s=0.0) as simulator:
        yield simulator


@pytest.fixture
def one(tmp_path: Path, pigment: Simulator) -> Iterator[Rig]:
    with rig(tmp_path, url=pigment.url) as built:
        built.recover()
        yield built


def kept(one: Rig) -> Callable[[], None]:
    """Copy the journal; return what puts the copy back."""
    file, copy = one.folder / "state" / "journal.db", one.folder / "copy.db"
    shutil.copy(file, copy)

    def put_back() -> None:
        one.journal.close()
        shutil.copy(copy, file)
        one.journal = Journal.open(one.folder / "state")

    return put_back


def push_and_die(one: Rig, pigment: Simulator) -> None:
    """Let the import begin, and the service end before it hears of that."""
    pigment.script(Fault.lost_answer())

    def die(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.recorder, "decide", die)
        with pytest.raises(KeyboardInterrupt):
            one.work()
    assert one.job().state is State.PUSHING


def test_a_copy_from_before_a_push_begins_a_new_instance(one: Rig, pigment: Simulator) -> None:
    """Behaviours T16, T22."""
    one.take_in("a.csv")
    put_back, old = kept(one), one.instance
    push_and_die(one, pigment)
    put_back()
    one.restart()
    one.work_off()
    assert one.instance != old
    assert one.condition(ConditionKind.ORPHANS) is not None
    assert len(pigment.pushes()) == 1


def test_a_copy_that_comes_to_light_with_a_lost_folder_stops_the_service(
    one: Rig, pigment: Simulator
) -> None:
    one.take_in("a.csv")
    put_back = kept(one)
    push_and_die(one, pigment)
    put_back()
    away = one.inbox.rename(one.folder / "away")
    with pytest.raises(FileNotFoundError):
        one.restart()
    away.rename(one.inbox)
    with pytest.raises(errors.JournalOutdated, match="a later start or push"):
        one.recovery.take_possession(one.inbox)


def test_a_copy_that_knows_of_all_pushes_goes_on(one: Rig) -> None:
    one.take_in("a.csv")
    put_back, old = kept(one), one.instance
    put_back()
    one.restart()
    assert one.instance == old
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.IMPORTED}


def test_a_file_of_ours_that_comes_upon_its_own_number_ends_unsure(
    one: Rig, pigment: Simulator
) -> None:
    """The copy is from before the file came, and gives the number of its job again."""
    put_back = kept(one)
    one.take_in("a.csv")
    put_back()
    one.restart()
    one.work_off()
    assert one.outcomes() == {"a.csv": Outcome.UNSURE}
    assert (one.inbox / "failed" / "a.csv").exists()
    assert pigment.pushes() == []


def test_a_push_is_noted_beside_its_file_until_that_is_moved(
    tmp_path: Path, pigment: Simulator
) -> None:
    harmless = route(tmp_path / "in", load_mode=LoadMode.UPDATE)
    with rig(tmp_path, harmless, url=pigment.url) as one:
        one.recover()
        pigment.script(Fault.answer(503, times=2))
        one.take_in("a.csv")
        noted = []
        for _ in range(2):
            one.work()
            noted.append(places.noted_pushes(one.inbox, one.instance))
        assert noted == [{1: 1}, {1: 2}]
        place = one.claimed_path(one.job()).parent
        one.work_off()
        assert one.outcomes() == {"a.csv": Outcome.IMPORTED}
        assert not place.exists()


def test_a_push_that_can_not_be_noted_is_made_all_the_same(tmp_path: Path) -> None:
    with (
        without_rights(),
        Simulator(import_s=0.0) as pigment,
        rig(tmp_path, url=pigment.url) as one,
    ):
        one.recover()
        one.take_in("a.csv")
        place = one.claimed_path(one.job()).parent
        place.chmod(0o500)
        one.work()
        place.chmod(0o700)
        one.work_off()
        assert one.outcomes() == {"a.csv": Outcome.IMPORTED}


def test_what_is_no_note_tells_nothing(one: Rig) -> None:
    one.take_in("a.csv")
    place = one.claimed_path(one.job()).parent
    (place / places.PUSHES).write_text("many")
    (place.parent / "x").mkdir()
    (place.parent / "x" / places.PUSHES).write_text("7")
    assert places.noted_pushes(one.inbox, one.instance) == {1: 0}
