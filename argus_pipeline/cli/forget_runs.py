"""What `argus forget` does to Dagster's records, as far as Dagster lets it.

Runs, with their events and logs, and past ticks of sensors are deleted by Dagster's own means. What
a run left elsewhere (results of checks, the state of a sensor, events that belong to no run) it has
no means for; that is counted and named.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from argus_pipeline import settings
from argus_pipeline.errors import ArgusError
from argus_pipeline.run_records import PARTITION_TAG, PARTITIONS_NAME, going_on
from argus_pipeline.storage import keys

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from argus_pipeline.forget.pseudonym import Pseudonym
    from argus_pipeline.storage.object_store import ObjectStore

_VERSION_TAG = "dagster/code_version"
ASSETS = ("raw_batch", "parsed_csv", "batch_statistics", "charts", "diagnosis", "report")


def refuse_running(instance: DagsterInstance, batches: Sequence[str]) -> None:
    """Make sure that nobody makes anew what is being forgotten.

    Raises:
        ArgusError: a run of one of the batches goes on.
    """
    running = sorted(going_on(instance) & set(batches))
    if running:
        raise ArgusError(
            f"runs of this vehicle go on: {', '.join(running)}",
            hint="Wait until `argus status` says that they are done, or end them in the UI",
        )


def materialized(instance: DagsterInstance, batches: Sequence[str]) -> dict[str, dict[str, str]]:
    """By batch and asset, the code version of what is materialized; empty where not known."""
    from argus_pipeline.run_records import made_by, newest_materializations

    found: dict[str, dict[str, str]] = {}
    for asset in ASSETS:
        places = newest_materializations(instance, asset)
        own = {batch: places[batch] for batch in batches if batch in places}
        versions = made_by(instance, asset, list(own.values()))
        for batch in own:
            found.setdefault(batch, {})[asset] = versions.get(batch, "")
    return found


def delete_runs(instance: DagsterInstance, store: ObjectStore, batches: Sequence[str]) -> int:
    """Delete the runs of these batches with events, logs and values, and their partition keys."""
    from dagster import AssetKey, RunsFilter

    from argus_pipeline.forget.objects import remove_folders

    deleted = 0
    for batch in batches:
        for run in instance.get_runs(RunsFilter(tags={PARTITION_TAG: batch})):
            values = f"{keys.BETWEEN_STEPS}{run.run_id}/"
            for value in list(store.list(values)):
                store.delete(value.key)
            remove_folders(store, values)
            instance.delete_run(run.run_id)
            # Logs may lie where they cannot be deleted; what remains is said at the end.
            with contextlib.suppress(Exception):
                instance.compute_log_manager.delete_logs(prefix=[run.run_id])
            deleted += 1
        if instance.has_dynamic_partition(PARTITIONS_NAME, batch):
            instance.delete_dynamic_partition(PARTITIONS_NAME, batch)
    instance.wipe_asset_cached_status([AssetKey(asset) for asset in ASSETS])
    _delete_ticks(instance)
    return deleted


def _delete_ticks(instance: DagsterInstance) -> None:
    """Delete the past ticks of sensors, which name what they requested and cannot be changed.

    Not those of schedules: by their last ticks it is known what is due.
    """
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import TickStatus

    if instance.schedule_storage is None:  # an instance in memory has no ticks
        return
    over = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        instance.purge_ticks(
            state.instigator_origin_id, state.selector_id, time.time(), tick_statuses=over
        )


def add_again(
    instance: DagsterInstance, pseudonym: Pseudonym, made: Mapping[str, Mapping[str, str]]
) -> int:
    """Add the batches under their new names, as materialized as they were."""
    from dagster import AssetKey, AssetMaterialization

    added = 0
    for batch, versions in made.items():
        name = pseudonym.text(batch)
        if instance.has_dynamic_partition(PARTITIONS_NAME, name):
            continue
        for asset, version in versions.items():
            instance.report_runless_asset_event(
                AssetMaterialization(
                    AssetKey(asset),
                    description="Renamed: the vehicle was forgotten.",
                    partition=name,
                    tags={_VERSION_TAG: version} if version else None,
                )
            )
        instance.add_dynamic_partitions(PARTITIONS_NAME, [name])
        added += 1
    return added


def remaining(pseudonym: Pseudonym) -> dict[str, int]:
    """By table of Dagster's database, the rows that still name the vehicle.

    Empty where Dagster's records are in no Postgres that can be asked.
    """
    from sqlalchemy import MetaData, Text, cast, func, or_, select
    from sqlalchemy import types as sql_types

    from argus_pipeline.database.engine import create_engine, translated

    local = settings.local_environment()
    url = os.environ.get("ARGUS_DAGSTER_DATABASE_URL") or local.get("ARGUS_DAGSTER_DATABASE_URL")
    if not url:
        return {}
    engine = create_engine(url)
    found: dict[str, int] = {}
    try:
        with translated(engine), engine.connect() as connection:
            known = MetaData()
            known.reflect(connection, schema="public")
            for table in known.sorted_tables:
                texts = [c for c in table.c if isinstance(c.type, sql_types.String)]
                named = or_(
                    False,
                    *(
                        func.strpos(cast(c, Text), form) > 0
                        for c in texts
                        for form in pseudonym.forms
                    ),
                )
                amount = connection.scalar(select(func.count()).select_from(table).where(named))
                if amount:
                    found[table.name] = amount
    finally:
        engine.dispose()
    return found
