"""Fault codes in texts: which patterns count as one, and where they may stand.

A code counts when it stands by itself: at the start of the text or after a blank, quote, bracket,
one of `= : , ; | / # + < >` or a Chinese character or mark, and before what is no Latin letter or
digit. So `DTC P0A80-1F` holds `P0A80` (the failure type byte after the dash is left off), as does
`故障码P0A80电池`, and `v1.B0000`, `a-E123-4` or `xC0035` hold none.
Upper and lower case differ, since maker's and OBD codes are written in capitals everywhere.

The regular expressions run in time linear in the text (Rust's `regex` has no backtracking).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl


@dataclass(frozen=True, slots=True)
class CodePattern:
    """One way in which fault codes are written.

    Args:
        name: what kind of code it is.
        regex: the code itself, without groups and anchors (syntax of Rust's `regex`).
        after: words (a regular expression without groups, any case) that have to come before the
            code because it could be any number otherwise; None where the code says enough.
        reference: where this form is defined.
    """

    name: str
    regex: str
    reference: str
    after: str | None = None


CODE_PATTERNS: Final = (
    CodePattern("OBD-II", "[PBCU][0-3][0-9A-F]{3}", "SAE J2012 / ISO 15031-6"),
    CodePattern("maker", "E[0-9]{3,4}", "the maker's own error numbers, such as E001"),
    CodePattern(
        "UDS",
        "0[xX][0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?",
        "ISO 14229-1: a DTC has three bytes, and often two are printed",
        after="(?:dtc|(?:fault|trouble|error)[ _-]?code|fehlercode)s?|故障码|错误码|诊断码",
    ),
)

_BEFORE = r"""(?:^|[\s"'`(\[{<>=:,;|/#+\p{Han}：，；、（【“])"""
# What may stand between the word and the code that needs it: `DTC: 0x12`, `dtc=[0x12`.
_BETWEEN = r"""[\s:=#"'(\[：（]{1,3}"""

_END = r"(?-u:\b)"


def code_regex(patterns: Sequence[CodePattern] = CODE_PATTERNS) -> str:
    """The expression that matches a code with what has to stand before it.

    The boundary at the end is one of ASCII words: a Chinese character may follow, a letter not.
    """
    alternatives = [
        f"{_after(p.after) if p.after else _BEFORE}(?:{p.regex}){_END}" for p in patterns
    ]
    return "|".join(alternatives)


def _after(words: str) -> str:
    return rf"(?:\b|\p{{Han}})(?i:{words}){_BETWEEN}"


def codes_in(text: pl.Expr, patterns: Sequence[CodePattern] = CODE_PATTERNS) -> pl.Expr:
    """List of the fault codes in each text, in their order, each once. Null for a null text."""
    alone = "|".join(f"(?:{p.regex})" for p in patterns)
    code = pl.element().str.extract(f"({alone})$", 1)
    return (
        text.str.extract_all(code_regex(patterns))
        .list.eval(spelled(code, patterns))
        .list.unique(maintain_order=True)
    )


def code_positions(
    found: pl.DataFrame, patterns: Sequence[CodePattern] = CODE_PATTERNS
) -> pl.Series:
    """Where the `code` of each row begins in its `text`, in characters from 0.

    Null where the code does not stand in the text: it came from a field of its own. For frames of
    some thousand rows.
    """
    by_itself = "|".join(f"(?:{p.regex})" for p in patterns if p.after is None) or "[^\\s\\S]"
    words = "|".join(_after(p.after) for p in patterns if p.after)
    code = pl.col("code")
    before = (
        pl.when(code.str.contains(f"(?i)^(?:{by_itself})$"))
        .then(pl.lit(_BEFORE))
        .otherwise(pl.lit(f"(?:{words})"))
    )
    context = pl.concat_str(before, pl.lit("(?i:"), code.str.escape_regex(), pl.lit(f"){_END}"))
    offsets = found.select(pl.col("text").str.find(context))["text"]
    return pl.Series("position", map(_position, found["text"], found["code"], offsets), pl.UInt32)


def _position(text: str | None, code: str | None, offset: int | None) -> int | None:
    """Of a code at or after an offset in the text's UTF-8."""
    if text is None or code is None or offset is None:
        return None
    start = len(text.encode()[:offset].decode())
    match = re.compile(re.escape(code), re.IGNORECASE).search(text, start)
    return None if match is None else match.start()


def may_have_codes(text: pl.Expr, patterns: Sequence[CodePattern] = CODE_PATTERNS) -> pl.Expr:
    """Whether a text holds what a code looks like, wherever it stands; quicker than `codes_in`."""
    return text.str.contains("|".join(f"(?:{p.regex})" for p in patterns))


def spelled(code: pl.Expr, patterns: Sequence[CodePattern] = CODE_PATTERNS) -> pl.Expr:
    """The one spelling of a code: capitals, but for `0x`. What fits no pattern stays as it is."""
    alone = "|".join(f"(?:{p.regex})" for p in patterns)
    upper = code.str.to_uppercase()
    return (
        pl.when(code.str.contains("^0[xX]"))
        .then(pl.concat_str(pl.lit("0x"), upper.str.slice(2)))
        .when(code.str.contains(f"(?i)^(?:{alone})$"))
        .then(upper)
        .otherwise(code)
    )
