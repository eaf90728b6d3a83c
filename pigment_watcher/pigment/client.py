"""The client: pushes a file, asks after an import, probes host and key."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit

import requests
import urllib3

import pigment_watcher
from pigment_watcher import errors
from pigment_watcher.model import Accepted, Asking, ImportStatus
from pigment_watcher.pigment import answers, causes, transport
from pigment_watcher.pigment.body import Body, CallbackFailed
from pigment_watcher.pigment.guard import Guard
from pigment_watcher.pigment.words import tidy

HEADERS = {
    "User-Agent": f"pigment-watcher/{pigment_watcher.__version__}",
    "Accept": "application/json",
    # An answer is short, and a compressed one could be huge once unpacked.
    "Accept-Encoding": "identity",
    "Connection": "close",
}

#: What stands before and after the ID in the path of each status call.
_STATUS_CALLS = {
    Asking.REPORT: ("v1/", "?includedDetailedReport=true"),
    Asking.V1: ("v1/", ""),
    Asking.ARTICLE: ("", ""),
}


def _ignore(*_: object) -> None:
    """Do nothing."""


class Client:
    """Speaks to one Pigment host; for one thread, except `abort`.

    `connect_timeout_s` covers TCP (for each address that the name has), a proxy's tunnel and TLS;
    `answer_timeout_s` is the total from the last byte sent to the end of the answer.
    `ca_bundle` and `proxy` replace the system's trust store and the environment's proxies.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_timeout_s: float = 10.0,
        answer_timeout_s: float = 120.0,
        ca_bundle: Path | None = None,
        proxy: str | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._where = urlsplit(url).netloc.rpartition("@")[2] or url
        self._timeouts_s = (connect_timeout_s, answer_timeout_s)
        self._proxies = transport.proxies(self._url, proxy)
        self._guard = Guard()
        self._adapter = transport.Adapter(self._guard, transport.trust(ca_bundle))

    def __enter__(self) -> Self:
        """Use it in a with statement."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def push(
        self,
        body: BinaryIO,
        *,
        size: int,
        configuration_id: str,
        api_key: str,
        before_body: Callable[[], None] = _ignore,
        progress: Callable[[int], None] = _ignore,
    ) -> Accepted:
        """Send the next `size` bytes of an open file to an import configuration.

        `before_body` is called once, when the connection stands and the first byte is about to
        leave; what it raises comes out unchanged and nothing leaves. `progress` gets the number
        of bytes sent so far. Raises a DestinationError; FileChanged or FileUnreadable when the
        file gives out before a byte was sent; ValueError for an ID or a key that can't be one.
        """
        target = f"/api/import/push/csv?configurationId={_checked_id(configuration_id)}"
        content = Body(body, size, before=before_body, progress=progress)
        answer = self._call("POST", target, api_key=api_key, body=content)
        import_id = answers.import_id(answer)
        if not content.complete:
            raise errors.NotKnown(
                f"{self._where} said that import {import_id} has started, but of {size} bytes "
                f"it had taken {content.taken} at most: look at it in Pigment"
            )
        return Accepted(import_id=import_id, sha256=content.sha256, bytes_sent=content.taken)

    def status(
        self, import_id: str, *, api_key: str, asking: Asking = Asking.ARTICLE
    ) -> ImportStatus:
        """Ask after an import; raises a DestinationError, a TooLong for too long a report."""
        version, wish = _STATUS_CALLS[asking]
        target = f"/api/{version}import/{_checked_id(import_id)}/status{wish}"
        most = answers.REPORT_BYTES if wish else answers.ANSWER_BYTES
        answer = self._call("GET", target, api_key=api_key, most=most)
        return answers.import_status(answer, asked_for=import_id, secret=api_key)

    def probe(self, *, api_key: str) -> None:
        """Return if host and key are fine, which the 404 of an impossible import tells.

        Asked for as pushes are, so that it tells of them: not under v1, which may be missing.
        """
        try:
            self.status(answers.NIL_ID, api_key=api_key)
        except errors.ServerSaid as said:
            if said.status == requests.codes.not_found:
                return
            raise
        raise errors.NotKnown(
            f"{self._where} knows an import that can't exist: is it Pigment? Check the url"
        )

    def abort(self) -> None:
        """Cut the call under way, from any thread, and make every later one fail at once.

        A look-up of the name and a TCP connect are not cut; they end by their own time-outs.
        """
        self._guard.abort()

    def close(self) -> None:
        """Let go of everything; calling it again does no harm."""
        self._adapter.close()

    def _call(
        self,
        method: str,
        target: str,
        *,
        api_key: str,
        body: Body | None = None,
        most: int = answers.ANSWER_BYTES,
    ) -> answers.Answer:
        auth = transport.Bearer(_checked_key(api_key))
        try:
            self._begin(body)
            request = requests.PreparedRequest()
            request.prepare(method, self._url + target, **self._options(body), auth=auth)
            with self._adapter.send(
                request, proxies=self._proxies, timeout=self._timeouts_s, stream=True
            ) as response:
                return answers.read(response, secret=api_key, now=time.time(), most=most)
        except CallbackFailed as failed:
            raise failed.error from failed.error.__cause__
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._lost(error, body, api_key) from error
        finally:
            # Every call has a fresh connection: one that the server is about to close, just when
            # a file goes out, would make that file's outcome unknown.
            self._adapter.close()
            self._guard.end()

    def _begin(self, body: Body | None) -> None:
        if body is None:
            self._guard.begin(total_s=self._timeouts_s[1])
        else:
            # The headers of an empty file are all of it, so its begin is before them.
            self._guard.begin(when_connected=None if body.size else body.begin)

    def _options(self, body: Body | None) -> dict[str, Any]:
        if body is None:
            return {"headers": HEADERS}
        # An empty stream would go out chunked.
        data = body if body.size else b""
        return {"headers": {**HEADERS, "Content-Type": "text/csv"}, "data": data}

    def _lost(self, error: Exception, body: Body | None, api_key: str) -> errors.DestinationError:
        cause = tidy(causes.text(error), secret=api_key)
        if self._guard.is_aborted:
            cause = "the client was told to stop"
        may_have_arrived = self._guard.is_connected if body is None else body.begun
        if not may_have_arrived:
            return errors.NothingSent(f"{self._where}: nothing was sent: {cause}")
        sent = f" after {body.taken} of {body.size} bytes" if body else ""
        return errors.NotKnown(f"{self._where}: the answer is lost{sent}: {cause}")


def _checked_id(value: str) -> str:
    if not answers.is_uuid(value):
        raise ValueError(f"not a UUID: {value!r}; copy it from Pigment once more")
    return value


def _checked_key(api_key: str) -> str:
    if not (api_key.isascii() and api_key.isprintable() and api_key.split() == [api_key]):
        raise ValueError("the API key is empty or holds blanks or other characters no key has")
    return api_key
