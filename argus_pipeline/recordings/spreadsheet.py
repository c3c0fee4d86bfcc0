"""Texts that a spreadsheet would run as a formula, made harmless.

A log is written by strangers, and `=HYPERLINK(...)` in a cell is run by whoever opens the CSV.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_RUNS: Final = r"^[=+\-@\t\r\n＝＋－＠]"
"""How a formula begins (OWASP, "CSV Injection"), also in letters of full width."""


def harmless(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with an apostrophe before each text that begins as a formula does.

    Numbers and times stay as they are, so a negative number remains one.
    """
    columns = [_column(batch.column(i)) for i in range(batch.num_columns)]
    fields = [
        # A column's name comes from a specification, and so from outside, too.
        pa.field(harmless_text(field.name), column.type)
        for field, column in zip(batch.schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def harmless_text(text: str) -> str:
    """One text, with an apostrophe before it where it begins as a formula does."""
    return f"'{text}" if re.match(_RUNS, text) else text


def _column(array: Any) -> Any:
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.cast(kind.value_type), kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return array
    runs = pc.match_substring_regex(array, _RUNS)
    return pc.if_else(runs, pc.binary_join_element_wise(pa.scalar("'", kind), array, ""), array)
