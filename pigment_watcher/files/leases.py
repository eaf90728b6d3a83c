"""Whether anybody has a file open for writing, as the kernel knows it."""

import contextlib
import errno
import fcntl


def has_writer(descriptor: int) -> bool | None:
    """Return whether a file, open for reading here, is open for writing; None if nobody can tell.

    The kernel grants a read lease only while there is no writer, a shared mapping included. It
    refuses to tell of another user's file without CAP_LEASE, and knows nothing of other machines.
    SIGIO must be ignored: a writer that comes in that moment sends it to us.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        # At once, whatever the answer was: a writer that comes meanwhile waits for it.
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
