"""One intake for the local disks and one for each other drive, as drives come and go."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pigment_watcher.clock import Clock
from pigment_watcher.drives import Drive, Drives
from pigment_watcher.heartbeat import Heartbeats
from pigment_watcher.intake import Claimer, Intake
from pigment_watcher.model import Route
from pigment_watcher.observer import Observer
from pigment_watcher.recorder import Recorder

#: Seconds that a change of routes waits for an intake to finish its round.
ROUTES_TAKEN_S = 30.0


class Intakes:
    """Gives each route's folder to the intake of its drive."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        clock: Clock,
        heartbeats: Heartbeats,
        drives: Drives,
        instance: str,
        adopt: Callable[[Path], None],
        claimed: Callable[[], None],
        scanned: Callable[[], None],
        start: Callable[[str, Callable[[], None]], None],
        note_first: bool,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._heartbeats = heartbeats
        self._drives = drives
        self._instance = instance
        self._adopt = adopt
        self._claimed = claimed
        self._scanned = scanned
        self._start = start
        self._note_first = note_first
        self._intakes: dict[Drive, Intake] = {}
        self._placed: dict[Drive, tuple[Route, ...]] = {}

    @property
    def scanned_s_ago(self) -> dict[str, float]:
        """How many seconds ago the folder of each route was looked through, where it was."""
        ago: dict[str, float] = {}
        for intake in tuple(self._intakes.values()):
            ago |= intake.scanned_s_ago
        return ago

    @property
    def first_scan_over(self) -> bool:
        """Whether every folder was looked at once."""
        return all(one.first_scan_over.is_set() for one in self._intakes.values())

    @property
    def first_files_open(self) -> bool:
        """Whether a file of the first scan may still settle or be claimed."""
        return any(one.first_files_open for one in self._intakes.values())

    def place(self, routes: Sequence[Route]) -> None:
        """Watch for these routes and no others, each on the drive that its folder lies on now.

        A folder that moves to another drive is let go by the one before the other takes it.
        """
        placed: dict[Drive, list[Route]] = {drive: [] for drive in self._intakes}
        for route in routes:
            placed.setdefault(self._drives.of(route.rules.directory), []).append(route)
        wanted = {drive: tuple(group) for drive, group in placed.items()}
        changed = [drive for drive in wanted if self._placed.get(drive) != wanted[drive]]
        known = [drive for drive in changed if drive in self._intakes]
        for drive in known:
            stays = set(wanted[drive]) & set(self._placed[drive])
            self._intakes[drive].set_routes([one for one in wanted[drive] if one in stays])
        for drive in known:
            if drive.answers():  # an intake that waits for its drive claims nothing
                self._intakes[drive].wait_for_routes(ROUTES_TAKEN_S)
        for drive in changed:
            if drive not in self._intakes:
                self._begin(drive, wanted[drive])
            self._intakes[drive].set_routes(wanted[drive])
        self._placed = wanted

    def left_queue(self, lane: str) -> None:
        """Say that a lane's queue got shorter, so that more may be claimed."""
        for one in self._all():
            one.left_queue(lane)

    def claim_again(self) -> None:
        """Say that the journal knows jobs whose files are not in processing/ yet."""
        for one in self._all():
            one.claim_again()

    def look(self) -> None:
        """Look at every folder again: something was mounted, or unmounted."""
        for drive, routes in self._placed.items():
            for route in routes:
                self._intakes[drive].look(route.rules.directory)

    def stop(self) -> None:
        """Claim no more."""
        for one in self._all():
            one.stop()

    def _begin(self, drive: Drive, routes: Sequence[Route]) -> None:
        name = "intake" if drive.is_local else f"intake:{drive.point}"
        intake = Intake(
            name,
            recorder=self._recorder,
            clock=self._clock,
            heartbeats=self._heartbeats,
            claimer=self._claimer,
            drive=drive,
            drives=self._drives,
            adopt=self._adopt,
            ears=Observer,
            scanned=self._scanned,
            note_first=self._note_first,
        )
        intake.set_routes(routes)
        # Replaced, not changed: workers read it.
        self._intakes = {**self._intakes, drive: intake}
        self._start(name, intake.run)

    def _claimer(self, intake: Intake) -> Claimer:
        return Claimer(
            self._recorder,
            self._clock,
            self._instance,
            self._claimed,
            run=intake.run_call,
            expect=intake.expect,
        )

    def _all(self) -> Iterable[Intake]:
        return self._intakes.values()
