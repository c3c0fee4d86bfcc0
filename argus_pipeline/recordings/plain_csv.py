"""Arrow batches that the native parser did not make, as CSV by its rules.

Null is an empty field and an empty text `""`; times are RFC 3339 in UTC with nanoseconds, binary is
lower-case hex, and fields are quoted only where they must be (RFC 4180).
"""

from __future__ import annotations

from typing import Final

import polars as pl
import pyarrow as pa

_TIME: Final = "%Y-%m-%dT%H:%M:%S%.9fZ"
_DELIMITERS: Final = frozenset(map(chr, range(0x80))) - {'"', "\r", "\n"}


def to_csv(
    batch: pa.RecordBatch, *, header: bool = True, delimiter: str = ",", line_end: str = "\r\n"
) -> bytes:
    r"""The rows of a batch as CSV in UTF-8.

    Args:
        batch: of flat columns, its times in UTC.
        header: whether the first line names the columns.
        delimiter: one ASCII character, neither a quote nor a line break.
        line_end: `"\r\n"` or `"\n"`.

    Raises:
        ValueError: the delimiter or the line end is none of these.
    """
    if delimiter not in _DELIMITERS:
        raise ValueError("delimiter: expected one ASCII character, no quote and no line break")
    if line_end not in {"\r\n", "\n"}:
        raise ValueError("line_end: expected '\\r\\n' or '\\n'")
    frame = pl.DataFrame(batch)
    spelled = frame.select(_spelled(name, kind) for name, kind in frame.schema.items())
    return spelled.write_csv(
        include_header=header, separator=delimiter, line_terminator=line_end
    ).encode()


def _spelled(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.Binary:
        return column.bin.encode("hex")
    if isinstance(kind, pl.Datetime):
        return column.dt.strftime(_TIME)
    return column
