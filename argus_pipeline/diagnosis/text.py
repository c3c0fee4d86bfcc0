"""Text from strangers made harmless and short, and the measures that bound what we write."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Final

# Control, format (bidi overrides, zero width), surrogate, private, unassigned, line separators.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_IDEOGRAPH: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_WORD: Final = re.compile(r"\S*\w\S*")
_ELLIPSIS: Final = "…"
_NO_MARKS: Final = str.maketrans("“”", "''")
_MASK: Final = re.compile(r"<[a-z]+>")


def clean(text: str, limit: int) -> str:
    r"""Make text from outside one visible line of at most `limit` characters.

    Every run of white space becomes one space; every character that has no shape of its own
    (ANSI escapes, bidi overrides, zero width) is written out as `\x1b` or `\u202e`. What does not
    fit ends in an ellipsis. Cleaning a second time changes nothing.
    """
    # Cut before the work, so that a text of megabytes costs no more than a short one.
    head = text[: limit * 4 + 64]
    line = " ".join(head.split())
    shown = "".join(_visible(character) for character in line)
    if len(shown) <= limit and len(head) == len(text):
        return shown
    return shown[: max(limit - 1, 0)].rstrip() + _ELLIPSIS


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def named(text: str, limit: int) -> str:
    """A name from outside, cleaned; one of several words in quotation marks, unlike our own."""
    name = clean(text, limit)
    return f"“{name.translate(_NO_MARKS)}”" if " " in name else name


def unmasked(template: str) -> str:
    """What a template says beside its masks, such as `<code>`: to an embedder these are noise."""
    return " ".join(_MASK.sub(" ", template).split())


def word_count(text: str) -> int:
    """Words of a text; two ideographs count as one word, as they are written without spaces."""
    ideographs = len(_IDEOGRAPH.findall(text))
    return -(-ideographs // 2) + len(_WORD.findall(without_ideographs(text)))


def without_ideographs(text: str) -> str:
    """The text with a space for each ideograph, kana or hangul."""
    return _IDEOGRAPH.sub(" ", text)


def amount(number: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: `1 message`, `12,345 messages`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def moment(time: datetime) -> str:
    """A time to the second in UTC, as the reports write it."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """A stretch of time in its two largest units: `4 min 10 s`, `2 d 3 h`."""
    whole = round(seconds)
    if whole < 1:
        return "less than 1 s"
    units = [(86400, "d"), (3600, "h"), (60, "min"), (1, "s")]
    parts: list[tuple[int, str]] = []
    for size, unit in units:
        if whole >= size or parts:
            parts.append((whole // size, unit))
            whole %= size
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number)
