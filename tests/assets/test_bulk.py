"""Many batches in one run, for real: each is made as alone, and a bad one stops no other."""

from __future__ import annotations

from datetime import date

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    EXTERNALLY_MANAGED_ASSETS_TAG,
)
from dagster._core.test_utils import create_run_for_test

from argus_pipeline.batch_status import batch_statuses
from argus_pipeline.batches import given_up
from argus_pipeline.batches.stages import Stage
from argus_pipeline.errors import ArgusError
from argus_pipeline.run_records import LEFT_OUT_TAG, made_by, newest_materializations
from argus_pipeline.storage import keys
from argus_pipeline.upkeep import bulk
from assets import raw_batch
from assets.versions import code_versions
from sensors.recovery import recovery

ASSETS = ["raw_batch", "parsed_csv", "batch_statistics", "charts", "diagnosis", "report"]


def run_in_bulk(pipeline, batches, *, deferred: bool = True) -> dg.ExecuteInProcessResult:
    pipeline.instance.add_dynamic_partitions("batch", batches)
    tags = {ASSET_PARTITION_RANGE_START_TAG: batches[0], ASSET_PARTITION_RANGE_END_TAG: batches[-1]}
    if deferred:
        tags[EXTERNALLY_MANAGED_ASSETS_TAG] = "true"
    job = pipeline.definitions.resolve_job_def("batch")
    return job.execute_in_process(instance=pipeline.instance, raise_on_error=False, tags=tags)


def checks(pipeline, asset: str, name: str, batch: str) -> list[bool]:
    key = dg.AssetCheckKey(dg.AssetKey(asset), name)
    records = pipeline.instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
    found = [record.event.dagster_event.event_specific_data for record in records if record.event]
    return [one.passed for one in found if one.partition == batch]


def test_each_batch_of_a_range_is_made_as_it_is_alone(pipeline, samples) -> None:
    for batch in ("b1", "b2", "b3", "alone"):
        pipeline.put(batch, samples)
    result = run_in_bulk(pipeline, ["b1", "b2", "b3"])
    assert result.success
    assert pipeline.run("alone").success
    for asset in ASSETS:
        assert pipeline.materialized(asset) == ["alone", "b1", "b2", "b3"]
    for prefix in ("parsed", "charts", "reports", "statistics"):
        for one in pipeline.store.list(f"{prefix}/alone/"):
            alike = one.key.replace("/alone/", "/b2/")
            made = pipeline.store.get(alike).replace(b"b2", b"alone")
            if not one.key.endswith((".parquet", ".png", ".json", ".html", ".svg", ".md")):
                assert made == pipeline.store.get(one.key), one.key
    assert checks(pipeline, "parsed_csv", "all_recordings_accounted_for", "b2") == [True]
    assert checks(pipeline, "batch_statistics", "statistics_add_up", "b3") == [True]
    # What code made a batch is known, so that the nightly backfill does not make it again.
    for asset, version in code_versions().items():
        places = list(newest_materializations(pipeline.instance, asset).values())
        assert made_by(pipeline.instance, asset, places)["b1"] == version


def test_a_step_for_many_batches_is_one_step(pipeline, samples) -> None:
    names = [f"b{number}" for number in range(5)]
    for batch in names:
        pipeline.put(batch, {"golden.dlt": samples["golden.dlt"]})
    result = run_in_bulk(pipeline, names)
    assert result.success
    steps = {event.step_key for event in result.all_events if event.step_key}
    assert len([step for step in steps if "parse[" in step]) == 1


def test_a_bad_batch_is_reported_by_itself_and_stops_no_other(pipeline, samples) -> None:
    for batch in ("b1", "bad", "b3"):
        pipeline.put(batch, samples)
    pipeline.store.put("incoming/2026/11/23/bad/golden.dlt", b"torn")
    result = run_in_bulk(pipeline, ["b1", "bad", "b3"])
    for asset in ASSETS:
        assert pipeline.materialized(asset) == ["b1", "b3"]
    assert checks(pipeline, "raw_batch", "manifest_integrity", "bad") == [False]
    # The run says which, and the batch gets one of its own, which says why.
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data.description
    assert "1 of 3 batches were left out" in said
    assert "bad" in said
    run = pipeline.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[LEFT_OUT_TAG] == "bad"
    assert [one.batch for one in given_up.list_retries(pipeline.store)] == ["bad"]
    alone = pipeline.run("bad")
    assert not alone.success
    assert pipeline.materialized("raw_batch") == ["b1", "b3"]


def test_a_batch_that_fails_late_is_left_out_of_what_follows(pipeline, samples) -> None:
    for batch in ("b1", "b2"):
        pipeline.put(batch, samples)

    def break_parsed(batch: str) -> None:
        for one in list(pipeline.store.list(keys.parsed(batch))):
            pipeline.store.delete(one.key)

    from assets import batch_statistics as module

    real = module.read_results

    def results(store, manifest):
        if manifest.batch == "b2":
            break_parsed("b2")
        return real(store, manifest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "read_results", results)
        result = run_in_bulk(pipeline, ["b1", "b2"])
    assert not result.success
    assert pipeline.materialized("parsed_csv") == ["b1", "b2"]
    for asset in ("batch_statistics", "charts", "diagnosis", "report"):
        assert pipeline.materialized(asset) == ["b1"]


def test_a_range_is_refused_where_dagster_would_record_all_of_it_as_made(pipeline, samples) -> None:
    for batch in ("b1", "b2"):
        pipeline.put(batch, samples)
    result = run_in_bulk(pipeline, ["b1", "b2"], deferred=False)
    assert not result.success
    assert pipeline.materialized("raw_batch") == []


def lost_in_bulk(pipeline, batches, *, ended: bool = True) -> dg.DagsterRun:
    """A run of many batches whose worker was lost before it made anything."""
    pipeline.instance.add_dynamic_partitions("batch", batches)
    run = create_run_for_test(
        pipeline.instance,
        job_name="__ASSET_JOB",
        status=dg.DagsterRunStatus.STARTED,
        tags={
            ASSET_PARTITION_RANGE_START_TAG: batches[0],
            ASSET_PARTITION_RANGE_END_TAG: batches[-1],
            EXTERNALLY_MANAGED_ASSETS_TAG: "true",
        },
    )
    if ended:
        pipeline.instance.report_run_failed(run, "the worker was lost")
    return run


def tick(pipeline, cursor: str | None = None) -> dg.SensorResult:
    with dg.build_sensor_context(
        instance=pipeline.instance,
        cursor=cursor,
        resources={"object_store": pipeline.resources["object_store"]},
        definitions=pipeline.definitions,
    ) as context:
        result = recovery(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_batches_that_a_run_of_many_was_lost_with_get_runs_of_their_own_once(
    pipeline, samples
) -> None:
    for batch in ("b1", "b2"):
        pipeline.put(batch, {"golden.dlt": samples["golden.dlt"]})
    run = lost_in_bulk(pipeline, ["b1", "b2"])
    result = tick(pipeline)
    assert sorted(request.partition_key for request in result.run_requests) == ["b1", "b2"]
    assert run.run_id in (result.cursor or "")
    for batch in ("b1", "b2"):
        given_up.answer_retry(pipeline.store, batch)
    assert not tick(pipeline, result.cursor).run_requests


def test_a_batch_is_done_wherever_its_newest_report_was_made(pipeline, samples) -> None:
    for batch in ("b1", "b2"):
        pipeline.put(batch, {"golden.dlt": samples["golden.dlt"]})
    waiting = lost_in_bulk(pipeline, ["b1", "b2"], ended=False)
    [status] = batch_statuses(pipeline.instance, pipeline.store, ["b1"])
    assert (status.stage, status.detail) == (Stage.QUEUED, "in a run of many batches")
    pipeline.instance.report_run_failed(waiting, "the worker was lost")

    def fail(*_: object) -> None:
        raise dg.Failure("its worker was lost", allow_retries=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_batch, "verify", fail)
        assert not pipeline.run("b1").success
    made = run_in_bulk(pipeline, ["b1", "b2"])
    assert made.success
    for status in batch_statuses(pipeline.instance, pipeline.store, ["b1", "b2"]):
        assert (status.stage, status.run_id) == (Stage.DONE, made.run_id)


def test_what_is_made_again_is_what_was_asked_for(pipeline, samples) -> None:
    names = ["b1", "b2", "b3", "b4"]
    for batch in names:
        pipeline.put(batch, {"golden.dlt": samples["golden.dlt"]})
    assert run_in_bulk(pipeline, ["b1", "b2"]).success
    pipeline.instance.add_dynamic_partitions("batch", names)

    def chosen(**said) -> list[str]:
        return list(bulk.choose(pipeline.instance, pipeline.store, **said).batches)

    assert chosen(missing=True) == ["b3", "b4"]
    assert chosen(named=["b2", "b3"]) == ["b2", "b3"]
    assert chosen(named=["b2", "b3"], missing=True) == ["b3"]
    assert chosen(outdated=code_versions()) == []
    assert chosen(outdated={**code_versions(), "diagnosis": "another"}) == ["b1", "b2"]
    day = date(2026, 11, 23)
    assert chosen(days=(day, day)) == names
    assert chosen(days=(date(2026, 11, 24), date(2026, 11, 25))) == []
    with pytest.raises(ArgusError, match="'nobody' is not known"):
        chosen(named=["nobody"])


def test_what_runs_or_was_given_up_is_left_alone_and_counted(pipeline, samples) -> None:
    for batch in ("b1", "b2", "b3"):
        pipeline.put(batch, {"golden.dlt": samples["golden.dlt"]})
    lost_in_bulk(pipeline, ["b1", "b2"], ended=False)
    pipeline.instance.add_dynamic_partitions("batch", ["b3"])
    given_up.give_up(pipeline.store, given_up.GivenUp("b3", "bad", "r", None, 1, None, "now", {}))
    choice = bulk.choose(pipeline.instance, pipeline.store, missing=True)
    assert choice.batches == []
    assert sorted(choice.left_alone.values()) == [1, 2]
