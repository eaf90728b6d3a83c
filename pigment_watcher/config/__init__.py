"""The configuration: YAML with line numbers in, frozen settings or every problem at once out."""

from pigment_watcher.config.loading import everything_directly, load, nothing_known
from pigment_watcher.config.secrets import Secret
from pigment_watcher.config.settings import Settings

__all__ = ["Secret", "Settings", "everything_directly", "load", "nothing_known"]
