"""Hours and counts over all batches, by platform, firmware and fault: `fleet/*.parquet`."""

from collections.abc import Iterator
from typing import Final

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
)
from polars import DataFrame, col

from argus_pipeline.fleet.cells import SECONDS_AN_HOUR
from argus_pipeline.fleet.lock import fleet_lock
from argus_pipeline.fleet.rollup import read_sums, update
from argus_pipeline.fleet.sums import NAMES
from argus_pipeline.storage import keys
from assets.batch_statistics import batch_statistics
from assets.common import (
    FEED_IS_ALIVE,
    OWNERS,
    RETRIES,
    after_any_batch,
    column_schema,
    inline_table,
)
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource

# A manifest that names no update, or a log without boots, is usual; a fleet of them is not.
MOST_UNPLACED: Final = 0.1


@asset(
    deps=[batch_statistics],
    group_name="fleet",
    kinds={"polars", "parquet"},
    owners=OWNERS,
    code_version="1",
    retry_policy=RETRIES,
    freshness_policy=FEED_IS_ALIVE,
    automation_condition=after_any_batch(),
    check_specs=[
        AssetCheckSpec(
            "hours_add_up",
            asset="fleet_statistics",
            blocking=True,
            description="The hours of the fleet grew by those of the batches that came in, less "
            "what these batches had before.",
        ),
        AssetCheckSpec(
            "hours_are_placed",
            asset="fleet_statistics",
            description=f"At most {MOST_UNPLACED:.0%} of the hours count under no firmware.",
        ),
        AssetCheckSpec(
            "batches_are_readable",
            asset="fleet_statistics",
            description="No batch was left out because its manifest or statistics cannot be used.",
        ),
    ],
)
def fleet_statistics(
    context: AssetExecutionContext, object_store: ObjectStoreResource, database: DatabaseResource
) -> Iterator[AssetCheckResult | MaterializeResult]:
    """Hours of operation and counts of faults by platform and firmware, over all vehicles.

    Takes in the batches whose statistics changed since the last time, and looks at no other.
    """
    store = object_store.store()
    with fleet_lock(database.engine()) as held:
        done = update(store, held)
        exposures = read_sums(store, "exposures")["exposures"]
    yield AssetCheckResult(
        passed=done.adds_up(),
        check_name="hours_add_up",
        metadata={
            "hours before": done.seconds_before / SECONDS_AN_HOUR,
            "hours taken away": done.seconds_gone / SECONDS_AN_HOUR,
            "hours added": done.seconds_new / SECONDS_AN_HOUR,
            "hours after": done.seconds_after / SECONDS_AN_HOUR,
        },
    )
    for refused in done.refused:
        context.log.error(refused)
    yield AssetCheckResult(
        passed=not done.refused,
        check_name="batches_are_readable",
        metadata={"refused": MetadataValue.json(list(done.refused))},
    )
    seconds = int(exposures["seconds"].sum())
    unplaced = int(exposures.filter(col("firmware").is_null())["seconds"].sum())
    share = unplaced / seconds if seconds else 0.0
    yield AssetCheckResult(
        passed=share <= MOST_UNPLACED,
        severity=AssetCheckSeverity.WARN,
        check_name="hours_are_placed",
        metadata={"hours": seconds / SECONDS_AN_HOUR, "share without a firmware": share},
    )
    if not done.adds_up():
        raise Failure(
            "The hours do not add up; `argus compare --rebuild` makes the roll-ups anew from the "
            "statistics of the batches.",
            allow_retries=False,
        )
    yield MaterializeResult(
        metadata={
            "dagster/row_count": exposures.height,
            "dagster/column_schema": column_schema(exposures),
            "batches taken in": done.batches,
            "batches removed": done.removed,
            "hours": seconds / SECONDS_AN_HOUR,
            "hours by platform and firmware": inline_table(_readable(exposures)),
            "tables": MetadataValue.md(
                "\n".join(f"- `{store.uri(keys.fleet(name))}`" for name in NAMES)
            ),
        }
    )


def _readable(exposures: DataFrame) -> DataFrame:
    return exposures.select(
        "platform",
        col("firmware").fill_null("not placed"),
        (col("seconds") / SECONDS_AN_HOUR).round(2).alias("hours"),
        *("lifecycles", "vehicles", "batches"),
    )
