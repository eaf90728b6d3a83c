"""The stand-in Pigment on a real socket, for `demo`, `simulate` and the tests."""

from pigment_watcher.simulator.backend import Import
from pigment_watcher.simulator.faults import Action, Fault, On
from pigment_watcher.simulator.ledger import Call, Push
from pigment_watcher.simulator.simulator import DEMO_KEY, Simulator

__all__ = ["DEMO_KEY", "Action", "Call", "Fault", "Import", "On", "Push", "Simulator"]
