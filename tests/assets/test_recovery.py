"""Runs that failed, stand still or were given up: real records of Dagster, a real store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.test_utils import create_run_for_test
from tails import tail_of_logs

from argus_pipeline import run_records, run_tables
from argus_pipeline.batch_status import batch_statuses
from argus_pipeline.batches import given_up
from argus_pipeline.batches.limits import Limits
from argus_pipeline.batches.stages import Stage
from argus_pipeline.database.engine import session
from argus_pipeline.storage import keys
from assets import raw_batch
from assets.overdue import no_batch_past_limit
from sensors.alerts import alerts
from sensors.recovery import Cursor, recovery

GOLDEN = "dlt/golden.dlt"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGUS_LIMIT_BACK_OFF_SECONDS", "1")
    monkeypatch.setenv("ARGUS_LIMIT_ATTEMPTS", "2")


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


def check_late(pipeline) -> dg.AssetCheckResult:
    return no_batch_past_limit(
        dg.build_asset_check_context(instance=pipeline.instance),
        object_store=pipeline.resources["object_store"],
        database=pipeline.resources["database"],
    )


def failed_lately(pipeline, since: datetime) -> dict[str, str]:
    with run_records.run_rows(pipeline.instance) as connection:
        return run_tables.failed_lately(connection, since)


def lost_run(pipeline, batch: str, key: str, **tags: str) -> dg.DagsterRun:
    """A run whose worker is gone, as Dagster records it."""
    head = pipeline.store.head(key)
    run = create_run_for_test(
        pipeline.instance,
        job_name="batch",
        status=dg.DagsterRunStatus.STARTED,
        tags={
            "dagster/partition": batch,
            "argus/manifest_key": key,
            "argus/manifest_etag": head.etag,
            **tags,
        },
    )
    pipeline.instance.report_run_failed(run, "the worker was lost")
    return run


def bad_batch(pipeline) -> str:
    """A batch that does not hold what its manifest says, and its run."""
    wrong = [{"name": "a.dlt", "size": 3, "sha256": "0" * 64}]
    key = pipeline.put("b1", {"a.dlt": b"xyz"}, files=wrong, campaign="c1")
    etag = pipeline.store.head(key).etag
    tags = {"argus/manifest_key": key, "argus/manifest_etag": etag}
    assert not pipeline.run("b1", tags=tags).success
    return key


def test_a_batch_whose_run_was_lost_is_tried_again_after_the_back_off(
    pipeline, data, monkeypatch
) -> None:
    key = pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    lost_run(pipeline, "b1", key)
    monkeypatch.setenv("ARGUS_LIMIT_BACK_OFF_SECONDS", "3600")
    assert not tick(pipeline).run_requests
    monkeypatch.setenv("ARGUS_LIMIT_BACK_OFF_SECONDS", "1")
    time.sleep(1.1)
    [request] = tick(pipeline).run_requests
    etag = pipeline.store.head(key).etag
    assert (request.partition_key, request.run_key) == ("b1", f"b1:{etag}:attempt2")
    assert request.tags["argus/manifest_etag"] == etag


def test_a_run_that_goes_on_is_not_joined_by_another(pipeline, data) -> None:
    key = pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    lost_run(pipeline, "b1", key)
    create_run_for_test(
        pipeline.instance,
        job_name="batch",
        status=dg.DagsterRunStatus.STARTING,
        tags={"dagster/partition": "b1"},
    )
    time.sleep(1.1)
    assert not tick(pipeline).run_requests


def test_bad_data_is_given_up_at_once_with_its_reason_and_a_person_can_ask_again(pipeline) -> None:
    key = bad_batch(pipeline)
    result = tick(pipeline)
    assert not [r for r in result.run_requests if r.partition_key]
    [news] = result.asset_events
    assert news.partition == "b1"
    record = given_up.read_given_up(pipeline.store, "b1")
    assert record is not None
    assert "The batch is not what its manifest says" in record.reason
    assert (record.attempts, record.campaign, record.command) == (1, "c1", "argus retry b1")
    [status] = batch_statuses(pipeline.instance, pipeline.store, ["b1"])
    assert status.stage is Stage.GIVEN_UP
    assert "argus retry b1" in status.detail
    assert not tick(pipeline).asset_events, "it is reported once"

    given_up.request_retry(pipeline.store, "b1")
    [retry] = given_up.list_retries(pipeline.store)
    assert list(given_up.list_given_up(pipeline.store)) == []
    [request] = tick(pipeline).run_requests
    assert request.tags["argus/asked"] == retry.token
    assert request.run_key == f"b1:{pipeline.store.head(key).etag}:{retry.token}"
    pipeline.run("b1", tags=request.tags)
    tick(pipeline)
    assert list(given_up.list_retries(pipeline.store)) == [], "the request was answered"
    assert given_up.read_given_up(pipeline.store, "b1") is not None, "and failed again"


def test_a_batch_is_given_up_when_every_attempt_was_lost(pipeline, data) -> None:
    key = pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    lost_run(pipeline, "b1", key)
    lost_run(pipeline, "b1", key)
    tick(pipeline)
    record = given_up.read_given_up(pipeline.store, "b1")
    assert record is not None
    assert record.reason == "2 attempts failed, the last one: the worker was lost"


def test_a_mended_manifest_is_left_to_the_upload_sensor(pipeline) -> None:
    bad_batch(pipeline)
    pipeline.put("b1", {"a.dlt": b"xyz"}, campaign="mended")
    result = tick(pipeline)
    assert not [r for r in result.run_requests if r.partition_key]
    assert not result.asset_events


def test_a_batch_that_came_through_is_not_looked_at_again_until_it_fails_anew(
    pipeline, data
) -> None:
    key = pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    first_tried = datetime.now(UTC)
    lost_run(pipeline, "b1", key)
    etag = pipeline.store.head(key).etag
    assert pipeline.run("b1", tags={"argus/manifest_key": key, "argus/manifest_etag": etag}).success
    since = first_tried - timedelta(minutes=1)
    assert failed_lately(pipeline, since) == {}
    cursor = tick(pipeline).cursor
    again = lost_run(pipeline, "b1", key)
    assert failed_lately(pipeline, since) == {"b1": again.run_id}
    time.sleep(1.1)
    tick(pipeline, cursor)
    assert [given_up.read_given_up(pipeline.store, "b1").attempts] == [3]


def test_of_many_that_failed_a_tick_takes_on_some_and_each_has_its_turn(pipeline, data) -> None:
    content = {"golden.dlt": (data / GOLDEN).read_bytes()}
    batches = [f"b{number:02}" for number in range(12)]
    for batch in batches:
        lost_run(pipeline, batch, pipeline.put(batch, content))
    time.sleep(1.1)
    asked, cursor = [], None
    for _ in range(5):
        result = tick(pipeline, cursor)
        asked.append([request.partition_key for request in result.run_requests])
        cursor = result.cursor
    assert asked[0] == batches[:3]
    assert {batch for tick in asked for batch in tick} == set(batches)


@pytest.mark.parametrize("text", ["", "[]", "{", '["r1"]', '{"pace": 3}', '{"over": 1}'])
def test_a_cursor_of_another_version_begins_anew(text: str) -> None:
    assert Cursor.from_text(text) == Cursor()


def test_a_request_for_a_batch_that_is_gone_holds_up_no_other(pipeline, data) -> None:
    given_up.request_retry(pipeline.store, "gone")
    key = pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    lost_run(pipeline, "b1", key)
    time.sleep(1.1)
    assert [request.partition_key for request in tick(pipeline).run_requests] == ["b1"]


def test_a_run_that_stands_still_is_ended_and_counts_as_failed(pipeline, data) -> None:
    key = pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    run = create_run_for_test(
        pipeline.instance,
        job_name="batch",
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": "b1", "argus/manifest_key": key},
    )
    pipeline.instance.report_engine_event("began", run)
    now, limits = datetime.now(UTC), Limits()
    assert not list(run_records.stuck_runs(pipeline.instance, now, limits, 10))
    later = now + timedelta(minutes=6)
    [(stuck, reason)] = run_records.stuck_runs(pipeline.instance, later, limits, 10)
    assert stuck.run_id == run.run_id
    run_records.end_stuck(pipeline.instance, stuck, reason)
    runs = run_records.runs_of(pipeline.instance, "b1")
    [attempt] = run_records.read_attempts(pipeline.instance, runs, None)
    assert attempt.outcome.value == "failed"
    assert attempt.reason == reason


@pytest.mark.parametrize("job", ["batch", "__ASSET_JOB"])
def test_a_run_whose_worker_is_gone_is_found_whatever_job_it_is_of(
    pipeline, monkeypatch, job
) -> None:
    """As after an outage of the database, which the code server's own look does not outlive."""
    instance = pipeline.instance
    monkeypatch.setattr(instance, "_run_launcher", DefaultRunLauncher())
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    runs = {}
    for pid in (gone.pid, os.getpid()):
        run = create_run_for_test(instance, job_name=job, status=dg.DagsterRunStatus.STARTED)
        instance.report_engine_event(f"Started process for run (pid: {pid}).", run)
        runs[pid] = run
    now = datetime.now(UTC)
    assert not list(run_records.lost_runs(instance, now, 10)), (
        "the code server has its chance first"
    )
    [(run, reason)] = run_records.lost_runs(instance, now + timedelta(seconds=30), 10)
    assert run.run_id == runs[gone.pid].run_id
    assert reason == f"its worker (process {gone.pid}) is gone"


def test_the_sensor_fails_runs_whose_worker_is_gone_so_that_dagster_starts_them_again(
    pipeline, monkeypatch
) -> None:
    run = create_run_for_test(
        pipeline.instance, job_name="__ASSET_JOB", status=dg.DagsterRunStatus.STARTED
    )
    monkeypatch.setattr(run_records, "lost_runs", lambda *_: [(run, "its worker is gone")])
    tick(pipeline)
    assert pipeline.instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE
    assert "its worker is gone" in run_records.read_failure(pipeline.instance, run).reason


def test_of_runs_that_another_launcher_started_nothing_is_said(pipeline) -> None:
    run = create_run_for_test(pipeline.instance, status=dg.DagsterRunStatus.STARTED)
    pipeline.instance.report_engine_event("Started process for run (pid: 999999999).", run)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert not list(run_records.lost_runs(pipeline.instance, later, 10))


def test_a_recording_that_was_changed_after_it_was_verified_is_given_up_at_once(
    pipeline, data, monkeypatch
) -> None:
    key = pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    tags = {"argus/manifest_key": key, "argus/manifest_etag": pipeline.store.head(key).etag}
    # As if somebody else wrote under the same key just after the batch was verified.
    monkeypatch.setattr(raw_batch, "verify", lambda *_: [])
    pipeline.store.put(key.replace("manifest.json", "golden.dlt"), b"other bytes")
    result = pipeline.run("b1", tags=tags)
    assert not result.success
    tried = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_RESTARTED]
    assert not tried, "the same bytes fail again"
    tick(pipeline)
    record = given_up.read_given_up(pipeline.store, "b1")
    assert record is not None
    assert record.attempts == 1
    assert "It was changed after the upload" in record.reason


def test_a_late_batch_fails_the_check_until_it_has_a_diagnosis_or_is_given_up(
    pipeline, data, monkeypatch
) -> None:
    pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    pipeline.run_only("b1", "raw_batch")
    assert check_late(pipeline).passed
    with session(pipeline.resources["database"].engine()) as opened:
        opened.execute(
            sa.text("UPDATE argus.batches SET registered_at = now() - interval '1 hour'")
        )
    late = check_late(pipeline)
    assert not late.passed
    assert late.metadata["late"].records[0].data["batch"] == "b1"
    given_up.give_up(
        pipeline.store, given_up.GivenUp("b1", "because", "r", None, 1, None, "2026-11-20")
    )
    assert check_late(pipeline).passed


def test_campaigns_are_judged_anew_once_a_batch_of_one_is_given_up(pipeline) -> None:
    bad_batch(pipeline)
    result = tick(pipeline)
    assert [request.job_name for request in result.run_requests] == ["campaigns"]
    assert not tick(pipeline, result.cursor).run_requests


def test_what_the_sensor_gave_up_is_given_up_whatever_the_limits_here_are(
    pipeline, monkeypatch
) -> None:
    bad_batch(pipeline)
    record = given_up.GivenUp("b1", "two attempts failed", "r", None, 2, None, "2026-11-20")
    given_up.give_up(pipeline.store, record)
    monkeypatch.setenv("ARGUS_LIMIT_ATTEMPTS", "9")
    [status] = batch_statuses(pipeline.instance, pipeline.store, ["b1"])
    assert status.stage is Stage.GIVEN_UP
    assert status.detail == "two attempts failed. `argus retry b1` tries it again"


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"batch": "b1", "reason": "bad"}'])
def test_a_damaged_record_of_what_was_given_up_hides_none_of_the_others(pipeline, content) -> None:
    record = given_up.GivenUp("b2", "bad", "r", None, 2, None, "2026-11-20")
    given_up.give_up(pipeline.store, record)
    pipeline.store.put(keys.given_up("b1"), content)
    damaged, whole = given_up.read_all_given_up(pipeline.store)
    assert whole == record
    assert damaged.batch == "b1"
    assert damaged.reason.startswith("its record given-up/b1.json cannot be read")


def test_a_batch_that_is_not_even_verified_is_late_too(pipeline) -> None:
    pipeline.instance.add_dynamic_partitions("batch", ["b1"])
    assert check_late(pipeline).passed
    with pipeline.instance.event_log_storage.index_connection() as connection:
        connection.execute(
            sa.text("UPDATE dynamic_partitions SET create_timestamp = :then"),
            {"then": (datetime.now(UTC) - timedelta(hours=1)).replace(tzinfo=None)},
        )
    late = check_late(pipeline)
    assert not late.passed
    assert [record.data["batch"] for record in late.metadata["late"].records] == ["b1"]
    assert late.metadata["late"].records[0].data["minutes late"] in {29, 30}


def test_failed_runs_and_given_up_batches_are_told_once(pipeline) -> None:
    def told() -> str | None:
        with dg.build_sensor_context(
            instance=pipeline.instance,
            resources={"object_store": pipeline.resources["object_store"]},
        ) as context:
            return alerts(context).skip_message

    assert told() == "0 alerts told, 0 waiting."
    bad_batch(pipeline)
    tick(pipeline)
    assert told() == "2 alerts told, 0 waiting."
    assert told() == "0 alerts told, 0 waiting."


def test_a_tick_ends_the_tail_that_a_killed_worker_left(pipeline, tmp_path) -> None:
    run = create_run_for_test(pipeline.instance, "batch", status=dg.DagsterRunStatus.FAILURE)
    with tail_of_logs(tmp_path, run.run_id) as left:
        tick(pipeline)
        assert left.wait(60) != 0


def test_a_worker_that_hangs_is_killed_with_its_run_and_no_other_process_is(pipeline, data) -> None:
    """One that spins would take a core from every later attempt."""
    key = pipeline.put("b1", {"golden.dlt": (data / GOLDEN).read_bytes()})
    hangs = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
    with (
        subprocess.Popen([sys.executable, "-c", hangs]) as worker,
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as other,
    ):
        run = create_run_for_test(
            pipeline.instance,
            job_name="batch",
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/partition": "b1", "argus/manifest_key": key},
        )
        said = f"Started process for run (pid: {worker.pid})."
        pipeline.instance.report_engine_event(said, run)
        try:
            assert run_records.end_workers(pipeline.instance, run, patience_s=0.5) == 1
            assert worker.wait(10) == -signal.SIGKILL
            assert run_records.end_workers(pipeline.instance, run, patience_s=0.5) == 0
            assert other.poll() is None
        finally:
            worker.kill()
            other.kill()
