"""Every exception of the product, split by who must act.

PigmentWatcherError
├── FileError               whoever dropped this file
│   ├── FileChanged         it is not what it was when it was looked at
│   ├── FileBusy            another program has it open for writing
│   ├── FileVanished        it is no longer where it was
│   ├── FileUnreadable      we may not read it
│   └── NameTaken           its new name exists already; another one is chosen
├── DestinationError        Pigment, or the network on the way
│   ├── NothingSent         no byte of the file left this machine
│   ├── NotKnown            the answer is lost: nobody knows what Pigment did
│   │   └── NoAnswer        a 200 came, and not what was asked for
│   │       └── TooLong     it is longer than what is read of an answer
│   └── ServerSaid          Pigment answered, with an error
├── OperatorError           whoever runs the service
│   ├── ConfigError         the configuration has problems
│   ├── RequestRefused      what was asked for can't be done
│   ├── AlreadyRunning      another service holds the state directory
│   ├── FolderError         a folder can't be used now
│   │   └── FolderLost      its drive is not mounted, or does not answer
│   ├── WebRefused          the page can't be shown where it should be
│   └── JournalError        the journal can't be used
│       ├── JournalBusy     the disk is full or the file is locked: wait and try again
│       ├── JournalClosed   this user may not read or write it
│       ├── JournalDamaged  the file is no sound journal
│       ├── JournalOutdated  an older copy of the journal that was used here last
│       ├── JournalTooNew   a newer version wrote it
│       └── CommitUnknown   nobody knows whether a commit is on the disk: stop
├── ThreadDied              a part of the service died: stop, and let it be started again
└── IllegalTransition       a bug: a job was not in the state it had to be in
"""

from collections.abc import Sequence


class PigmentWatcherError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


# ---------------------------------------------------------------- this file


class FileError(PigmentWatcherError):
    """This file can't be taken as it is."""


class FileChanged(FileError):
    """The file changed after it had been taken for complete."""


class FileBusy(FileError):
    """Another program has the file open for writing."""


class FileVanished(FileError):
    """The file is no longer where it was."""


class FileUnreadable(FileError):
    """The file can't be read."""


class NameTaken(FileError):
    """A file of that name exists already."""


# ---------------------------------------------------------------- the destination


class DestinationError(PigmentWatcherError):
    """Pigment could not be asked, or did not do what it was asked."""


class NothingSent(DestinationError):
    """No byte of the body left this machine, so trying again is safe."""


class NotKnown(DestinationError):
    """The answer is lost, so nobody knows what the destination did."""


class NoAnswer(NotKnown):
    """The destination answered 200, and not what it was asked for."""


class TooLong(NoAnswer):
    """The destination answered 200, and more than is read of an answer."""


class ServerSaid(DestinationError):
    """The destination answered, with something other than success.

    `retry_after_s` is the header's value in seconds, `excerpt` the begin of the answer's text
    (no secret of ours is in it), `location` where a redirect pointed to.
    """

    def __init__(
        self,
        status: int,
        *,
        excerpt: str = "",
        retry_after_s: float | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(f"the server answered {status}" + (f": {excerpt}" if excerpt else ""))
        self.status = status
        self.excerpt = excerpt
        self.retry_after_s = retry_after_s
        self.location = location


# ---------------------------------------------------------------- the operator


class OperatorError(PigmentWatcherError):
    """Whoever runs the service must act."""


class ConfigError(OperatorError):
    """The configuration has problems; `problems` holds all of them, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class RequestRefused(OperatorError):
    """What was asked for can't be done."""


class AlreadyRunning(OperatorError):
    """Another service holds the state directory."""


class FolderError(OperatorError):
    """A folder can't be used now; `folder` names it."""

    def __init__(self, folder: str, message: str) -> None:
        super().__init__(f"{folder}: {message}")
        self.folder = folder
        self.message = message

    def __reduce__(self) -> tuple[type["FolderError"], tuple[str, str]]:
        """Cross the border between two processes as it is."""
        return type(self), (self.folder, self.message)


class FolderLost(FolderError):
    """The drive that a folder lies on is not mounted, or does not answer."""


class WebRefused(OperatorError):
    """The page can't be shown where it should be."""


class JournalError(OperatorError):
    """The journal can't be used."""


class JournalBusy(JournalError):
    """The journal can't be written now (disk full, locked); nothing was stored, so wait."""


class JournalClosed(JournalError):
    """The user of this process may not read or write the journal."""


class JournalDamaged(JournalError):
    """The journal's file is damaged, or no journal."""


class JournalOutdated(JournalError):
    """The journal is an older copy of the one that was used last."""


class JournalTooNew(JournalError):
    """The journal was written by a newer version of this program."""


class CommitUnknown(JournalError):
    """A commit failed half way: only a restart can tell what is on the disk."""


# ---------------------------------------------------------------- a bug


class ThreadDied(PigmentWatcherError):
    """A part of the service died, so the whole of it stops."""


class IllegalTransition(PigmentWatcherError):
    """A job was not in the state it had to be in; this is a bug."""
