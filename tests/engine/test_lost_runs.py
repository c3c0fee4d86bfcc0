"""What becomes of a run whose process in a worker ended."""

from __future__ import annotations

import dagster as dg
import pytest
from billiard.exceptions import WorkerLostError
from dagster import DagsterRunStatus

from argus_pipeline.engine.lost_runs import report_lost

KILLED = WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL)")


@dg.op
def nothing() -> None: ...


@dg.job
def some_job() -> None:
    nothing()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DagsterRunStatus.STARTING, DagsterRunStatus.FAILURE),
        (DagsterRunStatus.STARTED, DagsterRunStatus.FAILURE),
        (DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED),
        (DagsterRunStatus.SUCCESS, DagsterRunStatus.SUCCESS),
    ],
)
def test_a_lost_run_is_over_at_once_however_far_it_was(before, after) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(some_job, status=before)
        report_lost(instance, run.run_id, "worker-1.work@host", KILLED)
        now = instance.get_run_by_id(run.run_id)
        assert now is not None
        assert now.status is after
        if before is not after:
            told = instance.all_logs(run.run_id)[-1].dagster_event
            assert told is not None
            assert "worker-1.work@host lost it: WorkerLostError: Worker exited" in told.message


def test_a_run_that_was_deleted_meanwhile_is_nobodys_loss() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        report_lost(instance, "0b0e0c64-0000-4000-8000-000000000000", "w", KILLED)
