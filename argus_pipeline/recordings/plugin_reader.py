"""A recording through somebody else's decoder, checked item by item.

What comes out is counted and typed as the native parser's output is. A decoder that raises or
yields nonsense ends there: what it gave before stays, and the rest is quarantined with a reason
that names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.recordings import plain_csv
from argus_pipeline.recordings.decoders import ArrowArray, DecodedBatch, Decoder, brief, spoken
from argus_pipeline.recordings.result import Fault

MOST_TABLES: Final = 256
"""A recording has no more tables: each is a file, and a decoder could make one for every row."""

_TIME: Final = pa.timestamp("ns", "UTC")
_WORD: Final = pa.dictionary(pa.int32(), pa.string())


class PluginBatch:
    """Rows of one table; offers what a batch of the native parser does."""

    def __init__(self, table: str, batch: pa.RecordBatch) -> None:
        self._table = table
        self._batch = batch

    @property
    def table(self) -> str:
        """Name of the table."""
        return self._table

    @property
    def rows(self) -> int:
        """Number of rows, at least one."""
        return int(self._batch.num_rows)

    def __len__(self) -> int:
        return self.rows

    def __arrow_c_schema__(self) -> object:
        """The schema as a PyCapsule named `arrow_schema`."""
        return self._batch.schema.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Schema and array as PyCapsules."""
        capsules: tuple[object, object] = self._batch.__arrow_c_array__(requested_schema)
        return capsules

    def to_ipc(self) -> bytes:
        """The rows as an Arrow stream of one batch, for another process."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self._batch.schema) as stream:
            stream.write_batch(self._batch)
        return bytes(sink.getvalue())

    def to_csv(self, *, header: bool = True, delimiter: str = ",", line_end: str = "\r\n") -> bytes:
        """The rows as CSV, as `plain_csv.to_csv` writes it."""
        return plain_csv.to_csv(self._batch, header=header, delimiter=delimiter, line_end=line_end)


class PluginReader:
    """Iterate over it once for the batches; then every byte is counted.

    The counters have the names and meanings of the native parser's. After the last batch
    `decoded_bytes + quarantined_bytes == bytes_in`.

    Args:
        decoder: who reads it.
        path: the recording as a plain file.
        size: of that file.
    """

    def __init__(self, decoder: Decoder, path: Path, size: int) -> None:
        self.format: str = decoder.name
        self.read_by = spoken(decoder)
        """The decoder's name and version."""
        self.bytes_in = size
        self.decoded_bytes = 0
        self.quarantined_bytes = 0
        self.rows = 0
        self.fault_count = 0
        self.failure: str | None = None
        """What the decoder did wrong, where it did."""
        self._decoder = decoder
        self._path = path
        self._faults: list[Fault] = []
        self._faults_to = 0
        self._schemas: dict[str, pa.Schema] = {}

    @property
    def undecoded(self) -> dict[str, int]:
        """What was kept as raw bytes: nothing, as decoders of others do not say so."""
        return {}

    def take_faults(self) -> list[tuple[int, int, str]]:
        """Offset, length and reason of the faults since the last call."""
        taken, self._faults = self._faults, []
        return [(fault.offset, fault.length, fault.reason) for fault in taken]

    def __iter__(self) -> Iterator[PluginBatch]:
        try:
            for item in self._decoder.decode(self._path):
                if isinstance(item, Fault):
                    self._take_fault(item)
                elif isinstance(item, DecodedBatch):
                    batch = self._take_batch(item)
                    if batch.rows:
                        yield batch
                else:
                    raise _RefusedError(f"yielded a {type(item).__name__}")
        except _RefusedError as refused:
            self.failure = f"the decoder {spoken(self._decoder)} {refused}"
        except (Exception, SystemExit) as error:
            self.failure = f"the decoder {spoken(self._decoder)} failed: {brief(error)}"
        counted = self.decoded_bytes + self.quarantined_bytes
        if self.failure is None and counted < self.bytes_in:
            self.failure = (
                f"the decoder {spoken(self._decoder)} counted {counted:,} of "
                f"{self.bytes_in:,} bytes"
            )
        self._add(Fault(counted, self.bytes_in - counted, self.failure or ""))

    def _take_batch(self, item: DecodedBatch) -> PluginBatch:
        if not is_safe_name(item.table):
            raise _RefusedError(f"named a table {item.table!r:.200}, not {SAFE_NAME_RULE}")
        self._check_room(item.decoded_bytes, "decoded bytes")
        batch = _in_our_types(item.table, item.batch)
        known = self._schemas.get(item.table)
        if known is None:
            if len(self._schemas) == MOST_TABLES:
                raise _RefusedError(f"made more than {MOST_TABLES} tables")
            self._schemas[item.table] = batch.schema
        elif not batch.schema.equals(known):
            raise _RefusedError(
                f"changed the columns of table {item.table} after {self.rows:,} rows: "
                f"{_difference(known, batch.schema)}"
            )
        self.decoded_bytes += item.decoded_bytes
        self.rows += batch.num_rows
        return PluginBatch(item.table, batch)

    def _take_fault(self, fault: Fault) -> None:
        self._check_room(fault.length, "quarantined bytes")
        if not isinstance(fault.offset, int) or fault.offset < self._faults_to:
            raise _RefusedError(f"yielded a fault at {fault.offset!r}, not behind the one before")
        if fault.offset + fault.length > self.bytes_in:
            raise _RefusedError(
                f"yielded a fault at {fault.offset} of {fault.length} bytes in a recording of "
                f"{self.bytes_in}"
            )
        self._faults_to = fault.offset + fault.length
        self._add(Fault(fault.offset, fault.length, " ".join(str(fault.reason).split())))

    def _check_room(self, count: object, what: str) -> None:
        if not isinstance(count, int) or count < 0:
            raise _RefusedError(f"counted {count!r:.200} {what}")
        if self.decoded_bytes + self.quarantined_bytes + count > self.bytes_in:
            raise _RefusedError(f"counted more bytes than the recording's {self.bytes_in:,}")

    def _add(self, fault: Fault) -> None:
        if fault.length == 0:
            return
        self.quarantined_bytes += fault.length
        last = self._faults[-1] if self._faults else None
        if last and last.reason == fault.reason and last.offset + last.length == fault.offset:
            self._faults[-1] = Fault(last.offset, last.length + fault.length, last.reason)
            return
        self.fault_count += 1
        self._faults.append(fault)


class _RefusedError(Exception):
    """What a decoder yielded cannot be taken. The text continues "the decoder … "."""


def _in_our_types(table: str, given: ArrowArray) -> pa.RecordBatch:
    """The batch with one Arrow type for each kind of value, so that files of a table agree."""
    if not hasattr(given, "__arrow_c_array__"):
        raise _RefusedError(f"yielded a {type(given).__name__}, not a pyarrow.RecordBatch")
    batch = pa.record_batch(given)
    batch.validate(full=True)
    names = batch.schema.names
    if not names or "" in names or len(set(names)) < len(names):
        raise _RefusedError(f"made table {table} with columns {names}: expected names, each once")
    columns = []
    for name, column in zip(names, batch.columns, strict=True):
        kind = _our_type(column.type)
        if kind is None:
            raise _RefusedError(f"made column {name!r} of table {table} of type {column.type}")
        if kind == _WORD:
            column = column.dictionary_decode().cast(pa.string()).dictionary_encode()
        columns.append(column.cast(kind))
    return pa.RecordBatch.from_arrays(columns, names)


def _our_type(kind: pa.DataType) -> pa.DataType | None:
    """The type that values of a type are kept in; None for those that no table has."""
    types = pa.types
    if types.is_timestamp(kind):
        return _TIME if kind.tz is not None else None
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if (
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    ):
        return pa.binary()
    if types.is_dictionary(kind):
        return _WORD if _our_type(kind.value_type) == pa.string() else None
    if (
        types.is_boolean(kind)
        or types.is_integer(kind)
        or types.is_float32(kind)
        or types.is_float64(kind)
        or types.is_date32(kind)
        or types.is_decimal128(kind)
    ):
        return kind
    return None


def _difference(before: pa.Schema, after: pa.Schema) -> str:
    for old, new in zip(before, after, strict=False):
        if not old.equals(new):
            return f"{old.name} ({old.type}) became {new.name} ({new.type})"
    return f"{len(before)} columns became {len(after)}"
