"""`argus status` by SQL says what Dagster's own reader says, of batches at every stage."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from serve.world import DAY, TIME, World

from argus_pipeline.batch_status import BatchStatus, batch_statuses, newest_batches
from argus_pipeline.batches.arrivals import rejection_key
from argus_pipeline.batches.stages import Stage
from argus_pipeline.errors import BadInput
from argus_pipeline.quick_status import QuickStatus
from argus_pipeline.run_records import PARTITION_TAG, PARTITIONS_NAME


@pytest.fixture
def quick(world: World, monkeypatch: pytest.MonkeyPatch) -> QuickStatus:
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    return QuickStatus(world.store)


def going_on(world: World, batch: str, status: DagsterRunStatus) -> None:
    """A run of the batch that is at this status, and nothing else of it."""
    job = world.definitions.resolve_job_def("batch")
    run = world.instance.create_run_for_job(job, tags={PARTITION_TAG: batch}, status=status)
    if status is DagsterRunStatus.STARTED:
        kind = DagsterEventType.PIPELINE_START
        world.instance.report_dagster_event(_event(kind, job.name), run_id=run.run_id)


def _event(kind: DagsterEventType, job: str) -> Any:
    from dagster import DagsterEvent

    return DagsterEvent(event_type_value=kind.value, job_name=job)


def arrive(world: World, new: str, *complete: str) -> None:
    """One without a manifest yet, and complete ones, of which those named so are rejected."""
    world.store.put(f"incoming/{DAY}/{new}/ecu.dlt", b"x")
    for batch in complete:
        world.store.put(f"incoming/{DAY}/{batch}/manifest.json", b"{}")
        if batch.endswith("rejected"):
            world.store.put(rejection_key(batch), json.dumps({"error": "no JSON"}).encode())


@contextmanager
def in_a_run_of_many(world: World, batch: str) -> Iterator[None]:
    """A run of a range of batches that goes on meanwhile."""
    world.instance.add_dynamic_partitions(PARTITIONS_NAME, [batch])
    tags = {ASSET_PARTITION_RANGE_START_TAG: batch, ASSET_PARTITION_RANGE_END_TAG: batch}
    job = world.definitions.resolve_job_def("batch")
    run = world.instance.create_run_for_job(job, tags=tags, status=DagsterRunStatus.STARTED)
    try:
        yield
    finally:
        world.instance.delete_run(run.run_id)
        world.instance.delete_dynamic_partition(PARTITIONS_NAME, batch)


def without_seconds(found: Any) -> list[BatchStatus]:
    # Of what goes on, they grow between two looks.
    return [BatchStatus(one.batch, one.stage, one.detail, one.run_id) for one in found]


def test_each_stage_is_told_as_dagsters_own_reader_tells_it(
    quick: QuickStatus, world: World
) -> None:
    kinds = ("queued", "started", "failed", "new", "waiting", "rejected", "many")
    queued, started, failed, new, waiting, rejected, many = (
        f"{TIME}-QUICK-{name}" for name in kinds
    )
    going_on(world, queued, DagsterRunStatus.NOT_STARTED)
    going_on(world, started, DagsterRunStatus.STARTED)
    going_on(world, failed, DagsterRunStatus.FAILURE)
    arrive(world, new, waiting, rejected, many)
    found = [*newest_batches(world.instance, world.store, 50), queued, started, failed]
    names = list(dict.fromkeys([*found, new, waiting, rejected, many]))
    told = quick.of(names)
    assert without_seconds(told) == without_seconds(
        batch_statuses(world.instance, world.store, names)
    )
    stages = {one.stage for one in told}
    assert {Stage.DONE, Stage.VERIFYING, Stage.UPLOADING, Stage.QUEUED, Stage.REJECTED} <= stages
    assert next(one for one in told if one.batch == waiting).detail == "waiting for the sensor"
    with in_a_run_of_many(world, many):
        [one] = quick.of([many])
        assert (one.stage, one.detail) == (Stage.QUEUED, "in a run of many batches")
    done = next(one for one in told if one.stage is Stage.DONE)
    [same] = batch_statuses(world.instance, world.store, [done.batch])
    assert done.seconds == pytest.approx(same.seconds)


def test_the_newest_are_those_of_dagsters_own_reader(quick: QuickStatus, world: World) -> None:
    for limit in (1, 5, 50):
        assert quick.newest(limit) == newest_batches(world.instance, world.store, limit)


def test_a_name_that_nobody_knows_is_said(quick: QuickStatus) -> None:
    with pytest.raises(BadInput):
        quick.of(["20260101T000000Z-NOBODY-0000"])


def test_what_is_done_or_arrives_is_told_without_loading_dagster(
    world: World, quick: QuickStatus
) -> None:
    [done] = [one.batch for one in quick.of(world.reports[:1]) if one.stage is Stage.DONE]
    new, waiting, rejected = (f"{TIME}-SOON-{name}" for name in ("new", "waiting", "rejected"))
    arrive(world, new, waiting, rejected)
    script = (
        "import sys; from argus_pipeline import settings; from argus_pipeline.quick_status import"
        " QuickStatus; from argus_pipeline.storage.object_store import ObjectStore\n"
        "found = QuickStatus(ObjectStore(settings.load())).of(sys.argv[1:])\n"
        "assert 'dagster' not in sys.modules; print(*(one.stage.value for one in found))"
    )
    environment = {
        "ARGUS_S3_ENDPOINT": world.settings.s3_endpoint,
        "ARGUS_S3_BUCKET": world.settings.s3_bucket,
        "ARGUS_S3_PREFIX": world.settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": world.settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": world.settings.s3_secret_key,
        **world.environment,
    }
    answer = subprocess.run(
        [sys.executable, "-c", script, done, new, waiting, rejected],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.stdout == "done uploading queued rejected\n", answer.stderr
