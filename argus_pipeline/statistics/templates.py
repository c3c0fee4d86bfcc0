"""Texts with their variable parts masked, so that the same message has the same template.

`[INSTALLING] slot=B progress 58% elapsed=22642ms` becomes `[INSTALLING] slot=B progress <n>%
elapsed=<n>ms`. Fault codes become `<code>`: the code itself is a column of its own. Masking a
template again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from argus_pipeline.statistics.codes import CODE_PATTERNS, CodePattern

MAX_CHARACTERS: Final = 400
"""Longer templates are cut, with `…` at the end."""

_CODE: Final = "code"
# In this order: what is special first, plain numbers last. Every replacement is free of digits
# and starts and ends with a character that none of the expressions takes for a part of a word.
_MASKS: Final = (
    # RFC 9562 UUID
    (r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<id>"),
    # RFC 3986 URL
    (r"""\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>)\]]+""", "<url>"),
    # Ethernet address
    (r"(?i)\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b", "<hex>"),
    # ISO 8601 date and time, or either alone; a date as German has it
    (
        r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?\b",
        "<time>",
    ),
    (r"\b\d{1,2}\.\d{1,2}\.\d{4}\b", "<time>"),
    (r"\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b", "<time>"),
    # an absolute path of two levels or more
    (r"""(^|[\s"'=:(\[])(?:/[\w.@+-]+){2,}/?""", "${1}<path>"),
    (_CODE, "<code>"),
    # what stands in quotation marks is a name; in single ones if it is one word
    (r"""(^|[\s=:,(\[])"[^"<>]{1,80}\"""", '${1}"<text>"'),
    (r"[“„][^“”„<>]{1,80}[“”]", "“<text>”"),
    (r"「[^「」<>]{1,80}」", "「<text>」"),
    (r"(^|[\s=:(\[])'[^'\s<>]{1,80}'", "${1}'<text>'"),
    (r"(?i)\b0x[0-9a-f]+\b", "<hex>"),
    # bytes one by one, as DLT writes raw data and as people write dumps
    (r"(?i)\b[0-9a-f]{2}(?:'[0-9a-f]{2})+\b", "<hex>"),
    (r"(?i)\b[0-9a-f]{2}(?: [0-9a-f]{2}){3,}\b", "<hex>"),
    # bare hexadecimal ids: at least eight digits with both kinds of characters among them
    (r"(?i)\b(?:(?:[a-f]+\d|\d+[a-f])[0-9a-f]{6,}|\d{6,}[a-f]+|[a-f]+\d{6,})\b", "<hex>"),
    # letters and digits by turns: serial numbers, vehicle ids, parts of hashes
    (r"\b(?:[0-9]+[A-Za-z]+[0-9]|[A-Za-z]+[0-9]+[A-Za-z])[0-9A-Za-z]*\b", "<id>"),
    # version numbers and addresses: three or more numbers with dots
    (r"\bv?\d+(?:\.\d+){2,}\b", "<version>"),
    (r"[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?", "<n>"),
    (r"=(?:true|false)\b", "=<flag>"),
)


def masks(patterns: Sequence[CodePattern] = CODE_PATTERNS) -> Iterator[tuple[str, str]]:
    """The expressions and what takes the place of their matches, in order."""
    codes = "|".join(f"(?:{p.regex})" for p in patterns if p.after is None)
    for regex, replacement in _MASKS:
        if regex is not _CODE:
            yield regex, replacement
        elif codes:
            # Also between letters of other scripts, which are no parts of a code.
            yield rf"(?-u:\b)(?:{codes})(?-u:\b)", replacement


def template(text: pl.Expr, patterns: Sequence[CodePattern] = CODE_PATTERNS) -> pl.Expr:
    """The template of each text: variable parts masked, white space evened out, cut in length."""
    masked = text.str.slice(0, 4 * MAX_CHARACTERS)
    for regex, replacement in masks(patterns):
        masked = masked.str.replace_all(regex, replacement)
    blank = masked.str.replace_all(r"\s{2,}|[^\S ]", " ")
    return shortened(blank.str.strip_chars(" "), MAX_CHARACTERS)


def shortened(text: pl.Expr, characters: int) -> pl.Expr:
    """The text itself, or its first characters and `…` where it has more than `characters`."""
    return (
        pl.when(text.str.len_chars() > characters)
        .then(pl.concat_str(text.str.slice(0, characters - 1), pl.lit("…")))
        .otherwise(text)
    )
