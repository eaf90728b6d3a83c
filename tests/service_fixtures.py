"""A service in this process, and what it says."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from rig_fixtures import Ear, eventually, route

from pigment_watcher.config import Settings
from pigment_watcher.config.secrets import Secret
from pigment_watcher.journal import Journal
from pigment_watcher.model import (
    ConditionEvent,
    ConditionKind,
    DetailedReport,
    JobEvent,
    Limit,
    Route,
    ServiceEvent,
)
from pigment_watcher.service.service import Service
from pigment_watcher.simulator import DEMO_KEY


class LiveEar(Ear):
    """An ear that may act on a trouble, too."""

    def __init__(self) -> None:
        super().__init__()
        self.on_condition: Callable[[ConditionEvent], None] = lambda _: None

    def condition_changed(self, event: ConditionEvent) -> None:
        super().condition_changed(event)
        self.on_condition(event)


class Live:
    """A service's surroundings; `run` blocks as the command does, while the ear acts."""

    def __init__(self, folder: Path, url: str) -> None:
        self.inbox = folder / "in"
        self.inbox.mkdir()
        (folder / "state").mkdir()
        self.ear = LiveEar()
        self.settings = _settings(folder, url, route(self.inbox, quiet_s=0.02))
        self.loaded: Callable[[], Settings] = lambda: self.settings
        self.service: Service

    def run(self, *, environ: Mapping[str, str] | None = None, run_once: bool = False) -> int:
        """Run to the end; no thread is left."""
        before = our_threads()
        self.service = Service(
            self.settings,
            load=self._load,
            listeners=[self.ear],
            environ=environ or {},
            run_once=run_once,
        )
        try:
            return self.service.run()
        finally:
            eventually(lambda: our_threads() == before)

    def _load(self) -> Settings:
        return self.loaded()

    def when(self, name: str, act: Callable[[], object]) -> None:
        """Do something when the service announces an event, once."""
        earlier = self.ear.on_service

        def hear(event: ServiceEvent) -> None:
            nonlocal act
            earlier(event)
            if event.name == name:
                doing, act = act, lambda: None
                doing()

        self.ear.on_service = hear

    def on_job(self, name: str, act: Callable[[], object]) -> None:
        """Do something when a job's event is told, once: a second signal would kill."""

        def hear(event: JobEvent) -> None:
            nonlocal act
            if event.name == name:
                doing, act = act, lambda: None
                doing()

        self.ear.on_job = hear

    def on_trouble(self, kind: ConditionKind, act: Callable[[], object]) -> None:
        """Do something when a kind of trouble begins, once."""

        def hear(event: ConditionEvent) -> None:
            nonlocal act
            if event.condition.kind is kind and event.began:
                doing, act = act, lambda: None
                doing()

        self.ear.on_condition = hear

    def announced(self) -> list[str]:
        """Return the names of the service's events, in order."""
        return [event.name for event in self.ear.services]

    def journal(self) -> Journal:
        """Open the journal that a service left."""
        return Journal.open(self.settings.state_directory)


def our_threads() -> list[str]:
    """Return the names of all threads but those of the stand-in."""
    names = (thread.name for thread in threading.enumerate())
    return sorted(name for name in names if not name.startswith("simulator"))


def _settings(folder: Path, url: str, *routes: Route) -> Settings:
    return Settings(
        file=folder / "config.yaml",
        url=url,
        host=url.removeprefix("http://"),
        keys={"default": Secret(DEMO_KEY)},
        connect_timeout_s=2.0,
        answer_timeout_s=5.0,
        import_deadline_s=60.0,
        detailed_report=DetailedReport.AUTO,
        request_limit=Limit(10_000, 60.0),
        push_limit=Limit(10_000, 60.0),
        ca_bundle=None,
        proxy=None,
        state_directory=folder / "state",
        workers=2,
        stop_grace_s=5.0,
        keep_history_s=3600.0,
        log_level="info",
        log_format="json",
        routes=routes,
    )


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)
