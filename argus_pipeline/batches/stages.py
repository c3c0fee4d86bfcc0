"""The stages that a batch goes through, and which of them a run is at."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


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


PLAN_STEP: Final = "parsed_csv.plan"
"""The step that puts out one value for each shard of the parsing."""
# The stage that is on its way once a step has begun, in the order of the flow.
_STAGE_OF_STEP: Final = {
    "raw_batch": Stage.VERIFYING,
    PLAN_STEP: Stage.PARSING,
    "parsed_csv.parse": Stage.PARSING,
    "parsed_csv.collect": Stage.PARSING,
    "batch_statistics": Stage.STATISTICS,
    "charts": Stage.CHARTS,
    "diagnosis": Stage.DIAGNOSING,
    "report": Stage.REPORTING,
}
_ORDER: Final = list(Stage)


def stage_of(run_status: str, steps: Mapping[str, str], shards: int = 0) -> tuple[Stage, str]:
    """The stage that a run's status and its steps' states amount to.

    Args:
        run_status: a value of Dagster's `DagsterRunStatus`.
        steps: by step key, `IN_PROGRESS`, `SUCCESS`, `FAILURE` or `SKIPPED`; begun steps only.
        shards: how many values the step `PLAN_STEP` has put out, where that is known.

    Returns:
        The stage, and for parsing how many shards are done, of all or of those that have begun.
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
    total = max(len(mapped), shards)
    return stage, f"{mapped.count('SUCCESS')}/{total}" if total else ""
