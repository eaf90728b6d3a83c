"""One watched folder: what was seen in it, and which of it is complete."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pigment_watcher import errors, settle
from pigment_watcher.files.places import PROCESSING
from pigment_watcher.intake.listing import Seen
from pigment_watcher.model import ConditionKind, Fingerprint, Route
from pigment_watcher.policy import manners
from pigment_watcher.settle import Sighting

#: What nobody takes, and what can't be taken, is said once, after so many seconds.
UNCLAIMED_S = 3600.0
#: On a network drive a file that is still written may look like one that we may not read.
UNREADABLE_NETWORK_S = 60.0
#: A file that ends in NUL bytes may still be filled: it is taken only after so long a quiet time.
FILLING_QUIETS, FILLING_S = 10, 300.0
#: A scan that a hint asks for starts no sooner after the last one than that took, nor than this
#: many times what it cost of a core.
HINT_REST = 10
#: The safety scan may cost this share of one core.
SCAN_SHARE = 0.01
#: An inbox that is away is looked for so often, in seconds.
AWAY_S = 5.0
#: This share of its rest may be missing when an inbox is looked through together with others.
EARLY_SHARE = 0.1
#: Between two trials to claim a file that another program holds, in seconds.
HELD_AGAIN_S, HELD_AGAIN_AT_MOST_S = 1.0, 300.0


class Candidate(NamedTuple):  # 100,000 of them may be made at once
    """A complete file and the route that takes it; `name` is its path below the inbox.

    `may_end_in_nul` tells that it was quiet for so long that it will not be filled any more.
    `marker` is the path of the marker that goes with it, empty if there is none.
    """

    route: Route
    directory: Path
    name: str
    fingerprint: Fingerprint
    may_end_in_nul: bool = True
    marker: str = ""

    @property
    def source(self) -> Path:
        """Where the file lies; made when asked for, as 100,000 may wait."""
        return self.directory / self.name

    @property
    def file(self) -> tuple[Path, str]:
        """What tells it from other files."""
        return self.directory, self.name


class Settled(NamedTuple):
    """The files that are complete, and when the next one will be, in monotonic seconds."""

    complete: list[Candidate]
    next_at: float


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something in the folder that is not taken, and why."""

    name: str
    why: str
    kind: ConditionKind = ConditionKind.FILE_UNCLAIMED


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A file that could not be taken: since when, claims in vain, and when it is tried again."""

    since: float
    claims: int
    again_at: float
    why: str
    is_held: bool


class Inbox:
    """The memory of one folder between two scans; an error of a scan leaves it untouched."""

    def __init__(self, directory: Path, routes: Sequence[Route], *, is_local: bool = True) -> None:
        self.directory = directory
        self.routes = tuple(routes)
        self.is_local = is_local
        self._manners = tuple(manners.manner(route, is_local=is_local) for route in self.routes)
        #: The longest time between two scans.
        self.scan_every_s = min(manner.scan_every_s for manner in self._manners)
        #: When others were last shown that we live, in monotonic seconds.
        self.shown_at = -math.inf
        #: Whether it was found to be where it belongs, and marked as ours, since it was away.
        self.is_ours = False
        #: Whether it was told that it is lost; None: the journal may know.
        self.is_lost: bool | None = None
        self.scanned_at: float | None = None
        #: When it was there, and looked through, the last time.
        self.seen_at: float | None = None
        #: How long the last look took, and how much of a core it cost, in seconds.
        self.scan_s = 0.0
        self.scan_cpu_s = 0.0
        #: Routes that would take the same file, and the first such file.
        self.contested: dict[tuple[str, ...], str] = {}
        self._sightings: dict[str, Sighting] = {}
        self._takers: dict[str, int] = {}
        self._markers: dict[str, str] = {}
        self._marked_since: dict[str, float] = {}
        #: What a shared marker releases, by the number of the route: what lay there when it came.
        self._released: dict[int, set[str]] = {}
        #: What no route takes, and since when it lies there; the oldest first.
        self._untaken: dict[str, float] = {}
        self._odd: dict[str, str] = {}
        #: The route that takes each file seen, by its number; None where no route does.
        self.choices: dict[str, int | None] = {}
        #: Whether what was said of the odd may not hold any more, and when it won't in any case.
        self._is_untold, self._untold_at = True, math.inf
        self._troubles: dict[str, _Trouble] = {}

    # ---------------------------------------------------------------- manners

    @property
    def by_events(self) -> bool:
        """Whether the kernel is asked to tell of changes."""
        return any(manner.by_events for manner in self._manners)

    @property
    def own(self) -> frozenset[Path] | None:
        """What of the folders below is ours; None where these are not looked into."""
        if not any(route.recursive for route in self.routes):
            return None
        archives = (f for r in self.routes for f in (r.rules.done, r.rules.failed))
        return frozenset((self.directory / PROCESSING, *archives))

    # ---------------------------------------------------------------- when to look

    def look_at(self, *, is_hinted: bool) -> float:
        """Return when it is to be looked through next, in monotonic seconds."""
        if self.scanned_at is None:
            return -math.inf
        rest_s = self._rest_s
        if is_hinted:
            rest_s = min(max(self.scan_s, self.scan_cpu_s * HINT_REST), rest_s)
        return self.scanned_at + rest_s

    @property
    def early_at(self) -> float:
        """When it may be looked through if others are: one wake-up does for all of them."""
        return self.look_at(is_hinted=False) - self._rest_s * EARLY_SHARE

    @property
    def _rest_s(self) -> float:
        if not self.is_ours:
            return AWAY_S  # its return is noticed soon
        if self.is_local:
            return max(self.scan_every_s, self.scan_s / SCAN_SHARE)
        # Its server does most of the work: it rests for as long as a look took.
        return max(self.scan_every_s, self.scan_s, self.scan_cpu_s / SCAN_SHARE)

    # ---------------------------------------------------------------- observing

    def observe(self, seen: Seen, monotonic: float) -> None:
        """Take over what a look through the folder found."""
        self.scan_cpu_s = seen.cpu_s
        unknown = seen.unknown & self._sightings.keys()
        before, self._sightings = (
            self._sightings,
            settle.observe(self._sightings, seen.files, monotonic, unknown=unknown),
        )
        takers = {**{name: self._takers[name] for name in unknown}, **seen.takers}
        # Thousands of files may lie here that concern nobody: mostly all is as it was.
        if takers != self._takers or seen.untaken != self._untaken.keys():
            self._takers = takers
            self._observe_untaken(seen.untaken, monotonic)
            self.choices = {**dict.fromkeys(self._untaken), **takers}
        self._troubles = {
            name: trouble
            for name, trouble in self._troubles.items()
            if self._sightings.get(name) is before.get(name)
        }
        self._is_untold |= seen.odd != self._odd
        self._odd = seen.odd
        for numbers, name in seen.contested.items():
            names = tuple(self.routes[number].name for number in numbers)
            self.contested.setdefault(names, name)
        self._observe_markers(seen.markers, monotonic)

    def _observe_untaken(self, untaken: set[str], monotonic: float) -> None:
        for name in self._untaken.keys() - untaken:
            del self._untaken[name]
        self._untaken |= dict.fromkeys(untaken - self._untaken.keys(), monotonic)
        self._is_untold = True

    def _observe_markers(self, markers: dict[str, str], monotonic: float) -> None:
        self._markers = markers
        self._marked_since = {name: self._marked_since.get(name, monotonic) for name in markers}
        for number, route in enumerate(self.routes):
            if route.marker is None or not settle.is_shared(route.marker):
                continue
            if route.marker.lower() not in markers:
                self._released.pop(number, None)
            elif not self._released.get(number):
                mine = {name for name, taker in self._takers.items() if taker == number}
                self._released[number] = mine

    # ---------------------------------------------------------------- complete files

    def settled(self, monotonic: float) -> Settled:
        """Return which files are complete, as far as can be told from here, and when others are."""
        complete, next_at = [], math.inf
        for name, sighting in self._sightings.items():
            at = self._complete_at(name, sighting)
            if at <= monotonic:
                complete.append(self._candidate(name, sighting, monotonic))
            elif at < next_at:
                next_at = at
        return Settled(complete, next_at)

    def with_markers(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Give the candidates their markers; a shared one goes with the last of its files."""
        given: list[Candidate] = []
        taken = {candidate.name for candidate in candidates}
        for candidate in reversed(candidates):
            number = self._takers[candidate.name]
            marker = candidate.route.marker
            found = None if marker is None else self._markers.get(self._marker_of(candidate.name))
            if marker is not None and settle.is_shared(marker):
                left = self._released.get(number, set()) - taken
                found = None if left or any(one.marker == found for one in given) else found
            given.append(candidate._replace(marker=found or ""))
        return given[::-1]

    def _candidate(self, name: str, sighting: Sighting, monotonic: float) -> Candidate:
        number = self._takers[name]
        filled_s = max(FILLING_S, FILLING_QUIETS * self._manners[number].quiet_s)
        is_filled = monotonic - sighting.since >= filled_s
        return Candidate(self.routes[number], self.directory, name, sighting.fingerprint, is_filled)

    def _complete_at(self, name: str, sighting: Sighting) -> float:
        number = self._takers[name]
        route, marked_since = self.routes[number], None
        if route.marker is not None:
            found = self._marked_since.get(self._marker_of(name))
            if found is None or name not in self._released.get(number, (name,)):
                return math.inf
            # A quiet time that the owner asked for is kept beside the marker.
            marked_since = found if route.rules.quiet_s is None else None
        at = settle.complete_at(sighting, self._manners[number].quiet_s, marked_since)
        trouble = self._troubles.get(name)
        return at if trouble is None else max(at, trouble.again_at)

    def _marker_of(self, name: str) -> str:
        marker = self.routes[self._takers[name]].marker or ""
        return settle.marker_of(marker, name).lower()

    # ---------------------------------------------------------------- what came of claims

    def names(self) -> Iterator[str]:
        """Return the names of the files that routes will take, but for those without a marker."""
        for name, sighting in self._sightings.items():
            if self._complete_at(name, sighting) < math.inf:
                yield name

    def put_off(
        self, name: str, error: errors.FileError, monotonic: float, *, was_claim: bool = False
    ) -> None:
        """Leave a file that can't be taken now; claims in vain are tried ever more seldom."""
        before = self._troubles.get(name)
        since, claims = (before.since, before.claims) if before else (monotonic, 0)
        is_held = isinstance(error, errors.FileBusy)
        again_s = self.scan_every_s
        if is_held:
            again_s = max(HELD_AGAIN_S, self._manners[self._takers[name]].quiet_s)
        # It is asked as often as before who holds a file: that costs next to nothing.
        wait_s = max(again_s, min(again_s * 2**claims, HELD_AGAIN_AT_MOST_S))
        claims = min(claims + (was_claim or not is_held), 10)
        self._troubles[name] = _Trouble(since, claims, monotonic + wait_s, str(error), is_held)

    def forget(self, name: str) -> None:
        """Forget a file that was claimed or vanished; the next one of its name is new."""
        self.see_anew(name)
        for released in self._released.values():
            released.discard(name)

    def see_anew(self, name: str) -> None:
        """Begin anew with a file that changed in the last moment."""
        self._sightings.pop(name, None)
        self._troubles.pop(name, None)

    # ---------------------------------------------------------------- remarks

    def is_odd_anew(self, monotonic: float) -> bool:
        """Return whether `oddities` may return something else than what was told."""
        has_markers = any(route.marker is not None for route in self.routes)
        return (
            self._is_untold or monotonic >= self._untold_at or bool(self._troubles) or has_markers
        )

    def told(self, monotonic: float) -> None:
        """Know that `oddities` were told of."""
        self._is_untold = bool(self._troubles)
        aging = (since + UNCLAIMED_S for since in self._untaken.values())
        self._untold_at = next((at for at in aging if at > monotonic), math.inf)

    def oddities(self, monotonic: float) -> Iterator[Oddity]:
        """Return what lies in the folder and is not taken, as far as it is worth a word."""
        for name, why in self._odd.items():
            yield Oddity(name, why)
        for name, since in self._untaken.items():
            if monotonic < since + UNCLAIMED_S:
                break  # and so it is with all after it
            yield Oddity(name, "not taken by any route: see `files` and `ignore`")
        for name, trouble in self._troubles.items():
            if monotonic - trouble.since >= self._said_after_s(trouble):
                unclaimed, unreadable = ConditionKind.FILE_UNCLAIMED, ConditionKind.FILE_UNREADABLE
                yield Oddity(name, trouble.why, unclaimed if trouble.is_held else unreadable)
        yield from self._unmarked(monotonic)

    def _said_after_s(self, trouble: _Trouble) -> float:
        if trouble.is_held:
            return UNCLAIMED_S
        return 0.0 if self.is_local else UNREADABLE_NETWORK_S

    def _unmarked(self, monotonic: float) -> Iterator[Oddity]:
        """Return the files whose marker does not come, and the markers whose file does not."""
        wanted: set[str] = set()
        for name, sighting in self._sightings.items():
            marker = self.routes[self._takers[name]].marker
            if marker is None:
                continue
            key = self._marker_of(name)
            wanted.add(key)
            if key not in self._markers and monotonic - sighting.since >= UNCLAIMED_S:
                yield Oddity(name, f"waits for its marker {settle.marker_of(marker, name)}")
        for key in self._markers.keys() - wanted:
            if monotonic - self._marked_since[key] >= UNCLAIMED_S:
                yield Oddity(self._markers[key], "a marker, and the file that it is for is missing")
