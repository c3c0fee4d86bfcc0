"""Fingerprints: a short, stable name of the text of messages that name no fault code."""

from __future__ import annotations

import hashlib
from typing import Final

_PREFIX: Final = "fp-"
_DIGITS: Final = 12
NO_TEXT: Final = "(no text)"
"""Title of messages whose text could not be decoded."""


def fingerprint(template: str | None) -> str:
    """The fingerprint of a masked text: `fp-` and 12 hexadecimal digits of its SHA-256.

    It depends on the template only, so it is the same in every batch, file and format. Two of a
    million templates share a fingerprint with a chance of 0.2 %.
    """
    text = NO_TEXT if template is None else template
    return _PREFIX + hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
