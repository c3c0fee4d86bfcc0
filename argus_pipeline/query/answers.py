"""The rows that answer a statement, read once from first to last, in plain types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import polars as pl
import pyarrow as pa

from argus_pipeline.query.explaining import explained

_ROWS: Final = 50_000


class Answer:
    """The answer to one statement. Rows come from DuckDB while they are read."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self._reader = reader
        self.columns: tuple[str, ...] = tuple(reader.schema.names)
        self.is_cut = False
        """Whether rows were left out by the limit; known once they are read."""

    def frames(self, limit: int | None = None) -> Iterator[pl.DataFrame]:
        """The rows piece by piece, at least one piece, at most `limit` rows in all.

        Raises:
            BadInput: a row could not be computed.
            Unavailable: an object could not be read.
        """
        left, seen = limit, False
        with explained():
            for batch in self._reader:
                if left is not None and batch.num_rows > left:
                    self.is_cut = True
                    batch = batch.slice(0, left)
                if left is not None:
                    left -= batch.num_rows
                if batch.num_rows:
                    seen = True
                    yield _plain(pa.Table.from_batches([batch]))
                if self.is_cut:
                    break
        if not seen:
            yield _plain(self._reader.schema.empty_table())

    def frame(self, limit: int | None = None) -> pl.DataFrame:
        """All rows in one frame, or the first of them."""
        return pl.concat(self.frames(limit))


def textual(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with text for what CSV and JSON have no type for.

    Times as RFC 3339 in UTC, bytes as lower-case hex, lists and structures as JSON.
    """
    return frame.with_columns(
        _text_of(name, kind) for name, kind in frame.schema.items() if _needs_text(kind)
    )


def _needs_text(kind: pl.DataType) -> bool:
    return kind.is_nested() or isinstance(kind, pl.Datetime | pl.Binary)


def _text_of(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        zone = "Z" if kind.time_zone else ""
        return column.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    if isinstance(kind, pl.Binary):
        return column.bin.encode("hex")
    return column.map_elements(_json, pl.String)


def _json(value: Any) -> str:
    given = value.to_list() if isinstance(value, pl.Series) else value
    return json.dumps(given, ensure_ascii=False, default=str)


def _plain(table: pa.Table) -> pl.DataFrame:
    """In polars, sums as integers where they fit: DuckDB's are of 128 bits, a decimal in Arrow."""
    frame = pl.DataFrame(pl.from_arrow(table))
    sums = [
        name
        for name, kind in frame.schema.items()
        if (isinstance(kind, pl.Decimal) and kind.scale == 0) or kind == pl.Int128
    ]
    return frame.with_columns(pl.col(name).cast(pl.Int64) for name in sums)
