"""What the simulator remembers of the requests that came in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One push, whatever became of it.

    `at` is when its first byte came (seconds since 1970), `status` is None when no answer was
    given, `size` and `sha256` are of the bytes that came, `whole` tells whether all of them did.
    """

    at: float
    configuration_id: str
    import_id: str | None
    status: int | None
    size: int
    sha256: str
    whole: bool
    content_type: str
    authorized: bool
    user_agent: str
    legacy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of any kind to what stands for Pigment; `status` None: no answer was given."""

    at: float
    method: str
    path: str
    status: int | None
