"""Everything the simulator remembers, behind one lock."""

import threading
import time
from collections.abc import Callable, Iterable

from pigment_watcher.simulator.answers import Answer
from pigment_watcher.simulator.backend import Backend, Import, ImportState, Rules
from pigment_watcher.simulator.faults import Fault, Script
from pigment_watcher.simulator.ledger import Call, Push
from pigment_watcher.simulator.received import Received, Target


class Book:
    """The ledger, the imports and the faults; `changed` is notified when one of them changes."""

    def __init__(self, rules: Rules, log: Callable[[str], None] | None = None) -> None:
        self.changed = threading.Condition()
        self._rules = rules
        self._log = log
        self._backend = Backend(rules)
        self._script = Script()
        self._pushes: list[Push] = []
        self._calls: list[Call] = []

    def pushes(self) -> list[Push]:
        """Return the pushes, in the order in which they ended."""
        with self.changed:
            return self._pushes.copy()

    def calls(self) -> list[Call]:
        """Return all requests, in the order in which they ended."""
        with self.changed:
            return self._calls.copy()

    def imports(self) -> list[Import]:
        """Return the imports as they stand now."""
        with self.changed:
            return self._backend.imports(time.time())

    def finish(self, import_id: str, state: ImportState) -> None:
        """End an import now; raises RequestRefused if it is not in progress."""
        with self.changed:
            self._backend.finish(import_id, state=state, now=time.time())
            self.changed.notify_all()

    def tell(self, report: object) -> None:
        """Report this of every import."""
        with self.changed:
            self._backend.tell(report)

    def script(self, faults: Iterable[Fault]) -> None:
        """Append faults."""
        with self.changed:
            self._script.add(faults)
            self.changed.notify_all()

    def reset(self) -> None:
        """Forget what came in, the imports, the limits' counts and the faults."""
        with self.changed:
            self._backend = Backend(self._rules)
            self._script.clear()
            self._pushes.clear()
            self._calls.clear()
            self.changed.notify_all()

    def take_fault(self, target: Target, *, head: bytes | None = None) -> Fault | None:
        """Use up the fault that is for this request, if there is one."""
        with self.changed:
            return self._script.take(target, head=head)

    def answer(self, received: Received, *, lost: bool = False) -> Answer:
        """Decide, and note the request with its answer; without a status if that gets `lost`."""
        with self.changed:
            answer = self._backend.answer(received, time.time())
            status = None if lost else answer.status
            self._note(received, status=status, import_id=answer.import_id)
        self._tell(received, status)
        return answer

    def note(self, received: Received, *, status: int | None = None) -> None:
        """Note a request that Pigment's rules did not decide about."""
        with self.changed:
            self._note(received, status=status)
        self._tell(received, status)

    def _note(
        self, received: Received, *, status: int | None, import_id: str | None = None
    ) -> None:
        target, body = received.target, received.body
        call = Call(at=received.at, method=target.method, path=target.path, status=status)
        self._calls.append(call)
        if target.kind in ("push", "legacy"):
            push = Push(
                at=received.at,
                configuration_id=target.configuration_id,
                import_id=import_id,
                status=status,
                size=body.size,
                sha256=body.sha256,
                whole=body.whole,
                content_type=received.header("Content-Type"),
                authorized=self._rules.accepts(received.key),
                user_agent=received.header("User-Agent"),
                legacy=target.kind == "legacy",
            )
            self._pushes.append(push)
        self.changed.notify_all()

    def _tell(self, received: Received, status: int | None) -> None:
        if self._log is not None:
            target = received.target
            size = f", {received.body.size} bytes" if target.method == "POST" else ""
            self._log(f"{target.method} {target.path}{size} -> {status or 'no answer'}")
