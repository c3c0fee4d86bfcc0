"""Bursts of bad messages, and silences, from the counts by second.

A **burst** is a stretch of time in which fatal, error and warn messages come much faster than in
the rest of the batch: in each window of `WINDOW_S` seconds there are at least `BURST_MESSAGES` of
them, and at least `BURST_FACTOR` times their mean over all windows in which anything was said.
Windows that touch are one burst.

A **gap** is a silence of all recordings for longer than `exposures.SILENCE`. Where an ECU's
lifecycle goes on through it, messages are missing; else the vehicle was off, or nobody recorded.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.exposures import SILENCE
from argus_pipeline.statistics.faults import FINGERPRINTED
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

WINDOW_S: Final = 10
BURST_MESSAGES: Final = 20
BURST_FACTOR: Final = 5
MAX_BURSTS: Final = 100
MAX_GAPS: Final = 1_000


def bursts(seconds: pl.DataFrame) -> pl.DataFrame:
    """The frame `bursts`, the largest `MAX_BURSTS` of them.

    Args:
        seconds: `time` (UTC, ns, whole seconds), `severity`, `messages`.
    """
    bad = pl.col("severity").is_in(FINGERPRINTED)
    windows = (
        seconds.filter(pl.col("time") >= CLOCK_SET_FROM)
        .with_columns(window=pl.col("time").dt.epoch("s") // WINDOW_S)
        .group_by("window")
        .agg(
            messages=pl.col("messages").filter(bad).sum().cast(pl.UInt64),
            critical=pl.col("messages").filter(pl.col("severity") < "warn").sum().cast(pl.UInt64),
            first=pl.col("time").filter(bad).min(),
            last=pl.col("time").filter(bad).max(),
        )
        .sort("window")
    )
    mean = windows["messages"].mean()
    usual = float(mean) if isinstance(mean, int | float) else 0.0
    least = max(BURST_MESSAGES, BURST_FACTOR * usual)
    found = (
        windows.filter(pl.col("messages") >= least)
        .with_columns(burst=(pl.col("window").diff().fill_null(2) > 1).cum_sum())
        .group_by("burst")
        .agg(
            start=pl.col("first").min(),
            end=pl.col("last").max() + pl.duration(seconds=1),
            messages=pl.col("messages").sum(),
            critical=pl.col("critical").sum(),
            per_s=pl.col("messages").max() / WINDOW_S,
        )
        .with_columns(usual_per_s=pl.lit(usual / WINDOW_S))
        .sort(["messages", "start"], descending=[True, False])
        .head(MAX_BURSTS)
    )
    return schemas.fit("bursts", found)


def gaps(seconds: pl.DataFrame, boots: pl.DataFrame) -> pl.DataFrame:
    """The frame `gaps`, the longest `MAX_GAPS` of them.

    Args:
        seconds: as `bursts` takes it.
        boots: the lifecycles of the batch.
    """
    times = seconds.filter(pl.col("time") >= CLOCK_SET_FROM).select(end="time").unique().sort("end")
    found = (
        times.with_columns(start=pl.col("end").shift() + pl.duration(seconds=1))
        .with_columns(silence=pl.col("end") - pl.col("start"))
        .filter(pl.col("silence") > SILENCE)
        .sort(["silence", "start"], descending=[True, False])
        .head(MAX_GAPS)
    )
    running = boots.filter("clocked").select("ecu", "since", "until")
    through = (
        found.join_where(
            running, pl.col("since") < pl.col("start"), pl.col("until") > pl.col("end")
        )
        .group_by("start")
        .agg(ecus_running=pl.col("ecu").n_unique())
    )
    return schemas.fit(
        "gaps",
        found.join(through, on="start", how="left").with_columns(
            pl.col("ecus_running").fill_null(0), seconds=pl.col("silence").dt.total_seconds()
        ),
    )
