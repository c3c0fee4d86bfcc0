"""From a labelled batch to the case that the diagnosis gets: typed tables, real statistics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.diagnosis.composer import Case
from argus_pipeline.diagnosis.pipeline import make_case
from argus_pipeline.recordings.result import RecordingResult, Status, TableOutput
from argus_pipeline.statistics.batch import compute_statistics
from argus_pipeline.statistics.sources import RecordingTables
from benchmarks.diagnosis.dataset import Labelled

START: Final = datetime(2026, 11, 23, 10, tzinfo=UTC)
VEHICLE: Final = "LFV3A23C0K3000001"
RECORDING: Final = "drive.dlt"
_MINUTES: Final = 60
_SCHEMA: Final = {
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
}


def case_of(
    labelled: Labelled, folder: Path, *, vehicle: str = VEHICLE, recording: str = RECORDING
) -> Case:
    """An hour of a vehicle whose log holds the labelled events among everyday messages.

    Args:
        labelled: the batch.
        folder: where its table goes; one batch each.
        vehicle: its VIN.
        recording: the name of its only recording.
    """
    rows = sorted(_rows(labelled), key=lambda row: row["time"])
    for number, row in enumerate(rows):
        row |= {"offset": 64 * number, "size": 64}
    folder.mkdir(parents=True)
    path = folder / "messages.parquet"
    pl.DataFrame(rows, schema=_SCHEMA).write_parquet(path)
    manifest = Manifest(
        batch=f"20261123T101500Z-{VEHICLE}-{labelled.id:0>4}",
        vehicle=vehicle,
        platform=labelled.platform,
        firmware=labelled.firmware,
        firmware_from="v2.0.4",
        campaign="2026-q4",
        created=START,
        files=(BatchFile(recording, 64 * len(rows), "0" * 64),),
    )
    results = [_result(recording, len(rows), str(path))]
    tables = [RecordingTables(recording, "dlt", {"messages": str(path)})]
    return make_case(manifest, results, compute_statistics(tables, results))


def _rows(labelled: Labelled) -> Iterator[dict[str, Any]]:
    for minute in range(_MINUTES):
        text = f"cycle {minute} done in {minute % 7} ms"
        sender = {"ecu": "GW", "app": "SYS", "context": "CYC"}
        yield {**sender, "severity": "info", "text": text, "time": START + _minutes(minute)}
    for number, event in enumerate(labelled.events):
        sender = {"ecu": event.ecu, "app": event.app, "context": event.context}
        for count in range(event.count):
            # Later events begin later, and all are over within the hour.
            share = 0.2 + 0.1 * number + 0.4 * count / event.count
            time = START + _minutes(_MINUTES * share)
            yield {**sender, "severity": event.severity, "text": event.text, "time": time}


def _minutes(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def _result(recording: str, rows: int, path: str) -> RecordingResult:
    return RecordingResult(
        recording=recording,
        size=64 * rows,
        input_hash="0" * 64,
        parser_version="1",
        format="dlt",
        status=Status.PARSED,
        rows=rows,
        decoded_bytes=64 * rows,
        quarantined_bytes=0,
        fault_count=0,
        faults=(),
        warnings=(),
        error=None,
        tables=(TableOutput("messages", rows, "m.csv", "c", path, "p"),),
    )
