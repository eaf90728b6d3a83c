"""From "look" to a claimed file: scan, settle, claim, journal.

A scan is the truth; an event, a timer and the start only say "look again".
"""

from pigment_watcher.intake.claiming import Claimer
from pigment_watcher.intake.loop import Intake

__all__ = ["Claimer", "Intake"]
