"""Fault codes as the knowledge base spells them."""

from __future__ import annotations

import re
from typing import Final

MAX_CODE: Final = 32
CODE_RULE: Final = f"1 to {MAX_CODE} of the characters A-Z 0-9 . _ : -, such as C0035, E104, 0x1234"
_CODE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{MAX_CODE - 1}}}")
# SAE J2012 / ISO 15031-6, a maker's own number, and UDS (ISO 14229-1) in hex.
_IN_TEXT = re.compile(
    r"(?<![\w.-])(?:[PBCU][0-3][0-9A-F]{3}|E[0-9]{3,4}|0x[0-9A-F]{4}(?:[0-9A-F]{2})?)(?!\w)",
    re.IGNORECASE,
)


def is_code(text: str) -> bool:
    """Whether a text can be a fault code at all."""
    return _CODE.fullmatch(text) is not None


def normal_code(text: str) -> str:
    """The one spelling of a code: upper case, but for the `0x` of a hexadecimal one."""
    upper = text.strip().upper()
    return "0x" + upper[2:] if upper.startswith("0X") else upper


def codes_in_question(text: str) -> tuple[str, ...]:
    """The fault codes that a person's question names, in either case, each once, in order.

    A question of one word with a digit in it is a code of whatever form.
    """
    word = text.strip()
    if is_code(word) and any(c.isdecimal() for c in word):
        return (normal_code(word),)
    return tuple(dict.fromkeys(normal_code(found) for found in _IN_TEXT.findall(text)))
