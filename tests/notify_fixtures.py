"""Who is told: a mail server and a webhook, real ones on loopback."""

import email
import email.message
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller


class Mailbox:
    """Takes every mail; `mails` are those that came."""

    def __init__(self) -> None:
        self.mails: list[email.message.Message] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[tuple[str, Mailbox]]:
    """Lend the Apprise URL of a mail server, and what it takes."""
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        url = (
            f"mailto://127.0.0.1:{port}?from=watcher@example.com&to=anna@example.com&mode=insecure"
        )
        yield url, mailbox
    finally:
        controller.stop()


class Webhook:
    """Takes every call; `said` are the objects that came, `status` what is answered."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.gets: list[str] = []
        self.status = 200
        self.came = threading.Condition()

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        """Wait until so many objects came."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.said) >= count, seconds), self.said


@contextmanager
def webhook() -> Iterator[tuple[str, Webhook]]:
    """Lend the host and port of a webhook, and what it takes."""
    taken = Webhook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with taken.came:
                if taken.status == 200:
                    taken.said.append(json.loads(body))
                taken.came.notify_all()
            self._answer(taken.status)

        def do_GET(self) -> None:
            with taken.came:
                taken.gets.append(self.path)
                taken.came.notify_all()
            self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="webhook")
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", taken
        finally:
            server.shutdown()
            thread.join()
