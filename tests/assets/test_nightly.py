"""What is done by night: real records of Dagster, a real store and database."""

from __future__ import annotations

import logging
from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.test_utils import create_run_for_test

from argus_pipeline.batches import given_up
from argus_pipeline.database.engine import session
from argus_pipeline.fleet.changes import announce
from argus_pipeline.fleet.rollup import rebuild, update
from argus_pipeline.storage import keys
from argus_pipeline.upkeep import records
from assets.versions import code_versions
from sensors import housekeeping
from sensors.backfill import left_behind
from sensors.recovery import recovery

GOLDEN = "dlt/golden.dlt"


@pytest.fixture
def done(pipeline, data) -> str:
    """A batch that has been through the pipeline."""
    pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    assert pipeline.run("b1").success
    return "b1"


def night(pipeline, most: int = 10) -> list[dg.RunRequest]:
    return left_behind(
        pipeline.instance,
        pipeline.store,
        pipeline.resources["database"].engine(),
        night="2026-11-24",
        most=most,
        log=logging.getLogger("argus"),
    )


def age(pipeline, days: int) -> None:
    """Let all batches have been known for so many days."""
    with session(pipeline.resources["database"].engine()) as opened:
        opened.execute(
            sa.text("UPDATE argus.batches SET registered_at = registered_at - :age"),
            {"age": timedelta(days=days)},
        )


def keep_house(pipeline) -> dict[str, dict[str, dg.MetadataValue]]:
    result = housekeeping.housekeeping.execute_in_process(
        instance=pipeline.instance,
        resources={k: pipeline.resources[k] for k in ("object_store", "database")},
    )
    assert result.success
    return {
        event.step_key: event.step_output_data.metadata
        for event in result.all_events
        if event.is_successful_output
    }


def under(pipeline, prefix: str) -> dict[str, bytes]:
    return {one.key: pipeline.store.get(one.key) for one in pipeline.store.list(prefix)}


def test_a_night_runs_what_is_missing_or_outdated_and_leaves_the_rest(
    pipeline, done, data, monkeypatch
) -> None:
    golden = {"golden.dlt": (data / GOLDEN).read_bytes()}
    for batch, status in (
        ("b2", None),
        ("b3", dg.DagsterRunStatus.STARTED),
        ("b4", dg.DagsterRunStatus.CANCELED),
    ):
        pipeline.put(batch, golden)
        pipeline.instance.add_dynamic_partitions("batch", [batch])
        if status:
            create_run_for_test(
                pipeline.instance,
                job_name="batch",
                status=status,
                tags={"dagster/partition": batch},
            )
    [request] = night(pipeline)
    assert (request.partition_key, request.tags["argus/backfill"]) == ("b2", "missing")

    monkeypatch.setattr("sensors.backfill.code_versions", lambda: {"diagnosis": "next"})
    assert [(r.partition_key, r.tags["argus/backfill"]) for r in night(pipeline)] == [
        ("b2", "missing"),
        ("b1", "outdated"),
    ]
    assert [r.partition_key for r in night(pipeline, 1)] == ["b2"]
    assert night(pipeline, 0) == []


def test_what_was_given_up_is_tried_again_when_the_code_has_changed(
    pipeline, data, monkeypatch
) -> None:
    pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    pipeline.instance.add_dynamic_partitions("batch", ["b1"])
    record = given_up.GivenUp(
        "b1", "bad", "r", None, 1, None, "2026-11-23T00:00:00+00:00", code_versions()
    )
    given_up.give_up(pipeline.store, record)
    assert night(pipeline) == []
    assert list(given_up.list_retries(pipeline.store)) == []
    monkeypatch.setattr("sensors.backfill.code_versions", lambda: {"diagnosis": "next"})
    assert night(pipeline) == [], "the recovery sensor runs it"
    assert [one.batch for one in given_up.list_retries(pipeline.store)] == ["b1"]


def test_an_upload_that_the_sensor_never_saw_is_found(pipeline, data) -> None:
    golden = (data / GOLDEN).read_bytes()
    key = pipeline.put("late", {"golden.dlt": golden})
    old = key.replace("incoming/2026/11/23/", "incoming/2025/01/02/")
    for name in ("golden.dlt", "manifest.json"):
        source = key.replace("manifest.json", name)
        pipeline.store.put(old.replace("manifest.json", name), pipeline.store.get(source))
        pipeline.store.delete(source)
    [request] = night(pipeline)
    assert (request.partition_key, request.tags["argus/manifest_key"]) == ("late", old)
    assert pipeline.instance.has_dynamic_partition("batch", "late")


def test_an_old_key_is_archived_and_comes_back_when_someone_asks(
    pipeline, done, monkeypatch
) -> None:
    keep_house(pipeline)
    age(pipeline, 400)
    keep_house(pipeline)
    assert pipeline.instance.has_dynamic_partition("batch", "b1"), "not unless it is configured"
    monkeypatch.setenv("ARGUS_UPKEEP_ARCHIVE_DAYS", "365")
    said = keep_house(pipeline)
    assert said["archive_partitions"]["archived"].value == 1
    assert not pipeline.instance.has_dynamic_partition("batch", "b1")
    assert records.archived(pipeline.store) == {"b1"}
    assert night(pipeline) == [], "nor is it taken for an upload that nobody saw"

    given_up.request_retry(pipeline.store, "b1")
    with dg.build_sensor_context(
        instance=pipeline.instance,
        resources={"object_store": pipeline.resources["object_store"]},
        definitions=pipeline.definitions,
    ) as context:
        result = recovery(context)
    assert [r.partition_key for r in result.run_requests] == ["b1"]
    assert [r.partition_keys for r in result.dynamic_partitions_requests] == [["b1"]]
    assert records.archived(pipeline.store) == set()


def test_data_past_its_time_goes_and_what_is_made_of_it_stays(
    pipeline, done, data, monkeypatch
) -> None:
    announce(pipeline.store, "b1")
    update(pipeline.store)
    fleet = under(pipeline, "fleet/")
    kept = {p: under(pipeline, p) for p in ("statistics/", "charts/", "reports/")}
    pipeline.put("b2", {"golden.dlt": (data / GOLDEN).read_bytes()})
    pipeline.run_only("b2", "raw_batch")
    age(pipeline, 100)
    assert keep_house(pipeline)["delete_expired"]["objects"].value == 0, "off by default"
    monkeypatch.setenv("ARGUS_UPKEEP_KEEP_INCOMING_DAYS", "90")
    monkeypatch.setenv("ARGUS_UPKEEP_KEEP_PARSED_DAYS", "90")
    tables = [k for k in under(pipeline, "parsed/b1/") if not k.endswith("recording.json")]
    said = keep_house(pipeline)["delete_expired"]
    assert (said["batches"].value, said["objects"].value) == (1, len(tables) + 1)
    assert said["bytes"].value > 0

    assert [k.rpartition("/")[2] for k in under(pipeline, "incoming/")] == [
        "manifest.json",
        "golden.dlt",
        "manifest.json",
    ], "b2 is not done, so nothing of it goes"
    assert [k.rpartition("/")[2] for k in under(pipeline, "parsed/b1/")] == ["recording.json"]
    assert {p: under(pipeline, p) for p in kept} == kept
    rebuild(pipeline.store)
    assert under(pipeline, "fleet/") == fleet
    assert keep_house(pipeline)["delete_expired"]["objects"].value == 0

    monkeypatch.setattr("sensors.backfill.code_versions", lambda: {"diagnosis": "next"})
    assert [r.partition_key for r in night(pipeline)] == ["b2"], "b1 cannot be made anew"


def test_a_deletion_that_was_interrupted_is_finished(pipeline, done, monkeypatch) -> None:
    age(pipeline, 100)
    monkeypatch.setenv("ARGUS_UPKEEP_KEEP_INCOMING_DAYS", "90")
    records.write(pipeline.store, keys.expired("b1"), {"batch": "b1", "incoming": None})
    assert keep_house(pipeline)["delete_expired"]["objects"].value == 1
