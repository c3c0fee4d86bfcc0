"""Hours of operation by firmware: what counts of faults are set against.

A vehicle operates while any of its ECUs does: the hours are the length of the union of lifecycles,
over ECUs and recordings, each from its first message on. (What an ECU did before it was recorded
says nothing, however long it ran: faults of that time are in no table.) Where an ECU of a recording
has no clocked lifecycle (no uptime, `.rec`, formats of others), the spans of its event times stand
in, cut where nothing came for longer than `SILENCE` and at the moments of an update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import polars as pl

from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.events import ENVELOPE_TIME
from argus_pipeline.statistics.firmware import Update
from argus_pipeline.statistics.segments import bounds, segment
from argus_pipeline.statistics.sources import DLT, PATH, TableGroup, name_recordings

SILENCE: Final = timedelta(minutes=1)
"""A vehicle that is on says something each minute in any recording that is worth one: cyclic
signals come at 1 Hz or more, so a longer silence is one in which it was off or not recorded."""

# Times are put together by bins as long as the silence: within one there is none that cuts.
_BIN: Final = "1m"
_SPAN: Final = pl.Schema({"firmware": pl.String, "start": pl.Int64, "end": pl.Int64})


def operation_spans(
    groups: Sequence[TableGroup], boots: pl.DataFrame, update: Update, marks: Sequence[int]
) -> pl.DataFrame:
    """When ECUs of the vehicle operated: `firmware`, and `start` and `end` in ns since 1970.

    Args:
        groups: all tables of the batch.
        boots: its lifecycles, with `firmware`.
        update: when the firmware changed.
        marks: moments (ns since 1970) at which spans of event times are cut.
    """
    clocked = boots.filter("clocked").select(
        "firmware", start=pl.col("heard").cast(pl.Int64), end=pl.col("until").cast(pl.Int64)
    )
    return pl.concat(
        [clocked, *_of_unclocked(groups, boots), *_of_other_formats(groups, update, marks)]
    )


def exposures(spans: pl.DataFrame, boots: pl.DataFrame) -> pl.DataFrame:
    """The frame `exposures` of a batch, from its `operation_spans` and its boots."""
    counted = boots.group_by("firmware").agg(lifecycles=pl.col("boot_id").n_unique())
    found = union_hours(spans).join(
        counted, on="firmware", how="full", coalesce=True, nulls_equal=True
    )
    return schemas.fit(
        "exposures",
        found.with_columns(
            pl.col("hours", "lifecycles").fill_null(0),
            pl.col("first_time", "last_time").cast(schemas.TIME),
        ),
    )


def total_hours(spans: pl.DataFrame) -> float:
    """Hours of operation of the vehicle, whatever it ran."""
    return float(union_hours(spans.with_columns(firmware=pl.lit(None, pl.String)))["hours"].sum())


def union_hours(spans: pl.DataFrame) -> pl.DataFrame:
    """The length of the union of spans, by firmware.

    Args:
        spans: `firmware`, and `start` and `end` in ns since 1970.

    Returns:
        `firmware`, `hours`, `first_time`, `last_time` (ns since 1970).
    """
    reached = pl.col("end").cum_max().shift().over("firmware")
    added = pl.col("end") - pl.max_horizontal("start", reached)
    return (
        spans.filter(pl.col("end") >= pl.col("start"))
        .sort("firmware", "start", "end")
        .with_columns(added=added.clip(lower_bound=0))
        .group_by("firmware", maintain_order=True)
        .agg(
            hours=pl.col("added").sum() / 3.6e12,
            first_time=pl.col("start").min(),
            last_time=pl.col("end").max(),
        )
    )


def _of_unclocked(groups: Sequence[TableGroup], boots: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Spans of the DLT lifecycles that have no clock, by the times of their messages."""
    key = ["recording", "ecu", "lifecycle"]
    unclocked = boots.filter(~pl.col("clocked")).select(*key, "firmware")
    recordings = set(unclocked["recording"])
    for group in groups:
        if group.format != DLT or not group.holds_messages:
            continue
        files = {path: name for path, name in group.recordings.items() if name in recordings}
        if not files:
            continue
        messages = _scan(replace(group, recordings=files), pl.col("time")).with_columns(
            ecu=pl.col("ecu").cast(pl.String)
        )
        binned = name_recordings(_binned(messages, "path", "ecu", "lifecycle"), [group])
        yield _spans(binned.join(unclocked, on=key, how="inner"), *key)


def _of_other_formats(
    groups: Sequence[TableGroup], update: Update, marks: Sequence[int]
) -> Iterator[pl.DataFrame]:
    """Spans of the recordings that are not DLT, all tables of one together."""
    binned = [
        name_recordings(
            _binned(
                _scan(group, ENVELOPE_TIME).with_columns(segment=segment(pl.col("time"), marks)),
                "path",
                "segment",
            ),
            [group],
        )
        for group in groups
        if group.format != DLT and group.holds_messages
    ]
    if binned:
        begin = bounds(marks)
        firmware: Mapping[int, str | None] = {
            number: update.at(begin[number])
            for number in pl.concat(binned)["segment"].unique().to_list()
        }
        yield _spans(
            pl.concat(binned).with_columns(
                firmware=pl.col("segment").replace_strict(firmware, return_dtype=pl.String)
            ),
            "recording",
        )


def _scan(group: TableGroup, time: pl.Expr) -> pl.LazyFrame:
    return (
        group.scan().with_columns(path=pl.col(PATH), time=time).filter(pl.col("time").is_not_null())
    )


def _binned(messages: pl.LazyFrame, *by: str) -> pl.DataFrame:
    """First and last time of each bin."""
    return (
        messages.group_by(*by, pl.col("time").dt.truncate(_BIN).alias("bin"))
        .agg(start=pl.col("time").min().cast(pl.Int64), end=pl.col("time").max().cast(pl.Int64))
        .collect(engine="streaming")
    )


def _spans(binned: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Bins put together where the firmware is one and no silence longer than `SILENCE` is."""
    limit = SILENCE // timedelta(microseconds=1) * 1_000
    silence = pl.col("start") - pl.col("end").cum_max().shift().over(*by)
    changed = pl.col("firmware").ne_missing(pl.col("firmware").shift().over(*by))
    return (
        binned.sort(*by, "start")
        .with_columns(span=(silence.is_null() | (silence > limit) | changed).cum_sum())
        .group_by("span", maintain_order=True)
        .agg(pl.col("firmware").first(), pl.col("start").min(), pl.col("end").max())
        .select(pl.col(name).cast(kind) for name, kind in _SPAN.items())
    )
