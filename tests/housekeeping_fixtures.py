"""Files that went their way long ago, and a round of the housekeeper over them."""

from pathlib import Path

from rig_fixtures import ROWS, Rig

from pigment_watcher.service.housekeeping import Housekeeper

DAY_S = 86400.0
BAD = "SIMULATE-FAIL\n1\n"


def keeper(one: Rig) -> Housekeeper:
    """Build what keeps house, for the routes of now."""
    built = Housekeeper(one.recorder, one.clock, one.heartbeats, one.drives, one.desk)
    built.set_routes(one.routes)
    return built


def keep_house(one: Rig, after_days: float = 0.0) -> None:
    """Let days pass and go round once."""
    one.clock.advance(after_days * DAY_S)
    keeper(one).round()


def bring(one: Rig, *files: str, text: str = ROWS) -> list[Path]:
    """Let files go their way to the end and return where they lie."""
    for name in files:
        one.put(name, text)
    one.take_in()
    one.work_off()
    return [job.target for job in one.all_jobs()[-len(files) :] if job.target is not None]


def story(one: Rig, job_id: int = 1) -> list[str]:
    """Return the last thing that happened to a job, and its detail."""
    last = one.journal.jobs.story(job_id)[-1]
    return [last.name, last.detail]
