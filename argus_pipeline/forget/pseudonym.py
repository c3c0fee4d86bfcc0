"""The name that a vehicle has from now on, and its place in texts and bytes.

It is as long as the vehicle's own, so that recordings, whose fields have lengths, stay what they
are. It is made of chance: nothing leads back from it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput

SHORTEST: Final = 8
"""Shorter names are words of other texts, too."""

_BEGINS_WITH: Final = "anon"
_SHORTEST_CUT: Final = 6
# A chart's title that is too long ends so, and may end within the name.
_CUT: Final = (b"\xe2\x80\xa6", rb"\u2026", b"&#8230;", b"&hellip;")


@dataclass(frozen=True)
class Pseudonym:
    """`vehicle` becomes `name`, also where it is written in capitals or without."""

    vehicle: str
    name: str

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """How the vehicle may be written."""
        return tuple(dict.fromkeys([self.vehicle, self.vehicle.upper(), self.vehicle.lower()]))

    @cached_property
    def _written(self) -> re.Pattern[bytes]:
        whole = [re.escape(form.encode()) for form in self.forms]
        cut = [
            re.escape(self.vehicle[:length].encode())
            + b"(?="
            + b"|".join(map(re.escape, _CUT))
            + b")"
            for length in range(len(self.vehicle) - 1, _SHORTEST_CUT - 1, -1)
        ]
        return re.compile(b"|".join([*whole, *cut]))

    def data(self, data: bytes) -> bytes:
        """The bytes, of the same length, without the vehicle's name."""
        name = self.name.encode()
        return self._written.sub(lambda found: name[: len(found[0])], data)

    def text(self, text: str) -> str:
        """The text without the vehicle's name."""
        for form in self.forms:
            text = text.replace(form, self.name)
        return text

    def is_in(self, text: str) -> bool:
        """Whether the vehicle is named in a text."""
        return any(form in text for form in self.forms)


def new_pseudonym(vehicle: str) -> Pseudonym:
    """A pseudonym by chance.

    Raises:
        BadInput: the name is none, or too short to be told from other words.
    """
    safe_name(vehicle, "the vehicle")
    if len(vehicle) < SHORTEST:
        raise BadInput(
            f"the vehicle's name {vehicle!r} is too short to be told from other texts",
            expected=f"at least {SHORTEST} characters, as a VIN has 17",
        )
    rest = len(vehicle) - len(_BEGINS_WITH)
    return Pseudonym(vehicle, _BEGINS_WITH + secrets.token_hex(rest)[:rest])
