"""Random choices that come out the same with every Python version and on every machine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A seeded source of choices.

    Only `random()` is used, whose sequence Python promises to keep for a seed; the algorithms of
    `choice`, `randint` and the like may change between versions. No logarithm or sine either:
    their last digit depends on the machine's mathematical library.

    Args:
        seed: the seed of the fleet.
        purpose: names what is drawn, so that one more draw here changes nothing elsewhere.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        self._next = random.Random(f"{seed}/{purpose}").random

    def real(self, low: float, high: float) -> float:
        """A number from `low` up to, but not including, `high`."""
        return low + (high - low) * self._next()

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int((high - low + 1) * self._next())

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, each equally likely."""
        return choices[int(len(choices) * self._next())]

    def octets(self, count: int) -> bytes:
        """So many random bytes."""
        return bytes(int(256 * self._next()) for _ in range(count))
