"""How a simulated vehicle moves: speed, brakes, place and power, five times a second."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from argus_pipeline.simulate.dice import Dice
from argus_pipeline.simulate.faults import FaultKind
from argus_pipeline.simulate.journey import SECOND, Journey

TICK: Final = SECOND // 5
_RESTING_VOLTAGE: Final = 396.0
_METRES_PER_DEGREE: Final = 111_320.0
_DIP: Final = 2 * SECOND


@dataclass(frozen=True, slots=True)
class Moment:
    """The state at one tick. Speed in km/h, pressures in bar, pedal in %, V, A, °C, Wh."""

    at: int
    speed: float
    pedal: int
    pressure_front: float
    pressure_rear: float
    latitude: float
    longitude: float
    voltage: float
    current: float
    temperature: int
    energy: int


def drive(journey: Journey, dice: Dice) -> list[Moment]:
    """The whole journey, tick by tick.

    The vehicle stands while it is updated. Reports of battery faults come with a dip of the
    voltage, reports of brake faults with a front pressure that does not follow the pedal.
    """
    dips = _around_reports(journey, lambda kind: kind.dips)
    weak = _around_reports(journey, lambda kind: kind.source.context == b"BRKS")
    parked = _Windows([(step.at - TICK, step.at + 15 * SECOND) for step in journey.update])
    speed, target = 0.0, 40.0
    latitude, longitude, heading = 31.23 + dice.near(0, 0.2), 121.47 + dice.near(0, 0.2), 0
    temperature, energy = 18.0, 0.0
    moments = []
    for at in range(journey.start, journey.end, TICK):
        if dice.chance(0.01):
            target = dice.choice((0.0, 30.0, 50.0, 80.0, 110.0))
            heading = dice.below(4)
        goal = 0.0 if at in parked else target
        acceleration = min(max((goal - speed) * 0.1, -3.0), 1.2) + dice.near(0, 0.2)
        speed = max(0.0, speed + acceleration)
        pedal = int(min(100.0, max(0.0, -acceleration * 30 + dice.near(0, 3)))) if goal else 0
        metres = speed / 3.6 * TICK / SECOND
        latitude += (metres, 0.0, -metres, 0.0)[heading] / _METRES_PER_DEGREE
        longitude += (0.0, metres, 0.0, -metres)[heading] / (_METRES_PER_DEGREE * 0.855)
        current = acceleration * 35 + speed * 0.3 + dice.near(4, 2)
        voltage = _RESTING_VOLTAGE - current * 0.06 + dice.near(0, 0.8)
        if at in dips:
            voltage -= 70 + dice.near(10, 10)
        temperature += (22 + current * 0.08 - temperature) * 0.0005
        energy += max(0.0, voltage * current) * TICK / SECOND / 3600
        front = pedal * 1.1 + dice.near(0.3, 0.3)
        if at in weak:
            front *= dice.between(0.0, 0.15)
        moments.append(
            Moment(
                at,
                speed,
                pedal,
                front,
                pedal * 0.66 + dice.near(0.3, 0.3),
                latitude,
                longitude,
                voltage,
                current,
                int(temperature),
                int(energy),
            )
        )
    return moments


class _Windows:
    """Stretches of time that may overlap; asks whether a time is in one of them."""

    def __init__(self, stretches: list[tuple[int, int]]) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for begin, end in sorted(stretches):
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._begins.append(begin)
                self._ends.append(end)

    def __contains__(self, at: int) -> bool:
        index = bisect_right(self._begins, at) - 1
        return index >= 0 and at < self._ends[index]


def _around_reports(journey: Journey, chosen: Callable[[FaultKind], bool]) -> _Windows:
    return _Windows([(r.at - _DIP // 2, r.at + _DIP) for r in journey.reports if chosen(r.kind)])
