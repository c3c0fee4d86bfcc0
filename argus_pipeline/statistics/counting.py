"""The passes over all messages of a batch: by source, by second, and what may be a fault.

One pass at a time: together (`collect_all`) they would share a scan by keeping all of it in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import polars as pl
from polars import selectors

from argus_pipeline.scratch import scratch_folder
from argus_pipeline.statistics.codes import CodePattern, code_positions, codes_in
from argus_pipeline.statistics.events import SCHEMA, events
from argus_pipeline.statistics.faults import MAX_TEXT_CHARACTERS, all_codes, may_be_faults
from argus_pipeline.statistics.segments import segment
from argus_pipeline.statistics.severity import CRITICAL
from argus_pipeline.statistics.sources import DLT, TableGroup
from argus_pipeline.statistics.templates import shortened, template
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

MAX_CRITICAL_EVENTS: Final = 1_000
_BEFORE_ALL_TIMES: Final = -(2**63) + 1
_SOURCE: Final = ("path", "ecu", "app", "context", "severity")


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Run a pass by the streaming engine; categories become texts."""
    return frame.collect(engine="streaming").cast({selectors.categorical(): pl.String})


def all_messages(groups: Sequence[TableGroup], marks: Sequence[int] = ()) -> pl.LazyFrame:
    """The messages of all groups as events; where none has a lifecycle, with their `segment`."""
    frames = [
        events(group).with_columns(
            segment=pl.lit(None, pl.UInt32)
            if group.format == DLT
            else segment(pl.col("time"), marks)
        )
        for group in groups
    ]
    return pl.concat(frames or [pl.LazyFrame(schema={**SCHEMA, "segment": pl.UInt32})])


def by_source(messages: pl.LazyFrame) -> pl.DataFrame:
    """Messages by `path`, `ecu`, `app`, `context` and `severity`.

    Returns:
        `messages`, `events`, `unmapped` severities, `unplaced` in time, `clock_not_set`; `first`
        and `last` time, and `first_set` and `last_set` of those with a set clock.
    """
    time = pl.col("time")
    counts = collect(
        messages.group_by(*_SOURCE).agg(
            pl.len().alias("messages"),
            pl.col("event").sum().alias("events"),
            pl.col("unmapped").sum(),
            time.null_count().alias("unplaced"),
            (time < CLOCK_SET_FROM).sum().alias("clock_not_set"),
            time.min().alias("first"),
            time.max().alias("last"),
        )
    )
    if not counts["clock_not_set"].sum():
        return counts.with_columns(first_set="first", last_set="last")
    # A pass more only for clocks that were not set: to look for them in the first costs a third.
    of_set = messages.filter(time >= CLOCK_SET_FROM).group_by(*_SOURCE)
    found = collect(of_set.agg(first_set=time.min(), last_set=time.max()))
    return counts.join(found, on=list(_SOURCE), how="left", nulls_equal=True)


def by_second(messages: pl.LazyFrame) -> pl.DataFrame:
    """Messages by `time` (whole seconds) and `severity`."""
    return collect(
        messages.filter(pl.col("time").is_not_null())
        .group_by(pl.col("time").dt.truncate("1s"), "severity")
        .agg(pl.len().alias("messages"))
    )


@contextmanager
def sifted(messages: pl.LazyFrame, patterns: Sequence[CodePattern]) -> Iterator[pl.LazyFrame]:
    """The messages that may be faults, in a file of their own while the context lasts.

    They are few in most batches, and what is asked of them is asked twice.
    """
    with scratch_folder() as folder:
        path = folder / "messages.parquet"
        messages.filter(may_be_faults(patterns)).sink_parquet(path, compression="lz4")
        yield pl.scan_parquet(path, glob=False)


def critical_events(messages: pl.LazyFrame, patterns: Sequence[CodePattern]) -> pl.DataFrame:
    """The newest fatal and error events, with `path` for the recording."""
    newest = collect(
        messages.filter(pl.col("severity").is_in(CRITICAL))
        .with_columns(pl.col("time").cast(pl.Int64).fill_null(_BEFORE_ALL_TIMES).alias("when"))
        .top_k(MAX_CRITICAL_EVENTS, by=["when", "path", "table", "offset"])
    )
    named = newest.with_columns(
        code=all_codes(codes_in(pl.col("text"), patterns)).list.first(),
        template=template(pl.col("text"), patterns),
    )
    return named.with_columns(
        code_positions(named, patterns), text=shortened(pl.col("text"), MAX_TEXT_CHARACTERS)
    )
