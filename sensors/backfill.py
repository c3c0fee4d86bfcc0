"""Runs again, by night and in bounded numbers, what was left behind.

Batches without a report, batches whose newest run failed, and batches that older code has made.
Which of them is decided in `argus_pipeline.upkeep.backfill`. The schedule reads a few listings and
at most some hundreds of records, however many batches there are. It also finds manifests that came
while nobody looked for longer than the upload sensor looks back.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from dagster import (
    DagsterInstance,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)
from sqlalchemy import Engine

from argus_pipeline import run_records, settings
from argus_pipeline.batches import arrivals, given_up
from argus_pipeline.database.engine import session
from argus_pipeline.database.records import manifest_etags
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.run_records import ASKED_TAG, PARTITIONS_NAME
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upkeep import records
from argus_pipeline.upkeep.backfill import Candidate, Reason, choose, is_outdated
from argus_pipeline.upkeep.options import read_upkeep
from assets.versions import code_versions
from resources.database import DatabaseResource
from resources.object_store import ObjectStoreResource
from sensors.uploads import batch_job, present_manifest, run_request

# Of each kind so many times as many are looked at as may be chosen, for some are not to be run.
LOOKED_AT: Final = 5
RUNS_FAILED_WITHIN: Final = timedelta(days=30)


@schedule(
    name="backfill",
    job=batch_job,
    cron_schedule=f"0 {read_upkeep().hour} * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Runs batches again that are missing, failed or outdated: so many a night.",
)
def backfill(
    context: ScheduleEvaluationContext,
    object_store: ObjectStoreResource,
    database: DatabaseResource,
) -> list[RunRequest] | SkipReason:
    """Requests a run of each batch that was left behind; `ARGUS_UPKEEP_BACKFILL_BATCHES` a night.

    Leaves alone what runs, what a person ended, what was given up under the present code, and what
    was deleted for its age.
    """
    requests = left_behind(
        context.instance,
        object_store.store(),
        database.engine(),
        night=f"{context.scheduled_execution_time:%Y-%m-%d}",
        most=read_upkeep().backfill_batches,
        log=context.log,
    )
    return requests or SkipReason("No batch was left behind, or none is to be run by night.")


def left_behind(
    instance: DagsterInstance,
    store: ObjectStore,
    engine: Engine,
    *,
    night: str,
    most: int,
    log: logging.Logger,
) -> list[RunRequest]:
    """The runs of one night, at most so many; the same ones when the same night asks again."""
    if not most:
        return []
    found = candidates(instance, store, code_versions(), most)
    requests = _overlooked(instance, store, engine, most, log)
    chosen = choose(found, most - len(requests))
    for one in chosen:
        log.info(f"{one.batch}: {one.reason}")
        if one.given_up:
            # The recovery sensor does it, which else would give it up again at once.
            given_up.request_retry(store, one.batch)
            continue
        try:
            _, tags = run_records.newest_outcome(instance, one.batch)
            manifest, key, etag = present_manifest(store, one.batch, tags)
        except Unavailable:
            raise
        except ArgusError as error:
            log.error(f"{one.batch}: {error}")
            continue
        # As if a person had asked for it: attempts before it no longer count.
        asked = {ASKED_TAG: f"backfill-{night}", "argus/backfill": one.reason.value}
        requests.append(run_request(manifest, key, etag, f"{one.batch}:{etag}:{night}", asked))
    return requests


def candidates(
    instance: DagsterInstance, store: ObjectStore, current: Mapping[str, str], most: int
) -> list[Candidate]:
    """What may need a run, in bounded numbers of each kind."""
    known = run_records.known_batches(instance)
    running, expired = run_records.going_on(instance), records.expired(store)
    gave_up = {one.batch: one for one in given_up.read_all_given_up(store)}
    hopeless = {
        batch
        for batch, one in gave_up.items()
        if not one.code_versions or dict(one.code_versions) == current
    }
    left_alone = running | expired | hopeless
    made = {asset: run_records.newest_materializations(instance, asset) for asset in current}
    reported = run_records.newest_materializations(instance, "report")

    def candidate(batch: str, reason: Reason) -> Candidate:
        outcome, _ = run_records.newest_outcome(instance, batch)
        given = batch in gave_up
        return Candidate(batch, reason, outcome, given, given and batch not in hopeless)

    found: list[Candidate] = []
    for batch in sorted(known - reported.keys() - left_alone, reverse=True):
        if sum(one.may_run for one in found) >= most or len(found) >= LOOKED_AT * most:
            break
        found.append(candidate(batch, Reason.MISSING))
    since = datetime.now(UTC) - RUNS_FAILED_WITHIN
    failed = run_records.failed_since(instance, since, LOOKED_AT * most) & known - left_alone
    found += [candidate(batch, Reason.FAILED) for batch in sorted(failed, reverse=True)]
    outdated: set[str] = set()
    for asset, version in current.items():
        # What was made first is what older code has made, so only the oldest are read.
        oldest = sorted((place, batch) for batch, place in made[asset].items() if batch in known)
        places = [place for place, batch in oldest if batch not in left_alone]
        versions = run_records.made_by(instance, asset, places[: LOOKED_AT * most])
        outdated |= {b for b, by in versions.items() if is_outdated({asset: by}, {asset: version})}
    found += [candidate(batch, Reason.OUTDATED) for batch in sorted(outdated)[:most]]
    return found


def _overlooked(
    instance: DagsterInstance, store: ObjectStore, engine: Engine, most: int, log: logging.Logger
) -> list[RunRequest]:
    """Complete uploads that are no partition and that the upload sensor no longer looks at."""
    look_back = settings.look_back_days(arrivals.DEFAULT_LOOK_BACK_DAYS)
    first = arrivals.days_to_look_at(datetime.now(UTC), look_back)[0]
    known = run_records.known_batches(instance) | records.archived(store)
    before = (
        folder for folder in arrivals.folders_before(store, first) if folder.name not in known
    )
    folders = list(islice(before, LOOKED_AT * most))
    read = arrivals.read_candidates(store, folders)
    with session(engine) as opened:
        etags = manifest_etags(opened, [one.folder.name for one in read])
    found = arrivals.decide(
        read, folders=folders, accepted_etags=etags, cursor=arrivals.Cursor(), position=""
    )
    for bad in found.rejected:
        log.error(f"manifest rejected: {bad.error}")
    requests = []
    for one in found.accepted[:most]:
        assert one.manifest is not None
        log.info(f"{one.manifest.batch}: it was never seen")
        instance.add_dynamic_partitions(PARTITIONS_NAME, [one.manifest.batch])
        key, run_key = one.folder.manifest_key, f"{one.manifest.batch}:{one.etag}"
        requests.append(run_request(one.manifest, key, one.etag, run_key))
    return requests
