"""What was usual before a batch: of its vehicle, and of the other vehicles of its platform."""

from __future__ import annotations

from typing import Final

import polars as pl

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.fleet.cells import HOURS, SECONDS_AN_HOUR
from argus_pipeline.fleet.names import fault_names
from argus_pipeline.fleet.rollup import read_sums, read_vehicle
from argus_pipeline.storage.object_store import ObjectStore

VEHICLE: Final = "vehicle"
PLATFORM: Final = "platform"

BASELINE: Final = pl.Schema(
    {
        "scope": pl.String,
        "fault": pl.String,
        "title": pl.String,
        "messages": pl.Int64,
        "hours": pl.Float64,
    }
)


def read_baseline(store: ObjectStore, manifest: Manifest) -> pl.DataFrame:
    """How often each fault came so far, as `diagnosis.baseline` takes it.

    A few small objects of the roll-ups are read, however many batches there are. Of the vehicle
    only batches that were created earlier count; of the others what is rolled up by now.

    Args:
        store: the bucket.
        manifest: of the batch that is looked at, which does not count.

    Returns:
        One row a fault of the `vehicle` (its earlier batches) and of the `platform` (all its other
        vehicles), with the messages and the hours of operation of the scope. A scope without
        faults has one row with a null fault.

    Raises:
        BadInput: the roll-ups are of another version.
    """
    own = read_vehicle(store, manifest.platform, manifest.vehicle)
    earlier = own.filter(pl.col("batch") != manifest.batch, pl.col("created") < manifest.created)
    sums = read_sums(store, "exposures", "faults", "names")
    here = pl.col("platform") == manifest.platform
    all_counts = _counts(sums["faults"].filter(here))
    others = (
        all_counts.join(_counts(_faults(own)), on="fault", how="left", suffix="_own")
        .select("fault", pl.col("messages") - pl.col("messages_own").fill_null(0))
        .filter(pl.col("messages") > 0)
    )
    seconds = int(sums["exposures"].filter(here)["seconds"].sum()) - int(own["seconds"].sum())
    titles = fault_names(sums).filter(here).group_by("fault").agg(pl.col("title").min())
    return pl.concat(
        [
            _scope(VEHICLE, _counts(_faults(earlier)), int(earlier["seconds"].sum()), titles),
            _scope(PLATFORM, others, seconds, titles),
        ]
    )


def _scope(scope: str, counts: pl.DataFrame, seconds: int, titles: pl.DataFrame) -> pl.DataFrame:
    known = counts if counts.height else pl.DataFrame({"fault": [None], "messages": [0]})
    return (
        known.with_columns(pl.col("fault").cast(pl.String))
        .join(titles, on="fault", how="left")
        .with_columns(scope=pl.lit(scope), hours=pl.lit(max(seconds, 0) / SECONDS_AN_HOUR))
        .select(pl.col(name).cast(kind) for name, kind in BASELINE.items())
        .sort("fault")
    )


def _faults(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.filter(pl.col("kind") != HOURS)


def _counts(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.group_by("fault").agg(pl.col("messages").sum())
