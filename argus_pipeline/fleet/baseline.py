"""What was usual before a batch: of its vehicle, and of its platform."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from argus_pipeline.fleet.cells import HOURS, SECONDS_AN_HOUR
from argus_pipeline.fleet.rollup import read_sums, read_vehicle
from argus_pipeline.storage.object_store import ObjectStore

BASELINE: Final = pl.Schema(
    {
        "kind": pl.String,
        "fault": pl.String,
        "vehicle_rate": pl.Float64,
        "vehicle_hours": pl.Float64,
        "fleet_rate": pl.Float64,
        "fleet_hours": pl.Float64,
    }
)


def read_baseline(
    store: ObjectStore, *, batch: str, platform: str, vehicle: str, before: datetime
) -> pl.DataFrame:
    """How often each fault came so far, one row a fault of the platform.

    Two small objects of the roll-ups are read, however many batches there are. The fleet's part is
    what is rolled up by now, without this batch: batches of other vehicles that were created later
    may be in it.

    Args:
        store: the bucket.
        batch: the batch that is looked at, which does not count.
        platform: its platform.
        vehicle: its vehicle.
        before: the creation of the batch; only earlier ones of the vehicle count.

    Returns:
        `kind`, `fault`, messages per hour and the hours behind it: of the vehicle's earlier
        batches, and of all of the platform. A rate is null where there are no hours.
    """
    own = read_vehicle(store, platform, vehicle)
    earlier = own.filter(pl.col("batch") != batch, pl.col("created") < before)
    sums = read_sums(store, "exposures", "faults")
    fleet = sums["faults"].filter(pl.col("platform") == platform)
    this = own.filter(pl.col("batch") == batch)
    counted = _messages(fleet).join(
        _messages(_faults(this)), on=["kind", "fault"], how="left", suffix="_here"
    )
    seconds = sums["exposures"].filter(pl.col("platform") == platform)["seconds"].sum()
    fleet_hours = (int(seconds) - int(this["seconds"].sum())) / SECONDS_AN_HOUR
    vehicle_hours = int(earlier["seconds"].sum()) / SECONDS_AN_HOUR
    found = (
        counted.with_columns(pl.col("messages") - pl.col("messages_here").fill_null(0))
        .filter(pl.col("messages") > 0)
        .join(_messages(_faults(earlier)), on=["kind", "fault"], how="left", suffix="_vehicle")
        .with_columns(pl.col("messages_vehicle").fill_null(0))
    )
    return found.select(
        "kind",
        "fault",
        vehicle_rate=_rate("messages_vehicle", vehicle_hours),
        vehicle_hours=pl.lit(vehicle_hours),
        fleet_rate=_rate("messages", fleet_hours),
        fleet_hours=pl.lit(fleet_hours),
    ).sort("kind", "fault")


def _faults(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.filter(pl.col("kind") != HOURS)


def _messages(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.group_by("kind", "fault").agg(pl.col("messages").sum())


def _rate(messages: str, hours: float) -> pl.Expr:
    return pl.col(messages) / hours if hours > 0 else pl.lit(None, pl.Float64)
