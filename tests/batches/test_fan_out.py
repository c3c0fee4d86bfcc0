"""How the work on a batch is divided."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.fan_out import (
    account,
    engine_tags,
    execution_config,
    plan_shards,
)
from argus_pipeline.batches.limits import Limits
from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.engine.options import Engine, Sizes
from argus_pipeline.engine.queues import LARGE_TAG

USUAL = Sizes()

sizes = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)


def files(sizes: list[int]) -> list[BatchFile]:
    return [BatchFile(f"file-{i}.dlt", size, "0" * 64) for i, size in enumerate(sizes)]


def manifest(sizes: list[int]) -> Manifest:
    created = datetime(2026, 11, 23, tzinfo=UTC)
    return Manifest("b", "v", "J7", "v1", created, tuple(files(sizes)))


def test_a_few_recordings_get_a_step_each() -> None:
    shards = plan_shards("b", files([5] * USUAL.large_files))
    assert [len(shard.recordings) for shard in shards] == [1] * USUAL.large_files


def test_many_recordings_share_a_few_steps() -> None:
    assert len(plan_shards("b", files([5] * (USUAL.large_files + 1)))) == USUAL.shards


@given(sizes)
def test_every_recording_is_in_just_one_shard(sizes: list[int]) -> None:
    names = [name for shard in plan_shards("b", files(sizes)) for name in shard.recordings]
    assert sorted(names) == sorted(file.name for file in files(sizes))


@given(sizes)
def test_no_shard_is_empty_and_step_names_are_unique_identifiers(sizes: list[int]) -> None:
    shards = plan_shards("b", files(sizes))
    assert all(shard.recordings for shard in shards)
    assert len({shard.key for shard in shards}) == len(shards)
    assert all(shard.key.isidentifier() for shard in shards)


@given(st.lists(st.integers(0, 10**9), min_size=17, max_size=200))
def test_shards_differ_by_no_more_than_the_largest_file(sizes: list[int]) -> None:
    by_name = {file.name: max(file.size, 1) for file in files(sizes)}
    loads = [sum(by_name[name] for name in s.recordings) for s in plan_shards("b", files(sizes))]
    assert max(loads) - min(loads) <= max(by_name.values())


def test_a_small_batch_runs_in_one_process() -> None:
    assert execution_config(manifest([1000, 1000])) == {"execution": {"config": {"in_process": {}}}}


def test_a_large_batch_runs_over_as_many_processes_as_there_are_processors() -> None:
    config = execution_config(manifest([USUAL.large_bytes + 1]), cpus=3)
    assert config["execution"]["config"]["multiprocess"]["max_concurrent"] == 3


def test_many_small_files_run_over_processes() -> None:
    config = execution_config(manifest([1] * (USUAL.large_files + 1)))
    assert "multiprocess" in config["execution"]["config"]


def test_a_large_batch_goes_to_workers_where_celery_carries_out_runs() -> None:
    large, small = manifest([USUAL.large_bytes + 1]), manifest([1000])
    config = execution_config(large, engine=Engine.CELERY)
    assert config == {"execution": {"config": {"workers": {}}}}
    assert "in_process" in execution_config(small, engine=Engine.CELERY)["execution"]["config"]


def test_in_a_cluster_a_large_batch_runs_over_the_cores_that_its_pod_asks_for() -> None:
    config = execution_config(manifest([USUAL.large_bytes + 1]), engine=Engine.KUBERNETES)
    assert config["execution"]["config"]["multiprocess"]["max_concurrent"] == USUAL.large_cpus


def test_a_run_says_whether_it_is_large_and_when_it_ends_at_the_latest() -> None:
    limits = Limits(run_minutes=60, megabytes_per_second=10)
    assert engine_tags(manifest([1000]), limits) == {"dagster/max_runtime": "3600"}
    large = engine_tags(manifest([10**9]), limits)
    assert large == {"dagster/max_runtime": "3700", LARGE_TAG: "true"}


def test_all_recordings_once_are_complete() -> None:
    assert account(["a", "b"], ["b", "a"]).complete


def test_a_missing_an_unexpected_and_a_repeated_recording_are_named() -> None:
    found = account(["a", "b"], ["b", "b", "c"])
    assert (found.missing, found.unexpected, found.repeated) == (("a",), ("c",), ("b",))
    assert not found.complete
    assert str(found) == "1 missing: a; 1 unexpected: c; 1 repeated: b"
