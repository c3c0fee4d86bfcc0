"""At which stage is a batch, and why did it fail?

Nothing of it is stored: the stage follows anew from Dagster's records and the bucket.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from argus_pipeline.automation import UPLOADS
from argus_pipeline.batches.arrivals import (
    days_to_look_at,
    get_manifest,
    list_folders,
    upload_state,
)
from argus_pipeline.batches.fan_out import plan_shards
from argus_pipeline.batches.given_up import read_given_up
from argus_pipeline.batches.limits import read_limits
from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.batches.recovery import Step, decide
from argus_pipeline.batches.stages import Stage
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.run_records import (
    MANIFEST_ETAG_TAG,
    MANIFEST_KEY_TAG,
    PARTITION_TAG,
    batches_with_runs,
    failing_automation,
    goes_on,
    going_on,
    known_batches,
    newest_report,
    newest_run,
    read_attempts,
    read_failure,
    runs_of,
    stage_now,
)
from argus_pipeline.storage import keys

if TYPE_CHECKING:
    from argus_pipeline.run_records import DagsterInstance, DagsterRun, RunRecord
    from argus_pipeline.storage.object_store import ObjectStore


_WITH_OTHERS: Final = "in a run of many batches"
_FOR_THE_SENSOR: Final = "waiting for the sensor"


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """What is known of a batch: its stage, how far that is, the run behind it and the reason."""

    batch: str
    stage: Stage
    detail: str = ""
    run_id: str | None = None
    seconds: float | None = None


def batch_statuses(
    instance: DagsterInstance, store: ObjectStore, batches: Sequence[str]
) -> Sequence[BatchStatus]:
    """The status of these batches: by the newest run of each, and before that by the bucket.

    Raises:
        BadInput: neither Dagster nor the bucket knows a batch.
    """

    def status(batch: str) -> BatchStatus:
        try:
            return _status(instance, store, batch)
        except BadInput as error:
            if len(batches) == 1:
                raise
            return BatchStatus(batch, Stage.REJECTED, str(error))

    found = [status(batch) for batch in batches]
    waits = any(one.detail == _FOR_THE_SENSOR for one in found)
    if waits and any(one.name == UPLOADS for one in failing_automation(instance)):
        # Why may name another vehicle, and not everybody who reads this may see that.
        why = f"{_FOR_THE_SENSOR}, which fails: `argus doctor` says why"
        found = [
            replace(one, detail=why) if one.detail == _FOR_THE_SENSOR else one for one in found
        ]
    return found


def before_its_run(store: ObjectStore, batch: str) -> BatchStatus | None:
    """What the bucket says of a batch that has no run of its own; None where it has a report.

    Raises:
        BadInput: there is no such batch.
    """
    upload = upload_state(store, batch)
    if upload.error is not None:
        return BatchStatus(batch, Stage.REJECTED, upload.error)
    if not upload.complete:
        return BatchStatus(batch, Stage.UPLOADING, "no manifest yet")
    if store.head(keys.report(batch, "json")) is not None:
        return None
    return BatchStatus(batch, Stage.QUEUED, _FOR_THE_SENSOR)


def newest_batches(instance: DagsterInstance, store: ObjectStore, limit: int) -> Sequence[str]:
    """The newest batches: those that are being uploaded or were rejected, then those with runs."""
    with_runs = batches_with_runs(instance, limit * 3)
    known = known_batches(instance)
    days = days_to_look_at(datetime.now(UTC), 1)
    new = sorted({f.name for f in list_folders(store, days)} - known, reverse=True)
    return [*new, *with_runs][:limit]


def _status(instance: DagsterInstance, store: ObjectStore, batch: str) -> BatchStatus:
    record = newest_run(instance, batch)
    if record is None:
        found = before_its_run(store, batch)
        if found is None:
            made = newest_report(instance, batch)
            if made is None or not instance.has_run(made[0]):
                return BatchStatus(batch, Stage.DONE, "its runs were deleted")
            return BatchStatus(batch, Stage.DONE, _WITH_OTHERS, made[0])
        if found.stage is Stage.QUEUED and batch in going_on(instance):
            return BatchStatus(batch, Stage.QUEUED, _WITH_OTHERS)
        return found
    run = record.dagster_run
    stage, detail = stage_now(instance, run)
    if stage is Stage.PARSING:
        detail = f"{detail.partition('/')[0] or 0}/{_shards(store, batch, run)}"
    elif stage is Stage.FAILED and (later := _made_later(instance, record)) is not None:
        return BatchStatus(batch, Stage.DONE, _WITH_OTHERS, later)
    elif stage is Stage.FAILED:
        stage, detail = _after_failure(instance, store, batch, record, detail)
    elif stage is Stage.DONE and store.head(keys.report(batch, "json")) is None:
        stage, detail = Stage.FAILED, "the last run was of other assets: there is no report"
    ended = record.end_time or time.time()
    seconds = max(ended - record.start_time, 0.0) if record.start_time else None
    return BatchStatus(batch, stage, detail, run.run_id, seconds)


def _made_later(instance: DagsterInstance, failed: RunRecord) -> str | None:
    """The run of many batches that made a report after a batch's own run had failed."""
    made = newest_report(instance, failed.dagster_run.tags[PARTITION_TAG])
    return made[0] if made and failed.end_time and made[1] > failed.end_time else None


def _after_failure(
    instance: DagsterInstance, store: ObjectStore, batch: str, record: RunRecord, failed_in: str
) -> tuple[Stage, str]:
    """What follows a failed run: another attempt, or that the batch is given up."""
    run = record.dagster_run
    if store.head(keys.retry(batch)) is not None:
        return Stage.QUEUED, "another attempt was asked for"
    if goes_on(record):
        return Stage.QUEUED, "its run was lost and starts again"
    if (listed := read_given_up(store, batch)) is not None:
        # By the sensor's limits, which may be others than those of this shell.
        return Stage.GIVEN_UP, f"{listed.reason}. `{listed.command}` tries it again"
    limits = read_limits()
    attempts = read_attempts(instance, runs_of(instance, batch), run.tags.get(MANIFEST_ETAG_TAG))
    # Runs of single assets are for the person to repeat who started them.
    if attempts and attempts[0].run_id == run.run_id:
        decision = decide(attempts, datetime.now(UTC), limits)
        if decision.step is Step.GIVE_UP:
            return Stage.GIVEN_UP, f"{decision.reason}. `argus retry {batch}` tries it again"
        if decision.step in {Step.WAIT, Step.TRY_AGAIN}:
            which = f"attempt {decision.attempt} of {limits.attempts}"
            return Stage.QUEUED, f"{which} follows: {attempts[0].reason}"
    return Stage.FAILED, read_failure(instance, run).reason or failed_in


def _shards(store: ObjectStore, batch: str, run: DagsterRun) -> str:
    """How many parts the parsing of a batch has: begun steps do not tell how many will follow."""
    try:
        data, key, _ = get_manifest(store, batch, run.tags.get(MANIFEST_KEY_TAG))
        manifest = parse_manifest(data, key=key)
        return str(len(plan_shards(batch, manifest.recordings)))
    except ArgusError:
        # The manifest was replaced meanwhile; the run itself will say so.
        return "?"
