"""Counts over time in at most a hundred or so bins, whatever clocks did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import polars as pl

from argus_pipeline.statistics import schemas

MAX_BINS: Final = 120
_DAY: Final = 86_400
# Widths that a clock face or a calendar has, in seconds.
BIN_WIDTHS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(_DAY, 2 * _DAY, 7 * _DAY),
)

CLOCK_SET_FROM: Final = datetime(2001, 1, 1, tzinfo=UTC)
"""Earlier times are those of a clock that was never set: such clocks start in 1970 (Unix), 1980
(GPS, FAT) or 2000 (many real-time clock chips), and DLT and `.rec` are younger than that."""

# A gap is a jump of the clock when it is this many times the span of what it cuts the rest from,
# and the rest is this small; or when no recording could bridge it.
_JUMP_FACTOR: Final = 10
_JUMP_SHARE: Final = 0.05
_JUMP_SECONDS: Final = 365 * _DAY
_SHORTEST_SPAN: Final = 60


def bin_width(first: int, last: int, max_bins: int = MAX_BINS) -> int:
    """Seconds of a bin, so that the times `first` to `last` (Unix seconds) fill at most `max_bins`.

    Bins are aligned to multiples of their width since 1970.
    """
    widths = list(BIN_WIDTHS)
    while True:
        for width in widths:
            if last // width - first // width + 1 <= max_bins:
                return width
        widths = [2 * widths[-1]]


def timeline(seconds: pl.DataFrame) -> pl.DataFrame:
    """Counts by bin and severity over the time that the recordings were made in.

    Messages of a clock that was not set are left out unless all are such, and so are the few
    that a jump of the clock put far away; they stay in `minutes` and `totals`.

    Args:
        seconds: `time` (UTC, ns, whole seconds), `severity`, `messages`.

    Returns:
        `start`, `end` (UTC, ns), `severity`, `messages`, sorted; only bins with messages.
    """
    placed = seconds.filter(pl.col("time") >= CLOCK_SET_FROM)
    if placed.is_empty():
        placed = seconds
    if placed.is_empty():
        return schemas.empty("timeline")
    first, last = _main_span(placed)
    shown = placed.filter(pl.col("time").is_between(_at(first), _at(last)))
    width = bin_width(first, last)
    second = pl.col("time").dt.epoch("s")
    start = pl.from_epoch(second // width * width, "s").dt.cast_time_unit("ns")
    return schemas.fit(
        "timeline",
        shown.group_by(start.dt.replace_time_zone("UTC").alias("start"), "severity")
        .agg(pl.col("messages").sum())
        .with_columns(end=pl.col("start") + pl.duration(seconds=width)),
    )


def _main_span(placed: pl.DataFrame) -> tuple[int, int]:
    """First and last second of the messages that belong together in time."""
    counts = (
        placed.group_by(pl.col("time").dt.epoch("s").alias("second"))
        .agg(pl.col("messages").sum())
        .sort("second")
    )
    while counts.height > 1:
        gaps = counts["second"].diff()
        cut = int(gaps.arg_max() or 0)
        gap = int(gaps[cut])
        before, after = counts.head(cut), counts.tail(counts.height - cut)
        # Of two equal sides the later one stays.
        small, large = sorted((before, after), key=lambda side: int(side["messages"].sum()))
        span = max(int(large["second"][-1] - large["second"][0]), _SHORTEST_SPAN)
        share = int(small["messages"].sum()) / int(counts["messages"].sum())
        if not (gap > _JUMP_SECONDS or (gap > _JUMP_FACTOR * span and share <= _JUMP_SHARE)):
            break
        counts = large
    return int(counts["second"][0]), int(counts["second"][-1])


def _at(second: int) -> pl.Expr:
    return pl.from_epoch(pl.lit(second), "s").dt.cast_time_unit("ns").dt.replace_time_zone("UTC")
