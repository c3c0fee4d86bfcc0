"""How much one tick of a sensor may take on: what is left over is found by the next one.

Dagster creates the runs that a tick requests one after the other and counts that to the tick: on an
idle machine a tenth of a second each, on a busy one a second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

TICK_S: Final = 1.5
"""For creating runs, at the most, of the five seconds that a tick may take."""
LEAST: Final = 1
MOST: Final = 200
_FIRST_GUESS_S: Final = 0.5
_LONGEST_S: Final = 60.0
"""More than that is a clock that was set, or somebody else's run."""
_FASTER: Final = 0.7
"""What seconds become at the most from one tick to the next: a busy machine is busy by bursts."""
T = TypeVar("T")


def in_turn(
    items: Iterable[T], after: str, most: int, key: Callable[[T], str] = str
) -> Sequence[T]:
    """So many of the items, by name, and from the one that follows `after` on, round and round.

    With the name of the last of them for the next `after`, every item has its turn.
    """
    ordered = sorted(items, key=key)
    start = bisect_right(ordered, after, key=key)
    return [*ordered[start:], *ordered[:start]][:most]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast Dagster creates runs; a sensor keeps it in its cursor.

    Attributes:
        seconds_a_run: as measured the last time.
        requested: how many runs the last tick requested.
        asked_at: when it did, by the clock that tells when runs were created.
    """

    seconds_a_run: float = _FIRST_GUESS_S
    requested: int = 0
    asked_at: float = 0.0

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Pace:
        """As `asdict` wrote it.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: it did not.
        """
        return cls(
            float(content["seconds_a_run"]), int(content["requested"]), float(content["asked_at"])
        )

    def measured(self, created: Sequence[float], now: float) -> Pace:
        """The pace of a tick that asks now.

        Args:
            created: when the runs of the last tick were created, in seconds.
            now: by the same clock.
        """
        each = self.seconds_a_run
        if created and self.asked_at:
            seconds = (max(created) - self.asked_at) / len(created)
            if 0 <= seconds <= _LONGEST_S:
                each = max(seconds, _FASTER * each)
        return Pace(each, self.requested, now)

    def affordable(self, seconds: float = TICK_S) -> int:
        """How many runs this tick may request: never more than twice as many as were measured.

        Args:
            seconds: what is left of the tick; counted for `TICK_S` at the most.
        """
        usual = int(TICK_S / _FIRST_GUESS_S)
        at_most = min(MOST, max(usual, 2 * self.requested))
        if self.seconds_a_run <= 0:
            return at_most
        return max(LEAST, int(min(at_most, min(seconds, TICK_S) / self.seconds_a_run)))
