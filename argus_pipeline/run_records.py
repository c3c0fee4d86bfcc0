"""Dagster's own records, read for people: at which stage is a batch, and why did it fail?

The one reader of them. Nothing here is stored: the stage follows from the newest run of the batch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from argus_pipeline import settings
from argus_pipeline.batches.arrivals import (
    days_to_look_at,
    list_folders,
    locate_manifest,
    upload_state,
)
from argus_pipeline.batches.fan_out import plan_shards
from argus_pipeline.batches.given_up import read_given_up
from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.storage import keys

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from argus_pipeline.storage.object_store import ObjectStore

PARTITION_TAG: Final = "dagster/partition"
PARTITIONS_NAME: Final = "batch"
MANIFEST_KEY_TAG: Final = "argus/manifest_key"
MANIFEST_ETAG_TAG: Final = "argus/manifest_etag"
WILL_RETRY_TAG: Final = "dagster/will_retry"
PERMANENT: Final = "permanent"
"""Metadata of a failure that the same data will have again."""


class Stage(StrEnum):
    """Where a batch is on its way. The words are the same everywhere that people read them."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    VERIFYING = "verifying"
    PARSING = "parsing"
    STATISTICS = "statistics"
    CHARTS = "charts"
    DIAGNOSING = "diagnosing"
    REPORTING = "reporting"
    DONE = "done"
    FAILED = "failed"
    GIVEN_UP = "given up"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself, or not soon."""
        return self in {Stage.DONE, Stage.FAILED, Stage.GIVEN_UP, Stage.REJECTED}


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """What is known of a batch: its stage, how far that is, the run behind it and the reason."""

    batch: str
    stage: Stage
    detail: str = ""
    run_id: str | None = None
    seconds: float | None = None


# The stage that is on its way once a step has begun, in the order of the flow.
_STAGE_OF_STEP: Final = {
    "raw_batch": Stage.VERIFYING,
    "parsed_csv.plan": Stage.PARSING,
    "parsed_csv.parse": Stage.PARSING,
    "parsed_csv.collect": Stage.PARSING,
    "batch_statistics": Stage.STATISTICS,
    "charts": Stage.CHARTS,
    "diagnosis": Stage.DIAGNOSING,
    "report": Stage.REPORTING,
}
_ORDER: Final = list(Stage)


def stage_of(run_status: str, steps: Mapping[str, str]) -> tuple[Stage, str]:
    """The stage that a run's status and its steps' states amount to.

    Args:
        run_status: a value of Dagster's `DagsterRunStatus`.
        steps: by step key, `IN_PROGRESS`, `SUCCESS`, `FAILURE` or `SKIPPED`; begun steps only.

    Returns:
        The stage, and for parsing how many shards are done of those that have begun.
    """
    if run_status in {"QUEUED", "NOT_STARTED", "STARTING", "MANAGED"}:
        return Stage.QUEUED, ""
    if run_status == "SUCCESS":
        return Stage.DONE, ""
    if run_status in {"FAILURE", "CANCELED", "CANCELING"}:
        failed = sorted(key for key, state in steps.items() if state == "FAILURE")
        return Stage.FAILED, f"in {', '.join(failed)}" if failed else run_status.lower()
    stage = max(
        (_STAGE_OF_STEP.get(key.partition("[")[0], Stage.VERIFYING) for key in steps),
        key=_ORDER.index,
        default=Stage.VERIFYING,
    )
    if stage is not Stage.PARSING:
        return stage, ""
    mapped = [state for key, state in steps.items() if "[" in key]
    return stage, f"{mapped.count('SUCCESS')}/{len(mapped)}" if mapped else ""


def connect() -> DagsterInstance:
    """The Dagster instance that the environment or the local stack names.

    Raises:
        ArgusError: there is none.
    """
    from dagster import DagsterInstance

    for name, value in settings.local_environment().items():
        os.environ.setdefault(name, value)
    if not os.environ.get("DAGSTER_HOME"):
        raise ArgusError(
            "no Dagster instance is known",
            hint="Start the local stack with `argus up`, or set DAGSTER_HOME",
        )
    return DagsterInstance.get()


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

    return [status(batch) for batch in batches]


def newest_batches(instance: DagsterInstance, store: ObjectStore, limit: int) -> Sequence[str]:
    """The newest batches: those that are being uploaded or were rejected, then those with runs."""
    records = instance.get_run_records(limit=limit * 3)
    named = [record.dagster_run.tags.get(PARTITION_TAG) for record in records]
    with_runs = list(dict.fromkeys(name for name in named if name))
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    days = days_to_look_at(datetime.now(UTC), 1)
    new = sorted({f.name for f in list_folders(store, days)} - known, reverse=True)
    return [*new, *with_runs][:limit]


def stage_now(instance: DagsterInstance, run: DagsterRun) -> tuple[Stage, str]:
    """The stage that a run is at; see `stage_of`."""
    steps = {
        step.step_key: step.status.value
        for step in instance.get_run_step_stats(run.run_id)
        if step.status is not None
    }
    return stage_of(run.status.value, steps)


def run_url(run_id: str) -> str | None:
    """The page of a run in the Dagster UI, where its address is known."""
    base = os.environ.get("ARGUS_UI_URL") or settings.local_environment().get("ARGUS_UI_URL")
    return f"{base.rstrip('/')}/runs/{run_id}" if base else None


def _status(instance: DagsterInstance, store: ObjectStore, batch: str) -> BatchStatus:
    from dagster import RunsFilter

    records = instance.get_run_records(RunsFilter(tags={PARTITION_TAG: batch}), limit=1)
    if not records:
        upload = upload_state(store, batch)
        if upload.error is not None:
            return BatchStatus(batch, Stage.REJECTED, upload.error)
        if not upload.complete:
            return BatchStatus(batch, Stage.UPLOADING, "no manifest yet")
        return BatchStatus(batch, Stage.QUEUED, "waiting for the sensor")
    record = records[0]
    run = record.dagster_run
    stage, detail = stage_now(instance, run)
    if stage is Stage.PARSING:
        detail = f"{detail.partition('/')[0] or 0}/{_shards(store, batch, run)}"
    if stage is Stage.DONE and store.head(keys.report(batch, "json")) is None:
        stage, detail = Stage.FAILED, "the last run was of other assets: there is no report"
    if stage is Stage.FAILED and run.tags.get(WILL_RETRY_TAG) == "true":
        return BatchStatus(batch, Stage.QUEUED, "its run was lost and starts again", run.run_id)
    if stage is Stage.FAILED:
        record_of = read_given_up(store, batch)
        if record_of is not None and record_of.run_id == run.run_id:
            stage, detail = Stage.GIVEN_UP, f"{record_of.reason}. Again: `{record_of.command}`"
        else:
            detail = read_failure(instance, run).reason or detail
    ended = record.end_time or time.time()
    seconds = max(ended - record.start_time, 0.0) if record.start_time else None
    return BatchStatus(batch, stage, detail, run.run_id, seconds)


def _shards(store: ObjectStore, batch: str, run: DagsterRun) -> str:
    """How many parts the parsing of a batch has: begun steps do not tell how many will follow."""
    try:
        key = locate_manifest(store, batch, run.tags.get(MANIFEST_KEY_TAG))
        return str(len(plan_shards(parse_manifest(store.get(key), key=key).recordings)))
    except ArgusError:
        # The manifest was replaced meanwhile; the run itself will say so.
        return "?"


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run failed, in its first failure's own words and without the stack.

    `permanent`: by what the data is, so the same data fails again.
    """

    reason: str
    permanent: bool


def read_failure(instance: DagsterInstance, run: DagsterRun) -> RunFailure:
    """Why a run failed; without a reason where nothing says so."""
    from dagster import DagsterEventType

    wanted = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    for record in instance.get_records_for_run(run.run_id, of_type=wanted, limit=20).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        data = event.event_specific_data
        failure = getattr(data, "user_failure_data", None)
        if failure is not None and failure.description:
            return RunFailure(
                f"{event.step_key}: {failure.description}", PERMANENT in failure.metadata
            )
        error = getattr(data, "error", None)
        kinds = set()
        while error is not None:
            kinds.add(error.cls_name)
            if error.cause is None:
                break
            error = error.cause
        text = error.message.strip() if error is not None else event.message or ""
        reason = f"{event.step_key}: {text}" if event.step_key else text
        return RunFailure(reason, BadInput.__name__ in kinds)
    return RunFailure("", permanent=False)
