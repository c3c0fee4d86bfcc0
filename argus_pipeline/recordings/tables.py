"""Batches of the parser, written as the CSV and Parquet files of their tables."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq

from argus_pipeline.recordings import plain_csv
from argus_pipeline.recordings.spreadsheet import harmless

if TYPE_CHECKING:
    import argus_native
    from typing_extensions import Buffer

CSV: Final = "csv"
PARQUET: Final = "parquet"
FORMATS: Final = (CSV, PARQUET)
MESSAGES: Final = "messages"
"""Table of a DLT recording with one row for each message."""
LIFECYCLES: Final = "lifecycles"
"""Table of a DLT recording with one row for each boot or resume of an ECU."""
SOURCES: Final = "sources"
"""Table of a DLT recording with the messages and losses of each sender."""
TABLE_SCHEMA: Final = "2"
"""Version of the tables' columns, kept in the Parquet files' metadata as `argus.table_schema`."""


# Parquet readers like row groups of some size, and a batch of a recording may be small.
_ROW_GROUP: Final = 65_536


class TableBatch(Protocol):
    """Rows of one table, as decoders hand them out."""

    @property
    def table(self) -> str:
        """Name of the table."""

    @property
    def rows(self) -> int:
        """Number of rows, at least one."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Schema and array as PyCapsules."""

    def to_csv(self, *, header: bool = True, delimiter: str = ",", line_end: str = "\r\n") -> bytes:
        """The rows as CSV."""


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """How the CSV is written: one ASCII character between fields, `\\r\\n` or `\\n` after rows.

    `spreadsheet_safe`: texts that a spreadsheet would run as a formula get an apostrophe.
    """

    delimiter: str = ","
    line_end: str = "\r\n"
    spreadsheet_safe: bool = False


@dataclass(frozen=True, slots=True)
class WrittenTable:
    """A table in local files; `files` goes from `csv` and `parquet` to their paths."""

    name: str
    rows: int
    columns: tuple[tuple[str, str], ...]
    files: dict[str, Path]


class TableFiles:
    """The files of all tables of one recording, in one folder.

    No file stays open between two batches: a recording may have hundreds of tables, and several
    recordings are written at once.
    """

    def __init__(
        self, folder: Path, *, formats: Collection[str] = FORMATS, style: CsvStyle | None = None
    ) -> None:
        self._folder = folder
        self._formats = [f for f in FORMATS if f in formats]
        self._style = style or CsvStyle()
        self._tables: dict[str, _Table] = {}

    def append(self, batch: TableBatch) -> None:
        """Write the rows of a batch behind those of its table."""
        table = self._tables.get(batch.table)
        if table is None:
            table = self._tables[batch.table] = _Table(batch.table, self._folder, self._formats)
        table.append(batch, self._style)

    def close(self) -> tuple[WrittenTable, ...]:
        """Complete the files and say what they hold, by table name."""
        return tuple(self._tables[name].close() for name in sorted(self._tables))


class _Table:
    def __init__(self, name: str, folder: Path, formats: Collection[str]) -> None:
        self.name = name
        self.rows = 0
        self.files = {suffix: folder / f"{name}.{suffix}" for suffix in formats}
        self.columns: tuple[tuple[str, str], ...] = ()
        self.parquet: Any = None
        self.appended: Any = None
        self.waiting: list[pa.RecordBatch] = []
        for path in self.files.values():
            path.unlink(missing_ok=True)

    def append(self, batch: TableBatch, style: CsvStyle) -> None:
        columns = pa.record_batch(batch)
        if not self.columns:
            self.columns = tuple((field.name, str(field.type)) for field in columns.schema)
        if CSV in self.files:
            self._append_csv(batch, style)
        if PARQUET in self.files:
            self.waiting.append(columns)
            if sum(waiting.num_rows for waiting in self.waiting) >= _ROW_GROUP:
                self._write_row_group()
        self.rows += batch.rows

    def close(self) -> WrittenTable:
        if self.waiting:
            self._write_row_group()
        if self.parquet is not None:
            self.parquet.close()
            self.appended.append_waiting()
        return WrittenTable(self.name, self.rows, self.columns, self.files)

    def _append_csv(self, batch: TableBatch, style: CsvStyle) -> None:
        # The native reader's threads have written the rows already.
        rows = getattr(batch, "csv_rows", None)
        with self.files[CSV].open("ab") as file:
            if style.spreadsheet_safe:
                safe = harmless(pa.record_batch(batch))
                ends = {"delimiter": style.delimiter, "line_end": style.line_end}
                file.write(plain_csv.to_csv(safe, header=self.rows == 0, **ends))
                return
            if rows is None:
                file.write(
                    batch.to_csv(
                        header=self.rows == 0, delimiter=style.delimiter, line_end=style.line_end
                    )
                )
                return
            if self.rows == 0:
                native = cast("argus_native.Batch", batch)
                file.write(native.csv_header(delimiter=style.delimiter, line_end=style.line_end))
            file.write(rows)

    def _write_row_group(self) -> None:
        rows = pa.Table.from_batches(self.waiting).unify_dictionaries()
        self.waiting.clear()
        if self.parquet is None:
            ascending = [field.name for field in rows.schema if _ascends(field.type)]
            free = [field.name for field in rows.schema if _is_free(field.type)]
            unworded = {*ascending, *free}
            self.appended = _AppendedFile(self.files[PARQUET])
            self.parquet = pq.ParquetWriter(
                cast("io.RawIOBase", self.appended),
                rows.schema.with_metadata({"argus.table_schema": TABLE_SCHEMA}),
                compression="zstd",
                use_dictionary=[name for name in rows.schema.names if name not in unworded],
                column_encoding=dict.fromkeys(ascending, "DELTA_BINARY_PACKED"),
            )
        self.parquet.write_table(rows, row_group_size=max(rows.num_rows, 1))
        self.appended.append_waiting()


def _ascends(kind: pa.DataType) -> bool:
    """Times and offsets: their differences take a fifth of the room, and no dictionary is tried."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_uint64(kind))


def _is_free(kind: pa.DataType) -> bool:
    """Texts and bytes that differ from row to row: a dictionary of them is given up half way."""
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


class _AppendedFile(io.RawIOBase):
    """A file that is opened only to take a whole row group, or the end of the file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._position = 0
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Buffer) -> int:
        before = len(self._waiting)
        self._waiting += data
        written = len(self._waiting) - before
        self._position += written
        return written

    def append_waiting(self) -> None:
        """Put what was written since the last time behind what is in the file."""
        with self._path.open("ab") as file:
            file.write(self._waiting)
        self._waiting.clear()
