"""The drives that folders lie on, and who touches them.

What is known to be a local disk is touched by the service itself. Every other drive may stop to
answer at any moment, and whoever waits for it then can't even be killed: so helper processes touch
it in the service's stead, and one that hangs is left behind.
"""

from pigment_watcher.drives.drive import Drive
from pigment_watcher.drives.registry import Drives

__all__ = ["Drive", "Drives"]
