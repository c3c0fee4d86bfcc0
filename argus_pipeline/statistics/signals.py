"""Signals: the numeric and boolean fields of `.rec` tables, summed up by recording.

All of it is keyed to event time and does not depend on the order in which messages arrived. Memory
grows with the number of seconds; with that of messages only up to `MAX_EXACT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from argus_pipeline.statistics.events import ENVELOPE_TIME, event_fields
from argus_pipeline.statistics.sources import ENVELOPE, PATH, REC, TableGroup, name_recordings

# Parallel sums differ in their last digits from run to run; these are the digits that do not.
DIGITS: Final = 10

MAX_EXACT: Final = 20_000_000
"""Messages of a table up to which quantiles are exact, which keeps all values of a signal in memory
(160 MB). Of more they are those of the values rounded to `QUANTILE_DIGITS` significant digits:
exact for whole numbers below 10,000, else within 0.05 %."""

QUANTILE_DIGITS: Final = 4

QUANTILES: Final = {"p1": 0.01, "p50": 0.5, "p99": 0.99}

MAX_STEP_S: Final = 60
"""No rate of change is computed over a longer silence of a signal."""


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


def signals(group: TableGroup, seconds: pl.DataFrame) -> pl.DataFrame | None:
    """One row a recording and signal of the table; None without signals.

    Minimum and maximum are those of the values as float64 (exact for integers up to 2^53).

    Args:
        group: the table.
        seconds: the same table, as `by_second` gives it.
    """
    columns = signal_columns(group)
    if not columns:
        return None
    measured = _collect(
        group.scan()
        .group_by(pl.col(PATH).alias("path"))
        .agg(
            pl.len().alias("messages"),
            *(_measures(index, column) for index, column in enumerate(columns)),
        )
    )
    is_exact = int(measured["messages"].sum()) <= MAX_EXACT
    return pl.concat(
        name_recordings(
            measured.select(
                "path",
                pl.lit(group.table).alias("table"),
                pl.lit(column).alias("signal"),
                "messages",
                pl.col(f"measures-{index}").struct.unnest(),
            )
            .join(_quantiles(group, column, is_exact=is_exact), on="path", how="left")
            .join(_changes(seconds, index), on="path", how="left"),
            [group],
        )
        for index, column in enumerate(columns)
    )


def by_second(group: TableGroup) -> pl.DataFrame:
    """The signals of a table by recording and second.

    Returns:
        `path`, `second` (since 1970), and for the signal with the index i in `signal_columns`
        `low-i`, `high-i`, `mean-i`; in the order of path and time.
    """
    columns = signal_columns(group)
    return _collect(
        group.scan()
        .with_columns(path=pl.col(PATH), time=ENVELOPE_TIME)
        .filter(pl.col("time").is_not_null())
        .group_by("path", (pl.col("time").to_physical() // 1_000_000_000).alias("second"))
        .agg(
            expression
            for index, column in enumerate(columns)
            for expression in _of_second(index, column)
        )
    ).sort("path", "second")


def _of_second(index: int, column: str) -> Iterator[pl.Expr]:
    number = _number(column)
    yield number.min().alias(f"low-{index}")
    yield number.max().alias(f"high-{index}")
    yield number.mean().round_sig_figs(DIGITS).alias(f"mean-{index}")


def _number(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64).fill_nan(None)


def _measures(index: int, column: str) -> pl.Expr:
    value = pl.col(column).cast(pl.Float64)
    number = value.fill_nan(None)
    return pl.struct(
        missing=value.null_count(),
        nan=value.is_nan().sum(),
        min=number.min(),
        max=number.max(),
        mean=number.mean().round_sig_figs(DIGITS),
    ).alias(f"measures-{index}")


def _quantiles(group: TableGroup, column: str, *, is_exact: bool) -> pl.DataFrame:
    """Exact with linear interpolation, or of rounded values the one at just this rank."""
    number = _number(column)
    value = number if is_exact else number.round_sig_figs(QUANTILE_DIGITS)
    values = (
        group.scan().select(path=pl.col(PATH), value=value).filter(pl.col("value").is_not_null())
    )
    if is_exact:
        quantiles = (
            pl.col("value").quantile(q, "linear").alias(name) for name, q in QUANTILES.items()
        )
        return _collect(values.group_by("path").agg(quantiles))
    counts = _collect(values.group_by("path", "value").agg(pl.len()))
    share = pl.col("len").cum_sum().over("path") / pl.col("len").sum().over("path")
    return (
        counts.sort("path", "value")
        .with_columns(share=share)
        .group_by("path")
        .agg(
            pl.col("value").filter(pl.col("share") >= q).min().alias(name)
            for name, q in QUANTILES.items()
        )
    )


def _changes(seconds: pl.DataFrame, index: int) -> pl.DataFrame:
    """The steepest rise and fall, and the 99th percentile of either, between seconds' means."""
    step = pl.col("second") - pl.col("second").shift().over("path")
    change = pl.col("mean") - pl.col("mean").shift().over("path")
    rate = (change / step).round_sig_figs(DIGITS)
    return (
        seconds.select("path", "second", mean=pl.col(f"mean-{index}"))
        .filter(pl.col("mean").is_not_null())
        .select("path", rate=pl.when(step <= MAX_STEP_S).then(rate))
        .group_by("path")
        .agg(
            max_rise_per_s=pl.col("rate").clip(lower_bound=0).max(),
            max_fall_per_s=pl.col("rate").clip(upper_bound=0).min().abs(),
            p99_change_per_s=pl.col("rate").abs().quantile(0.99, "nearest"),
        )
    )


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.collect(engine="streaming")
