"""The simulator as tests and commands hold it: start, script, look, stop."""

import time
from collections.abc import Callable, Collection
from typing import Self

from pigment_watcher import errors
from pigment_watcher.simulator.backend import Import, ImportState, Rules
from pigment_watcher.simulator.book import Book
from pigment_watcher.simulator.faults import Fault
from pigment_watcher.simulator.ledger import Call, Push
from pigment_watcher.simulator.server import Server

#: The API key that the simulator takes if it is not told another.
DEMO_KEY = "DemoKeyOfTheSimulator"

#: How often `wait_for` looks at what only the clock changes, in seconds.
_LOOK_S = 0.05


class Simulator:
    """A stand-in for Pigment's Import API on a real socket.

    `configurations` None: every UUID but the nil one is known. `import_s` is how long an import
    takes, infinity: until `finish`. The limits are (requests, seconds): of all calls together,
    and of the pushes of a configuration. Without `has_v1` there is no status with reports. `log` is
    given a line for each request, from any thread.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: Collection[str] = (DEMO_KEY,),
        configurations: Collection[str] | None = None,
        import_s: float = 1.0,
        request_limit: tuple[int, float] | None = None,
        push_limit: tuple[int, float] | None = None,
        max_bytes: int | None = None,
        has_v1: bool = True,
        log: Callable[[str], None] | None = None,
    ) -> None:
        rules = Rules(
            keys=keys,
            configurations=configurations,
            import_s=import_s,
            request_limit=request_limit,
            push_limit=push_limit,
            max_bytes=max_bytes,
            has_v1=has_v1,
        )
        self._book = Book(rules, log)
        self._host = host
        self._port = port
        self._server: Server | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens, or listened last; raises RequestRefused before the first start."""
        if not self._port:
            raise errors.RequestRefused("the simulator has no address yet: start it first")
        return f"http://{self._host}:{self._port}"

    def start(self) -> None:
        """Listen; raises RequestRefused if the address can't be had.

        Started again after a stop, it has the same port and remembers what came in before.
        """
        if self._server is not None:
            return
        try:
            self._server = Server((self._host, self._port), self._book)
        except OSError as error:
            raise errors.RequestRefused(
                f"can't listen on {self._host}:{self._port}: {error.strerror}; "
                "choose another port, or end what uses it"
            ) from error
        self._port = self._server.port

    def stop(self) -> None:
        """Give the answers that are kept back, break all connections and listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def pushes(self) -> list[Push]:
        """Return the ledger: the pushes, in the order in which they ended."""
        return self._book.pushes()

    def calls(self) -> list[Call]:
        """Return all requests to what stands for Pigment, in the order in which they ended."""
        return self._book.calls()

    def imports(self) -> list[Import]:
        """Return the imports as they stand now, in the order in which they began."""
        return self._book.imports()

    def script(self, *faults: Fault) -> None:
        """Let these things go wrong next, each with the first request that matches it."""
        self._book.script(faults)

    def tell(self, report: object) -> None:
        """Report this of every import that is completed, whatever it is, until a reset."""
        self._book.tell(report)

    def finish(self, import_id: str, state: ImportState = "Completed") -> None:
        """End an import now; raises RequestRefused if it is not in progress."""
        self._book.finish(import_id, state)

    def reset(self) -> None:
        """Forget what came in, the imports, the limits' counts and the faults."""
        self._book.reset()

    def wait_for(self, predicate: Callable[["Simulator"], bool], timeout_s: float = 30.0) -> None:
        """Return once the predicate is true of it; raises TimeoutError if that takes too long."""
        deadline = time.monotonic() + timeout_s
        with self._book.changed:
            while not predicate(self):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError(self._so_far(timeout_s))
                # An import ends by the clock, which notifies nobody.
                self._book.changed.wait(min(left_s, _LOOK_S))

    def _so_far(self, timeout_s: float) -> str:
        running = sum(one.state == "InProgress" for one in self.imports())
        return (
            f"not so within {timeout_s:g} s: {len(self.pushes())} pushes and "
            f"{len(self.calls())} calls came, {running} imports are in progress"
        )
