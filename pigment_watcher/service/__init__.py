"""The composition root: builds the rooms, starts them in order, and stops them in reverse."""

from pigment_watcher.service.service import Service

__all__ = ["Service"]
