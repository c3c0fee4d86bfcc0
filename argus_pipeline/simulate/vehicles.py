"""Vehicles that do not exist, with identification numbers that are well formed all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argus_pipeline.simulate.dice import Dice

# The maker and the model line of each platform: the first 8 characters of its numbers.
PLATFORM_PREFIXES: Final = {"J7": "LFV3A23C", "K5": "WVG7K51D", "T2": "LSJT2B64"}
_MODEL_YEAR_AND_PLANT = ("SA", "TA", "TB")
# What each character counts, and at which place how much: 49 CFR 565.15, as ISO 3779 users do.
_VALUES: Final = {
    **{digit: int(digit) for digit in "0123456789"},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CHECK_PLACE: Final = 8


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle of the fleet; `odometer` in km and the place where its recordings begin."""

    vin: str
    platform: str
    odometer: int
    latitude: float
    longitude: float


def check_digit(vin: str) -> str:
    """The check digit (0-9 or X) that belongs at the ninth place of a 17-character number."""
    rest = sum(_VALUES[c] * weight for c, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def make_vehicle(seed: int, platform: str, number: int) -> Vehicle:
    """The `number`-th vehicle of a platform, the same for the same seed."""
    dice = Dice(seed, f"vehicle/{platform}/{number}")
    serial = f"{dice.whole(0, 899) * 1000 + number % 1000:06d}"
    vin = f"{PLATFORM_PREFIXES[platform]}0{dice.pick(_MODEL_YEAR_AND_PLANT)}{serial}"
    vin = vin[:_CHECK_PLACE] + check_digit(vin) + vin[_CHECK_PLACE + 1 :]
    return Vehicle(
        vin,
        platform,
        odometer=dice.whole(4_000, 140_000),
        latitude=dice.real(47.8, 53.4),
        longitude=dice.real(8.5, 13.2),
    )
