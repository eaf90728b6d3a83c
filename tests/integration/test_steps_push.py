"""Pushing one claimed file, against the simulator on a real socket."""

import errno
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from journal_fixtures import LANE, NO_TEXT
from push_fixtures import ROWS, Bench, answer_of, sent
from running_fixtures import Crossing
from writer_fixtures import Writer

from pigment_watcher import errors
from pigment_watcher.files import reading
from pigment_watcher.model import Accepted, Outcome
from pigment_watcher.simulator import Fault, Simulator
from pigment_watcher.steps import push


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def bench(tmp_path: Path, pigment: Simulator) -> Bench:
    return Bench(tmp_path, pigment.url)


def test_a_claimed_file_goes_out_as_it_is(bench: Bench, pigment: Simulator) -> None:
    """Behaviour O1, T19."""
    result = bench.push(bench.claimed())

    (one,) = pigment.pushes()
    assert (one.configuration_id, one.sha256) == (LANE, sha256(ROWS).hexdigest())
    accepted = Accepted(import_id=str(one.import_id), sha256=one.sha256, bytes_sent=len(ROWS))
    assert result == push.Pushed(answer=accepted, changed=False)
    assert bench.told == ["begin", 0, len(ROWS)]


def test_another_process_may_make_every_file_call(bench: Bench, pigment: Simulator) -> None:
    """On a drive that may hang."""
    run, content = Crossing(), ROWS * 10_000
    result = bench.push(bench.claimed(content=content), run)

    assert isinstance(answer_of(result), Accepted)
    assert sent(pigment) == [sha256(content).hexdigest()]
    assert run.calls > 5


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
    assert result.found == reading.look(bench.path(job))
    assert pigment.calls() == []


def test_a_file_that_changed_while_it_was_sent_is_told(bench: Bench) -> None:
    """Behaviour T8."""
    job = bench.claimed()
    bench.on_progress = lambda _: os.utime(bench.path(job), ns=(1, 1))

    result = bench.push(job)

    assert isinstance(result, push.Pushed)
    assert result.changed
    assert isinstance(result.answer, Accepted)


def test_a_file_that_is_rewritten_behind_its_reader_is_told_though_its_time_was_put_back(
    bench: Bench,
) -> None:
    job = bench.claimed()
    path = bench.path(job)

    def rewrite(sent: int) -> None:
        if sent == len(ROWS):  # the last byte was read
            path.write_bytes(ROWS.swapcase())
            os.utime(path, ns=(job.fingerprint.mtime_ns, job.fingerprint.mtime_ns))

    bench.on_progress = rewrite
    result = bench.push(job)

    assert isinstance(result, push.Pushed)
    assert isinstance(result.answer, Accepted)
    assert result.changed


def test_a_file_that_shrinks_while_it_is_compared_is_told(bench: Bench) -> None:
    job = bench.claimed()
    path, looks = bench.path(job), list[int]()

    def change(sent: int) -> None:
        if sent == len(ROWS):
            looks.append(sent)
            # First something that may have been a rewrite; then what it is compared with goes.
            path.chmod(0o640) if len(looks) == 1 else os.truncate(path, 0)

    bench.on_progress = change
    result = bench.push(job)

    assert isinstance(result, push.Pushed)
    assert isinstance(result.answer, Accepted)
    assert result.changed
    assert len(looks) > 1


@pytest.mark.parametrize("touch", [lambda path: path.chmod(0o640), None])
def test_a_file_of_which_only_the_mode_or_a_name_changed_is_the_one_that_was_sent(
    bench: Bench, tmp_path: Path, touch: Callable[[Path], None] | None
) -> None:
    job = bench.claimed()
    touch = touch or (tmp_path / "another").hardlink_to
    bench.on_progress = lambda sent: touch(bench.path(job)) if sent else None

    result = bench.push(job)

    assert isinstance(result, push.Pushed)
    assert not result.changed


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


# ---------------------------------------------------------------- drives that may hang


def test_a_drive_that_does_not_answer_before_the_first_byte_is_told(
    bench: Bench, pigment: Simulator
) -> None:
    for lost_at in (1, 2, 3, 4):  # opened, begin and end looked at, first block
        job = bench.claimed(f"{lost_at}.csv")
        with pytest.raises(errors.FolderLost, match="did not answer"):
            bench.push(job, Crossing(lambda call, at=lost_at: call == at))  # type: ignore[misc]
    assert bench.told == []
    assert sent(pigment) in ([], [sha256().hexdigest()])


def test_a_drive_that_is_lost_in_the_middle_leaves_it_open_what_arrived(bench: Bench) -> None:
    job = bench.claimed(content=ROWS * 10_000)
    result = bench.push(job, Crossing(lambda call: call == 5))

    assert isinstance(answer_of(result), errors.NotKnown)
    assert isinstance(result, push.Pushed)
    assert not result.changed


def test_a_drive_that_is_lost_after_the_last_byte_does_not_take_the_answer_with_it(
    bench: Bench,
) -> None:
    result = bench.push(bench.claimed(), Crossing(lambda call: call == 5))

    assert isinstance(answer_of(result), Accepted)
    assert isinstance(result, push.Pushed)
    assert not result.changed


def test_what_is_there_instead_is_looked_at_by_the_same_process(bench: Bench) -> None:
    job = bench.claimed()
    bench.path(job).write_bytes(ROWS * 2)
    with pytest.raises(errors.FolderLost):
        bench.push(job, Crossing(lambda call: call == 2))

    result = bench.push(job, Crossing())
    assert isinstance(result, push.NotReady)
    assert result.found == reading.look(bench.path(job))


def test_where_inode_numbers_mean_nothing_none_is_told(bench: Bench) -> None:
    job = bench.claimed()
    job = job.evolve(fingerprint=job.fingerprint.without_inode())
    assert isinstance(answer_of(bench.push(job)), Accepted)

    bench.path(job).write_bytes(ROWS * 2)
    result = bench.push(job)
    assert isinstance(result, push.NotReady)
    assert result.found is not None
    assert (result.found.inode, result.found.size) == (0, 2 * len(ROWS))


# ---------------------------------------------------------------- open elsewhere


def test_a_file_that_another_program_writes_to_is_not_sent_where_that_is_known(
    bench: Bench, pigment: Simulator
) -> None:
    job = bench.claimed()
    with Writer() as writer:
        writer.do("open", bench.path(job), "there")
        result = bench.push(job, exclusive=True)
        assert isinstance(result, push.NotReady)
        assert isinstance(result.error, errors.FileBusy)
        assert result.found is not None
        assert result.found.same_content(job.fingerprint)
        assert pigment.calls() == []

        assert isinstance(answer_of(bench.push(job)), Accepted)
        writer.do("close")
    assert isinstance(answer_of(bench.push(job, exclusive=True)), Accepted)
