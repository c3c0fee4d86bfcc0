"""Answers as CSV, JSON and Parquet, piece by piece, so that their length does not matter."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from argus_pipeline.query.answers import textual

Frames = Iterable[pl.DataFrame]


def write_csv(frames: Frames, stream: IO[bytes]) -> int:
    """RFC 4180 with a header and LF, null as an empty field. Returns the number of rows."""
    rows = 0
    for number, frame in enumerate(frames):
        stream.write(textual(frame).write_csv(include_header=number == 0).encode())
        rows += frame.height
    return rows


def write_json(frames: Frames, stream: IO[bytes]) -> int:
    """A list of objects, one a line. Returns the number of rows."""
    rows = 0
    stream.write(b"[")
    for frame in frames:
        for row in textual(frame).iter_rows(named=True):
            stream.write(b",\n " if rows else b"\n ")
            stream.write(json.dumps(row, ensure_ascii=False, default=str).encode())
            rows += 1
    stream.write(b"\n]\n" if rows else b"]\n")
    return rows


def write_parquet(frames: Frames, stream: IO[bytes]) -> int:
    """Parquet with the types of the answer, compressed with zstd. Returns the number of rows."""
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for frame in frames:
            table: pa.Table = frame.to_arrow()
            writer = writer or pq.ParquetWriter(stream, table.schema, compression="zstd")
            writer.write_table(table)
            rows += frame.height
    finally:
        if writer is not None:
            writer.close()
    return rows
