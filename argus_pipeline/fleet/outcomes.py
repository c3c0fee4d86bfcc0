"""What became of the update on each vehicle of a campaign, by what its batches say."""

from __future__ import annotations

from typing import Final

import polars as pl

from argus_pipeline.fleet.cells import HOURS, SECONDS_AN_HOUR
from argus_pipeline.knowledge.versions import version_key
from argus_pipeline.statistics.severity import CRITICAL

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
PENDING: Final = "pending"
OUTCOMES: Final = (SUCCEEDED, FAILED, PENDING)
UNKNOWN_SOURCE: Final = "unknown"
VOTES: Final = pl.Schema({"version": pl.String, "batches": pl.Int64})
"""The columns of `update_votes`."""
_COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "vehicle": pl.String,
    "platform": pl.String,
    "source": pl.String,
    "outcome": pl.String,
    "failed_attempts": pl.UInt32,
    "hours": pl.Float64,
    "batches": pl.UInt32,
    "last": pl.Datetime("us", "UTC"),
}
VEHICLES: Final = pl.Schema(_COLUMNS)
"""The columns of `vehicle_outcomes`."""
LOGIC: Final = 1
"""One more whenever `update_votes` or `vehicle_outcomes` says something else of the same cells, so
that what is kept of them (`reported`) is made again."""


def update_votes(cells: pl.DataFrame) -> pl.DataFrame:
    """With which version batches end, of those that name an update.

    Returns:
        version, batches.
    """
    ends = cells.drop_nulls("updated_from").unique("batch")
    return ends.group_by(version="updated_to").agg(batches=pl.len().cast(pl.Int64)).sort("version")


def target_version(votes: pl.DataFrame) -> str | None:
    """The version that a campaign brings, by its batches: what most of them end with; the newest of
    several. None where no batch names an update.

    Args:
        votes: of any parts of the campaign, as `update_votes` returns them.
    """
    counted = votes.group_by("version").agg(pl.col("batches").sum()).rows()
    best = max(counted, key=lambda row: (row[1], version_key(row[0]) or (), row[0]), default=None)
    return None if best is None else str(best[0])


def vehicle_outcomes(cells: pl.DataFrame, target: str, failures: tuple[str, ...]) -> pl.DataFrame:
    """One row a vehicle that reported to a campaign.

    - **succeeded**: its newest batch ends with the target, and hours of operation under the target
      are in it, or none are placed anywhere else. What failed before does not count any more, but
      is kept as `failed_attempts`.
    - **failed**: its newest batch ends with another version and names an update, so it came back;
      or it holds a message that an update failed; or it ends with the target while the log shows
      other versions only.
    - **pending**: its newest batch ends with another version, and nothing says that one failed.

    Args:
        cells: of all batches of the campaign.
        target: the version that the campaign brings.
        failures: regular expressions, any case; a fatal or error message whose code or title
            matches one of them says that an update failed.

    Returns:
        vehicle, platform, source (the version before the update, by its batches, `unknown` where
        none says), outcome, failed_attempts (batches with such a message), hours (under the
        target), batches, last (creation of its newest batch).
    """
    failed = _says_failure(failures)
    placed = (pl.col("kind") == HOURS) & pl.col("firmware").is_not_null() & (pl.col("seconds") > 0)
    under_target = pl.col("firmware") == target
    source = pl.when(pl.col("updated_from") != target).then("updated_from")
    batches = (
        cells.group_by("vehicle", "platform", "batch", "created")
        .agg(
            ends=pl.col("updated_to").first(),
            names_update=pl.col("updated_from").is_not_null().any(),
            source=pl.coalesce(
                source.first(),
                pl.when(pl.col("updated_to") != target).then("updated_to").first(),
            ),
            failure=failed.any(),
            seconds=pl.col("seconds").filter(under_target).sum(),
            on_target=(placed & under_target).any(),
            elsewhere=(placed & ~under_target).any(),
        )
        .sort("created", "batch")
    )
    newest = pl.col("ends", "names_update", "failure", "on_target", "elsewhere").last()
    vehicles = batches.group_by("vehicle").agg(
        newest,
        pl.col("platform").last(),
        pl.col("source").drop_nulls().first().fill_null(UNKNOWN_SOURCE),
        failed_attempts=pl.col("failure").sum(),
        hours=pl.col("seconds").sum() / SECONDS_AN_HOUR,
        batches=pl.len(),
        last=pl.col("created").last(),
    )
    ends = pl.col("ends") == target
    outcome = (
        pl.when(ends & (pl.col("on_target") | ~pl.col("elsewhere")))
        .then(pl.lit(SUCCEEDED))
        .when(ends | pl.col("failure") | pl.col("names_update"))
        .then(pl.lit(FAILED))
        .otherwise(pl.lit(PENDING))
    )
    return vehicles.select(
        *("vehicle", "platform", "source"),
        outcome.alias("outcome"),
        *("failed_attempts", "hours", "batches", "last"),
    ).sort("vehicle")


def _says_failure(failures: tuple[str, ...]) -> pl.Expr:
    if not failures:
        return pl.lit(False)
    pattern = "(?i)" + "|".join(f"(?:{one})" for one in failures)
    text = pl.concat_str("fault", "title", separator=" ", ignore_nulls=True)
    return (
        (pl.col("kind") != HOURS) & pl.col("severity").is_in(CRITICAL) & text.str.contains(pattern)
    ).fill_null(False)
