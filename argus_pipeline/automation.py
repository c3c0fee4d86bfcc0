"""Sensors and schedules that fail: what they should start waits, and no run says so."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.scheduler.instigation import InstigatorTick

UPLOADS: Final = "completed_uploads"
IN_A_ROW: Final = 3
"""Looks of a sensor; of a schedule one is enough, its next may be a day away."""
_A_DAY_S: Final = 86_400.0
"""What failed longer ago is of a sensor or schedule that is off, or no more."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A sensor or schedule whose newest looks failed, with the first line of the last reason."""

    name: str
    reason: str


def failing(instance: DagsterInstance) -> list[Failing]:
    """The sensors and schedules that run and fail, by name; two short queries for each of them."""
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus

    if instance.schedule_storage is None:
        return []
    ended = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
    found = {}
    for state in instance.all_instigator_state():
        if state.status is InstigatorStatus.STOPPED:
            continue
        wanted = IN_A_ROW if state.instigator_type is InstigatorType.SENSOR else 1
        ticks = instance.get_ticks(
            state.instigator_origin_id,
            state.selector_id,
            after=time.time() - _A_DAY_S,
            limit=wanted,
            statuses=ended,
        )
        if len(ticks) == wanted and all(tick.status is TickStatus.FAILURE for tick in ticks):
            found[state.instigator_name] = Failing(state.instigator_name, _reason(ticks[0]))
    return [found[name] for name in sorted(found)]


def _reason(tick: InstigatorTick) -> str:
    error = tick.error
    while error is not None and error.cause is not None:
        error = error.cause
    line = error.message.strip().partition("\n")[0] if error is not None else ""
    return line or "the reason is not known"
