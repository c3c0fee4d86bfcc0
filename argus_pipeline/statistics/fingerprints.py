"""Fingerprints: a short, stable name of the text of messages that name no fault code."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_PREFIX: Final = "fp-"
_DIGITS: Final = 12
# By chance a hexadecimal number has no letters, and a list a single entry.
_ANY_NUMBER: Final = re.compile(r"<(?:n|hex|id|version)>(?:\s?[,;/]\s?<(?:n|hex|id|version)>)*")
NO_TEXT: Final = "(no text)"
"""Title of messages whose text could not be decoded."""


def fingerprint(template: str | None) -> str:
    """The fingerprint of a masked text: `fp-` and 12 hexadecimal digits of its SHA-256.

    Numbers of all kinds are one there. It depends on the template only, so it is the same in every
    batch, file and format. That any two of a million share one has a chance of 0.2 %.
    """
    text = NO_TEXT if template is None else _ANY_NUMBER.sub("<n>", template)
    return _PREFIX + hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
