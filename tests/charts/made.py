"""Batches made for tests of statistics and charts: real Parquet in the schema of the parser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from argus_pipeline.recordings.result import RecordingResult, Status, TableOutput
from argus_pipeline.statistics import (
    BatchStatistics,
    RecordingTables,
    compute_statistics,
    recording_tables,
)

START = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
TIME = pl.Datetime("ns", "UTC")
MESSAGES = pl.Schema(
    {
        "offset": pl.UInt64,
        "size": pl.UInt32,
        "storage_time": TIME,
        "uptime_s": pl.Float64,
        "counter": pl.UInt8,
        "ecu": pl.Categorical(),
        "session_id": pl.UInt32,
        "app": pl.Categorical(),
        "context": pl.Categorical(),
        "type": pl.Categorical(),
        "subtype": pl.Categorical(),
        "severity": pl.Categorical(),
        "verbose": pl.Boolean,
        "message_id": pl.UInt32,
        "service": pl.Categorical(),
        "text": pl.String,
        "payload": pl.Binary,
        "note": pl.Categorical(),
    }
)
ENVELOPE: dict[str, Any] = {
    "offset": pl.UInt64,
    "size": pl.UInt32,
    "sent": TIME,
    "received": TIME,
    "sample_time": TIME,
}


def messages(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """A table `messages`; what a row does not say is usual for a log message."""
    usual = {
        "size": 100,
        "storage_time": START,
        "counter": 0,
        "ecu": "ECU1",
        "app": "UPDM",
        "context": "INST",
        "type": "log",
        "severity": "info",
        "verbose": True,
        "text": "hello",
    }
    full = [
        {"offset": 100 * number, **usual, **row, "subtype": row.get("severity", "info")}
        for number, row in enumerate(rows)
    ]
    return pl.DataFrame(full, schema=MESSAGES)


def fields(rows: Iterable[Mapping[str, Any]], **schema: Any) -> pl.DataFrame:
    """A table of a `.rec` recording with the fields of `schema` behind the envelope's columns."""
    full = [
        {"offset": 50 * number, "size": 50, "sent": START, "sample_time": START, **row}
        for number, row in enumerate(rows)
    ]
    return pl.DataFrame(full, schema={**ENVELOPE, **schema})


class MadeBatch:
    """Recordings whose tables lie in a folder, with the results that the parser would give."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results: list[RecordingResult] = []

    def dlt(self, name: str, rows: Iterable[Mapping[str, Any]]) -> MadeBatch:
        return self.add(name, "dlt", {"messages": messages(rows)})

    def rec(self, name: str, **tables: pl.DataFrame) -> MadeBatch:
        return self.add(name, "rec", {f"vehicle.{t}-0": frame for t, frame in tables.items()})

    def quarantined(self, name: str) -> MadeBatch:
        self.results.append(self._result(name, None, ()))
        return self

    def add(self, name: str, kind: str, tables: Mapping[str, pl.DataFrame]) -> MadeBatch:
        outputs = []
        for table, frame in tables.items():
            path = self.folder / name / f"{table}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(path)
            outputs.append(TableOutput(table, frame.height, "", "", str(path), ""))
        self.results.append(self._result(name, kind, tuple(outputs)))
        return self

    @property
    def sources(self) -> tuple[RecordingTables, ...]:
        return recording_tables(self.results, lambda table: table.parquet_key)

    def statistics(self) -> BatchStatistics:
        return compute_statistics(self.sources, self.results)

    @staticmethod
    def _result(name: str, kind: str | None, tables: tuple[TableOutput, ...]) -> RecordingResult:
        rows = sum(table.rows for table in tables)
        return RecordingResult(
            recording=name,
            size=100 * rows + 7,
            input_hash="0",
            parser_version="1",
            format=kind,
            status=Status.PARSED if tables else Status.QUARANTINED,
            rows=rows,
            decoded_bytes=100 * rows,
            quarantined_bytes=7,
            fault_count=1,
            faults=(),
            warnings=(),
            error=None,
            tables=tables,
        )
