"""A client for Pigment's Import API that always says how much it knows.

    with pigment.Client("https://pigment.app") as client, open(path, "rb") as file:
        accepted = client.push(file, size=size, configuration_id=..., api_key=...)
        status = client.status(accepted.import_id, api_key=...)

A push returns `Accepted`: Pigment has taken every byte and the import has started, no more.
`status` tells how it went. `probe` tells whether host and key are fine, and pushes nothing.

Nothing is ever tried again, redirected or guessed. Each error says what may have happened:

- `NothingSent`: no byte of the file left this machine. Trying again is safe.
- `ServerSaid`: the server answered, with another status than 200. Its `status` tells.
- `NotKnown`: bytes left, and no usable answer came. The import may be running.

A client is for one thread; only `abort` may be called from another. It speaks over connections
that are fresh for every call, holds no file in memory, and shows no key in any message.
"""

from pigment_watcher.pigment.client import Client

__all__ = ["Client"]
