"""Short histories, each of which goes wrong with some wrong design and well with the product."""

from history_checks import check
from history_fixtures import DEEDS, History
from history_routes import MARKED, ROUTES, SALES, STOCK

from pigment_watcher.simulator import Fault

#: More write points than one file has on its way from the inbox to its end, and than a claim has.
WAY = 45
CLAIM = 15


def one_file(history: History) -> None:
    """Take one file all the way, past one of its name that was there before."""
    history.drop("a.csv")
    history.look()
    history.work(9)


def killed_everywhere(history: History) -> None:
    """Kill at each write point of a file's way, each time with a new file."""
    _killed(history, SALES)


def killed_between_drives(history: History) -> None:
    """Kill at each write point of a file whose archive lies on another drive."""
    _killed(history, STOCK)


def _killed(history: History, route: str, *faults: Fault) -> None:
    for points in range(1, WAY):
        history.look()
        history.answer(*faults)
        history.drop(f"{points}.csv", route)
        history.kill(points)
        history.look()
        history.work(3)
        history.fuse.clear()
        history.work(DEEDS)
        check(history)


def refused_everywhere(history: History) -> None:
    """Kill at each write point of a file that the destination refuses."""
    _killed(history, SALES, Fault.answer(400))


def answer_lost(history: History) -> None:
    """Lose the answer to a push whose import has begun."""
    history.answer(Fault.lost_answer())
    one_file(history)


def server_fails(history: History) -> None:
    """Answer 500 to a push."""
    history.answer(Fault.answer(500))
    one_file(history)


def import_missing(history: History) -> None:
    """Let Pigment not know its own import at first."""
    history.answer(Fault.answer(404, on="status", times=2))
    one_file(history)


def import_runs(history: History) -> None:
    """Let imports run until it is told how they end, while others wait in two lanes."""
    history.decide(None)
    for name, age in (("a.csv", 0), ("b.csv", 1), ("c.csv", 2)):
        history.drop(name, age=age)
        history.drop(name, STOCK, age=age)
    history.look()
    history.work(4)
    check(history)
    history.tell("Completed")
    history.work(4)


def came_late(history: History) -> None:
    """Let a file come last whose turn is before that of others."""
    history.decide(None)
    for name, age in (("a.csv", 0), ("b.csv", 0), ("c.csv", 1)):
        history.drop(name, age=age)
        history.look()
        history.work(1)
    history.tell("Completed")
    history.work(4)


def retried(history: History) -> None:
    """Ask for a retry of what may have been imported, without saying that this is meant."""
    answer_lost(history)
    history.retry(0)
    history.work(9)


def reloaded(history: History) -> None:
    """Change a route while its file is being imported."""
    history.decide(None)
    history.drop("a.csv")
    history.look()
    history.work(1)
    history.reload(*ROUTES, changed=True)
    history.work(1)


def reloaded_meanwhile(history: History) -> None:
    """Change a route at each write point of a push."""
    for points in range(1, WAY):
        history.drop(f"{points}.csv")
        history.look()
        is_changed = bool(points % 2)

        def reload(changed: bool = is_changed) -> None:
            history.reload(*ROUTES, changed=changed)

        history.meanwhile(points, reload, "work")
        history.work(1)
        history.fuse.clear()
        history.work(DEEDS)
        check(history)


def next_unmarked(history: History) -> None:
    """Drop a file anew without its marker, after the first one was taken."""
    history.drop("a.csv", MARKED)
    history.mark("a.csv")
    history.look()
    history.work(4)
    history.drop("a.csv", MARKED)
    history.look()


def killed_with_marker(history: History) -> None:
    """Kill at each write point of a claim, and drop the next file of that name without a marker."""
    for points in range(1, CLAIM):
        history.look()
        history.drop("a.csv", MARKED)
        history.mark("a.csv")
        history.kill(points)
        history.look()
        history.fuse.clear()
        history.stop()
        history.drop("a.csv", MARKED)
        history.look()
        check(history)
        history.delete("a.csv", MARKED)


def journal_lost(history: History) -> None:
    """Lose the journal while a file is being imported, and close what is left of it."""
    history.decide(None)
    history.drop("a.csv")
    history.look()
    history.work(1)
    history.lose_journal()
    history.look()
    history.close_orphans()
    history.look()
    history.work(4)


def journal_put_back(history: History) -> None:
    """Put an older copy of the journal back, from before a push."""
    history.decide(None)
    history.drop("a.csv")
    history.look()
    history.copy_journal()
    history.look()
    history.work(1)
    history.put_copy_back()
    history.look()
    history.work(4)


def put_back_before_a_look(history: History) -> None:
    """Put an older copy of the journal back after a start that pushed before it looked."""
    history.decide(None)
    history.drop("a.csv")
    history.look()
    history.copy_journal()
    history.work(1)
    history.put_copy_back()
    history.look()
    history.work(4)


def neighbour_lives(history: History) -> None:
    """Ask to close the files of an instance that showed itself a moment ago."""
    history.drop("a.csv")
    history.look()
    before = history.instance()
    history.lose_journal()
    history.look()
    assert not history.ask("close-orphans", instance=before), "it was closed while it lives"
