"""How many runs one look at the uploads may request.

Dagster creates them one after the other and counts that to the tick: on an idle machine a tenth of
a second each, on a busy one a second. What is left over is found by the next look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TICK_S: Final = 1.5
"""For creating runs, of the five seconds that a tick may take."""
LEAST: Final = 2
"""From two on their distance in time is seen."""
MOST: Final = 200
_FIRST_GUESS_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast Dagster creates runs.

    Attributes:
        seconds_a_run: as measured the last time.
        requested: how many runs the last look requested.
    """

    seconds_a_run: float = _FIRST_GUESS_S
    requested: int = 0

    def measured(self, created: Sequence[float]) -> Pace:
        """The pace now.

        Args:
            created: when the runs of the last look were created, in seconds.
        """
        if len(created) < LEAST:
            return self
        each = (max(created) - min(created)) / (len(created) - 1)
        return Pace(each, self.requested)

    def affordable(self) -> int:
        """How many runs this look may request: never more than twice as many as were measured."""
        usual = int(TICK_S / _FIRST_GUESS_S)
        at_most = min(MOST, max(usual, 2 * self.requested))
        if self.seconds_a_run <= 0:
            return at_most
        return max(LEAST, int(min(at_most, TICK_S / self.seconds_a_run)))
