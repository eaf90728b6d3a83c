"""The command in a hurry: what it waits minutes for, it waits seconds for, by the same rules.

Started by a path, as `World.serve` does; the program itself knows nothing of it.
"""

from pigment_watcher.cli import main
from pigment_watcher.pigment import answers, transport
from pigment_watcher.policy import delays, poll_times, polls, reports

#: So many times shorter is each wait that the program chooses itself.
HURRY = 100
#: What a day comes to where a server asks for days.
DAY_S = 4.0
#: Without any progress for so long, a transfer is given up.
STALL_S = 4.0


def hurry() -> None:
    """Make the waits short."""
    for name in ("PUSH_RETRY_S", "POLL_RETRY_S", "ARCHIVE_RETRY_S"):
        setattr(delays, name, _hurried(getattr(delays, name)))
    poll_times.UNKNOWN_S = tuple(one / HURRY for one in poll_times.UNKNOWN_S)
    poll_times.OVERDUE_S = _hurried(poll_times.OVERDUE_S)
    delays.CONDITION_S = {kind: _hurried(span) for kind, span in delays.CONDITION_S.items()}
    delays.TOO_MANY_REQUESTS_S /= HURRY
    polls.IMPORT_MISSING_S /= HURRY
    reports.DOUBT_S /= HURRY
    delays.LONGEST_S = answers.LONGEST_RETRY_AFTER_S = DAY_S
    transport.SEND_STALL_S = STALL_S


def _hurried(span: tuple[float, float]) -> tuple[float, float]:
    first, most = span
    return first / HURRY, most / HURRY


if __name__ == "__main__":
    hurry()
    main()
