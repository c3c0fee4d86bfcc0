"""Sees completed uploads: a new manifest becomes a partition and a run.

It looks for manifests only, never at recordings, and only under the date prefixes of the look-back
window. It does not decide whether a batch is well: `raw_batch` does that. What is found is decided
in `argus_pipeline.batches.arrivals`; this file only tells Dagster.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from dagster import (
    AssetObservation,
    DefaultSensorStatus,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    define_asset_job,
    sensor,
)

from argus_pipeline import settings
from argus_pipeline.batches import arrivals
from argus_pipeline.batches.fan_out import engine_tags, execution_config
from argus_pipeline.batches.limits import read_limits
from argus_pipeline.batches.manifest import Manifest, parse_manifest
from argus_pipeline.database.engine import session
from argus_pipeline.database.records import manifest_etags
from argus_pipeline.engine.pools import align_pools
from argus_pipeline.run_records import (
    JOB,
    MANIFEST_ETAG_TAG,
    MANIFEST_KEY_TAG,
    PARTITIONS_NAME,
    SIZE_TAG,
    run_rows,
)
from argus_pipeline.run_tables import database_now, newest_created, run_keys_taken
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore
from assets.common import batches
from assets.diagnosis import DIAGNOSIS_POOL
from assets.parsed_csv import PARSER_POOL
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource

# Dagster starts the run with the highest number first.
PRIORITY_TAGS: Final = {"P0": "10", "P1": "0", "P2": "-10"}
SECONDS_BETWEEN_TICKS: Final = 5
# A tick may take five seconds, also on a busy machine: it reads manifests until it is so old,
READ_S: Final = 1.0
# and requests as many runs as can be created before it is that old, or within a second.
LOOK_S: Final = 2.5
LEAST_S: Final = 1.0

batch_job = define_asset_job(
    JOB,
    selection='group:"batch"',
    description="From upload to report: everything that is made of one batch.",
    # Retrying only failed steps loses files of a fan-out (dagster issues 20925, 30248, 30972).
    tags={"dagster/retry_strategy": "ALL_STEPS"},
)


@sensor(
    job=batch_job,
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=DefaultSensorStatus.RUNNING,
)
def completed_uploads(
    context: SensorEvaluationContext,
    object_store: ObjectStoreResource,
    database: DatabaseResource,
) -> SensorResult:
    """Adds a partition and requests a run for every manifest that is new or was mended."""
    began = time.monotonic()
    store = object_store.store()
    look_back = settings.look_back_days(arrivals.DEFAULT_LOOK_BACK_DAYS)
    cursor = arrivals.Cursor.from_text(context.cursor)
    folders = list(
        arrivals.list_folders(store, arrivals.days_to_look_at(datetime.now(UTC), look_back))
    )
    known = set(context.instance.get_dynamic_partitions(PARTITIONS_NAME))
    candidates, position, new_position = arrivals.read_for_a_while(
        store,
        arrivals.turns(folders, known, cursor),
        cursor,
        lambda: time.monotonic() - began > READ_S,
    )
    with session(database.engine()) as opened:
        accepted_etags = manifest_etags(opened, [c.folder.name for c in candidates])
    found = arrivals.decide(
        candidates,
        folders=folders,
        accepted_etags=accepted_etags,
        cursor=cursor,
        position=position,
        new_position=new_position,
    )
    observations = [_report_rejected(context, store, candidate) for candidate in found.rejected]
    # Mended, whether it fits into this look or not: the next cursor no longer knows.
    for candidate in found.accepted:
        if candidate.folder.manifest_key in cursor.rejected:
            store.delete(arrivals.rejection_key(candidate.folder.name))
    asked_before = [_run_key(c) for c in found.accepted if c.folder.name in known]
    with run_rows(context.instance) as connection:
        created = newest_created(connection, cursor.pace.requested)
        pace = cursor.pace.measured(created, database_now(connection))
        # Dagster would skip these itself; but they would take the places of others in this look.
        waiting = run_keys_taken(connection, asked_before)
    accepted = [c for c in found.accepted if _run_key(c) not in waiting]
    left = max(LOOK_S - (time.monotonic() - began), LEAST_S)
    accepted = accepted[: pace.affordable(left)]
    if accepted:
        align_pools(context.instance, (PARSER_POOL, DIAGNOSIS_POOL))
    new = [c.folder.name for c in accepted if c.folder.name not in known]
    for batch in new:
        store.delete(keys.archived(batch))
    return SensorResult(
        run_requests=[_request(candidate) for candidate in accepted],
        dynamic_partitions_requests=[batches.build_add_request(new)] if new else [],
        asset_events=observations,
        cursor=replace(found.cursor, pace=replace(pace, requested=len(accepted))).to_text(),
        skip_reason=None if accepted else f"No new manifest in {len(folders)} upload folders.",
    )


def present_manifest(
    store: ObjectStore, batch: str, tags: Mapping[str, str]
) -> tuple[Manifest, str, str]:
    """The manifest that a batch has now, its key and its ETag; `tags` are of a run of it.

    Raises:
        BadInput: it has none any more, or a bad one.
    """
    data, key, etag = arrivals.get_manifest(store, batch, tags.get(MANIFEST_KEY_TAG))
    return parse_manifest(data, key=key, batch=batch), key, etag


def run_request(
    manifest: Manifest, key: str, etag: str, run_key: str, tags: Mapping[str, str] | None = None
) -> RunRequest:
    """The run of a batch; Dagster makes one for each `run_key`."""
    return RunRequest(
        run_key=run_key,
        partition_key=manifest.batch,
        run_config=execution_config(manifest),
        tags={
            MANIFEST_KEY_TAG: key,
            MANIFEST_ETAG_TAG: etag,
            SIZE_TAG: str(sum(file.size for file in manifest.files)),
            "dagster/priority": PRIORITY_TAGS[manifest.priority],
            **engine_tags(manifest, read_limits()),
            "argus/vehicle": manifest.vehicle,
            "argus/platform": manifest.platform,
            "argus/firmware": manifest.firmware,
            **(tags or {}),
        },
    )


def _request(candidate: arrivals.Candidate) -> RunRequest:
    manifest = candidate.manifest
    assert manifest is not None
    return run_request(
        manifest,
        candidate.folder.manifest_key,
        candidate.etag,
        _run_key(candidate),
    )


def _run_key(candidate: arrivals.Candidate) -> str:
    return f"{candidate.folder.name}:{candidate.etag}"


def _report_rejected(
    context: SensorEvaluationContext, store: ObjectStore, candidate: arrivals.Candidate
) -> AssetObservation:
    """Say once that a manifest is bad, in the log, in the bucket and on the asset's page."""
    context.log.error(f"manifest rejected: {candidate.error}")
    record = arrivals.rejection_key(candidate.folder.name)
    store.put(
        record,
        json.dumps(
            {
                "manifest": candidate.folder.manifest_key,
                "etag": candidate.etag,
                "error": candidate.error,
            },
            indent=1,
        ).encode(),
    )
    return AssetObservation(
        "raw_batch",
        description=f"Manifest rejected: {candidate.error}",
        metadata={
            "manifest": store.uri(candidate.folder.manifest_key),
            "record": store.uri(record),
        },
    )
