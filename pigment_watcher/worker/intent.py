"""What is written before a file leaves: the intent before the deed."""

from collections.abc import Callable

from pigment_watcher.clock import Clock
from pigment_watcher.model import Job, JobEvent, State
from pigment_watcher.recorder import Recorder


class Intent:
    """Stores that a body is about to leave, at the moment when its first byte is asked for."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        job: Job,
        *,
        count: Callable[[float], None],
        counted: Callable[[], None],
        note: Callable[[int], None],
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._count = count
        self._counted = counted
        self._note = note
        self.job = job

    def store(self) -> None:
        """Commit PUSHING and the request, and note it beside the file.

        What this raises keeps every byte at home.

        The note comes second: alone it would make a crash in between look like an older journal.
        """
        now = self._clock.now()
        journal = self._recorder.journal
        with journal.writing():
            self._count(now)
            job = journal.jobs.move(
                self.job,
                State.PUSHING,
                at=now,
                event="job.pushing",
                pushed_at=now,
                attempts=self.job.attempts + 1,
            )
        self.job = job
        self._counted()
        self._note(self.job.attempts)
        self._recorder.tell(JobEvent(name="job.pushing", job=self.job))
