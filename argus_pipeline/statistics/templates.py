"""Texts with their variable parts masked, so that the same message has the same template.

`[INSTALLING] slot=B progress 58% elapsed=22642ms` becomes `[INSTALLING] slot=B progress <n>%
elapsed=<n>ms`. Fault codes become `<code>`: the code itself is a column of its own. Masking a
template again changes nothing.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from argus_pipeline.statistics.codes import CODE_PATTERNS

MAX_CHARACTERS: Final = 400
"""Longer templates are cut, with `…` at the end."""

_CODES = "|".join(f"(?:{p.regex})" for p in CODE_PATTERNS if p.after is None)

# In this order: what is special first, plain numbers last. Every replacement is free of digits
# and starts and ends with a character that none of the expressions takes for a part of a word.
_MASKS: Final = (
    # RFC 9562 UUID
    (r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<id>"),
    # ISO 8601 date and time, or either alone
    (
        r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?\b",
        "<time>",
    ),
    (r"\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b", "<time>"),
    # an absolute path of two levels or more
    (r"""(^|[\s"'=:(\[])(?:/[\w.@+-]+){2,}/?""", "${1}<path>"),
    (rf"\b(?:{_CODES})\b", "<code>"),
    (r"(?i)\b0x[0-9a-f]+\b", "<hex>"),
    # bare hexadecimal ids: at least eight digits with both kinds of characters among them
    (r"(?i)\b(?:[a-f]+\d|\d+[a-f])[0-9a-f]{6,}\b", "<hex>"),
    # version numbers and addresses: three or more numbers with dots
    (r"\bv?\d+(?:\.\d+){2,}\b", "<version>"),
    (r"[-+]?\d+(?:[.,]\d+)*", "<n>"),
)


def template(text: pl.Expr) -> pl.Expr:
    """The template of each text: variable parts masked, white space evened out, cut in length."""
    masked = text.str.slice(0, 4 * MAX_CHARACTERS)
    for regex, replacement in _MASKS:
        masked = masked.str.replace_all(regex, replacement)
    return shortened(masked.str.replace_all(r"\s+", " ").str.strip_chars(" "), MAX_CHARACTERS)


def shortened(text: pl.Expr, characters: int) -> pl.Expr:
    """The text itself, or its first characters and `…` where it has more than `characters`."""
    return (
        pl.when(text.str.len_chars() > characters)
        .then(pl.concat_str(text.str.slice(0, characters - 1), pl.lit("…")))
        .otherwise(text)
    )
