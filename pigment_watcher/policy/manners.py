"""How a folder is watched, and when a file counts as quiet: by the route and by its drive."""

from pigment_watcher.model import Manner, Route, Rules, Watch

#: Unchanged for so many seconds is complete, where the route says nothing.
QUIET_LOCAL_S = 2.0
#: On a network drive others write, and what is seen of it may be half a minute old.
QUIET_NETWORK_S = 30.0
SCAN_BESIDE_EVENTS_S = 60.0
SCAN_WHEN_POLLING_S = 5.0


def manner(route: Route, *, is_local: bool) -> Manner:
    """Return how a route's folder is watched; events can be relied on where the drive is local."""
    by_events = is_local if route.watch is Watch.AUTO else route.watch is Watch.EVENTS
    scan_every_s = route.scan_every_s
    if scan_every_s is None:
        scan_every_s = SCAN_BESIDE_EVENTS_S if by_events else SCAN_WHEN_POLLING_S
    return Manner(
        by_events=by_events,
        quiet_s=quiet(route.rules, is_local=is_local),
        scan_every_s=scan_every_s,
    )


def quiet(rules: Rules, *, is_local: bool) -> float:
    """Return for how many seconds a file must be unchanged."""
    if rules.quiet_s is not None:
        return rules.quiet_s
    return QUIET_LOCAL_S if is_local else QUIET_NETWORK_S
