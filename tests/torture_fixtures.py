"""A world to break the service in: what was dropped, what the stand-in took, and what must hold.

Each fault ends in `World.check`: every file is whole in exactly one place, none was imported more
often than its owner allowed, and the next start is clean.
"""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import warm_fixtures
from acceptance_fixtures import COMMAND, ROWS, ServiceProcess, write_config

from pigment_watcher.files import names, reading
from pigment_watcher.journal import Journal
from pigment_watcher.model import Condition, Job, Outcome
from pigment_watcher.simulator import Simulator

#: The command, with the waits that it chooses itself cut short.
HURRIED = (sys.executable, Path(__file__).with_name("hurried_program.py"))
#: What the folders in an inbox are called that are the service's own.
OWN = ("processing", "done", "failed")
#: What the texts end with that the service puts beside a file.
TEXTS = (names.REASON, names.REPORT)
#: The route of a world that names none.
ROUTE = "sales"
#: What the names of the empty files begin with by which the service learns whether it may write
#: into a folder; a kill may leave one.
PROBE = ".pigment-watcher-probe-"
#: So many starts bring everything to its end.
STARTS = 3
#: A run that takes so many seconds hangs.
RUN_S = 60.0

#: So many seconds a run that was told to stop gets to do so.
STOP_S = 3.0

Case = TypeVar("Case")


def sampled(cases: Sequence[Case], most: int) -> list[Case]:
    """Return all cases where everything is asked for (TORTURE=all), else so many, spread evenly."""
    if os.environ.get("TORTURE") == "all" or len(cases) <= most:
        return list(cases)
    return [cases[number * len(cases) // most] for number in range(most)]


def _communicate(process: subprocess.Popen[str], patience_s: float) -> tuple[str, str]:
    """Return what a program said, which may have to be ended."""
    for wait_s in (patience_s, STOP_S):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=wait_s)
        os.killpg(process.pid, signal.SIGTERM)
    os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()


def _end_all(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that somebody put into an inbox."""

    route: str
    path: Path
    data: bytes

    @property
    def sha256(self) -> str:
        """What the stand-in knows it by."""
        return hashlib.sha256(self.data).hexdigest()


class World:
    """Inboxes, a configuration and a stand-in; the service is run on them, and broken.

    `routes` are those of `write_config`, which every keyword goes to; the inbox of a route is
    `folder/NAME`. A file counts as complete at once, unless a route says otherwise.
    """

    def __init__(
        self,
        folder: Path,
        pigment: Simulator,
        *,
        routes: Mapping[str, Mapping[str, object]] | None = None,
        **said: object,
    ) -> None:
        self.folder = folder
        self.pigment = pigment
        self.routes = {
            name: {"quiet": "0s", **keys} for name, keys in (routes or {ROUTE: {}}).items()
        }
        self._said = said
        self.config = self.configure()
        self.dropped: list[Dropped] = []
        self._untouchable: dict[Path, bytes] = {}

    def configure(self, **said: object) -> Path:
        """Write the configuration, with `routes` as they are now."""
        top: dict[str, object] = {"stop_grace": "2s"}
        keys = {"top": top, **self._said, **said}
        return write_config(self.folder, self.pigment, routes=self.routes, **keys)  # type: ignore[arg-type]

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    def inbox(self, route: str = ROUTE) -> Path:
        """Return the inbox of a route."""
        return Path(str(self.routes[route].get("directory", self.folder / route)))

    # ---------------------------------------------------------------- what people do

    def drop(self, name: str = "a.csv", data: bytes | None = None, route: str = ROUTE) -> Path:
        """Put a file with bytes of its own into an inbox, by one rename; return where."""
        if data is None:
            data = f"{ROWS}{route},{len(self.dropped)},1\n".encode()
        path = self.inbox(route) / name
        part = path.with_name(".dropping")
        part.write_bytes(data)
        part.replace(path)
        self.dropped.append(Dropped(route, path, data))
        return path

    def guard(self, path: Path, data: bytes = b"not yours\n") -> Path:
        """Put a file somewhere that nobody may ever touch."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._untouchable[path] = data
        return path

    def take_away(self, path: Path) -> None:
        """Forget a file that was dropped: somebody removed or replaced it."""
        self.dropped = [one for one in self.dropped if one.path != path]

    # ---------------------------------------------------------------- the service

    def run(
        self,
        *,
        under: Sequence[str | Path] = (),
        program: Sequence[str | Path] = COMMAND,
        environ: Mapping[str, str] | None = None,
        timeout_s: float = RUN_S,
        patience_s: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the service over what is there, to its end, which a fault may bring early.

        `under` is what the program is started by, such as strace; `program` stands for the command.
        What is not over after `patience_s` is told to stop, and killed if it does not.
        """
        words = [*under, *program, "run", "--once", "--config", self.config]
        with warm_fixtures.popen(
            list(map(str, words)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            errors="surrogateescape",
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})},
            start_new_session=True,
        ) as process:
            try:
                if patience_s is None:
                    told = process.communicate(timeout=timeout_s)
                else:
                    told = _communicate(process, patience_s)
            finally:
                _end_all(process)  # strace would leave its child behind
        return subprocess.CompletedProcess(words, process.returncode, *told)

    def serve(
        self,
        program: Sequence[str | Path] = HURRIED,
        environ: Mapping[str, str] | None = None,
    ) -> ServiceProcess:
        """Start the service, to be used in a with statement; in a hurry, if nothing is said."""
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})}
        return ServiceProcess(self.config, program=program, environ=environ)

    def recover(self) -> "World":
        """Start again without a fault, until everything is at its end."""
        for _ in range(STARTS):
            ended = self.run()
            assert ended.returncode in {0, 1}, ended.stderr
            assert "Traceback" not in ended.stderr, ended.stderr
            if not self.unfinished():
                break
        return self

    # ---------------------------------------------------------------- what must hold

    def check(self) -> None:
        """Check that nothing is lost, doubled or overwritten, and that a next start is clean."""
        for path, data in self._untouchable.items():
            assert path.read_bytes() == data, f"{path} was touched"
        files = self.files()
        for one in self.dropped:
            self._check_file(one, files)
        for path in files:
            if path.parent.name == "failed" and not path.name.endswith(TEXTS):
                reason = path.with_name(names.beside(path.name, names.REASON))
                assert path in self._untouchable or reason.is_file(), f"no reason beside {path}"
        last = self.run()
        assert last.returncode == 0, last.stderr
        assert self.unfinished() == []
        assert "Traceback" not in last.stderr

    def _check_file(self, one: Dropped, files: Mapping[Path, bytes]) -> None:
        places = [path for path, data in files.items() if data == one.data]
        assert len(places) == 1, f"{one.path.name} is in {len(places)} places: {places}"
        place = self.place_of(places[0], one.route)
        assert place != "processing", f"{one.path.name} is left in {places[0]}"
        imports = self.imports_of(one)
        if self.routes[one.route].get("load_mode") not in {"update", "replace"}:
            assert len(imports) <= 1, f"{one.path.name} was imported {len(imports)} times"
        if place == "done":
            assert "Completed" in imports, f"{one.path.name} is in done/ and was not imported"
        if place == "inbox":
            assert imports == [], f"{one.path.name} was imported and is back in the inbox"

    def files(self) -> dict[Path, bytes]:
        """Return all files of people, wherever they lie now, with their bytes; no pipe or link."""
        roots = {self.inbox(route) for route in self.routes}
        for keys in self.routes.values():
            roots |= {Path(str(keys[name])) for name in ("done", "failed") if name in keys}
        found = {
            Path(folder, name)
            for root in roots
            for folder, _, entries in os.walk(root)
            for name in entries
            if not name.startswith(PROBE)
        }
        return {path: path.read_bytes() for path in found if reading.look(path) is not None}

    def place_of(self, path: Path, route: str = ROUTE) -> str:
        """Return in which of its four places a file lies: inbox, processing, done or failed."""
        for name in ("done", "failed"):
            folder = Path(str(self.routes[route].get(name, self.inbox(route) / name)))
            if path.is_relative_to(folder):
                return name
        is_claimed = path.is_relative_to(self.inbox(route) / "processing")
        return "processing" if is_claimed else "inbox"

    def places(self) -> dict[str, str]:
        """Return in which place each dropped file lies now, by the name it was dropped under."""
        files = self.files()
        return {
            one.path.name: self.place_of(path, one.route)
            for one in self.dropped
            for path, data in files.items()
            if data == one.data
        }

    def imports_of(self, one: Dropped) -> list[str]:
        """Return the states of the imports that were begun with exactly these bytes."""
        states = {imported.id: imported.state for imported in self.pigment.imports()}
        return [
            states[push.import_id]
            for push in self.pigment.pushes()
            if push.sha256 == one.sha256 and push.import_id in states
        ]

    # ---------------------------------------------------------------- what the journal says

    def jobs(self) -> list[Job]:
        """Return all jobs of the journal, the oldest first."""
        journal = Journal.look(self.state)
        try:
            return journal.jobs.history()[::-1]
        finally:
            journal.close()

    def conditions(self) -> list[Condition]:
        """Return the troubles that last."""
        journal = Journal.look(self.state)
        try:
            return journal.conditions.all()
        finally:
            journal.close()

    def unfinished(self) -> list[Job]:
        """Return the jobs that are not at their end."""
        return [job for job in self.jobs() if not job.state.is_final]

    def outcomes(self) -> dict[str, Outcome | None]:
        """Return how the latest job of each name ended."""
        return {job.name: job.outcome for job in self.jobs()}

    def outcome_counts(self) -> Counter[str]:
        """Return how many jobs ended in which way."""
        return Counter(job.outcome.value for job in self.jobs() if job.outcome is not None)
