"""Signals: the numeric and boolean fields of `.rec` tables, summed up by recording."""

from __future__ import annotations

from typing import Final

import polars as pl

from argus_pipeline.statistics.events import event_fields
from argus_pipeline.statistics.sources import ENVELOPE, PATH, REC, TableGroup, name_recordings

# Parallel sums differ in their last digits from run to run; these are the digits that do not.
_MEAN_DIGITS: Final = 10


def signal_columns(group: TableGroup) -> list[str]:
    """Which columns of a table are signals.

    Numbers and booleans that belong neither to the envelope nor, as severity or code, to the event.
    """
    if group.format != REC:
        return []
    fields = event_fields(group.schema)
    taken = {*ENVELOPE, fields.code, fields.severity}
    return [
        column
        for column, kind in group.schema.items()
        if column not in taken and (kind.is_numeric() or kind == pl.Boolean)
    ]


def signals(group: TableGroup) -> pl.LazyFrame | None:
    """One row a recording, with a struct of measures for each signal; None without signals.

    Minimum and maximum are those of the values as float64 (exact for integers up to 2^53).
    """
    columns = signal_columns(group)
    if not columns:
        return None
    return (
        group.scan()
        .group_by(pl.col(PATH).alias("path"))
        .agg(
            pl.len().alias("messages"),
            *(_measures(index, column) for index, column in enumerate(columns)),
        )
    )


def unfold(group: TableGroup, collected: pl.DataFrame) -> pl.DataFrame:
    """The collected `signals` of a group as one row a recording and signal."""
    named = name_recordings(collected, [group])
    return pl.concat(
        named.select(
            "recording",
            pl.lit(group.table).alias("table"),
            pl.lit(column).alias("signal"),
            "messages",
            pl.col(f"measures-{index}").struct.unnest(),
        )
        for index, column in enumerate(signal_columns(group))
    )


def _measures(index: int, column: str) -> pl.Expr:
    value = pl.col(column).cast(pl.Float64)
    number = value.fill_nan(None)
    return pl.struct(
        missing=value.null_count(),
        nan=value.is_nan().sum(),
        min=number.min(),
        max=number.max(),
        mean=number.mean().round_sig_figs(_MEAN_DIGITS),
    ).alias(f"measures-{index}")
