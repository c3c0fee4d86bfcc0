"""Sensors and schedules that fail: what they should start waits, and no run says so."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.scheduler.instigation import InstigatorTick

UPLOADS: Final = "completed_uploads"
IN_A_ROW: Final = 3
FOR_S: Final = 60.0
"""A sensor fails when so many looks in a row did, over so long; of a schedule one is enough."""
_LATELY_S: Final = 600.0
_A_WEEK_S: Final = 7 * 86_400.0
"""What failed longer ago is of a sensor or schedule that is off, or no more."""
_LOOKS: Final = 150
"""More than a sensor has in that time."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A sensor or schedule whose newest looks failed, with the first line of the last reason."""

    name: str
    reason: str


def failing(instance: DagsterInstance) -> list[Failing]:
    """The sensors and schedules that run and fail, by name; one short query for each of them."""
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus

    if instance.schedule_storage is None:
        return []
    ended = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
    found = {}
    for state in instance.all_instigator_state():
        if state.status is InstigatorStatus.STOPPED:
            continue
        is_sensor = state.instigator_type is InstigatorType.SENSOR
        now = time.time()
        ticks = instance.get_ticks(
            state.instigator_origin_id,
            state.selector_id,
            after=now - (_LATELY_S if is_sensor else _A_WEEK_S),
            limit=_LOOKS if is_sensor else 1,
            statuses=ended,
        )
        failed = list(takewhile(lambda tick: tick.status is TickStatus.FAILURE, ticks))
        if is_sensor and (len(failed) < IN_A_ROW or now - failed[-1].timestamp < FOR_S):
            continue
        if failed:
            found[state.instigator_name] = Failing(state.instigator_name, _reason(failed[0]))
    return [found[name] for name in sorted(found)]


def _reason(tick: InstigatorTick) -> str:
    error = tick.error
    while error is not None and error.cause is not None:
        error = error.cause
    line = error.message.strip().partition("\n")[0] if error is not None else ""
    return line or "the reason is not known"
