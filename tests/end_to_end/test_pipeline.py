"""From upload to report with nobody's help, on the real stack."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import time

import dagster as dg
import pytest
from browsing import a_browser, visit
from oracle.compare import dlt_differences, rec_differences
from oracle.dlt import decode as decode_dlt
from oracle.rec import decode as decode_rec
from oracle.rec import specification
from playwright.sync_api import expect

# Each waits for what it needs; a busy machine takes its time.
pytestmark = pytest.mark.timeout(1500)


def runs_of(instance, batch):
    return instance.get_runs(dg.RunsFilter(tags={"dagster/partition": batch}))


def test_recordings_of_another_client_run_to_a_report_by_themselves(
    stack, dagster_instance, data, wait_for
) -> None:
    files = {
        "ecu1.dlt": (data / "dlt" / "c_clean.dlt").read_bytes(),
        "golden.dlt": (data / "dlt" / "golden.dlt").read_bytes(),
        "torn.dlt": (data / "dlt" / "c_trunc_mid.dlt").read_bytes(),
        "drive.rec": (data / "rec" / "J7_v2.3.1_0001.rec").read_bytes(),
        "vehicle.odvd": (data / "rec" / "vehicle.odvd").read_bytes(),
    }
    batch = stack.upload(files)
    began = time.monotonic()
    assert wait_for(lambda: batch in dagster_instance.get_dynamic_partitions("batch"), 180)
    print(f"partition after {time.monotonic() - began:.1f} s")
    assert stack.wait(batch)["stage"] == "done"
    print(f"report after {time.monotonic() - began:.1f} s")
    report = json.loads(stack.get(f"reports/{batch}/report.json"))
    assert report["batch"] == batch
    assert report["label"] == "evidence_only"
    assert b"<html" in stack.get(f"reports/{batch}/report.html")
    assert "torn.dlt" in stack.get(f"reports/{batch}/report.md").decode()

    for name in ("ecu1.dlt", "golden.dlt"):
        table = stack.get(f"parsed/{batch}/{name}/messages.csv")
        assert dlt_differences(table, decode_dlt(files[name])) == []
    decoded = decode_rec(files["drive.rec"], specification(files["vehicle.odvd"].decode()))
    keys = stack.list(f"parsed/{batch}/drive.rec/")
    tables = {key.rpartition("/")[2][:-4] for key in keys if key.endswith(".csv")}
    assert tables == set(decoded)
    for table, rows in decoded.items():
        assert rec_differences(stack.get(f"parsed/{batch}/drive.rec/{table}.csv"), rows) == []

    # The same manifest again changes nothing.
    before = runs_of(dagster_instance, batch)
    manifest = next(k for k in stack.list("incoming/") if k.endswith(f"{batch}/manifest.json"))
    stack.s3.put_object(Bucket=stack.bucket, Key=manifest, Body=stack.get(manifest))
    time.sleep(12)
    assert [r.run_id for r in runs_of(dagster_instance, batch)] == [r.run_id for r in before]


def test_pages_that_are_open_while_a_batch_arrives_follow_it_to_its_report(stack, data) -> None:
    address = stack.addresses["ARGUS_PAGES_URL"]
    with (
        a_browser() as browser,
        visit(browser, address) as fleet,
        visit(browser, address) as batch,
    ):
        fleet.page.goto("/")
        name = stack.upload({"golden.dlt": (data / "dlt" / "golden.dlt").read_bytes()})
        # Nobody touches either page from here on.
        row = fleet.page.locator(f"tr[data-batch='{name}']").first
        expect(row).to_be_attached(timeout=300_000)
        batch.page.goto(f"/batches/{name}")
        loaded = batch.page.evaluate("performance.timeOrigin")
        expect(batch.page.locator("#judge")).to_be_attached(timeout=300_000)
        expect(batch.page.locator("h1")).to_be_visible()
        assert batch.page.evaluate("performance.timeOrigin") == loaded
        newest = fleet.page.locator(f"#newest tr[data-batch='{name}']")
        expect(newest).to_be_attached(timeout=120_000)


def test_bad_batches_are_named_and_hold_up_no_other(stack, dagster_instance, data) -> None:
    golden = (data / "dlt" / "golden.dlt").read_bytes()
    entry = {"name": "g.dlt", "size": len(golden), "sha256": hashlib.sha256(golden).hexdigest()}
    no_json = "20260101T000000Z-bad-json"
    stack.put_manifest(no_json, b"{ this is no JSON")
    wrong_hash = stack.upload({"g.dlt": golden}, files=[{**entry, "sha256": "1" * 64}])
    missing = stack.upload({}, files=[entry])
    bad_recordings = stack.upload({"empty.dlt": b"", "notes.dlt": b"only text\n" * 50})
    good = stack.upload({"g.dlt": golden})

    found = stack.wait(good)
    assert found["stage"] == "done", found
    found = stack.wait(bad_recordings)
    assert found["stage"] == "done", found
    found = stack.wait(wrong_hash)
    assert found["stage"] == "given up"
    assert f"argus retry {wrong_hash}" in found["detail"]
    assert "g.dlt" in found["detail"]
    assert "sha256" in found["detail"]
    assert "missing" in stack.wait(missing)["detail"]
    rejected = stack.wait(no_json)
    assert rejected["stage"] == "rejected"
    assert "not JSON" in rejected["detail"]
    assert no_json not in dagster_instance.get_dynamic_partitions("batch")
    materialized = dagster_instance.get_materialized_partitions(dg.AssetKey("parsed_csv"))
    assert {good, bad_recordings} <= materialized
    assert not {wrong_hash, missing} & materialized


@pytest.mark.long
def test_a_batch_that_was_given_up_is_tried_again_once_it_is_mended(stack, data, wait_for) -> None:
    golden = (data / "dlt" / "golden.dlt").read_bytes()
    entry = {"name": "g.dlt", "size": len(golden), "sha256": hashlib.sha256(golden).hexdigest()}
    batch = stack.upload({}, files=[entry])
    assert stack.wait(batch)["stage"] == "given up"

    def listed() -> list[dict[str, object]]:
        given_up = json.loads(stack.argus("retry", "--json").stdout)
        return [one for one in given_up if one["batch"] == batch]

    [record] = wait_for(listed, 180)
    assert "missing" in record["reason"]
    manifest = next(k for k in stack.list("incoming/") if k.endswith(f"{batch}/manifest.json"))
    stack.s3.put_object(
        Bucket=stack.bucket, Key=manifest.replace("manifest.json", "g.dlt"), Body=golden
    )
    assert stack.argus("retry", batch).returncode == 0
    assert stack.wait(batch)["stage"] == "done"
    assert wait_for(lambda: f"retries/{batch}.json" not in stack.list("retries/"), 180)


@pytest.mark.long
def test_a_backfill_makes_many_batches_in_one_run_and_names_the_one_that_cannot_be_made(
    stack, dagster_instance, data
) -> None:
    golden = {"g.dlt": (data / "dlt" / "golden.dlt").read_bytes()}
    good, bad = [stack.upload(golden) for _ in range(2)], stack.upload(golden)
    assert [stack.wait(batch)["stage"] for batch in (*good, bad)] == ["done"] * 3
    recording = next(key for key in stack.list("incoming/") if key.endswith(f"{bad}/g.dlt"))
    stack.s3.delete_object(Bucket=stack.bucket, Key=recording)

    ended = stack.argus("backfill", *good, bad, "--json")

    assert ended.returncode == 1, ended.stderr
    said = json.loads(ended.stdout)
    assert (said["done"], said["not made"]) == (2, 1)
    runs = dagster_instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": said["backfill"]}))
    assert len(runs) == 1
    assert [stack.status(batch)["stage"] for batch in good] == ["done"] * 2
    found = stack.wait(bad)
    assert found["stage"] == "given up"
    assert "g.dlt" in found["detail"]


@pytest.mark.long
def test_a_killed_run_worker_never_leaves_a_green_partition_with_a_recording_missing(
    stack, dagster_instance, data, wait_for
) -> None:
    content = (data / "dlt" / "typ_4MB.dlt").read_bytes()
    files = {f"r{i:02}.dlt": content for i in range(20)}
    batch = stack.upload(files)

    def finished() -> list[str]:
        return [k for k in stack.list(f"parsed/{batch}/") if k.endswith("/recording.json")]

    assert wait_for(finished, 180), "the fan-out has not begun"
    [run] = runs_of(dagster_instance, batch)
    worker = wait_for(lambda: run_worker(dagster_instance, run.run_id), 60)
    before = len(finished())
    os.kill(worker, signal.SIGKILL)
    print(f"killed after {before} of {len(files)} recordings")
    assert before < len(files)

    until = time.monotonic() + 240
    while time.monotonic() < until:
        done = finished()
        green = batch in dagster_instance.get_materialized_partitions(dg.AssetKey("parsed_csv"))
        if green:
            assert len(done) == len(files)
            break
        time.sleep(0.5)
    assert stack.wait(batch)["stage"] == "done"
    assert dagster_instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE
    assert len(runs_of(dagster_instance, batch)) > 1
    report = json.loads(stack.get(f"reports/{batch}/report.json"))
    assert report["batch"] == batch


def run_worker(instance, run_id) -> int | None:
    """The process that executes a run, as the executor said when it began."""
    said = (
        re.search(r"parent process \(pid: (\d+)\)", entry.user_message or "")
        for entry in instance.all_logs(run_id)
    )
    return next((int(found[1]) for found in said if found), None)


def test_a_batch_reaches_the_roll_ups_and_its_campaign_by_itself(stack, data, wait_for) -> None:
    """Through the daemon's own automation sensor, which has to see partitions come."""
    campaign = "2026-q4-end-to-end"
    golden = (data / "dlt" / "golden.dlt").read_bytes()
    batch = stack.upload({"golden.dlt": golden}, campaign=campaign)
    assert stack.wait(batch)["stage"] == "done"
    assert wait_for(lambda: f"fleet/batches/{batch}.json" in stack.list("fleet/batches/"), 300)

    def known() -> list[dict[str, object]]:
        campaigns = json.loads(stack.argus("campaign", "--json").stdout or "[]")
        return [one for one in campaigns if one["campaign"] == campaign]

    [found] = wait_for(known, 300)
    assert (found["reported"], found["verdict"]) == (1, "not enough data")
