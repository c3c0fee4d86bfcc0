"""What Dagster's records say of all batches at once: one statement each, over Dagster's own schema.

For sensors and checks, which have an instance at hand. `run_tables` asks the same of Postgres where
loading Dagster takes too long; `run_records` tells more, of one batch.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import cast

import sqlalchemy as sa
from dagster import DagsterInstance
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import DynamicPartitionsTable
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.tags import RUN_KEY_TAG

from argus_pipeline.run_records import JOB, PARTITION_TAG, PARTITIONS_NAME

_ENDED_BADLY = ("FAILURE", "CANCELED")
_OF_BATCHES = DynamicPartitionsTable.c.partitions_def_name == PARTITIONS_NAME
_ADDED = DynamicPartitionsTable.c.create_timestamp


def failed_lately(instance: DagsterInstance, since: datetime) -> dict[str, str]:
    """By batch, its newest run, where that failed or was ended since then."""
    of_batch = RunTagsTable.c.key == PARTITION_TAG
    newest = (
        sa.select(sa.func.max(RunsTable.c.id).label("id"))
        .join(RunTagsTable, RunTagsTable.c.run_id == RunsTable.c.run_id)
        .where(
            of_batch,
            RunsTable.c.pipeline_name == JOB,
            RunsTable.c.update_timestamp > _stored(since),
        )
        .group_by(RunTagsTable.c.value)
        .subquery()
    )
    ended = (
        sa.select(RunTagsTable.c.value, RunsTable.c.run_id)
        .join(RunsTable, RunTagsTable.c.run_id == RunsTable.c.run_id)
        .join(newest, newest.c.id == RunsTable.c.id)
        .where(of_batch, RunsTable.c.status.in_(_ENDED_BADLY))
    )
    with cast("SqlRunStorage", instance.run_storage).connect() as connection:
        return {row.value: row.run_id for row in connection.execute(ended)}


def requested(instance: DagsterInstance, run_keys: Collection[str]) -> set[str]:
    """Those of these run keys that a run has."""
    if not run_keys:
        return set()
    statement = sa.select(RunTagsTable.c.value).where(
        RunTagsTable.c.key == RUN_KEY_TAG, RunTagsTable.c.value.in_(run_keys)
    )
    with cast("SqlRunStorage", instance.run_storage).connect() as connection:
        return set(connection.scalars(statement))


def newest_created(instance: DagsterInstance, most: int) -> list[float]:
    """When the newest runs of batches were created, in seconds by the database's clock."""
    statement = (
        sa.select(RunsTable.c.create_timestamp)
        .where(RunsTable.c.pipeline_name == JOB)
        .order_by(RunsTable.c.id.desc())
        .limit(most)
    )
    with cast("SqlRunStorage", instance.run_storage).connect() as connection:
        return [at.replace(tzinfo=UTC).timestamp() for at in connection.scalars(statement)]


def count_attempts(instance: DagsterInstance) -> int:
    """How many runs of batches are further attempts that the recovery sensor requested."""
    statement = (
        sa.select(sa.func.count())
        .select_from(RunTagsTable)
        .where(RunTagsTable.c.key == RUN_KEY_TAG, RunTagsTable.c.value.like("%:attempt%"))
    )
    with cast("SqlRunStorage", instance.run_storage).connect() as connection:
        return int(connection.scalar(statement) or 0)


def partitions_added(
    instance: DagsterInstance, since: datetime, until: datetime
) -> dict[str, datetime]:
    """The batches that became known to Dagster in that time, and when."""
    statement = sa.select(DynamicPartitionsTable.c.partition, _ADDED).where(
        _OF_BATCHES, _stored(since) < _ADDED, _stored(until) > _ADDED
    )
    with _events(instance).index_connection() as connection:
        return {batch: at.replace(tzinfo=UTC) for batch, at in connection.execute(statement)}


def newest_partition(instance: DagsterInstance) -> datetime | None:
    """When the newest batch became known to Dagster; None where there is none.

    The newest run may be another attempt at an old one.
    """
    statement = sa.select(sa.func.max(_ADDED)).where(_OF_BATCHES)
    with _events(instance).index_connection() as connection:
        at: datetime | None = connection.scalar(statement)
    return None if at is None else at.replace(tzinfo=UTC)


def _events(instance: DagsterInstance) -> SqlEventLogStorage:
    return cast("SqlEventLogStorage", instance.event_log_storage)


def _stored(moment: datetime) -> datetime:
    """As Dagster's tables have it: UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
