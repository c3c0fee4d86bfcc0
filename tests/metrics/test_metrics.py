"""Metrics are what the records say at the moment of the question."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.test_utils import create_run_for_test
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from argus_pipeline.batches import given_up
from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.models import Batch, Diagnosis, ModelCall, Recording
from argus_pipeline.database.records import upsert_batch, upsert_diagnosis
from argus_pipeline.metrics.collector import registry_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def engine(database_url):
    migrate(database_url)
    made = create_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def put(opened, batch: str, size: int, *, seconds: int | None, label: str = "evidence_only"):
    """A batch, and its diagnosis so many seconds after it was verified."""
    manifest = Manifest(batch, "V1", "J7", "v1", NOW, (BatchFile("a.dlt", size, "0" * 64),))
    upsert_batch(opened, manifest, "etag")
    opened.execute(sa.update(Batch).where(Batch.batch == batch).values(registered_at=NOW))
    if seconds is None:
        return
    upsert_diagnosis(
        opened, batch, verdict="v", label=label, confidence=None, top_codes=[], content={}
    )
    opened.execute(
        sa.update(Diagnosis)
        .where(Diagnosis.batch == batch)
        .values(created_at=NOW + timedelta(seconds=seconds))
    )


def recording(opened, batch: str, status: str, decoded: int, quarantined: int) -> None:
    opened.add(
        Recording(
            batch=batch,
            recording=f"{status}.dlt",
            status=status,
            size=decoded + quarantined,
            rows=1,
            decoded_bytes=decoded,
            quarantined_bytes=quarantined,
            fault_count=2 if quarantined else 0,
            input_hash="h",
            parser_version="1",
            tables=[],
            lost_messages=None if quarantined else 7,
        )
    )


def samples(registry) -> dict[tuple[str, ...], float]:
    """By name and labels, the value of each sample, as Prometheus reads them."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, *(sample.labels[key] for key in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def test_they_count_what_the_records_hold(engine, object_store, instance) -> None:
    with session(engine) as opened:
        put(opened, "b1", 100, seconds=15)
        put(opened, "b2", 30, seconds=4000, label="llm")
        put(opened, "b3", 7, seconds=400, label="llm")
        put(opened, "b4", 7, seconds=None)
        recording(opened, "b1", "parsed", 90, 0)
        recording(opened, "b1", "partial", 4, 6)
        opened.add(
            ModelCall(
                purpose="diagnosis",
                batch="b2",
                model="m",
                started_at=NOW,
                busy_until=NOW,
                tokens=30,
                input_tokens=20,
                output_tokens=10,
                cost=0.5,
                outcome="answered",
            )
        )
    given_up.give_up(object_store, given_up.GivenUp("b4", "because", "r", None, 1, None, "now"))
    create_run_for_test(instance, job_name="batch", status=dg.DagsterRunStatus.FAILURE)
    create_run_for_test(
        instance,
        job_name="batch",
        status=dg.DagsterRunStatus.SUCCESS,
        tags={"dagster/retry_number": "1"},
    )
    found = samples(registry_of(engine, object_store, instance))
    expected = {
        ("argus_batches_total", "J7"): 4,
        ("argus_uploaded_bytes_total",): 144,
        ("argus_diagnoses_total", "llm"): 2,
        ("argus_recordings_total", "partial"): 1,
        ("argus_recording_bytes_total", "decoded"): 94,
        ("argus_recording_bytes_total", "quarantined"): 6,
        ("argus_faults_total",): 2,
        ("argus_lost_messages_total",): 7,
        ("argus_report_latency_seconds_bucket", "10.0"): 0,
        ("argus_report_latency_seconds_bucket", "20.0"): 1,
        ("argus_report_latency_seconds_bucket", "600.0"): 2,
        ("argus_report_latency_seconds_bucket", "+Inf"): 3,
        ("argus_report_latency_seconds_count",): 3,
        ("argus_report_latency_seconds_sum",): 4415,
        ("argus_model_calls_total", "answered", "diagnosis"): 1,
        ("argus_model_tokens_total", "input"): 20,
        ("argus_model_cost_total",): 0.5,
        ("argus_model_answers_reused_total",): 1,
        ("argus_batches_given_up",): 1,
        ("argus_runs", "failure"): 1,
        ("argus_runs", "success"): 1,
        ("argus_runs_started_again",): 1,
        ("argus_source_up", "database"): 1,
        ("argus_source_up", "dagster"): 1,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_nothing_yet_is_zero_and_no_error(engine, object_store) -> None:
    found = samples(registry_of(engine, object_store, None))
    assert found["argus_uploaded_bytes_total",] == 0
    assert found["argus_report_latency_seconds_count",] == 0
    assert found["argus_source_up", "database"] == 1
    assert ("argus_source_up", "dagster") not in found


def test_a_source_that_is_away_holds_up_no_other(object_store) -> None:
    away = create_engine("postgresql://nobody:x@127.0.0.1:1/none")
    found = samples(registry_of(away, object_store, None))
    assert found["argus_source_up", "database"] == 0
    assert found["argus_source_up", "bucket"] == 1
    assert found["argus_batches_given_up",] == 0
