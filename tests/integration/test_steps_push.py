"""Pushing one claimed file, against the simulator on a real socket."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from journal_fixtures import LANE, NO_TEXT, new_job

from pigment_watcher import errors
from pigment_watcher.files import claims
from pigment_watcher.model import Accepted, Job, Outcome, Rules
from pigment_watcher.pigment import Client
from pigment_watcher.simulator import DEMO_KEY, Fault, Simulator
from pigment_watcher.steps import push

ROWS = b"month,account,amount\n2026-09,4000,120.50\n"
ME = "0a1b2c3d4e5f"


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@dataclass
class Bench:
    """A claimed file and what is needed to push it; remembers what it was told."""

    folder: Path
    url: str
    told: list[str | int] = field(default_factory=list)
    on_progress: Callable[[int], None] = lambda _: None

    def claimed(self, name: str = "a.csv", content: bytes = ROWS, **rules: Any) -> Job:
        """Drop a file and claim it."""
        source = self.folder / name
        source.write_bytes(content)
        found = claims.look(source)
        assert found is not None
        known = Rules(directory=self.folder, done=self.folder, failed=self.folder, **rules)
        job = new_job(name, id=1, source=source, fingerprint=found, rules=known)
        claims.make_places(self.folder, ME, [job.id])
        claims.take(source, self.path(job))
        return job

    def path(self, job: Job) -> Path:
        return claims.path(self.folder, ME, job.id, job.name)

    def push(self, job: Job, **changes: Any) -> push.Pushed | push.Invalid | push.NotReady:
        with Client(self.url, connect_timeout_s=2.0, answer_timeout_s=5.0) as client:
            known: dict[str, Any] = {
                "client": client,
                "api_key": DEMO_KEY,
                "before_body": lambda: self.told.append("begin"),
                "progress": self._progress,
            }
            return push.push(job, ME, push.Sending(**{**known, **changes}))

    def _progress(self, sent: int) -> None:
        self.told.append(sent)
        self.on_progress(sent)


@pytest.fixture
def bench(tmp_path: Path, pigment: Simulator) -> Bench:
    return Bench(tmp_path, pigment.url)


def answer_of(result: object) -> Accepted | errors.DestinationError:
    assert isinstance(result, push.Pushed)
    return result.answer


def sent(pigment: Simulator) -> list[str]:
    """Return the hashes of all bodies that came."""
    return [one.sha256 for one in pigment.pushes()]


def test_a_claimed_file_goes_out_as_it_is(bench: Bench, pigment: Simulator) -> None:
    """Behaviour O1, T19."""
    result = bench.push(bench.claimed())

    (one,) = pigment.pushes()
    assert (one.configuration_id, one.sha256) == (LANE, sha256(ROWS).hexdigest())
    accepted = Accepted(import_id=str(one.import_id), sha256=one.sha256, bytes_sent=len(ROWS))
    assert result == push.Pushed(answer=accepted, changed=False)
    assert bench.told == ["begin", 0, len(ROWS)]


def test_what_lies_in_the_inbox_is_not_what_is_sent(bench: Bench, pigment: Simulator) -> None:
    """A corrected file of the same name is another job. Behaviour T9, T31."""
    job = bench.claimed()
    job.source.write_bytes(b"another,one\n1,2\n")
    bench.push(job)

    assert sent(pigment) == [sha256(ROWS).hexdigest()]


@pytest.mark.parametrize("name", [NO_TEXT, "line\r\nX-Evil: 1.csv", "n" * 255, "-rf"])
def test_a_name_never_reaches_the_wire(bench: Bench, pigment: Simulator, name: str) -> None:
    """Behaviour T14."""
    assert isinstance(answer_of(bench.push(bench.claimed(name))), Accepted)
    assert sent(pigment) == [sha256(ROWS).hexdigest()]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"month,amount\n", "no rows"),
        (b"PK\x03\x04 xl/workbook", "Excel"),
        (b"a,b\n1,2\n" + bytes(5000), "NUL"),
        (b"a,b\n" + b"1,2\n" * 30_000 + bytes(10), "NUL"),
    ],
)
def test_a_file_that_our_checks_refuse_is_never_sent(
    bench: Bench, pigment: Simulator, content: bytes, why: str
) -> None:
    """Behaviour H6, T7."""
    result = bench.push(bench.claimed(content=content))

    assert isinstance(result, push.Invalid)
    assert result.verdict.outcome is Outcome.INVALID
    assert why in result.verdict.reason
    assert (pigment.calls(), bench.told) == ([], [])


def test_a_long_header_is_read_on_until_its_rows(bench: Bench, pigment: Simulator) -> None:
    header = b"column," * 20_000
    assert isinstance(answer_of(bench.push(bench.claimed(content=header + b"\n1,2\n"))), Accepted)
    assert len(sent(pigment)) == 1


def test_an_empty_file_is_sent_where_that_is_allowed(bench: Bench, pigment: Simulator) -> None:
    result = bench.push(bench.claimed(content=b"", allow_empty=True))

    assert answer_of(result) == Accepted(
        import_id=str(pigment.pushes()[0].import_id),
        sha256=sha256().hexdigest(),
        bytes_sent=0,
    )
    assert bench.told == ["begin"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.answer(503), errors.ServerSaid),
        (Fault(action="reset_after_body"), errors.NotKnown),
    ],
)
def test_what_the_destination_answers_is_a_result_and_no_exception(
    bench: Bench, pigment: Simulator, fault: Fault, kind: type[Exception]
) -> None:
    pigment.script(fault)
    result = bench.push(bench.claimed())
    assert isinstance(answer_of(result), kind)
    assert bench.told[0] == "begin"


def test_a_destination_that_is_not_there_is_told_nothing(bench: Bench, pigment: Simulator) -> None:
    """Behaviour T20."""
    job = bench.claimed()
    pigment.stop()

    assert isinstance(answer_of(bench.push(job)), errors.NothingSent)
    assert bench.told == []


def test_no_byte_leaves_when_the_intent_can_not_be_stored(bench: Bench, pigment: Simulator) -> None:
    """Behaviour T1."""

    def refuse() -> None:
        raise errors.JournalBusy("the disk is full")

    with pytest.raises(errors.JournalBusy):
        bench.push(bench.claimed(), before_body=refuse)
    assert [one.size for one in pigment.pushes()] in ([], [0])


# ---------------------------------------------------------------- not what was claimed


def test_a_file_that_changed_after_its_claim_is_not_sent(bench: Bench, pigment: Simulator) -> None:
    """Behaviour T8."""
    job = bench.claimed()
    bench.path(job).write_bytes(ROWS * 2)

    result = bench.push(job)

    assert isinstance(result, push.NotReady)
    assert isinstance(result.error, errors.FileChanged)
    assert result.found == claims.look(bench.path(job))
    assert pigment.calls() == []


def test_a_file_that_changed_while_it_was_sent_is_told(bench: Bench) -> None:
    """Behaviour T8."""
    job = bench.claimed()
    bench.on_progress = lambda _: os.utime(bench.path(job), ns=(1, 1))

    result = bench.push(job)

    assert isinstance(result, push.Pushed)
    assert result.changed
    assert isinstance(result.answer, Accepted)


def test_a_file_that_shrank_while_it_was_sent_is_not_known(bench: Bench) -> None:
    job = bench.claimed(content=ROWS * 10_000)
    bench.on_progress = lambda _: os.truncate(bench.path(job), len(ROWS))

    result = bench.push(job)

    assert isinstance(result, push.Pushed)
    assert result.changed
    assert isinstance(result.answer, errors.NotKnown)


def test_a_file_that_vanished_is_told(bench: Bench, pigment: Simulator) -> None:
    """Behaviour H9."""
    job = bench.claimed()
    bench.path(job).unlink()

    result = bench.push(job)

    assert isinstance(result, push.NotReady)
    assert isinstance(result.error, errors.FileVanished)
    assert result.found is None
    assert pigment.calls() == []


def test_a_link_in_the_files_place_is_not_followed(bench: Bench, pigment: Simulator) -> None:
    """Behaviour Q1."""
    job = bench.claimed()
    secret = bench.folder / "secret"
    bench.path(job).rename(secret)
    bench.path(job).symlink_to(secret)

    result = bench.push(job)

    assert isinstance(result, push.NotReady)
    assert isinstance(result.error, errors.FileUnreadable)
    assert result.found is None
    assert pigment.calls() == []


def test_a_drive_that_is_lost_has_lost_no_file(bench: Bench, pigment: Simulator) -> None:
    """Behaviour T4, T5."""
    job = bench.claimed()
    (bench.folder / "processing").rename(bench.folder / "unmounted")

    with pytest.raises(errors.FolderError, match="is the drive mounted") as told:
        bench.push(job)

    assert told.value.folder == str(bench.folder)
    assert pigment.calls() == []


def test_a_drive_that_can_not_be_looked_at_is_told(bench: Bench) -> None:
    job = bench.claimed()
    (bench.folder / "processing").rename(bench.folder / "unmounted")
    (bench.folder / "processing").symlink_to("processing")

    with pytest.raises(errors.FolderError, match="Too many levels"):
        bench.push(job)


def test_a_drive_that_fails_after_the_last_byte_does_not_take_the_answer_with_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that goes stale in that moment can't be made here."""
    job = bench.claimed()

    def stale(_: object) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    bench.on_progress = lambda sent: monkeypatch.setattr(os, "fstat", stale) if sent else None

    result = bench.push(job)
    monkeypatch.undo()

    assert isinstance(result, push.Pushed)
    assert isinstance(result.answer, Accepted)
    assert not result.changed
