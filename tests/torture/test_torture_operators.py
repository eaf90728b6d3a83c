"""What operators ask for, at every wrong moment, and what they do with the files by hand."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, ServiceProcess, command, configuration_id
from damage_fixtures import close_orphans, tell
from stages import STATES, file_of, held
from torture_fixtures import World, sampled

from pigment_watcher.model import State
from pigment_watcher.simulator import Fault, Simulator

pytestmark = pytest.mark.torture("11. what operators do")

HTTP_OK = 200
BAD = "month\nSIMULATE-FAIL\n"


@contextmanager
def running(world: World) -> Iterator[ServiceProcess]:
    """Lend a service that is ready."""
    with ServiceProcess(world.config) as service:
        yield service.ready(30.0)


def ended(service: ServiceProcess, outcome: str, name: str = "a.csv", *, after: int = 0) -> int:
    """Return the job in which a file ended so."""
    line = service.wait_for("job.finished", after=after, file=name, outcome=outcome)
    return int(line["job"])


def asked(world: World, *words: str | Path) -> tuple[int, str]:
    """Give a command; return its exit code and what it said."""
    told = command(*words, "--config", world.config)
    assert "Traceback" not in told.stderr
    return told.returncode, told.stdout + told.stderr


# ---------------------------------------------------------------- retry


def fail(world: World, service: ServiceProcess) -> None:
    world.drop(data=BAD.encode())
    ended(service, "failed")


def refuse(world: World, service: ServiceProcess) -> None:
    world.drop(data=b"month\nSIMULATE-422\n")
    ended(service, "refused")


def spoil(world: World, service: ServiceProcess) -> None:
    world.drop(data=b"")
    ended(service, "invalid")


def doubt(world: World, service: ServiceProcess) -> None:
    world.pigment.script(Fault.lost_answer())
    world.drop()
    ended(service, "unsure")


#: How a file gets into failed/, and whether it may have been imported.
ENDS: dict[Callable[[World, ServiceProcess], None], bool] = {
    fail: False,
    refuse: False,
    spoil: False,
    doubt: True,
}


def by_number(world: World) -> str:
    return str(world.jobs()[0].id)


def by_name(_: World) -> str:
    return "a.csv"


def by_path(world: World) -> str:
    return str(world.inbox() / "failed" / "a.csv")


MEANS = (by_number, by_name, by_path)


@pytest.mark.parametrize(
    ("end", "meant"), sampled([(end, meant) for end in ENDS for meant in MEANS], 3)
)
def test_a_corrected_file_is_retried_once_by_whatever_it_is_called(
    tmp_path: Path,
    pigment: Simulator,
    end: Callable[[World, ServiceProcess], None],
    meant: Callable[[World], str],
) -> None:
    """Behaviours H1, T24, T25."""
    world = World(tmp_path, pigment)
    with running(world) as service:
        end(world, service)
        path = world.inbox() / "failed" / "a.csv"
        before = world.dropped.pop()
        path.write_text(ROWS + "corrected,1,1\n")
        what = meant(world)
        if ENDS[end]:
            code, said = asked(world, "retry", what)
            assert (code, "--even-if-imported" in said) == (1, True)
            assert path.exists()
            code, said = asked(world, "retry", "--even-if-imported", what)
        else:
            code, said = asked(world, "retry", what)
        assert (code, "back at the head of its lane" in said) == (0, True), said
        code, said = asked(world, "retry", "--even-if-imported", "1")
        assert (code, "was put back already, as job 2" in said) == (1, True), said
        assert ended(service, "imported") == 2
        assert asked(world, "retry", "1")[0] == 1
    assert world.imports_of(before) in ([], ["Completed"], ["Failed"])
    assert [job.retry_of for job in world.jobs()] == [None, 1]
    assert path.with_name("a.csv.reason.txt").read_text().startswith("PUT BACK")
    world.check()


def test_what_may_have_been_imported_is_put_back_where_that_is_harmless(
    tmp_path: Path, pigment: Simulator
) -> None:
    """Behaviour T22."""
    world = World(tmp_path, pigment)
    with running(world) as service:
        doubt(world, service)
    world.routes["sales"]["load_mode"] = "update"
    world.configure()
    with running(world) as service:
        assert asked(world, "retry", "a.csv")[0] == 0
        ended(service, "imported")
    world.check()


@pytest.mark.parametrize("how", ["imported", "gone", "returned"])
def test_what_did_not_fail_is_not_put_back(tmp_path: Path, pigment: Simulator, how: str) -> None:
    world = World(tmp_path, pigment)
    with running(world) as service:
        if how == "imported":
            world.drop()
            ended(service, "imported")
        else:
            tell(world, "pause", "sales")
            path = world.drop()
            service.wait_for("job.claimed")
    if how == "gone":
        (claimed,) = world.inbox().glob("processing/*/*/a.csv")
        claimed.unlink()
        world.take_away(path)
    if how == "returned":
        world.routes["sales"] |= {"order": "name", "files": "*.txt"}
        world.configure()
    with running(world) as service:
        if how != "imported":
            tell(world, "resume", "sales")
            ended(service, how)
        code, said = asked(world, "retry", "--even-if-imported", "1")
        assert (code, f"is no failed one: it is {how}" in said) == (1, True), said
    world.check()


@pytest.mark.parametrize("how", ["removed", "renamed", "a folder", "a link"])
def test_a_file_that_is_no_longer_in_failed_is_not_put_back(
    tmp_path: Path, pigment: Simulator, how: str
) -> None:
    """Behaviour H9."""
    world = World(tmp_path, pigment)
    with running(world) as service:
        fail(world, service)
        path = world.inbox() / "failed" / "a.csv"
        aside = path.with_name("b.csv")
        path.rename(aside)
        aside.with_name("b.csv.reason.txt").write_text("mine")
        if how == "removed":
            aside.unlink()
            world.take_away(world.dropped[0].path)
        if how == "a folder":
            path.mkdir()
        if how == "a link":
            path.symlink_to(aside)
        code, said = asked(world, "retry", "1")
        assert (code, "its file is no longer at" in said) == (1, True), said
    if how == "a link":
        assert path.is_symlink()
        path.unlink()
    world.check()


def test_a_held_lane_lets_the_retry_go_first(tmp_path: Path, pigment: Simulator) -> None:
    """Behaviour H4."""
    world = World(tmp_path, pigment, routes={"sales": {"after_failure": "hold"}})
    with running(world) as service:
        fail(world, service)
        behind = world.drop("b.csv")
        service.wait_for("job.claimed", file="b.csv")
        tell(world, "retry", "a.csv")
        service.wait_for("job.finished", job=3, outcome="failed")
        correct(world)
        tell(world, "retry", "a.csv")
        service.wait_for("job.finished", job=4, outcome="imported")
        ended(service, "imported", behind.name)
    assert world.pigment.pushes()[-1].sha256 == world.dropped[0].sha256
    world.check()


def correct(world: World) -> None:
    """Save a corrected file over the one in failed/, whatever it is called there."""
    (path,) = (world.inbox() / "failed").glob("*.csv")
    path.write_text(ROWS)
    world.take_away(world.inbox() / "a.csv")


@pytest.mark.parametrize("obstacle", ["paused", "blocked"])
def test_a_retry_waits_behind_what_stops_its_route(
    tmp_path: Path, pigment: Simulator, obstacle: str
) -> None:
    """Behaviours L1, T20."""
    world = World(tmp_path, pigment)
    key = tmp_path / "api-key"
    with running(world) as service:
        fail(world, service)
        correct(world)
        if obstacle == "paused":
            tell(world, "pause", "sales")
        else:
            right = key.read_text()
            key.write_text("NotTheRightKey")
            service.signal(signal.SIGHUP)
            service.wait_for("service.reloaded")
        tell(world, "retry", "a.csv")
        service.wait_for("job.claimed", job=2)
        if obstacle == "blocked":
            service.wait_for("route.blocked", cause="key_refused")
        service.kill()
    with running(world) as service:
        assert len([push for push in pigment.pushes() if push.status == HTTP_OK]) == 1
        if obstacle == "paused":
            tell(world, "resume", "sales")
        else:
            key.write_text(right)
            service.signal(signal.SIGHUP)
        ended(service, "imported")
    world.check()


@pytest.mark.parametrize("end", [fail, refuse, doubt])
def test_a_file_dragged_back_by_hand_is_a_new_file(
    tmp_path: Path, pigment: Simulator, end: Callable[[World, ServiceProcess], None]
) -> None:
    """Behaviours F1, T24: its reason may come along, and the history shows both."""
    world = World(tmp_path, pigment, routes={"sales": {"load_mode": "update"}})
    world.routes["sales"]["load_mode"] = "append"
    world.configure()
    with running(world) as service:
        end(world, service)
        first = world.dropped.pop()
        folder = world.inbox() / "failed"
        (folder / "a.csv.reason.txt").rename(world.inbox() / "a.csv.reason.txt")
        seen = len(service.lines)
        (folder / "a.csv").rename(world.inbox() / "a.csv")
        service.wait_for("job.finished", after=seen, file="a.csv")
    history = tell(world, "history", "--json").splitlines()
    assert [json.loads(line)["file"] for line in history] == ["a.csv", "a.csv"]
    (place,) = (path for path, data in world.files().items() if data == first.data)
    assert place.parent.name == ("done" if end is doubt else "failed")
    assert (world.inbox() / "a.csv.reason.txt").exists()


# ---------------------------------------------------------------- close-orphans


@pytest.mark.parametrize("state", STATES)
def test_the_files_of_a_dead_instance_end_unsure_when_somebody_says_so(
    tmp_path: Path, state: State
) -> None:
    """Behaviour T17."""
    with held(tmp_path, state) as stage:
        world = stage.world
        stage.service.kill()
        stage.release()
        before = len(stage.pigment.pushes())
        shutil.rmtree(world.state)
        with running(world) as service:
            found = service.wait_for("processing.orphans")
            instance = Path(found["subject"]).name
            code, said = asked(world, "close-orphans", instance)
            assert (code, "a quarter of an hour later" in said) == (1, True), said
            assert stage.where(state).parent.parent.name == instance
            close_orphans(world)
            ended(service, "unsure", file_of(state))
            code, said = asked(world, "close-orphans", instance)
            assert code == 0 or "no inbox has files of such an instance" in said
        assert len(stage.pigment.pushes()) == before
        world.check()


def test_the_files_of_a_live_instance_of_ours_and_of_none_are_refused(tmp_path: Path) -> None:
    with held(tmp_path, *STATES[:3]) as stage:
        world = stage.world
        own = stage.where(State.QUEUED).parent.parent.name
        (tmp_path / "other").mkdir()
        other = World(
            tmp_path / "other",
            stage.pigment,
            routes={name: {"directory": str(world.inbox(name))} for name in world.routes},
        )
        with running(other) as service:
            service.wait_for("processing.orphans")
            for words, said in (
                (own, "stop it first"),
                ("0123456789ab", "no inbox has files of such an instance"),
                ("../..", "no inbox has files of such an instance"),
            ):
                code, answer = asked(other, "close-orphans", words)
                assert (code, said in answer) == (1, True), answer
            code, answer = asked(world, "close-orphans", own)
            assert (code, "this is the running service itself" in answer) == (1, True)
        stage.release()
        for state in stage.states:
            ended(stage.service, "imported", file_of(state))
        assert stage.service.stop() == 0
        world.check()


# ---------------------------------------------------------------- pause, resume, while it is down


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_a_pause_outlasts_every_restart_and_ends_once(
    tmp_path: Path, pigment: Simulator, way: str
) -> None:
    """Behaviours L1, L2."""
    world = World(tmp_path, pigment, routes={"sales": {}, "costs": {}})
    with running(world) as service:
        tell(world, "pause", "sales")
        tell(world, "pause", "sales")
        world.drop()
        service.wait_for("job.claimed", file="a.csv")
        service.kill() if way == "kill" else service.stop()
    for number in range(2):
        with running(world):
            world.drop(f"{number}.csv", route="costs")
            assert "paused" in tell(world, "status")
    assert world.run().returncode == 1  # it waits
    assert world.places()["a.csv"] == "processing"
    with running(world) as service:
        tell(world, "resume", "sales")
        ended(service, "imported")
        tell(world, "resume", "sales")
    world.check()


def test_what_is_asked_for_while_it_is_down_is_done_at_the_next_start(
    tmp_path: Path, pigment: Simulator
) -> None:
    world = World(tmp_path, pigment)
    assert asked(world, "pause", "sales")[0] == 1  # there is no journal yet
    with running(world) as service:
        fail(world, service)
    correct(world)
    for words in (["retry", "a.csv"], ["pause", "sales"], ["close-orphans", "0123456789ab"]):
        assert "at its next start" in tell(world, *words)
    with running(world) as service:
        service.wait_for("job.claimed", job=2)
        service.wait_for("command.close-orphans")
        tell(world, "resume", "sales")
        ended(service, "imported")
    world.check()


@pytest.mark.parametrize("name", ["pause", "resume", "accept-drive"])
def test_a_route_that_is_not_known_is_refused_with_those_that_are(
    tmp_path: Path, pigment: Simulator, name: str
) -> None:
    world = World(tmp_path, pigment)
    with running(world):
        code, said = asked(world, name, "nowhere")
        assert (code, "there are: sales" in said) == (1, True), said
    world.check()


# ---------------------------------------------------------------- beside the service


@pytest.mark.parametrize("state", STATES)
def test_a_push_by_hand_disturbs_nothing_that_the_service_has_begun(
    tmp_path: Path, state: State
) -> None:
    with held(tmp_path, state) as stage:
        by_hand = tmp_path / "by-hand.csv"
        by_hand.write_text(ROWS + "by,hand,1\n")
        lane = configuration_id("by hand")
        code, said = asked(stage.world, "push", by_hand, "--configuration-id", lane)
        assert code == 0, said
        assert by_hand.exists()
        stage.release()
        ended(stage.service, "imported", file_of(state))
        assert stage.service.stop() == 0
        stage.world.check()


@pytest.mark.parametrize("state", STATES)
def test_a_second_run_is_refused_and_the_first_goes_on(tmp_path: Path, state: State) -> None:
    """Behaviour T15."""
    with held(tmp_path, state) as stage:
        for words in (["run"], ["run", "--once"]):
            if state is State.ARCHIVING:
                stage.release()
            code, said = asked(stage.world, *words)
            assert (code, "another pigment-watcher runs" in said) == (1, True), said
        stage.release()
        ended(stage.service, "imported", file_of(state))
        assert stage.service.stop() == 0
        stage.world.check()
