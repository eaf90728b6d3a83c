"""Files judged by their content before they are pushed: what is sent is what was judged."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from push_fixtures import ROWS, Bench, answer_of, sent
from running_fixtures import Crossing

from pigment_watcher import errors
from pigment_watcher.model import Accepted
from pigment_watcher.policy import verdicts
from pigment_watcher.simulator import Fault, Simulator
from pigment_watcher.steps import push


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def bench(tmp_path: Path, pigment: Simulator) -> Bench:
    return Bench(tmp_path, pigment.url)


def test_a_file_is_judged_by_the_hash_of_all_that_will_be_sent(
    bench: Bench, pigment: Simulator
) -> None:
    """Behaviours F2, T10: neither name nor size nor time say what it is."""
    content, judged = ROWS * 50_000, list[str]()
    assert len(content) > push.READ_AHEAD

    result = bench.push(bench.claimed(content=content), judge=judged.append)

    assert isinstance(answer_of(result), Accepted)
    assert judged == sent(pigment) == [sha256(content).hexdigest()]


def test_what_is_judged_is_read_where_the_drive_is_asked(bench: Bench, pigment: Simulator) -> None:
    run, content, judged = Crossing(), ROWS * 50_000, list[str]()
    result = bench.push(bench.claimed(content=content), run, judge=judged.append)

    assert isinstance(answer_of(result), Accepted)
    assert judged == sent(pigment)


def test_a_file_whose_content_is_refused_is_never_sent(bench: Bench, pigment: Simulator) -> None:
    """Behaviour F1."""
    refusal = verdicts.invalid("It was imported before.", "Drop another one.")

    result = bench.push(bench.claimed(), judge=lambda _: refusal)

    assert result == push.Invalid(refusal)
    assert pigment.calls() == []


def test_a_file_that_changes_while_it_is_judged_is_not_sent(
    bench: Bench, pigment: Simulator
) -> None:
    """Behaviours T8, T9."""
    for change in (
        lambda path: os.utime(path, ns=(1, 1)),
        lambda path: os.truncate(path, len(ROWS)),
    ):
        job = bench.claimed(content=ROWS * 2)
        bench.on_progress = lambda _, job=job, change=change: change(bench.path(job))  # type: ignore[misc]

        result = bench.push(job, judge=lambda _: None)

        assert isinstance(result, push.NotReady)
        assert isinstance(result.error, errors.FileChanged)
        bench.path(job).unlink()
    assert pigment.calls() == []


def test_what_is_sent_and_is_not_what_was_judged_counts_as_changed(
    bench: Bench, pigment: Simulator
) -> None:
    """Even where size and time tell nothing."""
    job = bench.claimed(content=ROWS * 10_000)
    times = (1, job.fingerprint.mtime_ns)

    def change(_: int) -> None:
        if "begin" in bench.told:
            with bench.path(job).open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"!")
            os.utime(bench.path(job), ns=times)

    bench.on_progress = change

    result = bench.push(job, judge=lambda _: None)

    assert isinstance(result, push.Pushed)
    assert isinstance(result.answer, Accepted)
    assert result.changed


def test_a_push_of_a_judged_file_whose_answer_is_lost_is_told_as_any(
    bench: Bench, pigment: Simulator
) -> None:
    pigment.script(Fault(action="reset_after_body"))
    result = bench.push(bench.claimed(), judge=lambda _: None)

    assert isinstance(answer_of(result), errors.NotKnown)
    assert isinstance(result, push.Pushed)
    assert not result.changed
