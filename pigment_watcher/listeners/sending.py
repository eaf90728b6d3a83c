"""Sends messages to where Apprise URLs point: mail, chat, telephones, webhooks."""

import logging
from collections.abc import Sequence

import apprise

from pigment_watcher import errors

# It says why a message could not be sent, some of it with addresses; we say that it was not.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


class Sender:
    """Several URLs that get the same; they hold secrets and are never shown.

    Raises ConfigError where one is no URL that messages can be sent to.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._everybody = apprise.Apprise()
        for number, url in enumerate(urls, 1):
            if not self._everybody.add(url):
                problem = f"notify: address {number} of its file is no Apprise URL"
                raise errors.ConfigError([f"{problem}, such as mailto://... or msteams://..."])

    def send(self, title: str, body: str) -> bool:
        """Send to all, wait for their answers, and return whether all of them took it."""
        return bool(self._everybody.notify(title=title, body=body, body_format="text"))
