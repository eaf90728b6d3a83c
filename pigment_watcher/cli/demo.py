"""`demo`: the real service, a stand-in for Pigment, and files that go through."""

import contextlib
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from pigment_watcher import config
from pigment_watcher.cli import demo_files, demo_view, interrupt
from pigment_watcher.cli.demo_files import Sample
from pigment_watcher.model import JobEvent, Listener, Outcome, ServiceEvent
from pigment_watcher.service.service import Service
from pigment_watcher.simulator import DEMO_KEY, Simulator
from pigment_watcher.views import show

#: Seconds after which the demo gives up.
LIMIT_S = 18.0
#: Seconds that an import takes, and between two lines of the slow writer.
_IMPORT_S = 0.4
_LINE_S = 0.2

_ROUTES = {
    "sales": "33d0d7d0-6125-47c4-b36a-882f4ed53b33",
    "costs": "5a2f3c1e-9d57-4b0e-8a43-0f6b1c2d3e4f",
}


@click.command(
    help="Shows files going from two folders into a stand-in for Pigment, by the real service."
    " It needs nothing, changes nothing outside of a temporary folder, and ends by itself.",
    epilog=show.examples("pigment-watcher demo", "pigment-watcher demo --keep"),
)
@click.option("--keep", is_flag=True, help="Keep the temporary folder, to look around in it.")
@interrupt.raised()
def demo(*, keep: bool) -> None:
    """Run the demo; exit 0 if every file ended as planned."""
    samples = demo_files.samples()
    folder = Path(tempfile.mkdtemp(prefix="pigment-watcher-demo-"))
    try:
        with _no_proxy(), Simulator(import_s=_IMPORT_S) as simulator:
            ending = _run(folder, simulator, samples)
            surprises = [*ending.surprises(), *_wrongly_sent(simulator, samples)]
        _look_back(folder)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if keep:
        click.echo(f"\nTo look around: pigment-watcher history --config {folder}/config.yaml")
    for surprise in surprises:
        click.echo(f"pigment-watcher: demo: {surprise}", err=True)
    if not surprises:
        click.echo(f"\nAll {len(samples)} files ended as planned.")
    sys.exit(1 if surprises else 0)


def _run(folder: Path, simulator: Simulator, samples: Sequence[Sample]) -> "Ending":
    """Run the service over the samples until all have ended."""
    file = _write_config(folder, simulator.url)
    _drop(folder, samples)
    click.echo(f"A stand-in for Pigment listens on {simulator.url}.")
    click.echo(f"The service watches {folder}/sales and {folder}/costs.\n")
    ending = Ending(samples)
    load = partial(config.load, file, environ={})
    with demo_view.fitting(samples) as view, ending.limited(LIMIT_S), _writing(folder, samples):
        Service(load(), load=load, listeners=[view, ending], environ={}).run()
    return ending


class Ending(Listener):
    """Ends the service by SIGTERM, as a person would, when every file has ended."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._planned = {sample.name: sample.ends for sample in samples}
        # Guards the outcomes: workers tell of them.
        self._lock = threading.Lock()
        self._outcomes: dict[str, Outcome | None] = {}
        self._asked = False

    def job_changed(self, event: JobEvent) -> None:
        """Count an end."""
        if event.name == "job.finished":
            with self._lock:
                self._outcomes[event.job.name] = event.job.outcome
                if self._planned.keys() <= self._outcomes.keys():
                    self._ask()

    def service_changed(self, event: ServiceEvent) -> None:
        """Ask no more where somebody else did, such as Ctrl-C: a second signal would kill."""
        if event.name == "service.stopping":
            with self._lock:
                self._asked = True

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """End the service after so many seconds, whatever has not ended by then."""
        timer = threading.Timer(seconds, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def surprises(self) -> list[str]:
        """Return what ended otherwise than planned."""
        return [
            f"{name}: was to be {planned.value}, is {ended.value if ended else 'not at its end'}"
            for name, planned in self._planned.items()
            if (ended := self._outcomes.get(name)) is not planned
        ]

    def _give_up(self) -> None:
        with self._lock:
            self._ask()

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            os.kill(os.getpid(), signal.SIGTERM)


# ---------------------------------------------------------------- the set-up


def _write_config(folder: Path, url: str) -> Path:
    key_file = folder / "api-key"
    key_file.write_text(DEMO_KEY, encoding="ascii")
    key_file.chmod(0o600)
    lines = [f"pigment: {{url: '{url}', api_key_file: api-key}}", "state_directory: state"]
    lines.append("routes:")
    for name, configuration_id in _ROUTES.items():
        (folder / name).mkdir()
        lines += [
            f"  {name}:",
            f"    directory: {name}",
            f"    configuration_id: {configuration_id}",
            "    load_mode: update",
            "    quiet: 500ms",
        ]
    file = folder / "config.yaml"
    file.write_text("\n".join([*lines, ""]), encoding="ascii")
    return file


def _drop(folder: Path, samples: Sequence[Sample]) -> None:
    """Write the files, a minute apart, so that their order can be seen."""
    first = time.time() - 60.0 * len(samples)
    for number, sample in enumerate(samples):
        path = folder / sample.route / sample.name
        path.write_bytes(
            sample.content.splitlines(keepends=True)[0] if sample.slow else sample.content
        )
        if not sample.slow:
            os.utime(path, (first + 60.0 * number,) * 2)


@contextlib.contextmanager
def _writing(folder: Path, samples: Sequence[Sample]) -> Iterator[None]:
    """Go on writing the slow files, line by line, in a thread."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_write, args=(folder, sample, stop), name="slow-writer")
        for sample in samples
        if sample.slow
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _write(folder: Path, sample: Sample, stop: threading.Event) -> None:
    with (folder / sample.route / sample.name).open("ab") as stream:
        for line in sample.content.splitlines(keepends=True)[1:]:
            if stop.wait(_LINE_S):
                return
            stream.write(line)
            stream.flush()


@contextlib.contextmanager
def _no_proxy() -> Iterator[None]:
    """Keep a proxy of this machine out of a conversation that does not leave it."""
    before = os.environ.get("NO_PROXY")
    os.environ["NO_PROXY"] = "*"
    try:
        yield
    finally:
        del os.environ["NO_PROXY"]
        if before is not None:
            os.environ["NO_PROXY"] = before


# ---------------------------------------------------------------- the end


def _wrongly_sent(simulator: Simulator, samples: Sequence[Sample]) -> list[str]:
    """Return what reached the stand-in otherwise than once and whole."""
    planned = sorted(
        hashlib.sha256(sample.content).hexdigest() for sample in samples if sample.is_sent
    )
    if sorted(push.sha256 for push in simulator.pushes()) == planned:
        return []
    return ["the stand-in did not get each of the files once and whole"]


def _look_back(folder: Path) -> None:
    """Show the folders as they ended, a reason and a report."""
    click.echo("\nThe folders now:\n")
    for route in _ROUTES:
        click.echo(f"  {route}/")
        for line in demo_view.tree(folder / route, 2):
            click.echo(line)
    costs = folder / "costs"
    reasons = sorted((costs / "failed").glob("*.reason.txt"))[:1]
    reports = sorted((costs / "done").glob("*.report.txt"))[:1]
    for text in (*reasons, *reports):
        click.echo(f"\n{text.relative_to(folder)} says:\n")
        for line in text.read_text(encoding="utf-8-sig").splitlines():
            click.echo(f"  | {line}".rstrip())
