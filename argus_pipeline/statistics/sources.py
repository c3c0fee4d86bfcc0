"""Where the tables of a batch lie, and how many files of one shape become one lazy scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from argus_pipeline.recordings.result import RecordingResult, TableOutput
from argus_pipeline.recordings.tables import MESSAGES

DLT: Final = "dlt"
REC: Final = "rec"
ENVELOPE: Final = ("offset", "size", "sent", "received", "sample_time")
"""Columns that every `.rec` table starts with."""

MESSAGE_COLUMNS: Final = ("offset", "sent", "received", "sample_time")
"""Columns by which a table of a decoder that was added counts as one of messages."""

PATH: Final = "argus path"
"""Column of a scan that tells from which file a row comes."""


@dataclass(frozen=True, slots=True)
class RecordingTables:
    """The Parquet tables of one recording.

    Args:
        recording: its name in the batch.
        format: `dlt`, `rec`, or the name of a decoder that was added.
        tables: table name to a path or an `s3://` address that polars can scan.
    """

    recording: str
    format: str
    tables: Mapping[str, str]


def recording_tables(
    results: Iterable[RecordingResult], locate: Callable[[TableOutput], str]
) -> tuple[RecordingTables, ...]:
    """The tables that results name; recordings without any are left out.

    `locate` says where a table lies, for one in the bucket `lambda t: store.uri(t.parquet_key)`.
    """
    return tuple(
        RecordingTables(r.recording, r.format, {t.name: locate(t) for t in r.tables})
        for r in results
        if r.format is not None and r.tables
    )


@dataclass(frozen=True, slots=True)
class TableGroup:
    """All files of a batch that hold the same table with the same columns.

    `recordings` maps the path of a file to the recording that it belongs to.
    """

    format: str
    table: str
    schema: pl.Schema
    recordings: Mapping[str, str]
    storage_options: Mapping[str, str] | None = None

    @property
    def holds_messages(self) -> bool:
        """Whether each row is a message; other tables say something about the messages."""
        if self.format == DLT:
            return self.table == MESSAGES
        if self.format == REC:
            return True
        offset, *times = (self.schema.get(column) for column in MESSAGE_COLUMNS)
        return offset == pl.UInt64 and all(isinstance(time, pl.Datetime) for time in times)

    def scan(self) -> pl.LazyFrame:
        """One lazy scan over all files, with the column `PATH`."""
        return pl.scan_parquet(
            list(self.recordings),
            include_file_paths=PATH,
            # Names are taken as they are: a bracket in a folder's name is no pattern.
            glob=False,
            storage_options=dict(self.storage_options) if self.storage_options else None,
        )


def message_rows(result: RecordingResult) -> int:
    """How many of a recording's rows are messages, by what its result says of its tables."""
    if result.format in {None, DLT, REC}:
        return result.rows
    return sum(table.rows for table in result.tables if _has_message_columns(table))


def _has_message_columns(table: TableOutput) -> bool:
    columns = dict(table.columns)
    offset, *times = (columns.get(column, "") for column in MESSAGE_COLUMNS)
    return offset == "uint64" and all(time.startswith("timestamp[") for time in times)


def name_recordings(collected: pl.DataFrame, groups: Iterable[TableGroup]) -> pl.DataFrame:
    """Replace the column `path` of a collected frame by `recording`."""
    recordings = {path: name for group in groups for path, name in group.recordings.items()}
    return collected.with_columns(
        pl.col("path").replace_strict(recordings, return_dtype=pl.String).alias("recording")
    ).drop("path")


def group_tables(
    sources: Sequence[RecordingTables], storage_options: Mapping[str, str] | None = None
) -> list[TableGroup]:
    """Put together the files that one scan can read, in the order of table name and columns.

    Reads the footer of every file, no rows.
    """
    groups: dict[tuple[str, str, tuple[tuple[str, str], ...]], dict[str, str]] = {}
    schemas: dict[tuple[str, str, tuple[tuple[str, str], ...]], pl.Schema] = {}
    for source in sources:
        for table, path in source.tables.items():
            schema = read_schema(path, storage_options)
            columns = tuple((name, str(kind)) for name, kind in schema.items())
            key = (source.format, table, columns)
            schemas.setdefault(key, schema)
            groups.setdefault(key, {})[path] = source.recording
    return [
        TableGroup(key[0], key[1], schemas[key], dict(sorted(groups[key].items())), storage_options)
        for key in sorted(groups)
    ]


def read_schema(path: str, storage_options: Mapping[str, str] | None = None) -> pl.Schema:
    """Column names and types of a Parquet file, from its footer."""
    return pl.scan_parquet(
        path, glob=False, storage_options=dict(storage_options) if storage_options else None
    ).collect_schema()
