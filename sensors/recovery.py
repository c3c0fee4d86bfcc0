"""Brings back batches whose run failed or stands still, and gives up those that cannot be.

What to do with a batch is decided in `argus_pipeline.batches.recovery`; this file only reads
Dagster's records and tells Dagster. It looks at the runs that failed lately and those that go on,
so a tick costs the same however many batches there are.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from dagster import (
    AssetObservation,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from argus_pipeline.batches import given_up
from argus_pipeline.batches.limits import Limits, read_limits
from argus_pipeline.batches.recovery import Decision, Step, decide
from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.runs import attempts as run_attempts
from argus_pipeline.runs.records import MANIFEST_ETAG_TAG, PARTITION_TAG
from argus_pipeline.storage.object_store import ObjectStore
from resources.object_store import ObjectStoreResource
from sensors.uploads import batch_job, present_manifest, run_request

SECONDS_BETWEEN_TICKS: Final = 15
# Runs that failed before that were decided about then, or the daemon was away for longer.
LOOK_BACK: Final = timedelta(days=2)
RUNS_A_TICK: Final = 500
ASKED_TAG: Final = run_attempts.ASKED_TAG


@sensor(
    job=batch_job,
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=DefaultSensorStatus.RUNNING,
)
def recovery(context: SensorEvaluationContext, object_store: ObjectStoreResource) -> SensorResult:
    """Tries batches again whose run failed or stands still, slower each time, and then gives up.

    Bad data is given up at once. `argus retry` lists what was given up, and tries it again.
    """
    store, instance, now = object_store.store(), context.instance, datetime.now(UTC)
    limits = read_limits()
    for run, reason in run_attempts.stuck_runs(instance, now, limits, RUNS_A_TICK):
        context.log.warning(f"{run.tags.get(PARTITION_TAG)}: run {run.run_id} has {reason}")
        run_attempts.end_stuck(instance, run, reason)
    requests = list(_asked(instance, store))
    asked = {request.partition_key for request in requests}
    events: list[AssetObservation] = []
    for batch in _failed_lately(instance, now) - set(given_up.list_given_up(store)) - asked:
        try:
            request, event = _recover(instance, store, batch, now, limits)
        except Unavailable:
            raise
        except ArgusError as error:
            # One batch that cannot be read must not hold up the others.
            context.log.error(f"{batch}: {error}")
            continue
        requests += [request] if request else []
        events += [event] if event else []
    for request in requests:
        context.log.info(f"{request.partition_key}: another attempt, {request.run_key}")
    return SensorResult(
        run_requests=requests,
        asset_events=events,
        skip_reason=None if requests else "No batch is due for another attempt.",
    )


def _failed_lately(instance: DagsterInstance, now: datetime) -> set[str]:
    records = instance.get_run_records(
        RunsFilter(
            job_name=batch_job.name,
            statuses=[DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED],
            updated_after=now - LOOK_BACK,
        ),
        limit=RUNS_A_TICK,
    )
    named = (record.dagster_run.tags.get(PARTITION_TAG) for record in records)
    return {name for name in named if name}


def _recover(
    instance: DagsterInstance, store: ObjectStore, batch: str, now: datetime, limits: Limits
) -> tuple[RunRequest | None, AssetObservation | None]:
    """Another attempt, or the news that the batch was given up, or neither."""
    runs = run_attempts.runs_of(instance, batch)
    tags: Mapping[str, str] = runs[0].dagster_run.tags if runs else {}
    attempts = run_attempts.read_attempts(instance, runs, tags.get(MANIFEST_ETAG_TAG))
    decision = decide(attempts, now, limits)
    if decision.step not in {Step.TRY_AGAIN, Step.GIVE_UP}:
        return None, None
    try:
        manifest, key, etag = present_manifest(store, batch, tags)
    except BadInput as error:
        if decision.step is Step.TRY_AGAIN:
            decision = Decision(Step.GIVE_UP, reason=str(error))
        return None, _give_up(store, batch, attempts, decision, tags, None)
    if etag != tags.get(MANIFEST_ETAG_TAG, etag):
        # It was mended meanwhile: the upload sensor requests a run for it.
        return None, None
    if decision.step is Step.GIVE_UP:
        return None, _give_up(store, batch, attempts, decision, tags, manifest.campaign)
    return run_request(manifest, key, etag, f"{batch}:{etag}:attempt{len(runs) + 1}"), None


def _give_up(
    store: ObjectStore,
    batch: str,
    attempts: run_attempts.Attempts,
    decision: Decision,
    tags: Mapping[str, str],
    campaign: str | None,
) -> AssetObservation:
    record = given_up.GivenUp(
        batch=batch,
        reason=decision.reason,
        run_id=attempts[0].run_id,
        manifest_etag=tags.get(MANIFEST_ETAG_TAG),
        attempts=len(attempts),
        campaign=campaign,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    given_up.give_up(store, record)
    return AssetObservation(
        "raw_batch",
        partition=batch,
        description=f"Given up: {record.reason}",
        metadata={"attempts": record.attempts, "to try again": record.command},
    )


def _asked(instance: DagsterInstance, store: ObjectStore) -> Iterator[RunRequest]:
    """Runs that people asked for and that are not there yet."""
    for retry in given_up.list_retries(store):
        if instance.get_runs(RunsFilter(tags={ASKED_TAG: retry.token}), limit=1):
            given_up.answer_retry(store, retry.batch)
            continue
        runs = run_attempts.runs_of(instance, retry.batch)
        if any(run_attempts.goes_on(record) for record in runs):
            continue
        tags = runs[0].dagster_run.tags if runs else {}
        manifest, key, etag = present_manifest(store, retry.batch, tags)
        yield run_request(
            manifest, key, etag, f"{retry.batch}:{etag}:{retry.token}", {ASKED_TAG: retry.token}
        )
