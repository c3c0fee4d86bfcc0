"""The rows of an answer as a person reads them: a table, or where that is too wide, a list each."""

from __future__ import annotations

import io
import shutil
import unicodedata
from collections.abc import Iterable
from typing import IO, Any, Final

import polars as pl

from argus_pipeline.diagnosis.text import clean
from argus_pipeline.query.answers import textual

_NULL: Final = "–"
_WIDEST_CELL: Final = 80
_GAP: Final = "  "


def write_table(frames: Iterable[pl.DataFrame], stream: IO[bytes]) -> int:
    """Write rows with their columns below each other, as text in UTF-8.

    Returns:
        The number of rows.
    """
    frame = textual(pl.concat(frames))
    rows = [[_cell(value) for value in row] for row in frame.iter_rows()]
    is_right = [kind.is_numeric() for kind in frame.schema.dtypes()]
    widths = [
        max([_width(name), *(_width(row[n]) for row in rows)])
        for n, name in enumerate(frame.columns)
    ]
    # A pipe has no width: whoever reads it wants whole lines.
    room = shutil.get_terminal_size((0, 0)).columns if stream.isatty() else 0
    text = io.StringIO()
    if room and sum(widths) + len(_GAP) * (len(widths) - 1) > room:
        _as_lists(text, frame.columns, rows)
    else:
        _as_table(text, frame.columns, rows, widths, is_right)
    stream.write(text.getvalue().encode())
    return frame.height


def _as_table(
    text: io.StringIO,
    names: list[str],
    rows: list[list[str]],
    widths: list[int],
    is_right: list[bool],
) -> None:
    for row in (names, ["─" * width for width in widths], *rows):
        cells = (
            " " * (width - _width(cell)) + cell if right else cell + " " * (width - _width(cell))
            for cell, width, right in zip(row, widths, is_right, strict=True)
        )
        text.write(_GAP.join(cells).rstrip() + "\n")


def _as_lists(text: io.StringIO, names: list[str], rows: list[list[str]]) -> None:
    width = max((_width(name) for name in names), default=0)
    for number, row in enumerate(rows, start=1):
        text.write(f"── row {number} ──\n")
        for name, cell in zip(names, row, strict=True):
            text.write(f"{name}{' ' * (width - _width(name))}  {cell}\n")
    if not rows:
        text.write("no rows\n")


def _cell(value: Any) -> str:
    """One line without characters that would move the cursor, cut in length."""
    if value is None:
        return _NULL
    if isinstance(value, float):
        return f"{value:.10g}"
    return clean(str(value), _WIDEST_CELL)


def _width(text: str) -> int:
    """Columns of a terminal; ideographs take two, marks on letters none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
