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

_STANDARD = re.compile(
    r"(?P<code>(?P<family>[PBCU][0-3][0-9A-F]{2})[0-9A-F])(?:[-:][0-9A-F]{2})?"
    r"|(?P<bytes>0x[0-9A-F]{4})[0-9A-F]{2}"
)


def is_code(text: str) -> bool:
    """Whether a text can be a fault code at all."""
    return _CODE.fullmatch(text) is not None


def normal_code(text: str) -> str:
    """The one spelling of a code: upper case, but for the `0x` of a hexadecimal one."""
    upper = text.strip().upper()
    return "0x" + upper[2:] if upper.startswith("0X") else upper


def code_family(code: str) -> str | None:
    """The neighbourhood that a standard assigns a code to, or None where none does.

    SAE J2012 gives neighbouring circuits of one system neighbouring numbers: `C0035` and `C0037`
    are wheel speed sensors, family `C003`. A failure type behind it (`C0035-1F`) does not count. Of
    a three-byte UDS code the failure type is the last byte. Numbers of a maker's own say nothing of
    kinship.
    """
    found = _STANDARD.fullmatch(normal_code(code))
    return None if found is None else found["family"] or found["bytes"]


def covering_codes(code: str) -> tuple[str, ...]:
    """The codes whose articles hold for a code: itself, and without its failure type."""
    normal = normal_code(code)
    found = _STANDARD.fullmatch(normal)
    base = None if found is None else found["code"]
    return (normal,) if base in {None, normal} else (normal, str(base))


def codes_in_question(text: str) -> tuple[str, ...]:
    """The fault codes that a person's question names, in either case, each once, in order.

    A question of one word with a digit in it is a code of whatever form.
    """
    word = text.strip()
    if is_code(word) and any(c.isdecimal() for c in word):
        return (normal_code(word),)
    return tuple(dict.fromkeys(normal_code(found) for found in _IN_TEXT.findall(text)))
