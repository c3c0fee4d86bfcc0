"""Brings back batches whose run failed or stands still, and gives up those that cannot be.

What to do with a batch is decided in `argus_pipeline.batches.recovery`; this file only reads
Dagster's records and tells Dagster. It looks at the runs that failed lately and those that go on,
so a tick costs the same however many batches there are.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from dagster._core.storage.tags import EXTERNALLY_MANAGED_ASSETS_TAG

from argus_pipeline import run_records
from argus_pipeline.batches import given_up
from argus_pipeline.batches.limits import Limits, read_limits
from argus_pipeline.batches.recovery import Attempt, Decision, Outcome, Step, decide
from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.run_records import ASKED_TAG, MANIFEST_ETAG_TAG, PARTITION_TAG
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore
from assets.common import batches
from assets.versions import code_versions
from resources.object_store import ObjectStoreResource
from sensors.uploads import batch_job, present_manifest, run_request

SECONDS_BETWEEN_TICKS: Final = 15
# Runs that failed before that were decided about then, or the daemon was away for longer.
LOOK_BACK: Final = timedelta(days=2)
RUNS_A_TICK: Final = 500


@dataclass(frozen=True, slots=True)
class _Recovered:
    """What follows for a batch: another run, the news that it was given up, or neither.

    `over`: none of its failed runs so far needs another look.
    """

    request: RunRequest | None = None
    news: AssetObservation | None = None
    over: bool = False


@sensor(
    job=batch_job,
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=DefaultSensorStatus.RUNNING,
)
def recovery(context: SensorEvaluationContext, object_store: ObjectStoreResource) -> SensorResult:
    """Tries batches again whose run failed or stands still, slower each time, and then gives up.

    Bad data is given up at once. `argus retry` lists what was given up, and tries it again.
    The cursor holds the failed runs that are over and done with, and only spares a second look.
    """
    store, instance, now = object_store.store(), context.instance, datetime.now(UTC)
    limits = read_limits()
    for run, reason in run_records.lost_runs(instance, now, RUNS_A_TICK):
        context.log.warning(f"run {run.run_id} of {run.job_name}: {reason}")
        # As a failed run it is started again by Dagster, roll-ups as well as batches.
        instance.report_run_failed(run, f"The run was lost: {reason}")
    for run, reason in run_records.stuck_runs(instance, now, limits, RUNS_A_TICK):
        context.log.warning(f"{run.tags.get(PARTITION_TAG)}: run {run.run_id} has {reason}")
        run_records.end_stuck(instance, run, reason)
    over = set(json.loads(context.cursor or "[]"))
    over |= _ask_for_the_rest(context, store, now, over)
    failed = _failed_lately(instance, now)
    asked = {retry.batch: retry for retry in given_up.list_retries(store)}
    gave_up = set(given_up.list_given_up(store))
    waiting = {batch for batch, runs in failed.items() if not runs <= over} - gave_up
    found: list[_Recovered] = []
    for batch in waiting | asked.keys():
        try:
            one = _ask(instance, store, asked[batch]) if batch in asked else None
            if one is None:
                one = _recover(instance, store, batch, now, limits)
        except Unavailable:
            raise
        except ArgusError as error:
            # One batch that cannot be read must not hold up the others.
            context.log.error(f"{batch}: {error}")
            continue
        found.append(one)
        if one.over:
            over |= failed.get(batch, set())
    requests = [one.request for one in found if one.request is not None]
    for request in requests:
        context.log.info(f"{request.partition_key}: another attempt, {request.run_key}")
    # Keys that were archived: whoever asks for such a batch gets it back.
    gone = [
        one.partition_key
        for one in requests
        if one.partition_key
        and not instance.has_dynamic_partition(run_records.PARTITIONS_NAME, one.partition_key)
    ]
    for key in gone:
        store.delete(keys.archived(key))
    return SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[batches.build_add_request(gone)] if gone else [],
        asset_events=[one.news for one in found if one.news is not None],
        cursor=json.dumps(sorted(over & _ids_failed_lately(instance, now))),
        skip_reason=None if requests else "No batch is due for another attempt.",
    )


def _ask_for_the_rest(
    context: SensorEvaluationContext, store: ObjectStore, now: datetime, over: set[str]
) -> set[str]:
    """Request a run of its own for each batch that a run of many was lost with.

    Returns:
        The runs of many batches that are dealt with.
    """
    instance, done = context.instance, set[str]()
    for record in instance.get_run_records(
        RunsFilter(
            tags={EXTERNALLY_MANAGED_ASSETS_TAG: "true"},
            statuses=[DagsterRunStatus.FAILURE],
            updated_after=now - LOOK_BACK,
        ),
        limit=RUNS_A_TICK,
    ):
        run = record.dagster_run
        if run.run_id in over or run_records.goes_on(record):
            continue
        done.add(run.run_id)
        # Those that it left out have asked for themselves.
        lost = run_records.batches_of_ranges(instance, [run])
        lost -= set(run.tags.get(run_records.LEFT_OUT_TAG, "").split())
        for batch in sorted(lost):
            made = run_records.newest_report(instance, batch)
            if made is None or made[1] < (record.start_time or 0):
                context.log.warning(f"{batch}: run {run.run_id} of many batches ended without it")
                given_up.request_retry(store, batch)
    return done


def _ids_failed_lately(instance: DagsterInstance, now: datetime) -> set[str]:
    """All runs that may be in the cursor: older ones need no second look in any case."""
    return {
        record.dagster_run.run_id
        for record in instance.get_run_records(
            RunsFilter(
                statuses=[DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED],
                updated_after=now - LOOK_BACK,
            ),
            limit=2 * RUNS_A_TICK,
        )
    }


def _failed_lately(instance: DagsterInstance, now: datetime) -> dict[str, set[str]]:
    """The runs that failed or were ended lately, by batch."""
    records = instance.get_run_records(
        RunsFilter(
            job_name=batch_job.name,
            statuses=[DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED],
            updated_after=now - LOOK_BACK,
        ),
        limit=RUNS_A_TICK,
    )
    failed: dict[str, set[str]] = {}
    for record in records:
        run = record.dagster_run
        if batch := run.tags.get(PARTITION_TAG):
            failed.setdefault(batch, set()).add(run.run_id)
    return failed


def _recover(
    instance: DagsterInstance, store: ObjectStore, batch: str, now: datetime, limits: Limits
) -> _Recovered:
    runs = run_records.runs_of(instance, batch)
    tags: Mapping[str, str] = runs[0].dagster_run.tags if runs else {}
    attempts = run_records.read_attempts(instance, runs, tags.get(MANIFEST_ETAG_TAG))
    decision = decide(attempts, now, limits)
    if decision.step not in {Step.TRY_AGAIN, Step.GIVE_UP}:
        ended = {Outcome.SUCCEEDED, Outcome.CANCELED}
        return _Recovered(over=bool(attempts) and attempts[0].outcome in ended)
    try:
        manifest, key, etag = present_manifest(store, batch, tags)
    except BadInput as error:
        if decision.step is Step.TRY_AGAIN:
            decision = Decision(Step.GIVE_UP, reason=str(error))
        return _Recovered(news=_give_up(store, batch, attempts, decision, tags, None))
    if etag != tags.get(MANIFEST_ETAG_TAG, etag):
        # It was mended meanwhile: the upload sensor requests a run for it.
        return _Recovered()
    if decision.step is Step.GIVE_UP:
        return _Recovered(news=_give_up(store, batch, attempts, decision, tags, manifest.campaign))
    number = run_records.next_attempt(runs)
    return _Recovered(run_request(manifest, key, etag, f"{batch}:{etag}:attempt{number}"))


def _give_up(
    store: ObjectStore,
    batch: str,
    attempts: Sequence[Attempt],
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
        code_versions=code_versions(),
    )
    given_up.give_up(store, record)
    return AssetObservation(
        "raw_batch",
        partition=batch,
        description=f"Given up: {record.reason}",
        metadata={"attempts": record.attempts, "to try again": record.command},
    )


def _ask(instance: DagsterInstance, store: ObjectStore, retry: given_up.Retry) -> _Recovered | None:
    """The run that a person asked for, unless another goes on; None where it was there already."""
    if instance.get_runs(RunsFilter(tags={ASKED_TAG: retry.token}), limit=1):
        given_up.answer_retry(store, retry.batch)
        return None
    runs = run_records.runs_of(instance, retry.batch)
    if any(run_records.goes_on(record) for record in runs):
        return _Recovered()
    manifest, key, etag = present_manifest(
        store, retry.batch, runs[0].dagster_run.tags if runs else {}
    )
    run_key = f"{retry.batch}:{etag}:{retry.token}"
    # What the run makes is deleted for its age again, where that is wished.
    store.delete(keys.expired(retry.batch))
    return _Recovered(run_request(manifest, key, etag, run_key, {ASKED_TAG: retry.token}))
