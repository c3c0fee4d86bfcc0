"""What the texts of messages say: their fault codes and their template.

Of a batch's texts many are the same, and looking through one takes two dozen regular expressions.
So each different one is looked through once for each portion of rows that the engine hands over,
and each shape of a template once for all portions; memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from argus_pipeline.statistics.codes import CodePattern, codes_in
from argus_pipeline.statistics.templates import Templates

_SAID: Final = pl.Struct({"codes": pl.List(pl.String), "template": pl.String})


def said(text: pl.Expr, patterns: Sequence[CodePattern]) -> pl.Expr:
    """Struct of the `codes` and the `template` of each text; both null for a null text."""

    templates = Templates(patterns)

    def of_portion(texts: pl.Series) -> pl.Series:
        rows = texts.to_frame("text")
        different = rows.unique()
        different = different.with_columns(
            said=pl.struct(
                codes=codes_in(pl.col("text"), patterns), template=templates.of(different["text"])
            )
        )
        found = rows.join(different, on="text", how="left", nulls_equal=True, maintain_order="left")
        return found["said"]

    return text.map_batches(of_portion, return_dtype=_SAID, is_elementwise=True)
