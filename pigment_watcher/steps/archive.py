"""Moves one finished file to where it ended, its reason beside it."""

from pathlib import Path

from pigment_watcher import errors, reasons
from pigment_watcher.files import claims, moves, names
from pigment_watcher.model import Job, Outcome
from pigment_watcher.policy import transitions


def plan(job: Job, now: float) -> Path:
    """Return a free name where the file of a job with an outcome belongs.

    Raises FolderError.
    """
    folder = _folder(job)
    with moves.translated(folder):
        moves.make_folder(folder)
        return names.free(folder, job.name, now)


def archive(job: Job, instance: str) -> str:
    """Move a claimed file to the job's stored target; may be repeated after any crash.

    Returns a remark where something was odd, else an empty text. Raises NameTaken if the target
    holds something else meanwhile, FolderError if a folder can't be used now.
    """
    if job.target is None:
        raise AssertionError("the target is stored before the file is moved")
    path = claims.path(job.rules.directory, instance, job.id, job.name)
    with moves.translated(job.target.parent):
        here, there = moves.is_there(path), moves.is_there(job.target)
        if not here and not there:
            claims.expect_home(job.rules.directory, instance)
            return f"the file was in neither {path.parent} nor {job.target}"
        if here and there:
            _finish_copy(path, job.target)
        elif here:
            if _needs_reason(job):
                _write_reason(job, job.target, instance)
            moves.move(path, job.target, _token(job, instance))
    claims.drop_place(path.parent)
    return ""


def _folder(job: Job) -> Path:
    if job.outcome is Outcome.RETURNED:
        return job.source.parent
    return job.rules.done if job.outcome in transitions.GOOD else job.rules.failed


def _needs_reason(job: Job) -> bool:
    return job.outcome not in transitions.GOOD and job.outcome is not Outcome.RETURNED


def _write_reason(job: Job, target: Path, instance: str) -> None:
    reason = target.with_name(names.beside(target.name, names.REASON))
    moves.write_new(reason, reasons.text(job), _token(job, instance))


def _finish_copy(path: Path, target: Path) -> None:
    """Both names are there: after a crash the copy is ours and equal, else the name is taken."""
    if target.is_symlink() or not target.is_file() or not moves.same_bytes(path, target):
        raise errors.NameTaken(f"{target}: exists already")
    moves.remove_copied(path)
    moves.sync(path.parent)


def _token(job: Job, instance: str) -> str:
    """Two services may share a folder and number their jobs alike."""
    return f"pigment-watcher-{instance}-{job.id}"
