"""The socket: reads requests, and does to the connection what a fault asks for."""

import contextlib
import dataclasses
import http.client
import socket
import socketserver
import struct
import threading
import time
from typing import Any

from pigment_watcher.simulator import answers, pages
from pigment_watcher.simulator.answers import Answer
from pigment_watcher.simulator.book import Book
from pigment_watcher.simulator.faults import Fault
from pigment_watcher.simulator.received import Body, BodyMeter, Received, read_target

#: Bytes of the longest request line.
_LINE_BYTES = 64 * 1024

#: Bytes read from a body at once.
_BLOCK_BYTES = 64 * 1024

#: Seconds between two bytes of a dripping answer, if the fault does not say.
_DRIP_S = 0.01

#: Seconds for which a body of unknown length is read and dropped, so that its answer arrives.
_LINGER_S = 2.0

#: Seconds within which a stop lets the last answers be written.
_LAST_ANSWERS_S = 1.0

#: How often the accepting thread looks whether it shall stop, in seconds.
_ACCEPT_POLL_S = 0.02


class Server(socketserver.TCPServer):
    """Listens, and gives each connection a thread that `close` ends, whatever it waits for."""

    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], book: Book) -> None:
        self.book = book
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        super().__init__(address, Connection)
        self._acceptor = threading.Thread(
            target=self.serve_forever, args=(_ACCEPT_POLL_S,), name="simulator", daemon=True
        )
        self._acceptor.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.socket.getsockname()[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection its thread."""
        thread = threading.Thread(
            target=self._converse,
            args=(request, client_address),
            name="simulator-connection",
            daemon=True,
        )
        with self._lock:
            self._open[thread] = request
        thread.start()

    def close(self) -> None:
        """Accept no more, give the answers that were kept back, and break the connections."""
        self.stopping.set()
        self.shutdown()
        self._acceptor.join()
        self.server_close()
        with self._lock:
            open_connections = list(self._open.items())
        deadline = time.monotonic() + _LAST_ANSWERS_S
        for how in (socket.SHUT_RD, socket.SHUT_RDWR):
            for _, connection in open_connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(how)
            for thread, _ in open_connections:
                thread.join(max(0.0, deadline - time.monotonic()))
        for thread, _ in open_connections:
            thread.join()

    def _converse(self, request: socket.socket, client_address: Any) -> None:
        try:
            # A caller who hangs up is no news here: the ledger says what came of it.
            with contextlib.suppress(OSError):
                self.finish_request(request, client_address)
        finally:
            # Without socketserver's shutdown(): its FIN would go before a reset.
            request.close()
            with self._lock:
                del self._open[threading.current_thread()]


class Connection(socketserver.StreamRequestHandler):
    """One caller's connection, for as many requests as it sends."""

    server: Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Serve requests until either side has enough."""
        while self._serve_one():
            pass

    def _serve_one(self) -> bool:
        """Serve a request; return whether the connection can take another one."""
        line = self.rfile.readline(_LINE_BYTES)
        if not line:
            return False
        target = read_target(line)
        if target is None:
            return self._send(answers.text(400, "Not a request of HTTP/1"), keeps_alive=False)
        received = Received(at=time.time(), target=target)
        fault = self.server.book.take_fault(target)
        if fault and fault.action == "reset_at_once":
            return self._lose(received, fault)
        try:
            headers = http.client.parse_headers(self.rfile)
        except http.client.HTTPException:
            return self._send(answers.text(400, "Headers too long"), keeps_alive=False)
        return self._serve_body(dataclasses.replace(received, headers=headers), fault)

    def _serve_body(self, received: Received, fault: Fault | None) -> bool:
        if fault and fault.acts_before_body:
            return self._act_before_body(received, fault)
        received = self._with_body(received, received.length or 0)
        if not received.body.whole and received.length is not None:
            self.server.book.note(received)
            return False
        if fault is None:
            fault = self.server.book.take_fault(received.target, head=received.body.head)
        keeps_alive = self._reply(received, fault)
        if received.length is None:
            self._linger()
        return keeps_alive

    def _act_before_body(self, received: Received, fault: Fault) -> bool:
        if fault.action == "early":
            answer = self._scripted_answer(received, fault)
            self._pause(fault)
            return self._send(answer, keeps_alive=False)
        if fault.action == "reset_half_body":
            received = self._with_body(received, (received.length or 0) // 2)
        return self._lose(received, fault)

    def _reply(self, received: Received, fault: Fault | None) -> bool:
        if received.target.is_own:
            answer = pages.answer(received, self.server.book)
        elif fault is None:
            answer = self.server.book.answer(received)
        else:
            return self._act(received, fault)
        return self._send(answer, keeps_alive=received.keeps_alive)

    def _act(self, received: Received, fault: Fault) -> bool:
        match fault.action:
            case None | "drip" | "cut_answer":
                return self._answer_oddly(received, fault)
            case "accept_then_reset":
                self.server.book.answer(received, lost=True)
                self._pause(fault)
                return self._reset()
            case _:
                return self._lose(received, fault)

    def _answer_oddly(self, received: Received, fault: Fault) -> bool:
        answer = self._scripted_answer(received, fault)
        if fault.action == "drip":
            return self._drip(answer, fault)
        self._pause(fault)
        if fault.action == "cut_answer":
            return self._cut(answer)
        return self._send(answer, keeps_alive=received.keeps_alive)

    def _scripted_answer(self, received: Received, fault: Fault) -> Answer:
        """Return the fault's own answer, or Pigment's if it has none, and note it."""
        if fault.status is None:
            return self.server.book.answer(received)
        self.server.book.note(received, status=fault.status)
        return Answer(status=fault.status, body=fault.body, headers=fault.headers)

    def _lose(self, received: Received, fault: Fault) -> bool:
        """Note the request, and end it without an answer."""
        self.server.book.note(received)
        self._pause(fault)
        match fault.action:
            case "hang" | "hang_after_body":
                self.server.stopping.wait()
            case "garbage":
                self.wfile.write(b"\x00\xffno such protocol\r\n\r\n")
            case "close_after_body":
                pass
            case _:
                return self._reset()
        return False

    def _with_body(self, received: Received, size: int) -> Received:
        """Read so many bytes of the body, or as many as come."""
        if size and received.header("Expect").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        meter = BodyMeter()
        with contextlib.suppress(OSError):
            while meter.size < size:
                block = self.rfile.read(min(_BLOCK_BYTES, size - meter.size))
                if not block:
                    break
                meter.add(block)
        body: Body = meter.body(whole=meter.size == received.length)
        return dataclasses.replace(received, body=body)

    def _send(self, answer: Answer, *, keeps_alive: bool) -> bool:
        self.wfile.write(answer.render(keeps_alive=keeps_alive))
        return keeps_alive

    def _drip(self, answer: Answer, fault: Fault) -> bool:
        for byte in answer.render(keeps_alive=False):
            self.wfile.write(bytes([byte]))
            if self.server.stopping.wait(fault.delay_s or _DRIP_S):
                break
        return False

    def _cut(self, answer: Answer) -> bool:
        rendered = answer.render(keeps_alive=False)
        self.wfile.write(rendered[: len(rendered) - max(len(answer.body) // 2, 1)])
        return False

    def _reset(self) -> bool:
        # Closing with a linger time of zero sends RST instead of FIN.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return False

    def _pause(self, fault: Fault) -> None:
        if fault.delay_s:
            self.server.stopping.wait(fault.delay_s)

    def _linger(self) -> None:
        # Closing with unread bytes sends RST, which may overtake the answer.
        self.connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _LINGER_S
        while (left_s := deadline - time.monotonic()) > 0:
            self.connection.settimeout(left_s)
            if not self.connection.recv(_BLOCK_BYTES):
                return
