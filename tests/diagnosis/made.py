"""Batches made for tests: messages written as typed tables, counted by the real statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from charts.made import lifecycles, sources

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.retrieval import ArticleMatch, Step
from argus_pipeline.recordings.result import Fault, RecordingResult, Status, TableOutput
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.sources import RecordingTables

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
BATCH = "20261123T101500Z-LFV3A23C0K3000001-7f3a"


@dataclass(frozen=True)
class Message:
    """One DLT message: seconds into the recording, severity, text, ECU and its lifecycle."""

    second: float
    severity: str | None
    text: str
    ecu: str = "BRK1"
    lifecycle: int | None = None


def manifest(
    *,
    firmware: str = "v2.3.1",
    firmware_from: str | None = "v2.2.9",
    platform: str = "J7",
    recordings: Sequence[str] = ("ecu1.dlt",),
) -> Manifest:
    return Manifest(
        batch=BATCH,
        vehicle="LFV3A23C0K3000001",
        platform=platform,
        firmware=firmware,
        firmware_from=firmware_from,
        campaign="2026-q4-brakes",
        created=START,
        files=tuple(BatchFile(name, 100, "0" * 64) for name in recordings),
    )


def result(
    recording: str = "ecu1.dlt",
    *,
    rows: int = 0,
    size: int = 100_000,
    faults: Sequence[Fault] = (),
    status: Status | None = None,
    error: str | None = None,
    warnings: Sequence[str] = (),
    fault_count: int | None = None,
) -> RecordingResult:
    lost = sum(fault.length for fault in faults)
    default = Status.PARTIAL if faults or warnings else Status.PARSED
    key = f"parsed/{BATCH}/{recording}/messages"
    table = TableOutput("messages", rows, f"{key}.csv", "c", f"{key}.parquet", "p")
    return RecordingResult(
        recording=recording,
        size=size,
        input_hash="0" * 64,
        parser_version="0.1.0",
        format="dlt",
        status=status or default,
        rows=rows,
        decoded_bytes=size - lost,
        quarantined_bytes=lost,
        fault_count=len(faults) if fault_count is None else fault_count,
        faults=tuple(faults),
        warnings=tuple(warnings),
        error=error,
        tables=(table,),
    )


def write_messages(folder: Path, recording: str, messages: Sequence[Message]) -> RecordingTables:
    path = folder / recording / "messages.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(
        {
            "offset": [64 * number for number in range(len(messages))],
            "size": [64] * len(messages),
            "time": [START + timedelta(seconds=m.second) for m in messages],
            "uptime_s": [None] * len(messages),
            "lifecycle": [m.lifecycle for m in messages],
            "ecu": [m.ecu for m in messages],
            "app": ["APP"] * len(messages),
            "context": ["CTX"] * len(messages),
            "severity": [m.severity for m in messages],
            "text": [m.text for m in messages],
        },
        schema={
            "offset": pl.UInt64,
            "size": pl.UInt32,
            "time": pl.Datetime("ns", "UTC"),
            "uptime_s": pl.Float64,
            "lifecycle": pl.UInt32,
            "ecu": pl.String,
            "app": pl.String,
            "context": pl.String,
            "severity": pl.String,
            "text": pl.String,
        },
    ).write_parquet(path)
    return RecordingTables(recording, "dlt", {"messages": str(path)})


def statistics(
    folder: Path,
    messages: Sequence[Message],
    results: Sequence[RecordingResult] | None = None,
    *,
    boots: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    senders: Sequence[Mapping[str, Any]] = (),
) -> BatchStatistics:
    """The statistics over messages of ecu1.dlt.

    Args:
        folder: where the tables go.
        messages: of the recording.
        results: of all recordings.
        boots: by recording, the rows of its table of lifecycles.
        senders: the rows of the table of senders of ecu1.dlt.
    """
    tables = [write_messages(folder, "ecu1.dlt", messages)]
    small = [(name, "lifecycles", lifecycles(rows)) for name, rows in (boots or {}).items()]
    if senders:
        small.append(("ecu1.dlt", "sources", sources(senders)))
    for recording, table, frame in small:
        path = folder / recording / f"{table}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
        tables.append(RecordingTables(recording, "dlt", {table: str(path)}))
    return compute_statistics(tables, results or [result(rows=len(messages))])


WHEEL_SPEED = Article(
    article_id="c0035-j7-wheel-speed",
    code="C0035",
    platform="J7",
    firmware_min="v2.3.0",
    firmware_max="v2.3.1",
    title="Front left wheel speed signal lost after the brake update",
    symptoms=("ABS lamp on", "wheel speed implausible"),
    causes=("The update set the sensor's sampling to 5 ms, too fast for older sensors.",),
    checks=(
        "Read the sampling time of the wheel speed input: it must be 10 ms.",
        "Look at the plug.",
    ),
    remedies=("Install brake-control v2.3.2.", "Replace sensors older than 2019."),
    source="workshop notes",
    language="en",
)
WHEEL_SPEED_ANY = Article(
    article_id="c0035-any",
    code="C0035",
    title="Left front wheel speed sensor circuit",
    causes=("Broken wire or plug at the wheel.",),
    checks=("Measure the resistance of the sensor.",),
    remedies=("Repair the wiring.",),
    source="generic",
    language="en",
)
BATTERY_OTHER = Article(
    article_id="p0a80-h5",
    code="P0A80",
    platform="H5",
    title="Traction battery pack worn",
    causes=("A cell group has aged.",),
    checks=("Read the cell voltages.",),
    remedies=("Replace the module.",),
    source="generic",
    language="en",
)
GATEWAY = Article(
    article_id="u0100-any",
    code="U0100",
    title="Lost communication with the engine control module",
    causes=("The engine control module restarts.",),
    checks=("Look for restarts of the module.",),
    remedies=("Update the module.",),
    source="generic",
    language="en",
)


def match(
    article: Article,
    step: Step,
    *,
    distance: float | None = 0.3,
    caveat: str | None = None,
) -> ArticleMatch:
    code = None if step is Step.FREE_TEXT else article.code
    return ArticleMatch(article, step, distance, code, caveat)


def faulty_messages() -> list[Message]:
    """An hour of a vehicle whose wheel speed sensor fails 20 minutes after the start."""
    quiet = [Message(n, "info", f"cycle {n} done in {n % 7} ms") for n in range(0, 3600, 10)]
    wheel = [
        Message(1200 + 5 * n, "error", f"DTC C0035 wheel speed lost for {n} ms", "ABS1")
        for n in range(40)
    ]
    lost = [Message(1300 + n, "warn", f"U0100 no frame from ECM, n={n}", "GW01") for n in range(7)]
    battery = [Message(2000, "fatal", "P0A80 hybrid battery pack worn, group 7", "BMS1")]
    noise = [Message(2500, "error", "retry 3 of upload failed", "TCU1")]
    return sorted([*quiet, *wheel, *lost, *battery, *noise], key=lambda m: m.second)
