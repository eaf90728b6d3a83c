"""The status page, the same as JSON, and the figures for Prometheus; it only shows."""

from pigment_watcher.web.server import Server
from pigment_watcher.web.source import Source

__all__ = ["Server", "Source"]
