"""What a killed run worker leaves of its logs' copying."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test, instance_for_test
from dagster._utils import is_uuid

from argus_pipeline.engine.log_tails import end_left_tails

Tail = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def tail(tmp_path: Path) -> Iterator[Tail]:
    """Starts what Dagster starts for the logs of a run."""
    started = []

    def start(run_id: str) -> subprocess.Popen[bytes]:
        log = tmp_path / "storage" / run_id / "compute_logs" / "steps.out"
        log.parent.mkdir(parents=True)
        log.touch()
        command = ["tail", "-F", "-c", "+0", str(log)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        started.append(process)
        # Its name and arguments are there a moment after Popen returns.
        while psutil.Process(process.pid).cmdline() != command:
            time.sleep(0.01)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with instance_for_test() as found:
        yield found


def test_the_tail_of_a_run_that_is_over_is_ended_and_no_other(
    instance: DagsterInstance, tail: Tail
) -> None:
    over, going_on = (
        create_run_for_test(instance, "batch", status=status).run_id
        for status in (DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED)
    )
    anothers = "00000000-0000-4000-8000-000000000000"
    assert all(map(is_uuid, (over, going_on, anothers)))
    tails = [tail(run_id) for run_id in (over, going_on, anothers)]
    assert end_left_tails(instance) == 1
    assert tails[0].wait(10) != 0
    assert [process.poll() for process in tails[1:]] == [None, None]
