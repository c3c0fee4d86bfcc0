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
    for regex, replacement in _MASKS:
        if regex is not _CODE:
            yield regex, replacement
        elif codes := _alone(patterns):
            yield codes, replacement


def _alone(patterns: Sequence[CodePattern]) -> str:
    """The codes that need no word before them; empty where there are none."""
    codes = "|".join(f"(?:{p.regex})" for p in patterns if p.after is None)
    # Also between letters of other scripts, which are no parts of a code.
    return rf"(?-u:\b)(?:{codes})(?-u:\b)" if codes else ""


def template(text: pl.Expr, patterns: Sequence[CodePattern] = CODE_PATTERNS) -> pl.Expr:
    """The template of each text: variable parts masked, white space evened out, cut in length."""
    masked = text.str.slice(0, 4 * MAX_CHARACTERS)
    for regex, replacement in masks(patterns):
        masked = masked.str.replace_all(regex, replacement)
    blank = masked.str.replace_all(r"\s{2,}|[^\S ]", " ")
    return shortened(blank.str.strip_chars(" "), MAX_CHARACTERS)


def shape(text: pl.Expr, patterns: Sequence[CodePattern] = CODE_PATTERNS) -> pl.Expr:
    """What the template of a text depends on: texts of one shape have the same template.

    Every digit is as good as another to the masks, but in a code and in the `0x` of a hexadecimal
    number. So those are marked, and the digits made alike.
    """
    shaped = text.str.slice(0, 4 * MAX_CHARACTERS).str.replace_all("[\x01\x02]", "${0}${0}")
    if codes := _alone(patterns):
        shaped = shaped.str.replace_all(codes, "\x01${0}\x01")
    for sign in ("0x", "0X"):
        shaped = shaped.str.replace_all(sign, f"\x02{sign}", literal=True)
    return shaped.str.replace_all("[0-9]", "0")


class Templates:
    """Makes the templates of portions of texts; each shape is masked once. Threads may share it.

    Args:
        patterns: what counts as a fault code.
        most: shapes that are remembered; past that it begins anew.
    """

    def __init__(self, patterns: Sequence[CodePattern], most: int = 100_000) -> None:
        self._patterns = patterns
        self._most = most
        self._known = pl.DataFrame(schema={"shape": pl.String, "template": pl.String})

    def of(self, texts: pl.Series) -> pl.Series:
        """The template of each text, as `template` makes it."""
        text = pl.col("text")
        rows = texts.alias("text").to_frame().with_columns(shape=shape(text, self._patterns))
        shapes, known = rows.unique("shape"), self._known
        fresh = shapes.join(known, on="shape", how="anti")
        if known.height + fresh.height > self._most:
            fresh, known = shapes, known.clear()
        if fresh.height:
            masked = template(text, self._patterns)
            # Two threads may both find a shape: what one remembers, the other finds again.
            self._known = known = pl.concat([known, fresh.select("shape", template=masked)])
        return rows.join(known, on="shape", how="left", maintain_order="left")["template"]


def shortened(text: pl.Expr, characters: int) -> pl.Expr:
    """The text itself, or its first characters and `…` where it has more than `characters`."""
    return (
        pl.when(text.str.len_chars() > characters)
        .then(pl.concat_str(text.str.slice(0, characters - 1), pl.lit("…")))
        .otherwise(text)
    )
