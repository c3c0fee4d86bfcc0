"""Batches made for tests of statistics and charts: real Parquet in the schema of the parser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from argus_pipeline.recordings.result import RecordingResult, Status, TableOutput
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.sources import RecordingTables, recording_tables

START = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
TIME = pl.Datetime("ns", "UTC")
MESSAGES = pl.Schema(
    {
        "offset": pl.UInt64,
        "size": pl.UInt32,
        "storage_time": TIME,
        "ecu_time": TIME,
        "uptime_s": pl.Float64,
        "time": TIME,
        "lifecycle": pl.UInt32,
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
        "source_file": pl.Categorical(),
        "source_line": pl.UInt32,
        "tags": pl.Categorical(),
        "privacy_level": pl.UInt8,
        "note": pl.Categorical(),
    }
)
LIFECYCLES = pl.Schema(
    {
        "ecu": pl.Categorical(),
        "lifecycle": pl.UInt32,
        "kind": pl.Categorical(),
        "boot": pl.UInt32,
        "start": TIME,
        "end": TIME,
        "software_version": pl.String,
        "first_storage_time": TIME,
        "last_storage_time": TIME,
        "first_uptime_s": pl.Float64,
        "last_uptime_s": pl.Float64,
        "first_offset": pl.UInt64,
        "last_offset": pl.UInt64,
        "messages": pl.UInt64,
        "control_requests": pl.UInt64,
    }
)
SOURCES = pl.Schema(
    {
        "ecu": pl.Categorical(),
        "app": pl.Categorical(),
        "context": pl.Categorical(),
        "lifecycle": pl.UInt32,
        "messages": pl.UInt64,
        "lost": pl.UInt64,
        "gaps": pl.UInt64,
        "repeated": pl.UInt64,
        "reordered": pl.UInt64,
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
        "time": START,
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


def lifecycles(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """A table `lifecycles`; what a row does not say is that of a boot of `ECU1` at `START`."""
    full = []
    for number, row in enumerate(rows, start=1):
        start = row.get("start", START)
        usual = {
            "ecu": "ECU1",
            "lifecycle": number,
            "kind": "boot",
            "boot": number,
            "start": start,
            "end": None if start is None else start + timedelta(seconds=60),
            "first_storage_time": start,
            "last_storage_time": start,
            "first_uptime_s": 0.5,
            "last_uptime_s": 60.0,
            "first_offset": 1_000 * number,
            "last_offset": 1_000 * number + 900,
            "messages": 10,
            "control_requests": 0,
        }
        full.append({**usual, **row})
    return pl.DataFrame(full, schema=LIFECYCLES)


def sources(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """A table `sources`; what a row does not say is a sender in the first boot of `ECU1`."""
    usual = {"ecu": "ECU1", "app": "UPDM", "context": "INST", "lifecycle": 1, "messages": 10}
    counts = {"lost": 0, "gaps": 0, "repeated": 0, "reordered": 0}
    return pl.DataFrame([{**usual, **counts, **row} for row in rows], schema=SOURCES)


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

    def dlt(
        self,
        name: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        boots: Iterable[Mapping[str, Any]] = (),
        senders: Iterable[Mapping[str, Any]] = (),
    ) -> MadeBatch:
        small = {"lifecycles": lifecycles(boots), "sources": sources(senders)}
        tables = {"messages": messages(rows), **{n: t for n, t in small.items() if t.height}}
        lost = int(small["sources"]["lost"].sum())
        return self.add(
            name, "dlt", tables, lifecycles=small["lifecycles"].height, lost_messages=lost
        )

    def rec(self, name: str, **tables: pl.DataFrame) -> MadeBatch:
        return self.add(name, "rec", {f"vehicle.{t}-0": frame for t, frame in tables.items()})

    def quarantined(self, name: str) -> MadeBatch:
        self.results.append(self._result(name, None, ()))
        return self

    def add(
        self, name: str, kind: str, tables: Mapping[str, pl.DataFrame], **counts: int
    ) -> MadeBatch:
        outputs = []
        for table, frame in tables.items():
            path = self.folder / name / f"{table}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(path)
            columns = tuple((f.name, str(f.type)) for f in frame.to_arrow().schema)
            outputs.append(TableOutput(table, frame.height, "", "", str(path), "", columns))
        self.results.append(replace(self._result(name, kind, tuple(outputs)), **counts))
        return self

    @property
    def sources(self) -> tuple[RecordingTables, ...]:
        return recording_tables(self.results, lambda table: table.parquet_key)

    def statistics(self) -> BatchStatistics:
        return compute_statistics(self.sources, self.results)

    @staticmethod
    def _result(name: str, kind: str | None, tables: tuple[TableOutput, ...]) -> RecordingResult:
        rows = sum(t.rows for t in tables if t.name not in {"lifecycles", "sources"})
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
