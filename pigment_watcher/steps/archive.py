"""Moves one finished file to where it ended, its reason and its report beside it."""

from pathlib import Path

from pigment_watcher import errors, reasons
from pigment_watcher.files import claims, moves, names, places, reading
from pigment_watcher.model import Job, Outcome
from pigment_watcher.policy import transitions


def plan(job: Job, instance: str, now: float) -> Path:
    """Return a free name where the file of a job with an outcome belongs.

    What goes back gets its own name again, if nobody has it: a retried file has its reason there.
    Raises FolderError.
    """
    where = folder(job)
    with moves.translated(where):
        places.expect_processing(job.rules.directory)
        moves.make_folder(where)
        _expect_end(job, where, instance)
        if job.outcome is Outcome.RETURNED and not moves.is_there(job.source):
            return job.source
        return names.free(where, job.name, now)


def archive(job: Job, instance: str) -> str:
    """Move a claimed file to the job's stored target; may be repeated after any crash.

    Returns a remark where something was odd, else an empty text. Raises NameTaken if the target
    holds something else meanwhile, FileChanged if an imported file is not what was sent any more,
    FolderError if a folder can't be used now.
    """
    if job.target is None:
        raise AssertionError("the target is stored before the file is moved")
    path = places.path(job.rules.directory, instance, job.id, job.name)
    with moves.translated(job.target.parent):
        _expect_end(job, job.target.parent, instance)
        here, there = moves.is_there(path), moves.is_there(job.target)
        if not here and not there:
            places.expect_home(job.rules.directory, instance)
            return f"the file was in neither {path.parent} nor {job.target}"
        if here and there:
            _finish_copy(path, job.target)
        elif here:
            if not moves.is_there(job.target.parent):
                moves.make_folder(job.target.parent)  # somebody removed it since
            _expect_as_sent(job, path)
            _write_texts(job, job.target, instance)
            moves.move(path, job.target, _token(job, instance))
        else:
            # A crash may have come between the rename and its syncs.
            moves.sync_move(path, job.target)
        if job.marker and job.target == job.source:
            # Last, and never to another name: it would release what came there meanwhile.
            claims.return_marker(path.parent, job.source.with_name(job.marker))
    places.drop_place(path.parent)
    return ""


def _expect_as_sent(job: Job, path: Path) -> None:
    """Make sure that only what was imported is put where imported files are."""
    found = reading.look(path)
    is_imported = job.outcome in transitions.IMPORTED
    if is_imported and not (found and found.same_content(job.fingerprint)):
        raise errors.FileChanged(f"{path}: it changed after it was sent")


def _expect_end(job: Job, where: Path, instance: str) -> None:
    """Make sure that a folder is none from which files come, unless the file goes back there."""
    if job.outcome is not Outcome.RETURNED:
        places.expect_outside(where, instance)


def folder(job: Job) -> Path:
    """Return the folder where the file of a job with an outcome belongs."""
    if job.outcome is Outcome.RETURNED:
        return job.source.parent
    archive_of_route = job.rules.done if transitions.is_good(job) else job.rules.failed
    return archive_of_route / _sub_folder(job)


def _sub_folder(job: Job) -> Path:
    """Return where below its inbox the file came from; a retried one came from below failed/."""
    roots = [
        root for root in (job.rules.directory, job.rules.failed) if job.source.is_relative_to(root)
    ]
    if not roots:
        return Path()
    # The nearer one: a failed/ lies below its inbox, or somewhere else.
    return job.source.parent.relative_to(max(roots, key=lambda root: len(root.parts)))


def _write_texts(job: Job, target: Path, instance: str) -> None:
    """Write what stands beside a file: what was left out of it, and why it is in failed/."""
    texts = {}
    if job.outcome is Outcome.IMPORTED_WITH_SKIPS:
        texts[names.REPORT] = reasons.report(job)
    if not transitions.is_good(job) and job.outcome is not Outcome.RETURNED:
        texts[names.REASON] = reasons.text(job)
    for ending, text in texts.items():
        path = target.with_name(names.beside(target.name, ending))
        moves.write_new(path, text, _token(job, instance))


def _finish_copy(path: Path, target: Path) -> None:
    """Both names are there: after a crash the copy is ours and equal, else the name is taken."""
    if target.is_symlink() or not target.is_file() or not moves.same_bytes(path, target):
        raise errors.NameTaken(f"{target}: exists already")
    moves.sync(target.parent)  # the copy is on the disk before its source goes
    moves.remove_copied(path)
    moves.sync(path.parent)


def _token(job: Job, instance: str) -> str:
    """Two services may share a folder and number their jobs alike."""
    return f"pigment-watcher-{instance}-{job.id}"
