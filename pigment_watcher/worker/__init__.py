"""Takes a job, does its step, lets policy judge, stores what happened, and tells the listeners."""

from pigment_watcher.worker.desk import Desk, Destination
from pigment_watcher.worker.loop import Office, Worker

__all__ = ["Desk", "Destination", "Office", "Worker"]
