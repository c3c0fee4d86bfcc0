"""What became of a fault with an update, as one word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argus_pipeline.fleet.rules import ComparisonRules

NEW: Final = "new"
WORSE: Final = "worse"
UNCHANGED: Final = "unchanged"
BETTER: Final = "better"
GONE: Final = "gone"
TOO_LITTLE: Final = "too little data"
CHANGES: Final = (NEW, WORSE, BETTER, GONE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the comparison of one fault found. `ratio` is infinite where nothing was before.

    `p_adjusted` is None where the fault came too seldom to be tested; `low` and `high` are the
    bounds of the 95 % interval.
    """

    messages_before: int
    messages_after: int
    vehicles_before: int
    vehicles_after: int
    ratio: float
    low: float
    high: float
    p_adjusted: float | None


def classify(found: Finding, rules: ComparisonRules) -> str:
    """The class of a fault.

    1. Fewer than `least_vehicles` in a group: too little data.
    2. The adjusted p is at most `false_discovery_rate`: with a ratio of at least `least_change` it
       is worse (new, where it never came before); of at most 1/`least_change` better (gone, where
       it never came after).
    3. The interval lies between 1/`relevant_change` and `relevant_change`: unchanged.
    4. Else nothing can be said: too little data.
    """
    if min(found.vehicles_before, found.vehicles_after) < rules.least_vehicles:
        return TOO_LITTLE
    if found.p_adjusted is not None and found.p_adjusted <= rules.false_discovery_rate:
        if found.ratio >= rules.least_change:
            return NEW if found.messages_before == 0 else WORSE
        if found.ratio <= 1 / rules.least_change:
            return GONE if found.messages_after == 0 else BETTER
    if found.low > 1 / rules.relevant_change and found.high < rules.relevant_change:
        return UNCHANGED
    return TOO_LITTLE
