"""Random histories: hypothesis chooses what happens, and shortens a history that goes wrong."""

from contextlib import ExitStack
from functools import partial
from typing import ClassVar

from history_checks import check, check_end
from history_fixtures import Act, Fate
from history_routes import MARKED, ROUTES
from history_stage import Stage
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pigment_watcher.simulator import Fault

#: So many things happen in a history.
STEPS = 25

NAMES = st.sampled_from(["a.csv", "b.csv", "c.csv"])
ROUTE = st.sampled_from(ROUTES)
#: Which of several; the remainder counts.
NUMBER = st.integers(0, 5)
#: A file's whole way through the service takes about sixty write points.
POINTS = st.integers(1, 40)
#: So much the service does after an act, before the next one.
DEEDS = st.sampled_from([0, 1, 2, 3, 5, 9])
SOME_ROUTES = st.sets(ROUTE, min_size=1)
FATE: st.SearchStrategy[Fate] = st.sampled_from(["Completed", "Failed"])
PEOPLE = st.sampled_from(["drop", "delete", "mark"])

_BUSY = Fault.busy(retry_after="20")
#: What the destination answers instead of taking a push.
REFUSALS = (
    (Fault.answer(400),),
    (Fault.answer(401, on="any", times=4),),
    (Fault.answer(403), Fault.answer(403)),
    (Fault.answer(404),),
    (Fault.busy(),),
    (_BUSY, _BUSY),
    (Fault.answer(500),),
    (Fault.answer(503),),
    (Fault.answer(503, times=12),),
    (Fault.answer(307, headers={"Location": "http://127.0.0.1:9/"}),),
    (Fault.early(413),),
)
#: How the answer to a push is lost; the import has begun, or has not.
LOSSES = (
    (Fault.lost_answer(),),
    (Fault.lost_answer(times=3),),
    (Fault.act("cut_answer"),),
    (Fault.act("reset_at_once", on="any"),),
    (Fault.act("reset_half_body"),),
    (Fault.act("reset_after_body"),),
    (Fault.act("garbage"),),
    (Fault.answer(200, body=b"<html>Please log in</html>"),),
)
#: What goes wrong when an import is asked after.
SILENCES = (
    (Fault.answer(404, on="status"),),
    (Fault.answer(404, on="status", times=40),),
    (Fault.answer(500, on="status"),),
    (Fault.busy(on="status"),),
    (Fault.act("reset_after_headers", on="status"),),
    (Fault.answer(200, on="status", body=b"?"),),
    (Fault.answer(500, on="probe", times=3),),
)
ANSWERS = st.sampled_from(REFUSALS + LOSSES + SILENCES)


class WentWrong(AssertionError):
    """A history went wrong; `number` says which one of all."""

    def __init__(self, number: int) -> None:
        super().__init__(f"history {number} went wrong")
        self.number = number


class Histories(RuleBasedStateMachine):
    """One history after the other, all on one stage."""

    stage: ClassVar[Stage]
    #: How many were begun.
    count: ClassVar[int] = 0
    #: The numbers of those that went wrong.
    wrong: ClassVar[list[int]]

    def __init__(self) -> None:
        super().__init__()
        type(self).count += 1
        self.lent = ExitStack()
        self.history = self.lent.enter_context(self.stage.history())

    def teardown(self) -> None:
        self.wrong.append(self.count)
        with self.lent:
            if self.history.is_well:  # else what was wrong first is told
                check_end(self.history)
                self.wrong.pop()

    @invariant()
    def holds(self) -> None:
        check(self.history)

    def go_on(self, deeds: int) -> None:
        """Let the service go on for a while."""
        if deeds:
            self.history.look()
            self.history.work(deeds)

    # ---------------------------------------------------------------- the service

    @rule(deeds=st.integers(1, 12))
    def work(self, deeds: int) -> None:
        self.history.work(deeds)

    @rule(points=POINTS, deeds=DEEDS)
    def kill(self, points: int, deeds: int) -> None:
        self.history.kill(points)
        self.go_on(deeds)

    @rule(deeds=DEEDS)
    def restart(self, deeds: int) -> None:
        self.history.stop()
        self.go_on(deeds)

    # ---------------------------------------------------------------- people

    @rule(name=NAMES, route=ROUTE, age=NUMBER, in_place=st.booleans(), deeds=DEEDS)
    def drop(self, name: str, route: str, age: int, in_place: bool, deeds: int) -> None:
        self.history.drop(name, route, age=age, in_place=in_place)
        self.go_on(deeds)

    @rule(name=NAMES, deeds=DEEDS)
    def drop_marked(self, name: str, deeds: int) -> None:
        self.history.drop(name, MARKED)
        self.history.mark(name)
        self.go_on(deeds)

    @rule(name=NAMES, route=ROUTE)
    def delete(self, name: str, route: str) -> None:
        self.history.delete(name, route)

    @rule(number=NUMBER, deeds=DEEDS)
    def drag_back(self, number: int, deeds: int) -> None:
        self.history.drag_back(number)
        self.go_on(deeds)

    # ---------------------------------------------------------------- the destination

    @rule(faults=ANSWERS, deeds=DEEDS)
    def answer(self, faults: tuple[Fault, ...], deeds: int) -> None:
        self.history.answer(*faults)
        self.go_on(deeds)

    @rule(told=FATE, decided=st.none() | FATE, deeds=DEEDS)
    def decide(self, told: Fate, decided: Fate | None, deeds: int) -> None:
        self.history.tell(told)
        self.history.decide(decided)
        self.go_on(deeds)

    # ---------------------------------------------------------------- in the midst of it

    @rule(points=POINTS, name=NAMES, route=ROUTE, what=PEOPLE, deeds=DEEDS)
    def people_meanwhile(self, points: int, name: str, route: str, what: str, deeds: int) -> None:
        acts: dict[str, Act] = {
            "drop": partial(self.history.drop, name, route),
            "delete": partial(self.history.delete, name, route),
            "mark": partial(self.history.mark, name),
        }
        self.history.meanwhile(points, acts[what], "start", "look", "take", "work", "ask")
        self.go_on(deeds)

    @rule(points=POINTS, number=NUMBER, even=st.booleans(), deeds=DEEDS)
    def retry_meanwhile(self, points: int, number: int, even: bool, deeds: int) -> None:
        act = partial(self.history.retry, number, even_if_imported=even)
        self.history.meanwhile(points, act, "look", "work")
        self.go_on(deeds)

    @rule(points=POINTS, names=SOME_ROUTES, changed=st.booleans(), deeds=DEEDS)
    def reload_meanwhile(self, points: int, names: set[str], changed: bool, deeds: int) -> None:
        act = partial(self.history.reload, *sorted(names), changed=changed)
        self.history.meanwhile(points, act, "work")
        self.go_on(deeds)

    # ---------------------------------------------------------------- operators

    @rule(route=ROUTE)
    def pause(self, route: str) -> None:
        self.history.pause(route)

    @rule(route=ROUTE, deeds=DEEDS)
    def resume(self, route: str, deeds: int) -> None:
        self.history.resume(route)
        self.go_on(deeds)

    @rule(number=NUMBER, even=st.booleans(), deeds=DEEDS)
    def retry(self, number: int, even: bool, deeds: int) -> None:
        self.history.retry(number, even_if_imported=even)
        self.go_on(deeds)

    @rule(names=SOME_ROUTES, changed=st.booleans(), deeds=DEEDS)
    def reload(self, names: set[str], changed: bool, deeds: int) -> None:
        self.history.reload(*sorted(names), changed=changed)
        self.go_on(deeds)

    @rule(what=st.sampled_from(["copy", "put back", "lose", "close orphans"]), deeds=DEEDS)
    def tamper_with_journal(self, what: str, deeds: int) -> None:
        acts = {
            "copy": self.history.copy_journal,
            "put back": self.history.put_copy_back,
            "lose": self.history.lose_journal,
            "close orphans": self.history.close_orphans,
        }
        acts[what]()
        self.go_on(deeds)


def play_random(stage: Stage, number: int, most: int, *, shorten: bool = False) -> int:
    """Let so many random histories happen, `number` being their seed, and return how many did.

    Raises WentWrong from what went wrong first, shortened if that is wanted, with the words that
    reproduce it.
    """

    class Staged(Histories):
        pass

    Staged.stage, Staged.wrong = stage, []
    run = settings(
        max_examples=most,
        stateful_step_count=STEPS,
        phases=[Phase.generate, *([Phase.shrink] if shorten else [])],
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(Staged), settings=run)
    except BaseException as error:
        raise WentWrong(Staged.wrong[0]) from error
    return Staged.count
