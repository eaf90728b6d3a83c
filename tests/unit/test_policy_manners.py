"""How a folder is watched, by its route and by its drive."""

from pathlib import Path

import pytest

from pigment_watcher.model import Manner, Route, Rules, Watch
from pigment_watcher.policy import manners


def route(watch: Watch = Watch.AUTO, *, quiet_s: float | None = None, **said: object) -> Route:
    inbox = Path("/srv/in")
    rules = Rules(directory=inbox, done=inbox / "d", failed=inbox / "f", quiet_s=quiet_s)
    return Route(name="a", configuration_id="", rules=rules, watch=watch, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("watch", "is_local", "by_events", "scan_every_s"),
    [
        (Watch.AUTO, True, True, 60),
        (Watch.AUTO, False, False, 5),
        (Watch.EVENTS, True, True, 60),
        (Watch.EVENTS, False, True, 60),
        (Watch.POLLING, True, False, 5),
        (Watch.POLLING, False, False, 5),
    ],
)
def test_events_count_where_the_drive_is_local_or_its_owner_says_so(
    watch: Watch, by_events: bool, scan_every_s: float, *, is_local: bool
) -> None:
    manner = manners.manner(route(watch), is_local=is_local)
    assert (manner.by_events, manner.scan_every_s) == (by_events, scan_every_s)


@pytest.mark.parametrize("marker", [None, "{name}.done"])
@pytest.mark.parametrize(("is_local", "quiet_s"), [(True, 2), (False, 30)])
def test_a_file_on_a_drive_that_others_write_must_be_quiet_for_longer(
    quiet_s: float, marker: str | None, *, is_local: bool
) -> None:
    manner = manners.manner(route(marker=marker), is_local=is_local)
    assert manner.quiet_s == quiet_s
    assert manners.quiet(route().rules, is_local=is_local) == quiet_s


@pytest.mark.parametrize("is_local", [True, False])
def test_what_the_owner_says_holds_on_any_drive(*, is_local: bool) -> None:
    said = route(Watch.POLLING, quiet_s=0.0, scan_every_s=7.0)
    assert manners.manner(said, is_local=is_local) == Manner(
        by_events=False, quiet_s=0.0, scan_every_s=7.0
    )
