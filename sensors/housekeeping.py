"""By night: the knowledge base is brought up to date, old partition keys, data and records go.

Partition keys and data only where that is configured, Dagster's own records after 30 days. What may
go of a batch is decided here by three questions: is the batch old enough, is it done
or given up, and does no run of it go on.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from dagster import (
    DefaultScheduleStatus,
    MetadataValue,
    OpExecutionContext,
    ScheduleDefinition,
    TableColumn,
    TableRecord,
    TableSchema,
    in_process_executor,
    job,
    op,
)

from argus_pipeline import run_records
from argus_pipeline.batches.given_up import list_given_up, list_retries
from argus_pipeline.database.ages import batches_before
from argus_pipeline.database.engine import session
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.run_records import JOB, PARTITIONS_NAME
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upkeep import records
from argus_pipeline.upkeep.beside_records import open_records, pruned_elsewhere
from argus_pipeline.upkeep.options import read_upkeep
from argus_pipeline.upkeep.pruning import cutoff, prune
from argus_pipeline.upkeep.retention import Expired, Kind, expire, is_expired
from assets.common import RETRIES
from assets.knowledge_base import knowledge_job
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource

SHOWN: Final = 100
RUNS_FAILED_WITHIN: Final = timedelta(days=30)
RUNS: Final = 1000
_DELETED: Final = TableSchema(
    columns=[
        TableColumn("batch"),
        TableColumn("what"),
        TableColumn("objects", "int"),
        TableColumn("bytes", "int"),
    ]
)


@op(retry_policy=RETRIES)
def archive_partitions(
    context: OpExecutionContext, object_store: ObjectStoreResource, database: DatabaseResource
) -> None:
    """Take old partition keys from Dagster; `archived/<batch>.json` in the bucket names each.

    `argus retry`, or another upload under the same id, brings one back.
    """
    store, options, instance = object_store.store(), read_upkeep(), context.instance
    known = run_records.known_batches(instance)
    old = [b for b in _over(context, store, database, options.archive_days) if b in known]
    chosen = old[: options.expire_batches]
    for batch in chosen:
        records.write(store, keys.archived(batch), {"batch": batch})
        instance.delete_dynamic_partition(PARTITIONS_NAME, batch)
    context.add_output_metadata(
        {
            "archived": len(chosen),
            "left for the next night": len(old) - len(chosen),
            "partitions now": len(known) - len(chosen),
            "batches": MetadataValue.json(chosen[:SHOWN]),
        }
    )


@op(retry_policy=RETRIES)
def delete_expired(
    context: OpExecutionContext, object_store: ObjectStoreResource, database: DatabaseResource
) -> None:
    """Delete uploaded files and parsed tables past their time; says of what, and how much.

    Manifests, results of recordings, statistics, charts, reports and roll-ups stay.
    """
    store, options = object_store.store(), read_upkeep()
    touched = records.expired(store)
    done: list[Expired] = []
    for kind, days in (
        (Kind.INCOMING, options.keep_incoming_days),
        (Kind.PARSED, options.keep_parsed_days),
    ):
        for batch in _over(context, store, database, days):
            if len(done) >= options.expire_batches:
                break
            if batch not in touched or not is_expired(store, batch, kind):
                done.append(expire(store, batch, kind))
                context.log.info(f"{batch}: {done[-1].objects} objects of {kind} deleted")
    context.add_output_metadata(
        {
            "batches": len({one.batch for one in done}),
            "objects": sum(one.objects for one in done),
            "bytes": sum(one.bytes for one in done),
            "deleted": MetadataValue.table([_record(one) for one in done[:SHOWN]], schema=_DELETED),
        }
    )


@op(retry_policy=RETRIES)
def prune_records(context: OpExecutionContext, object_store: ObjectStoreResource) -> None:
    """Take old events and runs of batches that are done from Dagster's records; says how many.

    The newest materialization of each partition, the newest result of each check and the newest run
    of each batch stay; `argus_pipeline.upkeep.pruning` says why.
    """
    options, instance = read_upkeep(), context.instance
    if not options.keep_runs_days:
        return
    try:
        with open_records(instance) as engine:
            done = prune(
                engine,
                before=cutoff(datetime.now(UTC), options.keep_runs_days),
                most=options.prune_runs,
                job=JOB,
                on_runs=pruned_elsewhere(instance, object_store.store()),
            )
    except Unavailable:
        raise
    except ArgusError as error:  # another storage of Dagster's
        context.log.warning(str(error))
        return
    context.log.info(
        f"{done.deleted} runs pruned, {done.thinned} thinned, {done.events} events gone; "
        f"{done.left} left alone, since their batch is not done"
    )
    context.add_output_metadata(
        {
            "runs deleted": done.deleted,
            "runs thinned": done.thinned,
            "runs of batches that are not done": done.left,
            "events": done.events,
            "events without their pictures": done.pictures,
            "results of checks": done.checks,
            "backfills": done.backfills,
            "values between steps": done.objects,
            "more for the next night": done.more,
            "runs": MetadataValue.json(done.names),
        }
    )


@job(
    description="Old partition keys, data past its time and Dagster's old records go.",
    executor_def=in_process_executor,
    tags={"dagster/priority": "-10"},
)
def housekeeping() -> None:
    """Archiving first: what is deleted of a batch does not depend on it."""
    archive_partitions()
    delete_expired()
    prune_records()


def _over(
    context: OpExecutionContext, store: ObjectStore, database: DatabaseResource, days: int
) -> Sequence[str]:
    """The batches of this age, oldest first, that are over: done or given up, and no run goes on.

    None where the age is 0.
    """
    if not days:
        return []
    done = run_records.newest_materializations(context.instance, "report").keys()
    given_up = set(list_given_up(store))
    over = done | given_up
    now = datetime.now(UTC)
    # Another attempt at these goes on, or follows.
    busy = run_records.going_on(context.instance) | {one.batch for one in list_retries(store)}
    busy |= run_records.failed_since(context.instance, now - RUNS_FAILED_WITHIN, RUNS) - given_up
    with session(database.engine()) as opened:
        old = batches_before(opened, now - timedelta(days=days))
    return [batch for batch in old if batch in over and batch not in busy]


def _record(one: Expired) -> TableRecord:
    return TableRecord(
        {
            "batch": one.batch,
            "what": one.kind.value,
            "objects": one.objects,
            "bytes": one.bytes,
        }
    )


_HOUR: Final = read_upkeep().hour

nightly_housekeeping = ScheduleDefinition(
    name="nightly_housekeeping",
    job=housekeeping,
    # An hour after the backfill, whose runs then go on and are left alone.
    cron_schedule=f"30 {(_HOUR + 1) % 24} * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Archives old partition keys and deletes data past its time, where configured; "
    "prunes Dagster's old records.",
)

nightly_knowledge = ScheduleDefinition(
    name="nightly_knowledge",
    job=knowledge_job,
    # Before the backfill, whose diagnoses draw on it.
    cron_schedule=f"30 {(_HOUR - 1) % 24} * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Brings the knowledge base up to date, and vectors to the present embedder.",
)
