"""Requests that commands make beside the service, counted where it counts its own."""

import contextlib
import time
from collections.abc import Callable, Iterator

from pigment_watcher import errors
from pigment_watcher.cli import access
from pigment_watcher.config import Settings
from pigment_watcher.journal import Journal
from pigment_watcher.model import ConditionKind
from pigment_watcher.policy import reports
from pigment_watcher.views import show

#: The longest sleep while slots are scarce: the service may give one back.
_LOOK_S = 2.0


class Slots:
    """Hands out slots of `request_limit` and `push_limit`; without a journal it only lets pass."""

    def __init__(
        self, settings: Settings, journal: Journal | None, remark: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._remark = remark

    def take(self, configuration_id: str | None = None) -> None:
        """Wait for a slot and count it; a push names its configuration."""
        said = False
        while (free_at := self._try(configuration_id)) is not None:
            if not said:
                self._remark(f"the limits allow the next request at {show.moment(free_at)}; waits")
                said = True
            time.sleep(min(_LOOK_S, max(0.0, free_at - time.time())))

    def know_of_no_reports(self) -> bool:
        """Return whether the service found that the host has no reports."""
        none = None
        if self._journal is not None:
            with contextlib.suppress(errors.JournalError):  # said when requests are counted
                none = self._journal.conditions.get(ConditionKind.NO_REPORTS, self._settings.host)
        return reports.is_known_without(none, time.time())

    def _try(self, configuration_id: str | None) -> float | None:
        """Count a request and return None, or return when it may be made."""
        if self._journal is None:
            return None
        try:
            return self._book(self._journal, configuration_id)
        except errors.JournalError as error:
            # What is under way at Pigment matters more than our own count of requests.
            self._remark(f"requests are no longer counted: {error}")
            self._journal = None
            return None

    def _book(self, journal: Journal, configuration_id: str | None) -> float | None:
        host, now = self._settings.host, time.time()
        with journal.writing():
            free_at = journal.calls.host_free_at(host, self._settings.request_limit, now)
            if configuration_id is not None:
                limit = self._settings.push_limit
                free_at = max(free_at, journal.calls.push_free_at(configuration_id, limit, now))
            if free_at > now:
                return free_at
            journal.calls.book(host, configuration_id, now)
        return None


@contextlib.contextmanager
def opened(settings: Settings, remark: Callable[[str], None]) -> Iterator[Slots]:
    """Lend the slots that the service's journal counts, or uncounted ones with a remark."""
    with contextlib.ExitStack() as stack:
        journal: Journal | None = None
        try:
            journal = stack.enter_context(access.writing(settings.state_directory))
        except errors.OperatorError as error:
            remark(f"requests are not counted for the limits: {error}")
        yield Slots(settings, journal, remark)
