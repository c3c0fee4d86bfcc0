"""Is any batch late? A scheduled check over all: a few queries, however many batches there are."""

from datetime import UTC, datetime, timedelta
from typing import Final

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    AssetSelection,
    DefaultScheduleStatus,
    MetadataValue,
    ScheduleDefinition,
    TableColumn,
    TableRecord,
    TableSchema,
    asset_check,
    define_asset_job,
)

from argus_pipeline.batches.given_up import list_given_up
from argus_pipeline.batches.limits import read_limits
from argus_pipeline.database.engine import session
from argus_pipeline.database.overdue import Overdue, overdue_batches, without_rows
from argus_pipeline.run_records import event_rows
from argus_pipeline.run_tables import partitions_added
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource

SHOWN: Final = 50
# What is not verified by then the nightly backfill has asked for again and again.
UNVERIFIED_WITHIN: Final = timedelta(days=7)
_NAME: Final = "no_batch_past_limit"
_TABLE: Final = TableSchema(
    columns=[TableColumn("batch"), TableColumn("since"), TableColumn("minutes late", "int")]
)


@asset_check(
    asset="raw_batch",
    name=_NAME,
    description="Every batch has its diagnosis within the limit, or was given up.",
)
def no_batch_past_limit(
    context: AssetCheckExecutionContext,
    object_store: ObjectStoreResource,
    database: DatabaseResource,
) -> AssetCheckResult:
    """Batches without a diagnosis whose time is up; what was given up is named, and no failure.

    The time of a batch that was not verified yet counts from when its manifest was seen.
    """
    now, limits = datetime.now(UTC), read_limits()
    given_up = set(list_given_up(object_store.store()))
    base = timedelta(minutes=limits.report_minutes)
    with event_rows(context.instance) as connection:
        added = partitions_added(connection, now - UNVERIFIED_WITHIN, now - base)
    with session(database.engine()) as opened:
        late, total = overdue_batches(opened, now, limits, SHOWN + len(given_up))
        unverified = without_rows(opened, added, now - UNVERIFIED_WITHIN)
    late += [Overdue(batch, added[batch], base) for batch in sorted(unverified)]
    total += len(unverified)
    waiting = sorted(
        (one for one in late if one.batch not in given_up), key=lambda one: (one.since, one.batch)
    )
    records = [
        TableRecord(
            {
                "batch": one.batch,
                "since": f"{one.since:%Y-%m-%d %H:%M:%S} UTC",
                "minutes late": int((now - one.since - one.limit).total_seconds() // 60),
            }
        )
        for one in waiting[:SHOWN]
    ]
    return AssetCheckResult(
        passed=not waiting,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(waiting)} late; the recovery sensor tries them again"
        if waiting
        else "no batch is late",
        metadata={
            "late": MetadataValue.table(records, schema=_TABLE),
            "without a diagnosis, past the limit": total,
            "given up": len(given_up),
            "limit": f"{limits.report_minutes} minutes, and a second for each "
            f"{limits.megabytes_per_second} MB",
        },
    )


overdue_job = define_asset_job(
    "overdue",
    selection=AssetSelection.checks(AssetCheckKey(AssetKey("raw_batch"), _NAME)),
    description="Looks whether any batch is late.",
    tags={"dagster/priority": "5"},
    config={"execution": {"config": {"in_process": {}}}},
)

every_few_minutes = ScheduleDefinition(
    name="overdue_every_few_minutes",
    job=overdue_job,
    cron_schedule="*/5 * * * *",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Looks for late batches.",
)
