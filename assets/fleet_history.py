"""All batches by day and month, as Parquet partitioned by month: `fleet/history/`."""

from datetime import date

from dagster import AssetExecutionContext, MaterializeResult, asset, define_asset_job

from argus_pipeline.fleet.history import compact
from argus_pipeline.fleet.lock import fleet_lock
from argus_pipeline.storage import keys
from assets.common import OWNERS, RETRIES
from assets.fleet_statistics import fleet_statistics
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource


@asset(
    deps=[fleet_statistics],
    group_name="fleet",
    kinds={"polars", "parquet"},
    owners=OWNERS,
    code_version="1",
    retry_policy=RETRIES,
)
def fleet_history(
    context: AssetExecutionContext, object_store: ObjectStoreResource, database: DatabaseResource
) -> MaterializeResult:
    """Hours and counts of every batch by day, and their sums by month, for any engine to read.

    Takes in what came since the last time, and writes the objects of those days and months only.
    """
    store, engine = object_store.store(), database.engine()

    def say(day: date, batches: int) -> None:
        context.log.info(f"{day}: {batches} batches taken in")

    done = compact(store, lambda: fleet_lock(engine), on_day=say)
    return MaterializeResult(
        metadata={
            "days written": done.days,
            "months written": done.months,
            "changes of batches taken in": done.batches,
            "more for the next time": done.more,
            "by day": store.uri(keys.FLEET_BY_DAY),
            "by month": store.uri(keys.FLEET_BY_MONTH),
        }
    )


compaction_job = define_asset_job(
    "compaction",
    selection=[fleet_history],
    description="Takes batches into the objects of their days and months.",
    tags={"dagster/priority": "-10"},
)
