"""What must hold after each step of a history, and at its end."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from history_fixtures import History
from history_routes import MARKED, MARKER, STOCK, Dropped

from pigment_watcher.files import names, places
from pigment_watcher.model import Job, Outcome

#: Ends that leave no file where a job's target says.
NO_TARGET = frozenset({Outcome.GONE, Outcome.RETURNED})
#: Answers that leave open whether a push was taken; None stands for no answer.
UNCLEAR = frozenset({None, 200, 500})


def check(history: History) -> None:
    """Check that nothing is lost, doubled, overwritten or out of order at this moment."""
    history.is_well = False
    assert not history.wrongs, history.wrongs[0]
    files = _files(history)
    jobs = history.jobs()
    for path, data in history.guarded.items():
        assert files.pop(path) == data, f"{path} was touched"
    places = _places(files)
    assert places.keys() == history.dropped.keys(), _difference(history, places)
    taken = _taken(history)
    for one in history.dropped.values():
        _check_file(history, one, places[one.data], jobs, taken.get(one.sha256, []))
    if not history.is_deceived:
        _check_rows(history, files, jobs)
    history.is_well = True


def check_end(history: History) -> None:
    """Check that all is at its end once everybody is well, and that a further start does nothing.

    What still lies in an inbox waits for a marker that never came, or did not go with a file that
    was given back and had to take another name.
    """
    history.end_well()
    check(history)
    for data, (path, *_) in _places(_files(history)).items():
        if _place_of(history, path) == "inbox":
            one = history.dropped[data]
            waits = one.route == MARKED and not (one.is_marked and path.name == one.name)
            assert waits, f"{path} was forgotten"
    pushes = len(history.pigment.pushes())
    history.stop()
    history.look()
    assert history.work() == 0
    assert len(history.pigment.pushes()) == pushes


# ---------------------------------------------------------------- files


def _files(history: History) -> dict[Path, bytes]:
    """Return what lies in the inboxes and archives, without what is written beside files."""
    roots = [one.rules.directory for one in history.known.values()]
    return {
        path: path.read_bytes()
        for root in (*roots, history.elsewhere)
        for folder, _, found in os.walk(root)
        for path in (Path(folder, name) for name in found)
        if not _is_beside(path)
    }


def _is_beside(path: Path) -> bool:
    is_starts = path.name == places.STARTS and path.parent.parent.name == places.PROCESSING
    # Unfinished copies and claimed markers are hidden.
    return is_starts or path.name.startswith(".") or path.name.endswith((MARKER, names.REASON))


def _places(files: Mapping[Path, bytes]) -> dict[bytes, list[Path]]:
    places: dict[bytes, list[Path]] = {}
    for path, data in files.items():
        places.setdefault(data, []).append(path)
    return places


def _difference(history: History, places: Mapping[bytes, Sequence[Path]]) -> str:
    lost = [data for data in history.dropped if data not in places]
    strange = {data: paths for data, paths in places.items() if data not in history.dropped}
    return f"lost: {lost}; strange: {strange}"


def _place_of(history: History, path: Path) -> str:
    for one in history.known.values():
        if path.parent in {one.rules.done, one.rules.failed}:
            return path.parent.name
    return "processing" if places.PROCESSING in path.parts else "inbox"


def _check_file(
    history: History,
    one: Dropped,
    paths: Sequence[Path],
    jobs: Sequence[Job],
    taken: Sequence[str],
) -> None:
    if len(paths) > 1:
        assert _is_being_copied(history, paths, jobs), f"{one.data!r} is in {paths}"
    place = _place_of(history, paths[0])
    if place != "inbox":
        assert one.released, f"{paths[0]} was taken without a marker"
    if place == "done":
        assert "Completed" in taken, f"{paths[0]} was not imported"
    if place == "failed":
        reason = paths[0].with_name(names.beside(paths[0].name, names.REASON))
        assert len(paths) > 1 or reason.is_file(), f"there is no reason beside {paths[0]}"
    if one.route != STOCK:
        pushed = len(taken)
        assert pushed <= 1 + one.repeats, f"{paths[0]} was pushed {pushed} times"
        assert place != "inbox" or pushed <= one.repeats, f"{paths[0]} was pushed and is back"


def _is_being_copied(history: History, paths: Sequence[Path], jobs: Sequence[Job]) -> bool:
    """Return whether a file lies in processing/ and where its job takes it from, or brings it."""
    if len({path.stat().st_dev for path in paths}) == 1:
        return False  # within a file system it is renamed
    own = history.instance()
    for job in jobs:
        claimed = places.path(job.rules.directory, own, job.id, job.name)
        ways = ({claimed, job.source}, {claimed, job.target})
        if not job.state.is_final and set(paths) in ways:
            return True
    return False


def _taken(history: History) -> dict[str, list[str]]:
    """Return what became of all pushes that may have been taken, by the hash of their bytes.

    That is the state of the import, or "unknown" where the answer did not tell.
    """
    states: dict[str | None, str] = {one.id: one.state for one in history.pigment.imports()}
    found: dict[str, list[str]] = {}
    for push in history.pigment.pushes():
        if push.import_id is not None or (push.size and push.status in UNCLEAR):
            state = states.get(push.import_id, "unknown")
            found.setdefault(push.sha256, []).append(state)
    return found


# ---------------------------------------------------------------- rows


def _check_rows(history: History, files: Mapping[Path, bytes], jobs: Sequence[Job]) -> None:
    own = history.instance()
    open_paths = Counter(
        places.path(job.rules.directory, own, job.id, job.name)
        for job in jobs
        if not job.state.is_final
    )
    for path in files:
        if own and own in path.parts:
            assert path in open_paths, f"no job under way knows {path}"
    if history.has_forgotten:
        return
    retried = {job.retry_of for job in jobs if job.outcome not in NO_TARGET}
    for job in jobs:
        if job.state.is_final and job.outcome not in NO_TARGET and job.id not in retried:
            is_there = job.target in files or job.target in history.taken_back
            assert is_there, f"job {job.id} ended at {job.target}, and nothing is there"
