"""What one run's records say: the stage that it is at, and why it failed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from argus_pipeline import settings
from argus_pipeline.errors import ArgusError, BadInput

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun


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
