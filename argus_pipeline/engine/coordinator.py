"""Dagster's queue of runs, which prepares those of many batches before they wait in it."""

from __future__ import annotations

from dagster import DagsterRun, QueuedRunCoordinator
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_START_TAG,
    EXTERNALLY_MANAGED_ASSETS_TAG,
    MAX_RUNTIME_SECONDS_TAG,
    PRIORITY_TAG,
)
from typing_extensions import override

from argus_pipeline.batches.limits import read_limits

BULK_PRIORITY = "-10"
TIMES_ONE_RUN = 4


class Coordinator(QueuedRunCoordinator):
    """A run with a range of partitions records by itself what it made of each (assets/bulk.py)."""

    @override
    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Put a run into the queue."""
        run = context.dagster_run
        if ASSET_PARTITION_RANGE_START_TAG in run.tags:
            # It may take as long as a few large batches do.
            seconds = TIMES_ONE_RUN * read_limits().time_limit_s(0)
            tags = {EXTERNALLY_MANAGED_ASSETS_TAG: "true", MAX_RUNTIME_SECONDS_TAG: str(seconds)}
            if PRIORITY_TAG not in run.tags:
                # What somebody waits for goes first.
                tags[PRIORITY_TAG] = BULK_PRIORITY
            self._instance.add_run_tags(run.run_id, tags)
        return super().submit_run(context)
