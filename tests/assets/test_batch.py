"""The assets of a batch, run by a real Dagster instance over a real store and database."""

from __future__ import annotations

import hashlib
import json

import pytest
from sqlalchemy import func, select

from argus_pipeline.batches.fan_out import plan_shards
from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.charts import CHARTS
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.models import Diagnosis, Recording
from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings.parsing import load_specifications, parse_to_bucket
from argus_pipeline.storage import keys
from assets import parsed_csv

ASSETS = ["raw_batch", "parsed_csv", "batch_statistics", "charts", "diagnosis", "report"]


def test_a_batch_reaches_its_report_and_each_check_says_how_it_is(pipeline, samples) -> None:
    pipeline.put("b1", samples)
    result = pipeline.run("b1")
    assert result.success
    assert [pipeline.materialized(asset) for asset in ASSETS] == [["b1"]] * len(ASSETS)
    assert pipeline.check_results(result) == {
        "manifest_integrity": True,
        "all_recordings_accounted_for": True,
        "statistics_add_up": True,
        "firmware_is_known": True,
        "recordings_are_whole": False,
        "no_messages_lost": True,
        "claims_cite_evidence": True,
        "no_evidence_dropped": False,
    }
    for suffix in ("md", "html", "json"):
        assert pipeline.store.head(keys.report("b1", suffix))
    for chart in CHARTS:
        for suffix in ("html", "svg", "png"):
            assert pipeline.store.head(keys.chart("b1", chart, suffix))
    report = json.loads(pipeline.store.get(keys.report("b1", "json")))
    assert report["label"] == "evidence_only"


def test_a_damaged_recording_is_named_and_the_batch_goes_on(pipeline, samples) -> None:
    pipeline.put("b1", samples)
    assert pipeline.run("b1").success
    record = json.loads(pipeline.store.get(keys.quarantine("b1", "c_garbage5k.dlt")))
    assert sum(fault["length"] for fault in record["faults"]) == 5000
    with session(create_engine(pipeline.database_url)) as opened:
        rows = opened.execute(select(Recording).order_by(Recording.recording)).scalars().all()
    assert [(r.recording, r.status) for r in rows] == [
        ("J7_v2.3.1_0001.rec", "parsed"),
        ("c_garbage5k.dlt", "partial"),
        ("golden.dlt", "parsed"),
    ]


def test_the_ui_shows_lifecycles_and_damage(pipeline, samples) -> None:
    pipeline.put("b1", samples)
    result = pipeline.run("b1")

    def shown(asset: str, table: str) -> list[dict[str, object]]:
        [event] = [
            m for m in result.get_asset_materialization_events() if m.asset_key.path == [asset]
        ]
        return [record.data for record in event.materialization.metadata[table].records]

    [fault] = shown("parsed_csv", "damage")
    assert (fault["recording"], fault["bytes"]) == ("c_garbage5k.dlt", 5000)
    assert fault["what was wrong"]
    counted = {r["recording"]: r for r in shown("parsed_csv", "recordings table")}
    assert counted["golden.dlt"]["lifecycles"] == 1
    assert counted["golden.dlt"]["lost messages"] == 0
    assert counted["J7_v2.3.1_0001.rec"]["lifecycles"] == 0
    [lifecycle] = [
        row
        for row in shown("batch_statistics", "lifecycles of the ECUs")
        if row["recording"] == "golden.dlt"
    ]
    assert (lifecycle["ecu"], lifecycle["kind"], lifecycle["messages"]) == ("ECU1", "boot", 11)
    assert lifecycle["start UTC"] == "2026-11-23 15:38:41"
    report = pipeline.store.get(keys.report("b1", "md")).decode()
    assert "## Lifecycles" in report
    assert "## What could not be read" in report


def test_one_recording_is_read_by_several_threads_and_many_share_them(
    pipeline, samples, monkeypatch
) -> None:
    given = []

    def noted(*arguments, threads, **keywords):
        given.append(threads)
        return parse_to_bucket(*arguments, threads=threads, **keywords)

    monkeypatch.setattr(parsed_csv, "parse_to_bucket", noted)
    pipeline.put("alone", {"r.dlt": samples["golden.dlt"]})
    assert pipeline.run("alone").success
    assert given == [4]
    given.clear()
    pipeline.put("many", {f"r{i:02}.dlt": samples["golden.dlt"] for i in range(40)})
    assert pipeline.run("many").success
    assert given == [1] * 40


def test_running_a_batch_again_writes_the_same_bytes_and_one_diagnosis(pipeline, samples) -> None:
    pipeline.put("b1", samples)

    def outputs() -> dict[str, str]:
        pipeline.run("b1")
        found = {}
        for kind in ("parsed", "statistics", "charts", "reports", "quarantine"):
            for one in pipeline.store.list(f"{kind}/b1/"):
                found[one.key] = hashlib.sha256(pipeline.store.get(one.key)).hexdigest()
        return found

    first = outputs()
    assert len(first) > 20
    # Without the results nothing is known to be finished, so all is parsed anew.
    for recording in samples:
        pipeline.store.delete(keys.recording_result("b1", recording))
    assert outputs() == first
    with session(create_engine(pipeline.database_url)) as opened:
        assert opened.scalar(select(func.count()).select_from(Diagnosis)) == 1


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"sha256": "0" * 64}, "sha256"),
        ({"size": 1}, "size"),
        ({"name": "never-uploaded.dlt"}, "missing"),
    ],
)
def test_a_batch_that_is_not_what_its_manifest_says_is_refused(
    pipeline, samples, damage, said
) -> None:
    golden = samples["golden.dlt"]
    entry = {
        "name": "golden.dlt",
        "size": len(golden),
        "sha256": hashlib.sha256(golden).hexdigest(),
    }
    pipeline.put("bad", {"golden.dlt": golden}, files=[{**entry, **damage}])
    result = pipeline.run("bad")
    assert not result.success
    assert pipeline.check_results(result) == {"manifest_integrity": False}
    assert [pipeline.materialized(asset) for asset in ASSETS] == [[]] * len(ASSETS)
    [failure] = [e for e in result.all_events if e.is_step_failure]
    description = failure.step_failure_data.user_failure_data.description
    assert {**entry, **damage}["name"] in description
    assert said in description


def test_recordings_that_nothing_can_be_read_from_are_quarantined_with_the_reason(pipeline) -> None:
    files = {
        "empty.dlt": b"",
        "notes.dlt": b"These are notes, not a recording.\n" * 20,
        "noise.rec": bytes(range(256)) * 4,
    }
    pipeline.put("b1", files)
    assert pipeline.run("b1").success
    for name, content in files.items():
        record = json.loads(pipeline.store.get(keys.quarantine("b1", name)))
        assert record["error"]
        assert sum(fault["length"] for fault in record["faults"]) == len(content)


def test_a_rec_without_its_specification_is_kept_raw_and_said_so(pipeline, samples) -> None:
    pipeline.put("b1", {"drive.rec": samples["J7_v2.3.1_0001.rec"]})
    assert pipeline.run("b1").success
    result = json.loads(pipeline.store.get(keys.recording_result("b1", "drive.rec")))
    assert result["status"] == "partial"
    assert result["rows"] == 6001
    assert all(table["name"].startswith("unknown-") for table in result["tables"])
    assert ".odvd" in json.dumps(result)


def test_a_specification_in_the_bucket_serves_any_batch(pipeline, samples) -> None:
    pipeline.store.put("schemas/vehicle.odvd", samples["vehicle.odvd"])
    pipeline.put("b1", {"drive.rec": samples["J7_v2.3.1_0001.rec"]})
    assert pipeline.run("b1").success
    assert pipeline.store.head(keys.table("b1", "drive.rec", "vehicle.FaultEvent-0", "csv"))


def test_many_recordings_share_steps_and_all_come_back(pipeline, samples) -> None:
    files = {f"r{i:02}.dlt": samples["golden.dlt"] for i in range(40)}
    pipeline.put("b1", files)
    result = pipeline.run("b1")
    assert result.success
    steps = {e.step_key for e in result.all_events if e.step_key and "parse[" in e.step_key}
    assert len(steps) == 8
    with session(create_engine(pipeline.database_url)) as opened:
        assert opened.scalar(select(func.count()).select_from(Recording)) == 40


def test_a_collect_step_without_all_shards_fails_and_materializes_nothing(
    pipeline, samples, monkeypatch
) -> None:
    """What Dagster does when it retries from a failure: collect runs with what is there."""
    monkeypatch.setattr(parsed_csv, "plan_shards", lambda *given: plan_shards(*given)[:1])
    pipeline.put("b1", samples)
    result = pipeline.run("b1")
    assert not result.success
    assert pipeline.check_results(result)["all_recordings_accounted_for"] is False
    assert [pipeline.materialized(asset) for asset in ASSETS] == [["b1"], [], [], [], [], []]
    [failure] = [e for e in result.all_events if e.is_step_failure]
    description = failure.step_failure_data.user_failure_data.description
    assert "2 missing: J7_v2.3.1_0001.rec, c_garbage5k.dlt" in description


def test_a_run_refuses_another_manifest_than_the_one_it_was_requested_for(
    pipeline, samples
) -> None:
    key = pipeline.put("b1", samples)
    requested_for = pipeline.store.head(key).etag
    pipeline.put("b1", samples, campaign="mended")
    result = pipeline.run(
        "b1", tags={"argus/manifest_key": key, "argus/manifest_etag": requested_for}
    )
    assert not result.success
    assert [pipeline.materialized(asset) for asset in ASSETS] == [[]] * len(ASSETS)
    [failure] = [e for e in result.all_events if e.is_step_failure]
    assert "manifest was replaced" in failure.step_failure_data.user_failure_data.description


def test_what_a_mended_manifest_no_longer_names_is_removed(pipeline, samples) -> None:
    pipeline.put("b1", samples)
    assert pipeline.run("b1").success
    golden = {"golden.dlt": samples["golden.dlt"]}
    pipeline.put("b1", golden)
    assert pipeline.run("b1").success
    recordings = {one.key.split("/")[2] for one in pipeline.store.list("parsed/b1/")}
    assert recordings == {"golden.dlt"}
    assert pipeline.store.head(keys.quarantine("b1", "c_garbage5k.dlt")) is None


def test_a_recording_that_changed_after_it_was_verified_is_refused(pipeline, samples) -> None:
    key = pipeline.put("b1", samples)
    assert pipeline.run("b1").success
    golden = bytearray(samples["golden.dlt"])
    golden[-1] ^= 1
    pipeline.store.put(key.replace("manifest.json", "golden.dlt"), bytes(golden))
    pipeline.store.delete(keys.recording_result("b1", "golden.dlt"))
    manifest = parse_manifest(pipeline.store.get(key), key=key)
    [file] = [f for f in manifest.recordings if f.name == "golden.dlt"]
    prefix = key.removesuffix("manifest.json")
    specifications = load_specifications(pipeline.store, manifest, prefix)
    with pytest.raises(ArgusError, match="changed after the upload"):
        parse_to_bucket(pipeline.store, "b1", file, f"{prefix}golden.dlt", specifications)
    assert pipeline.store.head(keys.recording_result("b1", "golden.dlt")) is None
