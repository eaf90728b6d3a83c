"""Asks after one import, once."""

from pigment_watcher import errors
from pigment_watcher.model import Asking, ImportStatus
from pigment_watcher.pigment import Client


def poll(
    client: Client, import_id: str, api_key: str, asking: Asking = Asking.ARTICLE
) -> ImportStatus | errors.DestinationError:
    """Return what Pigment says of an import, or why it could not be asked."""
    try:
        return client.status(import_id, api_key=api_key, asking=asking)
    except errors.DestinationError as error:
        return error


def probe(client: Client, api_key: str) -> errors.DestinationError | None:
    """Return None if host and key are fine, else what was wrong; nothing is pushed."""
    try:
        client.probe(api_key=api_key)
    except errors.DestinationError as error:
        return error
    return None
