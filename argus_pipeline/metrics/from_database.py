"""What Postgres says: batches, bytes, damage, time to the report, and the language model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from sqlalchemy import Float, cast, exists, extract, func, select
from sqlalchemy.orm import Session

from argus_pipeline.database.models import Batch, Diagnosis, ModelAnswer, ModelCall, Recording

# Seconds. The usual limit of a batch is 30 minutes.
BUCKETS: Final = (10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


def from_database(session: Session) -> Iterator[Metric]:
    """A handful of aggregates over indexed or small tables; each value is of this moment.

    A row that is removed makes a counter fall. Prometheus takes that for a restart of it.
    """
    yield from _batches(session)
    yield from _recordings(session)
    yield _latency(session)
    yield from _model(session)


def _batches(session: Session) -> Iterator[Metric]:
    batches = CounterMetricFamily(
        "argus_batches", "Batches whose uploads were verified.", labels=["platform"]
    )
    for platform, count in session.execute(
        select(Batch.platform, func.count()).group_by(Batch.platform)
    ):
        batches.add_metric([platform], count)
    yield batches
    uploaded = session.scalar(select(func.coalesce(func.sum(Batch.bytes), 0)))
    yield CounterMetricFamily(
        "argus_uploaded_bytes", "Bytes of these uploads.", float(uploaded or 0)
    )
    diagnoses = CounterMetricFamily(
        "argus_diagnoses", "Batches with a diagnosis, by how it was made.", labels=["label"]
    )
    for label, count in session.execute(
        select(Diagnosis.label, func.count()).group_by(Diagnosis.label)
    ):
        diagnoses.add_metric([label], count)
    yield diagnoses


def _recordings(session: Session) -> Iterator[Metric]:
    recordings = CounterMetricFamily(
        "argus_recordings", "Recordings, by how much of them was decoded.", labels=["status"]
    )
    sizes = CounterMetricFamily(
        "argus_recording_bytes", "Bytes of recordings, decoded or quarantined.", labels=["kind"]
    )
    for status, count in session.execute(
        select(Recording.status, func.count()).group_by(Recording.status)
    ):
        recordings.add_metric([status], count)
    or_zero = func.coalesce
    decoded, quarantined, faults, lost = session.execute(
        select(
            or_zero(func.sum(Recording.decoded_bytes), 0),
            or_zero(func.sum(Recording.quarantined_bytes), 0),
            or_zero(func.sum(Recording.fault_count), 0),
            or_zero(func.sum(Recording.lost_messages), 0),
        )
    ).one()
    sizes.add_metric(["decoded"], float(decoded))
    sizes.add_metric(["quarantined"], float(quarantined))
    yield recordings
    yield sizes
    yield CounterMetricFamily(
        "argus_faults", "Stretches of recordings that could not be decoded.", float(faults)
    )
    yield CounterMetricFamily(
        "argus_lost_messages", "Messages that ECUs say or show they lost.", float(lost or 0)
    )


def _latency(session: Session) -> Metric:
    """From the verified upload to the first diagnosis, over all batches that have one."""
    seconds = cast(extract("epoch", Diagnosis.created_at - Batch.registered_at), Float)
    within = [func.count().filter(seconds <= bound) for bound in BUCKETS]
    *counts, total, whole = session.execute(
        select(*within, func.count(), func.coalesce(func.sum(seconds), 0.0))
        .select_from(Diagnosis)
        .join(Batch, Batch.batch == Diagnosis.batch)
    ).one()
    bounds = [*(str(float(bound)) for bound in BUCKETS), "+Inf"]
    return HistogramMetricFamily(
        "argus_report_latency_seconds",
        "From the verified upload of a batch to its diagnosis.",
        buckets=list(zip(bounds, [*counts, total], strict=True)),
        sum_value=float(whole),
    )


def _model(session: Session) -> Iterator[Metric]:
    calls = CounterMetricFamily(
        "argus_model_calls", "Calls of the language model.", labels=["purpose", "outcome"]
    )
    tokens = CounterMetricFamily("argus_model_tokens", "Tokens of these calls.", labels=["kind"])
    read = written = cost = 0.0
    for purpose, outcome, count, own_read, own_written, own_cost in session.execute(
        select(
            ModelCall.purpose,
            func.coalesce(ModelCall.outcome, "going on"),
            func.count(),
            func.sum(ModelCall.input_tokens),
            func.sum(ModelCall.output_tokens),
            func.sum(ModelCall.cost),
        ).group_by(ModelCall.purpose, ModelCall.outcome)
    ):
        calls.add_metric([purpose, outcome], count)
        read, written = read + float(own_read or 0), written + float(own_written or 0)
        cost += float(own_cost or 0)
    tokens.add_metric(["input"], read)
    tokens.add_metric(["output"], written)
    yield calls
    yield tokens
    yield CounterMetricFamily("argus_model_cost", "What these calls cost, as configured.", cost)
    answered = exists().where(ModelCall.batch == Diagnosis.batch, ModelCall.outcome == "answered")
    reused = session.scalar(
        select(func.count()).where(Diagnosis.label == "llm", ~answered).select_from(Diagnosis)
    )
    yield CounterMetricFamily(
        "argus_model_answers_reused",
        "Diagnoses by the model that needed no call of their own: cache hits.",
        float(reused or 0),
    )
    kept = session.scalar(
        select(func.count()).select_from(ModelAnswer).where(ModelAnswer.answer.is_not(None))
    )
    yield GaugeMetricFamily("argus_model_answers_kept", "Answers in the cache.", float(kept or 0))
