"""Vehicles' names, hidden from readers who may not see them.

A name is replaced by its first three and last three characters, in every text that leaves. What
looks like a VIN is one, wherever it stands. A batch's id holds the name of its vehicle, so the id
that such a reader sees is shortened just so, and found again by what is left of it.
"""

from __future__ import annotations

import re
from typing import Final

MARK: Final = "~"
_SHOWN: Final = 3
# ISO 3779: 17 characters without I, O and Q; the serial number at the end has digits.
_VIN: Final = re.compile(r"(?<![A-Za-z0-9])[A-HJ-NPR-Za-hj-npr-z0-9]{13}[0-9]{4}(?![A-Za-z0-9])")
_ID: Final = re.compile(r"(\d{8}T\d{6}Z-)(.+)(-[0-9A-Za-z]+)")
_ID_IN_TEXT: Final = re.compile(
    r"(?<![A-Za-z0-9])\d{8}T\d{6}Z-[A-Za-z0-9._-]+-[0-9A-Za-z]+(?![A-Za-z0-9-])"
)
_LETTER: Final = re.compile(r"[A-Za-z]")


def mask(vehicle: str) -> str:
    """`LFV3A23C0K3000001` as `LFV~001`; short names lose all but their first character."""
    if len(vehicle) <= 2 * _SHOWN + 1:
        return f"{vehicle[:1]}{MARK}"
    return f"{vehicle[:_SHOWN]}{MARK}{vehicle[-_SHOWN:]}"


def masked(text: str, *vehicles: str) -> str:
    """The text without these vehicles' names, and those in ids of batches, and what may be VINs."""
    text = _ID_IN_TEXT.sub(lambda found: hidden(found[0]), text)
    for vehicle in vehicles:
        for form in dict.fromkeys([vehicle, vehicle.upper(), vehicle.lower()]):
            text = text.replace(form, mask(form))
    # A number of 17 digits is a time or a counter.
    return _VIN.sub(lambda found: mask(found[0]) if _LETTER.search(found[0]) else found[0], text)


def hidden(batch: str) -> str:
    """A batch's id without the name of its vehicle, which stands between time and ending."""
    found = _ID.fullmatch(batch)
    return f"{found[1]}{mask(found[2])}{found[3]}" if found else masked(batch)


def names_in(batch: str, vehicle: str | None) -> tuple[str, ...]:
    """What is to be hidden in a text about a batch.

    Args:
        batch: its id, which alone tells the name before a manifest is verified.
        vehicle: of its manifest, once that is.
    """
    if vehicle:
        return (vehicle,)
    found = _ID.fullmatch(batch)
    return (found[2],) if found else ()


def around(batch: str) -> tuple[str, str] | None:
    """What the id behind a hidden one begins and ends with; None where it hides nothing."""
    before, mark_, after = batch.partition(MARK)
    return (before, after) if mark_ else None
