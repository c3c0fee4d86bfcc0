"""How the work on a batch is divided."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.fan_out import (
    FILES_WITH_A_STEP_EACH,
    IN_PROCESS_BYTES,
    SHARDS,
    account,
    execution_config,
    plan_shards,
)
from argus_pipeline.batches.manifest import BatchFile, Manifest

sizes = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)


def files(sizes: list[int]) -> list[BatchFile]:
    return [BatchFile(f"file-{i}.dlt", size, "0" * 64) for i, size in enumerate(sizes)]


def manifest(sizes: list[int]) -> Manifest:
    created = datetime(2026, 11, 23, tzinfo=UTC)
    return Manifest("b", "v", "J7", "v1", created, tuple(files(sizes)))


def test_a_few_recordings_get_a_step_each() -> None:
    shards = plan_shards(files([5] * FILES_WITH_A_STEP_EACH))
    assert [len(shard.recordings) for shard in shards] == [1] * FILES_WITH_A_STEP_EACH


def test_many_recordings_share_a_few_steps() -> None:
    assert len(plan_shards(files([5] * (FILES_WITH_A_STEP_EACH + 1)))) == SHARDS


@given(sizes)
def test_every_recording_is_in_just_one_shard(sizes: list[int]) -> None:
    names = [name for shard in plan_shards(files(sizes)) for name in shard.recordings]
    assert sorted(names) == sorted(file.name for file in files(sizes))


@given(sizes)
def test_no_shard_is_empty_and_step_names_are_unique_identifiers(sizes: list[int]) -> None:
    shards = plan_shards(files(sizes))
    assert all(shard.recordings for shard in shards)
    assert len({shard.key for shard in shards}) == len(shards)
    assert all(shard.key.isidentifier() for shard in shards)


@given(st.lists(st.integers(0, 10**9), min_size=17, max_size=200))
def test_shards_differ_by_no_more_than_the_largest_file(sizes: list[int]) -> None:
    by_name = {file.name: max(file.size, 1) for file in files(sizes)}
    loads = [sum(by_name[name] for name in s.recordings) for s in plan_shards(files(sizes))]
    assert max(loads) - min(loads) <= max(by_name.values())


def test_a_small_batch_runs_in_one_process() -> None:
    assert execution_config(manifest([1000, 1000])) == {"execution": {"config": {"in_process": {}}}}


def test_a_large_batch_runs_over_as_many_processes_as_there_are_processors() -> None:
    config = execution_config(manifest([IN_PROCESS_BYTES + 1]), cpus=3)
    assert config["execution"]["config"]["multiprocess"]["max_concurrent"] == 3


def test_many_small_files_run_over_processes() -> None:
    config = execution_config(manifest([1] * (FILES_WITH_A_STEP_EACH + 1)))
    assert "multiprocess" in config["execution"]["config"]


def test_all_recordings_once_are_complete() -> None:
    assert account(["a", "b"], ["b", "a"]).complete


def test_a_missing_an_unexpected_and_a_repeated_recording_are_named() -> None:
    found = account(["a", "b"], ["b", "b", "c"])
    assert (found.missing, found.unexpected, found.repeated) == (("a",), ("c",), ("b",))
    assert not found.complete
    assert str(found) == "1 missing: a; 1 unexpected: c; 1 repeated: b"
