"""The cells of a batch: hours and counts by firmware and fault, in whole numbers.

Whole numbers add up to the same sum in any order and can be taken away again without a trace, so a
roll-up that grew batch by batch and one that was made anew are the same to the byte.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from argus_pipeline.batches.manifest import Manifest

HOURS: Final = "hours"
"""The kind of the cells that hold hours of operation; of others it is `code` or `fingerprint`."""

SECONDS_AN_HOUR: Final = 3600
MAX_TITLE_CHARACTERS: Final = 200

_COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "batch": pl.String,
    "created": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "platform": pl.String,
    "vehicle": pl.String,
    "updated_from": pl.String,
    "updated_to": pl.String,
    "firmware": pl.String,
    "kind": pl.String,
    "fault": pl.String,
    "title": pl.String,
    "severity": pl.String,
    "ecu": pl.String,
    "messages": pl.Int64,
    "lifecycles": pl.Int64,
    "seconds": pl.Int64,
    "boots": pl.Int64,
}
CELLS: Final = pl.Schema(_COLUMNS)
"""`created`: of the batch; `day`: of its first event (UTC), or of its creation where none has a
time; `updated_from`, `updated_to`: `firmware_from` and `firmware` of the manifest; `firmware`: what
ran, null where that cannot be told. In cells of hours, `lifecycles` is how many there were; in
those of faults, in how many it was seen. `boots`: of one ECU in the mean, in cells of hours."""


def batch_cells(
    manifest: Manifest, exposures: pl.DataFrame, fault_counts: pl.DataFrame, *, ecus: int
) -> pl.DataFrame:
    """The cells of a batch, at least one of hours.

    Args:
        manifest: whose and of which versions the batch is.
        exposures: the frame `exposures` of its statistics.
        fault_counts: the frame `fault_counts`.
        ecus: how many ECUs have lifecycles in the batch.
    """
    first = exposures["first_time"].min()
    hours = exposures.group_by("firmware").agg(
        kind=pl.lit(HOURS),
        lifecycles=pl.col("lifecycles").cast(pl.Int64).sum(),
        seconds=(pl.col("hours").sum() * SECONDS_AN_HOUR).round().cast(pl.Int64),
        boots=(pl.col("lifecycles").sum() / max(ecus, 1)).ceil().cast(pl.Int64),
    )
    if hours.is_empty():
        hours = pl.DataFrame({"kind": [HOURS], "lifecycles": [0], "seconds": [0], "boots": [0]})
    faults = fault_counts.group_by("firmware", "kind", "fault", "title", "severity", "ecu").agg(
        pl.col("messages", "lifecycles").cast(pl.Int64).sum()
    )
    return ordered(
        pl.concat([hours, faults.with_columns(pl.col("severity").cast(pl.String))], how="diagonal")
        .with_columns(
            pl.col("title").str.slice(0, MAX_TITLE_CHARACTERS),
            pl.col("messages", "lifecycles", "seconds", "boots").fill_null(0),
            batch=pl.lit(manifest.batch),
            created=pl.lit(manifest.created),
            day=pl.lit(first if first is not None else manifest.created).cast(pl.Date),
            platform=pl.lit(manifest.platform),
            vehicle=pl.lit(manifest.vehicle),
            updated_from=pl.lit(manifest.firmware_from, pl.String),
            updated_to=pl.lit(manifest.firmware),
        )
        .select(pl.col(name).cast(kind) for name, kind in CELLS.items())
    )


def no_cells() -> pl.DataFrame:
    """A frame without cells."""
    return pl.DataFrame(schema=CELLS)


def ordered(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells in their one order."""
    return cells.sort(CELLS.names())
