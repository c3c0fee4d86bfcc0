"""Brings back batches whose run failed or stands still, and gives up those that cannot be.

What to do with a batch is decided in `argus_pipeline.batches.recovery`; this file only reads
Dagster's records and tells Dagster. One statement finds the batches whose newest run failed lately,
and a tick looks at some of them in turn, so it costs the same however many there are.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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

from argus_pipeline import run_records, run_tables
from argus_pipeline.batches import given_up
from argus_pipeline.batches.limits import Limits, read_limits
from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.batches.pacing import Pace, in_turn
from argus_pipeline.batches.recovery import Attempt, Decision, Outcome, Step, decide
from argus_pipeline.engine.log_tails import end_left_tails
from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.run_records import ASKED_TAG, MANIFEST_ETAG_TAG, PARTITION_TAG
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore
from assets.campaign_pages import campaigns_job
from assets.common import batches
from assets.versions import code_versions
from resources.object_store import ObjectStoreResource
from sensors.uploads import batch_job, present_manifest, run_request

SECONDS_BETWEEN_TICKS: Final = 15
# Runs that failed before that were decided about then, or the daemon was away for longer.
LOOK_BACK: Final = timedelta(days=2)
RUNS_A_TICK: Final = 500
# Each takes a few statements and perhaps a look at the bucket.
BATCHES_A_TICK: Final = 40


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the last tick left behind.

    Attributes:
        over: failed runs that are over and done with; it only spares a second look.
        position: the last batch that was looked at; the next tick goes on after it.
        pace: of the runs that were requested.
    """

    over: frozenset[str] = frozenset()
    position: str = ""
    pace: Pace = field(default_factory=Pace)

    def to_text(self) -> str:
        """The cursor as Dagster keeps it."""
        return json.dumps(
            {"over": sorted(self.over), "position": self.position, "pace": asdict(self.pace)}
        )

    @classmethod
    def from_text(cls, text: str | None) -> "Cursor":
        """Read a cursor; one that cannot be read starts again instead of failing every tick."""
        try:
            content = json.loads(text or "{}")
            return cls(
                frozenset(map(str, content.get("over", ()))),
                str(content.get("position", "")),
                Pace.of(content.get("pace", asdict(Pace()))),
            )
        except (ValueError, AttributeError, TypeError, KeyError):
            return cls()


@dataclass(frozen=True, slots=True)
class _Recovered:
    """What follows for a batch: another run, the news that it was given up, or neither.

    Attributes:
        request: the run.
        news: that it was given up.
        campaign: the campaign of what was given up.
        over: its failed run needs no other look.
    """

    request: RunRequest | None = None
    news: AssetObservation | None = None
    campaign: str | None = None
    over: bool = False


@sensor(
    jobs=[batch_job, campaigns_job],
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=DefaultSensorStatus.RUNNING,
)
def recovery(context: SensorEvaluationContext, object_store: ObjectStoreResource) -> SensorResult:
    """Tries batches again whose run failed or stands still, slower each time, and then gives up.

    Bad data is given up at once. `argus retry` lists what was given up, and tries it again.
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
    cursor = Cursor.from_text(context.cursor)
    of_many = _ask_for_the_rest(context, store, now, cursor.over)
    with run_records.run_rows(instance) as connection:
        failed = run_tables.failed_lately(connection, now - LOOK_BACK)
        created = run_tables.newest_created(connection, cursor.pace.requested)
        pace = cursor.pace.measured(created, run_tables.database_now(connection))
    asked = {retry.batch: retry for retry in given_up.list_retries(store)}
    gave_up = set(given_up.list_given_up(store))
    over = {run_id for run_id in failed.values() if run_id in cursor.over} | of_many
    waiting = {batch for batch, run_id in failed.items() if run_id not in over} - gave_up
    found: list[_Recovered] = []
    requests: list[RunRequest] = []
    position = cursor.position
    for batch in in_turn(waiting | asked.keys(), cursor.position, BATCHES_A_TICK):
        if len(requests) == pace.affordable():
            break
        position = batch
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
        if one.over and batch in failed:
            over.add(failed[batch])
        if one.request is not None:
            requests.append(one.request)
            context.log.info(f"{batch}: another attempt, {one.request.run_key}")
    # Keys that were archived: whoever asks for such a batch gets it back.
    gone = [
        one.partition_key
        for one in requests
        if one.partition_key
        and not instance.has_dynamic_partition(run_records.PARTITIONS_NAME, one.partition_key)
    ]
    for key in gone:
        store.delete(keys.archived(key))
    again = len(requests)
    if any(one.campaign for one in found):
        # What was given up counts in the verdict, and no change of a batch will tell it.
        requests.append(RunRequest(f"campaigns:{now.isoformat()}", job_name=campaigns_job.name))
    end_left_tails(instance)
    following = Cursor(frozenset(over), position, replace(pace, requested=again))
    return SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[batches.build_add_request(gone)] if gone else [],
        asset_events=[one.news for one in found if one.news is not None],
        cursor=following.to_text(),
        skip_reason=None if requests else "No batch is due for another attempt.",
    )


def _ask_for_the_rest(
    context: SensorEvaluationContext, store: ObjectStore, now: datetime, over: Collection[str]
) -> set[str]:
    """Request a run of its own for each batch that a run of many was lost with; one run a tick.

    Returns:
        The runs of many batches that failed lately and are dealt with.
    """
    instance, done, busy = context.instance, set[str](), False
    for record in instance.get_run_records(
        RunsFilter(
            tags={EXTERNALLY_MANAGED_ASSETS_TAG: "true"},
            statuses=[DagsterRunStatus.FAILURE],
            updated_after=now - LOOK_BACK,
        ),
        limit=RUNS_A_TICK,
    ):
        run = record.dagster_run
        if run.run_id in over:
            done.add(run.run_id)
        if busy or run.run_id in over or run_records.goes_on(record):
            continue
        busy = True
        done.add(run.run_id)
        # Those that it left out have asked for themselves.
        lost = run_records.batches_of_ranges(instance, [run])
        lost -= set(run.tags.get(run_records.LEFT_OUT_TAG, "").split())
        for batch in sorted(lost):
            made = run_records.newest_report(instance, batch)
            if made is None or made[1] < record.create_timestamp.timestamp():
                context.log.warning(f"{batch}: run {run.run_id} of many batches ended without it")
                given_up.request_retry(store, batch)
    return done


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
        news = _give_up(store, batch, attempts, decision, tags, manifest.campaign)
        return _Recovered(news=news, campaign=manifest.campaign)
    number = run_records.next_attempt(runs)
    return _Recovered(_run(manifest, key, etag, f"{batch}:{etag}:attempt{number}"))


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
    return _Recovered(_run(manifest, key, etag, run_key, {ASKED_TAG: retry.token}))


def _run(
    manifest: Manifest, key: str, etag: str, run_key: str, tags: Mapping[str, str] | None = None
) -> RunRequest:
    # A sensor of two jobs has to name one of them.
    request = run_request(manifest, key, etag, run_key, tags)
    return request.with_replaced_attrs(job_name=batch_job.name)
