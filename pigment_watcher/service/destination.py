"""From settings to where the files go."""

from pigment_watcher.config import Settings
from pigment_watcher.journal import Limits
from pigment_watcher.pigment import Client
from pigment_watcher.worker import Destination

#: Seconds that a call may take besides its own time-outs before its thread counts as stuck.
SLACK_S = 60.0


def limits(settings: Settings) -> Limits:
    """Return what the configured host bears."""
    return Limits(host=settings.host, requests=settings.request_limit, pushes=settings.push_limit)


def connect(settings: Settings) -> Client:
    """Return a new client for the configured host."""
    return Client(
        settings.url,
        connect_timeout_s=settings.connect_timeout_s,
        answer_timeout_s=settings.answer_timeout_s,
        ca_bundle=settings.ca_bundle,
        proxy=settings.proxy,
    )


def destination(settings: Settings) -> Destination:
    """Return everything that workers need to reach the configured host."""

    def key(name: str) -> str:
        """Find a key by its name; a route that is gone leaves its jobs to the default one."""
        secret = settings.keys.get(name) or settings.keys.get("default")
        return "" if secret is None else secret.reveal()

    return Destination(
        limits=limits(settings),
        import_deadline_s=settings.import_deadline_s,
        key_names=tuple(settings.keys) or ("default",),
        key=key,
        connect=lambda: connect(settings),
        call_s=settings.connect_timeout_s + settings.answer_timeout_s + SLACK_S,
        reports=settings.detailed_report,
    )
