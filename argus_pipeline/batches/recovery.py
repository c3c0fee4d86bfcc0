"""What to do about a batch whose run failed or stands still. Pure decisions over its attempts.

A batch is tried again after a fault of the infrastructure, more slowly each time, and given up in
the end. Bad data is given up at once: the same bytes would fail again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from argus_pipeline.batches.limits import Limits
from argus_pipeline.batches.stages import Stage

# From here on a run no longer depends on how large its batch is.
_AFTER_PARSING: Final = frozenset(
    {Stage.STATISTICS, Stage.CHARTS, Stage.DIAGNOSING, Stage.REPORTING}
)


class Outcome(StrEnum):
    """How an attempt stands."""

    GOING_ON = "going on"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a batch.

    Attributes:
        run_id: Dagster's.
        outcome: how it stands; one that Dagster itself starts again is going on.
        ended: when it ended, None while it goes on.
        permanent: it failed by what the batch is; the same data fails again.
        reason: why it failed, for people.
        asked: a person asked for it: attempts before it no longer count.
    """

    run_id: str
    outcome: Outcome
    ended: datetime | None = None
    permanent: bool = False
    reason: str = ""
    asked: bool = False


class Step(StrEnum):
    """What is to be done now."""

    LEAVE = "leave"
    WAIT = "wait"
    TRY_AGAIN = "try again"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why. `attempt`: the number of the next one, from 1."""

    step: Step
    attempt: int = 0
    reason: str = ""


def decide(attempts: Sequence[Attempt], now: datetime, limits: Limits) -> Decision:
    """Decide about a batch.

    Args:
        attempts: the runs of the batch under its present manifest, the newest first.
        now: the present time.
        limits: how often to try, and how long to wait in between.
    """
    if any(attempt.outcome is Outcome.GOING_ON for attempt in attempts):
        return Decision(Step.LEAVE)
    counted = _since_asked(attempts)
    if not counted or counted[0].outcome is not Outcome.FAILED:
        # It succeeded, or a person ended it and knows what for.
        return Decision(Step.LEAVE)
    newest = counted[0]
    if newest.permanent:
        return Decision(Step.GIVE_UP, reason=newest.reason)
    failed = sum(attempt.outcome is Outcome.FAILED for attempt in counted)
    if failed >= limits.attempts:
        return Decision(
            Step.GIVE_UP, reason=f"{failed} attempts failed, the last one: {newest.reason}"
        )
    due = (newest.ended or now) + limits.back_off(failed)
    if now < due:
        return Decision(Step.WAIT, failed + 1, f"from {due:%Y-%m-%d %H:%M:%S} UTC on")
    return Decision(Step.TRY_AGAIN, failed + 1, newest.reason)


def standstill(
    stage: Stage, last_event: datetime, now: datetime, size: int, limits: Limits
) -> str | None:
    """Why a run counts as stuck, or None while it does not.

    Args:
        stage: the stage that it is at.
        last_event: when it was last heard of.
        now: the present time.
        size: bytes of the batch; 0 where unknown.
        limits: how long it may be silent.
    """
    after_parsing = stage in _AFTER_PARSING
    minutes = limits.diagnosing_minutes if after_parsing else limits.parsing_minutes
    silent = now - last_event
    if silent <= timedelta(minutes=minutes) + limits.allowance(size):
        return None
    return (
        f"no sign of life for {silent.total_seconds() / 60:.0f} minutes while {stage} "
        f"(the limit is {minutes} minutes, and longer for a large batch)"
    )


def _since_asked(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    for position, attempt in enumerate(attempts):
        if attempt.asked:
            return attempts[: position + 1]
    return attempts
