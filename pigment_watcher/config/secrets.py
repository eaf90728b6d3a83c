"""API keys: where they are looked for, what makes one usable, and how they stay hidden."""

import dataclasses
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

#: The name of the systemd credential, and of the variable.
CREDENTIAL = "pigment-api-key"
VARIABLE = "PIGMENT_API_KEY"
#: The name of the systemd credential that holds the addresses of notices.
URLS_CREDENTIAL = "notify-urls"

_LONGEST_FILE = 64 * 1024
_DASHED = re.compile(r"[0-9a-z]{8}(?:-[0-9a-z]{4}){3}-[0-9a-z]{12}", re.IGNORECASE)


# Not a dataclass: dataclasses.asdict() would take the value out of it.
class Secret:
    """A text that does not show itself in any message, log line or repr."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself, for the header that needs it and for nothing else."""
        return self._value

    def __repr__(self) -> str:
        """Return the same for every secret."""
        return "Secret(hidden)"

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same text."""
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        """Return the text's hash."""
        return hash(self._value)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What a search for a key came to: the key, or why it is missing or unusable.

    `mode` is that of the file it stands in, 0 where it stands in none; `is_empty` tells that there
    was a place for it, with nothing in it.
    """

    key: Secret | None = None
    missing: str = ""
    problem: str = ""
    mode: int = 0
    is_empty: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Urls:
    """Addresses of notices, or why there are none."""

    found: tuple[Secret, ...] = ()
    problem: str = ""


def default(environ: Mapping[str, str], file: Path | None) -> Finding:
    """Return the key of all routes that have none of their own."""
    handed_over = _credential(environ)
    if handed_over is None:
        return _own(environ, file)
    if handed_over.is_empty:
        # The unit hands over an empty one where nobody put a key; it may stand elsewhere.
        own = _own(environ, file)
        return handed_over if own.key is None else own
    return handed_over


def _credential(environ: Mapping[str, str]) -> Finding | None:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    # No look at its mode: the system set it, and shows the folder to nobody else.
    found = _judged(Path(folder) / CREDENTIAL, f"the credential {CREDENTIAL}")
    return None if found.missing and not found.is_empty else found


def _own(environ: Mapping[str, str], file: Path | None) -> Finding:
    if environ.get(VARIABLE):
        return _judge(environ[VARIABLE], f"the variable {VARIABLE}")
    if file is not None:
        return from_file(file)
    return Finding(
        missing=f"no API key: hand it over as the systemd credential '{CREDENTIAL}', "
        f"as the variable {VARIABLE}, or in a file that is named here"
    )


def from_file(file: Path) -> Finding:
    """Return the key that a file holds; one that everybody may read or change is a problem."""
    found = _judged(file, str(file))
    if not found.missing and found.mode & (stat.S_IROTH | stat.S_IWOTH):
        return Finding(
            problem=f"everybody on this machine may read or change {file} (mode "
            f"{stat.S_IMODE(found.mode):04o}): take that right away (chmod o=), and better "
            "use a new key"
        )
    return found


def token(file: Path) -> Finding:
    """Return the token that a file holds; what an API key's file must be, it must be, too."""
    found = from_file(file)
    if found.missing:
        return Finding(problem=f"no token in {file}: put one line of printable ASCII there")
    return found


def urls(environ: Mapping[str, str], file: Path | None) -> Urls:
    """Return where notices go, from the credential `notify-urls`, else from a file.

    A line each; what begins with # is a remark. A file that everybody may read is a problem.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder) / URLS_CREDENTIAL if folder else None
    if credential is not None and credential.is_file():
        return _urls(credential, stat.S_IFREG)
    if file is None:
        return Urls(problem="missing: the file that holds the addresses, an Apprise URL a line")
    return _urls(file, None)


def _urls(file: Path, mode: int | None) -> Urls:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LONGEST_FILE).decode("utf-8", errors="replace")
            mode = os.fstat(stream.fileno()).st_mode if mode is None else mode
    except OSError as error:
        return Urls(problem=f"{file}: {error.strerror}: put the addresses there, one a line")
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        return Urls(problem=f"everybody on this machine may read or change {file}: chmod o= {file}")
    lines = (line.strip() for line in content.splitlines())
    found = tuple(Secret(line) for line in lines if line and not line.startswith("#"))
    return Urls(found) if found else Urls(problem=f"{file} holds no address: one a line")


def _judged(file: Path, name: str) -> Finding:
    try:
        # Not to be held up by what is no file: a pipe without a writer reads as empty.
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            content, mode = os.read(handle, _LONGEST_FILE), os.fstat(handle).st_mode
        finally:
            os.close(handle)
    except OSError as error:
        return Finding(
            missing=f"no API key: {file}: {error.strerror}; put the key there, readable for the "
            f"service's user only, or hand it over as the systemd credential '{CREDENTIAL}' or "
            f"as the variable {VARIABLE}"
        )
    found = _judge(content.decode("utf-8", errors="replace"), name)
    return dataclasses.replace(found, mode=mode)


def _judge(text: str, name: str) -> Finding:
    key = text.rstrip("\r\n")
    if not key:
        return Finding(missing=f"{name} is empty: put the API key into it", is_empty=True)
    if _DASHED.fullmatch(key):
        return Finding(
            problem=f"{name} holds a key of the old format, with dashes, which no longer works: "
            "generate a new key in Pigment"
        )
    if not re.fullmatch(r"[!-~]+", key):
        return Finding(
            problem=f"{name} must hold the key and nothing else: one line of printable ASCII "
            "without blanks"
        )
    return Finding(key=Secret(key))
