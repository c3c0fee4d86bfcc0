"""Dagster's queue of runs, which prepares some of them before they wait in it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from dagster import DagsterRun, QueuedRunCoordinator
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_START_TAG,
    EXTERNALLY_MANAGED_ASSETS_TAG,
    MAX_RUNTIME_SECONDS_TAG,
    PRIORITY_TAG,
    RETRY_NUMBER_TAG,
)
from typing_extensions import override

from argus_pipeline.batches.limits import read_limits

BULK_PRIORITY: Final = "-10"
TIMES_ONE_RUN: Final = 4


class Coordinator(QueuedRunCoordinator):
    """Dagster's own; runs of many batches, and those that are tried again, get tags before."""

    @override
    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Put a run into the queue."""
        run = context.dagster_run
        if tags := {**of_many_batches(run.tags), **tried_again(run.tags)}:
            self._instance.add_run_tags(run.run_id, tags)
        return super().submit_run(context)


def of_many_batches(tags: Mapping[str, str]) -> dict[str, str]:
    """What a run with a range of partitions needs besides; none for others.

    It records by itself what it made of each (assets/bulk.py), may take as long as a few large
    batches do, and goes after what somebody waits for.
    """
    if ASSET_PARTITION_RANGE_START_TAG not in tags:
        return {}
    seconds = TIMES_ONE_RUN * read_limits().time_limit_s(0)
    return {
        EXTERNALLY_MANAGED_ASSETS_TAG: "true",
        MAX_RUNTIME_SECONDS_TAG: str(seconds),
        PRIORITY_TAG: tags.get(PRIORITY_TAG, BULK_PRIORITY),
    }


def tried_again(tags: Mapping[str, str]) -> dict[str, str]:
    """The priority of a run that Dagster starts instead of a lost one: before others of its kind.

    Its batch has waited its turn once, and behind a long queue it would wait for all of it again.
    """
    found: dict[str, str] = {}
    if RETRY_NUMBER_TAG in tags:
        with suppress(ValueError):
            found[PRIORITY_TAG] = str(int(tags.get(PRIORITY_TAG, "0")) + 1)
    return found
