"""Sensors and schedules that fail: what they should start waits, and no run says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

UPLOADS: Final = "completed_uploads"
IN_A_ROW: Final = 3
FOR_S: Final = 60.0
"""A sensor fails when so many looks in a row did, over so long; of a schedule one is enough."""
LATELY_S: Final = 600.0
A_WEEK_S: Final = 7 * 86_400.0
"""What failed longer ago is of a sensor or schedule that is off, or no more."""


@dataclass(frozen=True, slots=True)
class Look:
    """One that has ended: when it began, and the reason where it failed."""

    at: float
    reason: str | None


@dataclass(frozen=True, slots=True)
class Looks:
    """Those of a sensor or schedule that runs, the newest first; of a schedule the last."""

    name: str
    is_sensor: bool
    ended: Sequence[Look]


@dataclass(frozen=True, slots=True)
class Failing:
    """A sensor or schedule whose newest looks failed, with the first line of the last reason."""

    name: str
    reason: str


def failing(all_looks: Iterable[Looks], now: float) -> list[Failing]:
    """Those that fail, by name."""
    found = {}
    for one in all_looks:
        failed = list(takewhile(lambda look: look.reason is not None, one.ended))
        if one.is_sensor and (len(failed) < IN_A_ROW or now - failed[-1].at < FOR_S):
            continue
        if failed:
            found[one.name] = Failing(one.name, failed[0].reason or "")
    return [found[name] for name in sorted(found)]
