"""What a probe tells: a status call for the nil UUID, which pushes nothing."""

from dataclasses import dataclass

from pigment_watcher import errors
from pigment_watcher.model import ConditionKind
from pigment_watcher.policy import delays
from pigment_watcher.policy.decisions import (
    Begin,
    End,
    Failure,
    Surroundings,
    host_reached,
    key_detail,
    redirected,
    told_to_wait,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeDecision:
    """What a probe told; `key_is_bad` takes back the suspicion that a file was forbidden."""

    due_at: float | None = None
    begins: tuple[Begin, ...] = ()
    ends: tuple[End, ...] = ()
    key_is_bad: bool = False


def after_probe(
    kind: ConditionKind,
    attempts: int,
    key: str,
    answer: Failure | None,
    around: Surroundings,
) -> ProbeDecision:
    """Return what a probe of the host with a key told; None is the answer it should be."""
    if answer is None:
        return ProbeDecision(
            ends=(
                End(ConditionKind.KEY_REFUSED, key),
                End(ConditionKind.KEY_IN_DOUBT, key),
                End(ConditionKind.HOST_IN_DOUBT, around.host),
                End(ConditionKind.WRONG_URL, around.host),
                *host_reached(around),
            )
        )
    due_at = around.now + delays.before_probe(kind, attempts + 1, around.chance)
    if isinstance(answer, errors.ServerSaid):
        if answer.status == 429:
            return ProbeDecision(due_at=around.now + told_to_wait(answer))
        if answer.status in {401, 403}:
            block = Begin(
                kind=ConditionKind.KEY_REFUSED,
                subject=key,
                detail=key_detail(answer),
                due_at=around.now
                + delays.before_probe(ConditionKind.KEY_REFUSED, 0, around.chance),
            )
            return ProbeDecision(
                due_at=due_at,
                begins=() if kind is ConditionKind.KEY_REFUSED else (block,),
                ends=(End(ConditionKind.KEY_IN_DOUBT, key), *host_reached(around)),
                key_is_bad=True,
            )
        if 300 <= answer.status < 400 and kind is not ConditionKind.WRONG_URL:
            return ProbeDecision(due_at=due_at, begins=(redirected(answer, around),))
    return ProbeDecision(due_at=due_at)
