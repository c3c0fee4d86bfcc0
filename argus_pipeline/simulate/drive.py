"""The course of one drive: when which ECU runs what, the update, and the reports of faults."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from argus_pipeline.simulate.dice import Dice
from argus_pipeline.simulate.scenarios import FaultKind, FaultPlan, Scenario

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
DURATION: Final = 40 * MINUTE
ECUS: Final = ("GW", "ABS", "BMS", "TCU", "ADAS", "IVI")
# How long an ECU is silent before it starts again, and from power-on to its first message.
_DOWN: Final = 4 * SECOND
_STARTING: Final = SECOND // 2
# No two restarts by the watchdog come closer than this.
_BETWEEN_RESTARTS: Final = 2 * MINUTE
_STEPS: Final = (
    ("DOWNLOADING", 1, (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)),
    ("VERIFYING", 2, (0, 50, 100)),
    ("INSTALLING", 3, (0, 15, 30, 45, 60, 75, 90, 100)),
    ("ACTIVATING", 4, (0, 50)),
)
_ROLLBACK: Final = ("ROLLBACK", 5, (0, 50, 100))
_BETWEEN_STEPS: Final = 6 * SECOND


class Boot(NamedTuple):
    """A start of an ECU: power-on and first message (ns since the epoch), firmware, reason."""

    since: int
    up: int
    firmware: str
    reason: str


class Progress(NamedTuple):
    """A step of the update: `number` is the state as `vehicle.UpdateProgress` has it."""

    time: int
    state: str
    number: int
    percent: int


class Fault(NamedTuple):
    """One report of a fault."""

    time: int
    kind: FaultKind
    level: str
    text: str


class Dip(NamedTuple):
    """The 12 V supply falls to about `volts`, together with a fault."""

    time: int
    volts: float
    code: str


@dataclass(frozen=True, slots=True)
class Drive:
    """What happens when; times are nanoseconds since the epoch, by the receiver's clock."""

    start: int
    end: int
    boots: Mapping[str, Sequence[Boot]]
    progress: tuple[Progress, ...]
    faults: tuple[Fault, ...]
    dips: tuple[Dip, ...]

    def running_since(self, ecu: str, time: int) -> int | None:
        """When the ECU was powered on that runs at this time; None while it is down."""
        return _running_since(self.boots[ecu], time)

    def firmware(self, ecu: str, time: int) -> str:
        """What the ECU runs at this time, at which it is not down."""
        return [boot.firmware for boot in self.boots[ecu] if boot.up <= time][-1]

    def when_running(self, ecu: str, time: int) -> int:
        """This time, or the first one after it at which the ECU runs."""
        if self.running_since(ecu, time) is not None:
            return time
        return next(boot.up for boot in self.boots[ecu] if boot.up > time) + SECOND


def plan_drive(case: Scenario, start: int, dice: Dice) -> Drive:
    """Decide the course of a drive.

    Args:
        case: the scenario.
        start: nanoseconds since the epoch.
        dice: for this drive alone.
    """
    end = start + DURATION
    progress, restarts = _update(case, start)
    updated = restarts[-1][0] if case.update_to else start
    if not case.update_to:
        restarts = [*restarts, (start + DURATION // 2, case.firmware, "ignition")]

    plans = [
        (plan, _times(plan, updated if plan.after_update else start, end, dice))
        for plan in case.faults
    ]
    boots = {}
    for place, ecu in enumerate(ECUS):
        own = [(time + place * SECOND // 5, firmware, why) for time, firmware, why in restarts]
        own += [
            (time + 2 * _DOWN, case.firmware_at_end, "watchdog")
            for plan, times in plans
            if plan.kind.restarts and plan.kind.ecu == ecu
            for time in times
        ]
        boots[ecu] = tuple(
            Boot(t, t + _STARTING, firmware, why) for t, firmware, why in sorted(own)
        )

    faults = [
        Fault(time, plan.kind, plan.kind.level, plan.kind.report(dice))
        for plan, times in plans
        for time in times
        # An ECU that is down reports nothing.
        if _running_since(boots[plan.kind.ecu], time) is not None
    ]
    faults.sort(key=lambda fault: fault.time)
    dips = tuple(
        Dip(fault.time - SECOND // 2, dice.real(8.4, 10.2), fault.kind.code)
        for fault in faults
        if fault.kind.dips
    )
    return Drive(start, end, boots, tuple(progress), tuple(faults), dips)


def _update(case: Scenario, start: int) -> tuple[list[Progress], list[tuple[int, str, str]]]:
    """The steps of the update, and all starts of the vehicle: time, firmware and reason."""
    restarts = [(start, case.firmware, "ignition")]
    if case.update_to is None:
        return [], restarts
    steps: list[Progress] = []
    time = start + 6 * MINUTE
    if case.update_fails_first:
        steps += _in_turn([*_STEPS, _ROLLBACK], time)
        time = steps[-1].time + 2 * _DOWN
        restarts.append((time, case.firmware, "rollback"))
        time += 2 * MINUTE
    steps += _in_turn(_STEPS, time)
    time = steps[-1].time + 2 * _DOWN
    restarts.append((time, case.update_to, "update"))
    steps.append(Progress(time + 5 * SECOND, "ACTIVATING", 4, 100))
    steps.append(Progress(time + 6 * SECOND, "IDLE", 0, 100))
    return steps, restarts


def _in_turn(states: Sequence[tuple[str, int, Sequence[int]]], time: int) -> Iterator[Progress]:
    for state, number, percents in states:
        for percent in percents:
            yield Progress(time, state, number, percent)
            time += _BETWEEN_STEPS


def _times(plan: FaultPlan, begin: int, end: int, dice: Dice) -> list[int]:
    """When a fault is reported: evenly with some chance, or ever more often."""
    first, last = begin + 15 * SECOND, end - 30 * SECOND
    times: list[int] = []
    for i in range(plan.count):
        place = (i + dice.real(0.2, 0.8)) / plan.count
        if plan.rising:
            place = math.sqrt(place)  # of the roots and powers the one that IEEE 754 makes exact
        time = first + int((last - first) * place)
        time -= time % 1_000  # recorders write microseconds
        if not plan.kind.restarts or not times or time > times[-1] + _BETWEEN_RESTARTS:
            times.append(time)
    return times


def _running_since(boots: Sequence[Boot], time: int) -> int | None:
    index = bisect_right(boots, time, key=lambda boot: boot.up) - 1
    if index < 0:
        return None
    if index + 1 < len(boots) and time >= boots[index + 1].since - _DOWN:
        return None
    return boots[index].since
