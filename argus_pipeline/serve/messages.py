"""Evidence in context: the messages around a byte offset of a recording, out of its Parquet table.

Only the row groups around the offset are read, by their statistics, and of them the rows that are
shown; so the cost is that of a row group, whatever the size of the recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput, Unavailable
from argus_pipeline.serve.problems import NotThere
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

MOST: Final = 200
MAX_TEXT: Final = 2000
_OFFSET: Final = "offset"
# What people look at first; the others follow as they stand.
_FIRST: Final = ("offset", "time", "ecu", "app", "context", "severity", "text")


@dataclass(frozen=True, slots=True)
class Around:
    """Messages in the order of the recording. `at` is the row at or before the offset, if any."""

    recording: str
    table: str
    offset: int
    rows: int
    columns: tuple[str, ...]
    messages: tuple[Mapping[str, Any], ...]
    at: int | None
    more_before: bool
    more_after: bool


def messages_around(
    store: ObjectStore,
    batch: str,
    recording: str,
    offset: int,
    *,
    table: str = "messages",
    before: int = 15,
    after: int = 15,
) -> Around:
    """The messages before and after a byte offset.

    Args:
        store: where the tables lie.
        batch: a batch.
        recording: one of its recordings.
        offset: in bytes from the beginning of the recording, as evidence names it.
        table: one of the recording's tables.
        before: how many rows before the one at the offset.
        after: how many behind it.

    Raises:
        BadInput: a name is none, or the table has no offsets.
        NotThere: there is no such table.
        Unavailable: the store does not answer.
    """
    for name, what in ((batch, "batch"), (recording, "recording"), (table, "table")):
        safe_name(name, f"the {what}", where=what)
    path = store.uri(keys.table(batch, recording, table, "parquet")).removeprefix("s3://")
    try:
        with pq.ParquetFile(path, filesystem=store.filesystem) as file:
            return _read(file, recording, table, offset, min(before, MOST), min(after, MOST))
    except FileNotFoundError:
        raise NotThere(
            "there is no such table", where=f"{recording}, table {table}",
            hint="It was not parsed yet, or its data was deleted for its age",
        ) from None  # fmt: skip
    except (OSError, pa.ArrowException) as error:
        raise Unavailable(f"the table cannot be read: {type(error).__name__}") from error


def _read(
    file: pq.ParquetFile, recording: str, table: str, offset: int, before: int, after: int
) -> Around:
    names = file.schema_arrow.names
    if _OFFSET not in names:
        raise BadInput("this table has no offsets", where=f"{recording}, table {table}")
    total = file.metadata.num_rows
    group, start = _group_of(file, names.index(_OFFSET), offset)
    offsets = file.read_row_group(group, columns=[_OFFSET])[_OFFSET]
    in_group = pc.sum(pc.less_equal(offsets, pa.scalar(offset, offsets.type))).as_py() or 0
    at = start + in_group - 1
    first, last = max(at - before, 0), min(max(at, 0) + after + 1, total)
    shown = [name for name in _FIRST if name in names]
    shown += [name for name in names if name not in shown]
    rows = _rows(file, first, last).select(shown).to_pylist()
    return Around(
        recording,
        table,
        offset,
        total,
        tuple(shown),
        tuple({name: _plain(value) for name, value in row.items()} for row in rows),
        at - first if at >= 0 else None,
        first > 0,
        last < total,
    )


def _group_of(file: pq.ParquetFile, column: int, offset: int) -> tuple[int, int]:
    """The last row group that begins at or before the offset, and the number of its first row."""
    group, start, row = 0, 0, 0
    for number in range(file.metadata.num_row_groups):
        part = file.metadata.row_group(number)
        found = part.column(column).statistics
        if number and found is not None and found.has_min_max and found.min > offset:
            break
        group, start = number, row
        row += part.num_rows
    return group, start


def _rows(file: pq.ParquetFile, first: int, last: int) -> pa.Table:
    """Rows of a file by number, from the row groups that hold them."""
    parts, row = [], 0
    for number in range(file.metadata.num_row_groups):
        length = file.metadata.row_group(number).num_rows
        if row < last and row + length > first:
            part = file.read_row_group(number)
            low = max(first - row, 0)
            parts.append(part.slice(low, min(last - row, length) - low))
        row += length
    return pa.concat_tables(parts) if parts else file.schema_arrow.empty_table()


def _plain(value: Any) -> Any:
    """As JSON has it; texts of megabytes are cut, and say so."""
    if isinstance(value, bytes):
        return _plain(value.hex())
    if hasattr(value, "isoformat"):
        moment = value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
        if isinstance(moment, datetime):
            return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return str(moment)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[:MAX_TEXT] + "…"
    return value
