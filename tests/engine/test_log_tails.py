"""What a killed run worker leaves of its logs' copying."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test, instance_for_test
from dagster._utils import is_uuid
from tails import tail_of_logs

from argus_pipeline.engine.log_tails import end_left_tails
from argus_pipeline.engine.lost_runs import report_lost


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with instance_for_test() as found:
        yield found


def test_the_tail_of_a_run_that_is_over_is_ended_and_no_other(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    over, going_on = (
        create_run_for_test(instance, "batch", status=status).run_id
        for status in (DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED)
    )
    anothers = "00000000-0000-4000-8000-000000000000"
    assert all(map(is_uuid, (over, going_on, anothers)))
    with (
        tail_of_logs(tmp_path, over) as left,
        tail_of_logs(tmp_path, going_on) as needed,
        tail_of_logs(tmp_path, anothers) as elsewhere,
    ):
        assert end_left_tails(instance) == 1
        assert left.wait(60) != 0
        assert [one.poll() for one in (needed, elsewhere)] == [None, None]


@pytest.mark.parametrize("status", [DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED])
def test_the_worker_that_lost_a_run_ends_its_tail(
    instance: DagsterInstance, tmp_path: Path, status: DagsterRunStatus
) -> None:
    run_id = create_run_for_test(instance, "batch", status=status).run_id
    with tail_of_logs(tmp_path, run_id) as left:
        report_lost(instance, run_id, "w1", RuntimeError("killed"))
        assert left.wait(60) != 0
