"""The configuration: YAML with line numbers in, frozen settings or every problem at once out."""

from pigment_watcher.config.loading import load, nothing_seen
from pigment_watcher.config.secrets import Secret
from pigment_watcher.config.settings import Settings

__all__ = ["Secret", "Settings", "load", "nothing_seen"]
