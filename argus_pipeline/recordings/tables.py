"""Batches of the parser, written as the CSV and Parquet files of their tables."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import argus_native
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from typing_extensions import Buffer

CSV: Final = "csv"
PARQUET: Final = "parquet"
FORMATS: Final = (CSV, PARQUET)
TABLE_SCHEMA: Final = "1"
"""Version of the tables' columns, kept in the Parquet files' metadata as `argus.table_schema`."""


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """How the CSV is written: one ASCII character between fields, `\\r\\n` or `\\n` after rows."""

    delimiter: str = ","
    line_end: str = "\r\n"


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

    def append(self, batch: argus_native.Batch) -> None:
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
        for path in self.files.values():
            path.unlink(missing_ok=True)

    def append(self, batch: argus_native.Batch, style: CsvStyle) -> None:
        columns = pa.record_batch(batch)
        if not self.columns:
            self.columns = tuple((field.name, str(field.type)) for field in columns.schema)
        if CSV in self.files:
            with self.files[CSV].open("ab") as file:
                file.write(
                    batch.to_csv(
                        header=self.rows == 0,
                        delimiter=style.delimiter,
                        line_end=style.line_end,
                    )
                )
        if PARQUET in self.files:
            if self.parquet is None:
                self.parquet = pq.ParquetWriter(
                    cast("io.RawIOBase", _AppendedFile(self.files[PARQUET])),
                    columns.schema.with_metadata({"argus.table_schema": TABLE_SCHEMA}),
                    compression="zstd",
                )
            self.parquet.write_batch(columns)
        self.rows += batch.rows

    def close(self) -> WrittenTable:
        if self.parquet is not None:
            self.parquet.close()
        return WrittenTable(self.name, self.rows, self.columns, self.files)


class _AppendedFile(io.RawIOBase):
    """A file that is opened for each write only."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Buffer) -> int:
        with self._path.open("ab") as file:
            written = file.write(data)
        self._position += written
        return written
