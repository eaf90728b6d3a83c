"""The status page of a running service: what it is told, and by whom."""

from pigment_watcher import __version__
from pigment_watcher.config import Settings
from pigment_watcher.config.settings import Web
from pigment_watcher.listeners import metrics
from pigment_watcher.model import Listener
from pigment_watcher.service.companions import Sights
from pigment_watcher.views.reader import Reader
from pigment_watcher.web import Server, Source


class StatusPage:
    """The companion that shows how everything is.

    It counts from the moment when it is made, and serves once it is opened.
    """

    name = "web"

    def __init__(self, settings: Settings, web: Web) -> None:
        self._web = web
        self._metrics = metrics.Metrics(__version__, [route.name for route in settings.routes])
        self._server: Server | None = None

    @property
    def ear(self) -> Listener:
        """What must hear of everything for the figures to be right."""
        return self._metrics

    def open(self, sights: Sights) -> None:
        """Listen; what is asked for is answered once it runs. Raises WebRefused."""
        source = Source(
            reader=Reader(sights.settings),
            silent=sights.silent,
            scanned=sights.scanned,
            metrics=self._metrics.page,
            metrics_type=metrics.CONTENT_TYPE,
            version=__version__,
            environment=self._web.environment,
        )
        token = None if self._web.token is None else self._web.token.reveal()
        self._server = Server(self._web.host, self._web.port, token, source)

    def run(self) -> None:
        """Serve until it is closed."""
        if self._server is not None:
            self._server.run()

    def close(self) -> None:
        """Serve nothing more."""
        if self._server is not None:
            self._server.close()
