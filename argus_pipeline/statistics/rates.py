"""Counts per hour of operation and per lifecycle, in one long frame."""

from __future__ import annotations

import polars as pl

from argus_pipeline.statistics import schemas

_LABELS = ("severity", "ecu", "app", "context", "code")


def rates(
    counts: pl.DataFrame, codes: pl.DataFrame, boots: pl.DataFrame, hours: float
) -> pl.DataFrame:
    """The frame `rates`.

    Args:
        counts: messages by `ecu`, `app`, `context` and `severity`, with `first` and `last`.
        codes: the frame `codes`.
        boots: the lifecycles of the batch.
        hours: of operation of the vehicle.
    """
    times = {"first_time": pl.col("first_set").min(), "last_time": pl.col("last_set").max()}

    def summed(by: str, *labels: str) -> pl.DataFrame:
        return (
            counts.group_by(*labels)
            .agg(pl.col("messages").sum(), **times)
            .with_columns(by=pl.lit(by))
        )

    found = pl.concat(
        [
            summed("severity", "severity"),
            summed("ecu", "ecu", "severity"),
            summed("source", "ecu", "app", "context", "severity"),
            codes.select("code", "messages", "first_time", "last_time", by=pl.lit("code")),
        ],
        how="diagonal_relaxed",
    )
    of_ecu = boots.group_by("ecu").agg(lifecycles=pl.col("boot_id").n_unique())
    all_boots = boots["boot_id"].n_unique()
    per_ecu = pl.col("by").is_in(["ecu", "source"])
    placed = (
        found.join(of_ecu, on="ecu", how="left")
        .with_columns(
            lifecycles=pl.when(per_ecu)
            .then(pl.col("lifecycles").fill_null(0))
            .otherwise(pl.lit(all_boots)),
            hours=pl.lit(hours),
        )
        .with_columns(
            per_hour=pl.when(pl.col("hours") > 0).then(pl.col("messages") / pl.col("hours")),
            per_lifecycle=pl.when(pl.col("lifecycles") > 0).then(
                pl.col("messages") / pl.col("lifecycles")
            ),
        )
    )
    missing = [pl.lit(None).alias(name) for name in _LABELS if name not in placed.columns]
    return schemas.fit("rates", placed.with_columns(missing))
