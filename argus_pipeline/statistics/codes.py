"""Fault codes in texts: which patterns count as one, and where they may stand.

A code counts when it stands by itself: at the start of the text or after a blank, quote, bracket,
one of `= : , ; | / # + < >` or a Chinese character or mark, and before what is no Latin letter or
digit. So `DTC P0A80-1F` holds `P0A80` (the failure type byte after the dash is left off), as does
`故障码P0A80电池`, and `v1.B0000`, `a-E123-4` or `xC0035` hold none.
Upper and lower case differ, since maker's and OBD codes are written in capitals everywhere.

The regular expressions run in time linear in the text (Rust's `regex` has no backtracking).
"""

from __future__ import annotations

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
        rf"(?:\b|\p{{Han}})(?i:{p.after}){_BETWEEN}(?:{p.regex}){_END}"
        if p.after
        else rf"{_BEFORE}(?:{p.regex}){_END}"
        for p in patterns
    ]
    return "|".join(alternatives)


def codes_in(text: pl.Expr, patterns: Sequence[CodePattern] = CODE_PATTERNS) -> pl.Expr:
    """List of the fault codes in each text, in their order, each once. Null for a null text."""
    alone = "|".join(f"(?:{p.regex})" for p in patterns)
    code = pl.element().str.extract(f"({alone})$", 1)
    return (
        text.str.extract_all(code_regex(patterns))
        .list.eval(spelled(code, patterns))
        .list.unique(maintain_order=True)
    )


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
